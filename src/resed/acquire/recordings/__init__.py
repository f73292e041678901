"""Datasets of recordings: fetch what is missing, check what is there."""
