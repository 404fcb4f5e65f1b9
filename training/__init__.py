"""Labelled statements in, a gated model folder out."""
