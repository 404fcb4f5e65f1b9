"""Text as people hand it over -> statements."""
