"""Posteriors of earlier systems and labels become targets for the next generation."""
