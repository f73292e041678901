"""Trained systems as files for other programs."""
