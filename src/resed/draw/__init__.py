"""Figures of a paper, of the training and of the workflow: one module per kind of figure."""
