"""A paper as data: its numbers, claims and contradictions."""
