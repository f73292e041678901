"""Spellings of class names: what two of them can differ by and still mean the same class."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

LONGEST = 200  # characters of a name that are compared


def spelling(name: str) -> str:
    """A class name without case, Unicode form, punctuation and spaces at its ends.

    Examples:
        >>> spelling("Alarm/bell/ringing"), spelling(" alarm bell-RINGING")
        ('alarm bell ringing', 'alarm bell ringing')
    """
    letters = unicodedata.normalize("NFKC", name[:LONGEST]).casefold()
    return re.sub(r"[\W_]+", " ", letters).strip()


def nearest_class(name: str, classes: Iterable[str]) -> str | None:
    """The class with the same spelling as a name, else the one with the most similar; or None.

    Examples:
        >>> nearest_class("SPEACH", ["Speech", "Dog"])
        'Speech'
    """
    by_spelling = {spelling(label): label for label in classes}
    near = difflib.get_close_matches(spelling(name), by_spelling, n=1)
    return by_spelling[near[0]] if near else None
