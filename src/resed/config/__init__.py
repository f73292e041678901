"""The closed configuration of a run."""
