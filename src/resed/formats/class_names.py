"""Spellings of class names: what two of them can differ by and still mean the same class."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from resed.errors import MOST_CLASSES, some
from resed.escaping import one_line

SHOWN = 40  # characters of a name in an error
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


def unknown_class(name: str, classes: Sequence[str]) -> tuple[str, str]:
    """What is wrong with a name that is not among the classes, and the cure.

    Examples:
        >>> unknown_class("Speach", ["Speech", "Dog"])
        ("unknown class 'Speach'", 'did you mean Speech?')
    """
    near, shown = nearest_class(name, classes), repr(one_line(name, SHOWN))
    if near and unicodedata.normalize("NFC", near) == unicodedata.normalize("NFC", name):
        problem = f"class {shown} is written with other characters than among the classes"
        return problem, "write both in the same Unicode form (NFC: composed letters)"
    listed = f"the classes are {some(classes, MOST_CLASSES)}"
    return f"unknown class {shown}", f"did you mean {near}?" if near else listed
