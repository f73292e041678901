"""Labels of clips as matrices of 0 and 1: tags per clip, and events per frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resed.formats.annotations import Event

ROUNDING = 1e-9  # frames; times are floats


def tag_matrix(tags: Sequence[Sequence[str]], classes: Sequence[str]) -> np.ndarray:
    """Class labels per clip -> uint8 [clips, classes], 1 if the class is present."""
    index = {label: number for number, label in enumerate(classes)}
    matrix = np.zeros((len(tags), len(classes)), dtype=np.uint8)
    for row, labels in enumerate(tags):
        matrix[row, [index[label] for label in labels]] = 1
    return matrix


@dataclass(frozen=True)
class Grid:
    """The frame grid of labels, which is that of the student's posteriors.

    Attributes:
        seconds: from one frame to the next.
        rounding: nearest: frames round(onset) to round(offset) are active, at least one per event;
            down: frames floor(onset) to floor(offset), so that an event within one frame vanishes.
            An event that begins at or after the end of the last frame has no frame.
    """

    frames: int
    seconds: float
    rounding: Literal["nearest", "down"] = "nearest"

    def span(self, event: Event) -> tuple[int, int]:
        """First active frame of an event, and first frame after it."""
        onset, offset = event.onset / self.seconds, event.offset / self.seconds
        if onset >= self.frames - ROUNDING:
            return self.frames, self.frames
        if self.rounding == "down":
            return int(onset), int(offset)
        start = min(round(onset), self.frames - 1)
        return start, max(round(offset), start + 1)


def frame_matrix(
    events: Sequence[Sequence[Event]], classes: Sequence[str], grid: Grid
) -> np.ndarray:
    """Events per clip -> uint8 [clips, frames, classes].

    Frames past the end are dropped, and with them events that are wholly past it.
    """
    index = {label: number for number, label in enumerate(classes)}
    matrix = np.zeros((len(events), grid.frames, len(classes)), dtype=np.uint8)
    for row, clip in enumerate(events):
        for event in clip:
            start, stop = grid.span(event)
            matrix[row, start:stop, index[event.event_label]] = 1
    return matrix


def event_tags(events: Sequence[Sequence[Event]], grid: Grid) -> list[list[str]]:
    """Class labels per clip of its events.

    An event past the last frame still is a tag of its clip; but not one that begins after it, in a
    file longer than the features.
    """
    end = (grid.frames + 1) * grid.seconds
    return [[event.event_label for event in clip if event.onset < end] for clip in events]
