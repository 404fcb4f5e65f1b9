"""The page in a real Chromium, in front of a real service whose model is a rule."""
