"""Containers of sound: where the sound begins, where it must end, and what libsndfile is given.

One module per family; each has a function `layout` that checks the structure without decoding.
"""
