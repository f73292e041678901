"""Scores of detected events and tags."""
