"""A million statements, in files -> files of verdicts, on Ray Data. Each module says one thing of it; `run` is where they meet."""
