"""Datasets of rendered soundscapes."""
