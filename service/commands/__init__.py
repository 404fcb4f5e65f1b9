"""What `python -m service` does, a module for each kind of thing; the words on the command line are `__main__`'s."""
