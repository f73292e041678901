"""Labelled regions of one sound file, as annotation programs mark them: times, text, frequencies.

A region of zero length is a point. `resed.formats.audacity` and `resed.formats.raven` read and
write them.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from resed.errors import AnnotationError
from resed.formats.annotations import CHANGED, LONGEST_S, AnnotationLine, Event

HIGHEST_HZ = 1e9
DECIMALS = 6  # of seconds, as Audacity writes them
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
SHOWN = 40  # characters of a cell that an error shows


@dataclass(frozen=True, slots=True)
class Region:
    """A labelled region: onset and offset in seconds, label, and what else is known of it.

    Attributes:
        low_hz, high_hz: bounds of the frequencies in Hz, or None.
        score: confidence of a detector, or None.
    """

    onset: float
    offset: float
    label: str
    low_hz: float | None = None
    high_hz: float | None = None
    score: float | None = None

    @property
    def is_point(self) -> bool:
        """Whether the region has no length."""
        return self.onset == self.offset

    def event(self, filename: str) -> Event:
        """The region as an event of a clip."""
        return Event(filename, self.onset, self.offset, self.label)


def region_of(event: Event) -> Region:
    """An event as a region, without its clip."""
    return Region(event.onset, event.offset, event.event_label)


def number_of(text: str, what: str, place: AnnotationLine) -> float:
    """A finite decimal number; AnnotationError for other text."""
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        shown = text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
        cure = "write a decimal number such as 1.234"
        raise place.error(f"{what} {shown!r} is not a number", cure)
    return value


def label_of(text: str, place: AnnotationLine) -> str:
    """A label without the spaces around it; AnnotationError if nothing is left."""
    label = text.strip()
    if not label:
        raise place.error("the label is empty", "name the class, or delete the label")
    return label


def frequencies_of(
    low: str, high: str, place: AnnotationLine, undefined: tuple[float, ...] = ()
) -> tuple[float | None, float | None]:
    """Bounds of the frequencies in Hz; None for an empty cell and for a value of `undefined`."""
    found = []
    for text, what in ((low, "the low frequency"), (high, "the high frequency")):
        value = number_of(text, what, place) if text else None
        if value is not None and value not in undefined and not 0 <= value <= HIGHEST_HZ:
            cure = "frequencies are in Hz"
            raise place.error(f"{what} {text} is not from 0 to {HIGHEST_HZ:.0f}", cure)
        found.append(None if value in undefined else value)
    first, last = found
    if first is not None and last is not None and first > last:
        cure = "exchange the two frequencies"
        raise place.error(f"the low frequency {low} is above the high frequency {high}", cure)
    return first, last


def check_regions(path: Path | str, regions: Iterable[Region], points: bool) -> None:
    """Raise AnnotationError for a region that could not be read back from `path`."""
    for region in regions:
        ordered = 0 <= region.onset <= region.offset <= LONGEST_S
        if not ordered or (region.is_point and not points):
            sign = "<=" if points else "<"
            cure = f"a label needs 0 <= onset {sign} offset <= {LONGEST_S:.0f} seconds"
            raise AnnotationError(f"{region} cannot be written", place=path, cure=cure)
        if not region.label or CHANGED.search(region.label):
            cure = "labels must not be empty, contain tabs, or begin or end with a space"
            raise AnnotationError(f"{region} cannot be written", place=path, cure=cure)


def times_of(region: Region) -> tuple[str, str]:
    """Onset and offset as text; a region with a length keeps one."""
    scale = 10**DECIMALS
    first, last = round(region.onset * scale), round(region.offset * scale)
    if not region.is_point:
        last = max(last, first + 1)
    return f"{first / scale:.{DECIMALS}f}", f"{last / scale:.{DECIMALS}f}"
