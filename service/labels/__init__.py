"""Labelled quotes: what people say that statements do, kept with its history."""
