"""What runs: news statements in, verdicts out, over HTTP and on the command line. No torch in here."""
