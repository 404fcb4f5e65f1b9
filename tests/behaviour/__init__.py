"""What a person would expect of the released model, case by case."""
