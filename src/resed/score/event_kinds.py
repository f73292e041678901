"""What became of each event: right, late or early, missed, invented, by the matching of the counts.

Right events are the pairs of the matching that event-based F1 counts (resed.score.matching). An
event that is not matched and overlaps an unmatched detection of its class is late or early, and so
is the detection; the others are missed and invented. In total, per clip and class: right = TP, late
or early + missed = FN, late or early + invented = FP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from resed.errors import ScoreError
from resed.formats.annotations import Event
from resed.score.matching import (
    DenseEventsError,
    EventArray,
    Rules,
    event_array,
    matched_events,
)

KINDS = ("right", "late or early", "missed", "invented")
RIGHT, SHIFTED, MISSED, INVENTED = range(len(KINDS))


@dataclass(frozen=True)
class EventKinds:
    """Kinds of the events of both sides per clip, in their order there: indices of KINDS.

    Attributes:
        reference: int8 [events] per clip: RIGHT, SHIFTED or MISSED.
        detected: int8 [events] per clip: RIGHT, SHIFTED or INVENTED.
    """

    reference: list[np.ndarray]
    detected: list[np.ndarray]


def event_kinds(
    reference: Mapping[str, Sequence[Event]],
    detected: Mapping[str, Sequence[Event]],
    clips: Sequence[str],
    rules: Rules = Rules(),
) -> EventKinds:
    """The kinds of all events of `clips`.

    Raises ScoreError for a clip with too many events at the same time.
    """
    sides = (reference, detected)
    found = {event.event_label for side in sides for clip in clips for event in side.get(clip, ())}
    labels = sorted(found)
    true, guess = (event_array(side, clips, labels)[0] for side in sides)
    try:
        matched = matched_events(true, guess, len(labels), rules)
    except DenseEventsError as error:
        problem = f"clip {clips[error.clip]} has too many events of one class at the same time"
        raise ScoreError(problem, cure="delete repeated rows") from None
    kinds = np.where(matched[0], RIGHT, MISSED), np.where(matched[1], RIGHT, INVENTED)
    for first, second in overlapping(true, guess, len(labels), matched):
        kinds[0][first] = kinds[1][second] = SHIFTED
    count = len(clips)
    return EventKinds(_by_clip(true, kinds[0], count), _by_clip(guess, kinds[1], count))


def overlapping(
    true: EventArray, found: EventArray, classes: int, matched: tuple[np.ndarray, np.ndarray]
) -> list[tuple[int, int]]:
    """Pairs of unmatched events of one clip and class that overlap, each event once, by onset."""
    left = [
        side_order[~flags[side_order]]
        for side_order, flags in (
            (np.lexsort((side.offset, side.onset, side.cells(classes))), flags)
            for side, flags in zip((true, found), matched, strict=True)
        )
    ]
    cells = [side.cells(classes) for side in (true, found)]
    pairs, row, column = [], 0, 0
    while row < len(left[0]) and column < len(left[1]):
        one, other = int(left[0][row]), int(left[1][column])
        if cells[0][one] != cells[1][other]:
            before = cells[0][one] < cells[1][other]
        elif max(true.onset[one], found.onset[other]) < min(true.offset[one], found.offset[other]):
            pairs.append((one, other))
            row, column = row + 1, column + 1
            continue
        else:
            before = true.offset[one] <= found.onset[other]
        row, column = row + before, column + (not before)
    return pairs


def _by_clip(side: EventArray, kinds: np.ndarray, clips: int) -> list[np.ndarray]:
    """Events are in the order of their clips."""
    edges = np.searchsorted(side.clip, np.arange(clips + 1))
    return [kinds[a:b].astype(np.int8) for a, b in pairwise(edges)]
