"""Posteriors of trained networks."""
