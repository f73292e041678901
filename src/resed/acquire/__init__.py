"""Acquire a dataset in the DESED layout, by rendering soundscapes or from recordings."""
