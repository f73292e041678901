"""F1 of detections: event-based and segment-based by the rules of sed_eval, clip tags by counting.

All scores are computed from counts (true positives, false positives, false negatives) per clip and
class, which equal those of sed_eval (Mesaros et al. 2016) for each clip: onset collar 200 ms,
offset collar max(200 ms, 20 % of the reference event), optimal matching, segments of 1 s up to the
last offset of the clip. The classes are the union of the labels on both sides.

For a class that was never predicted (segments) or that occurs only in the prediction, sed_eval
returns NaN and leaves it out of its averages. Here such a class counts 0; otherwise a system would
gain by never predicting a hard class. The score without any class is 0.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from resed.errors import ScoreError
from resed.formats.annotations import Event
from resed.formats.counts import Counts
from resed.score.matching import DenseEventsError, Rules, event_array, event_totals, segment_totals

Events = Mapping[str, Sequence[Event]]
Tags = Mapping[str, Collection[str]]
Advance = Callable[[int], None]  # receives the number of clips that are done
CLIPS_AT_ONCE = 1000


def ignore(count: int) -> None:
    """No progress is shown."""


def clips_to_score(
    reference: Collection[str], estimated: Collection[str], clips: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return the clips to score: `clips` if given, otherwise the sorted union of both sides.

    A clip that occurs only in the estimate counts as a clip without reference events, so that all
    its detections are false positives.

    Raises:
        ScoreError: an estimated clip is not among `clips`, or there is no clip.
    """
    if clips is None:
        clips = sorted({*reference, *estimated})
    else:
        allowed = set(clips)
        strange = [clip for clip in estimated if clip not in allowed]
        if strange:
            raise ScoreError(
                f"clip {strange[0]} was estimated but is not among the clips to score "
                f"({len(strange)} such)",
                cure="remove it from the estimate or add it to the clips",
            )
    if not clips:
        problem = "no clip to score, because the reference and the estimate are empty"
        raise ScoreError(problem, cure="use files with at least one clip")
    return tuple(clips)


def event_counts(
    reference: Events,
    estimated: Events,
    clips: Sequence[str],
    rules: Rules = Rules(),
    advance: Advance = ignore,
) -> Counts:
    """Count event-based hits and errors of `clips` (see resed.score.matching).

    `advance` is called with the number of clips after each block of clips.
    """
    return _count(event_totals, (reference, estimated), clips, rules, advance)


def segment_counts(
    reference: Events,
    estimated: Events,
    clips: Sequence[str],
    rules: Rules = Rules(),
    advance: Advance = ignore,
) -> Counts:
    """Count segment-based hits and errors of `clips` (see resed.score.matching)."""
    return _count(segment_totals, (reference, estimated), clips, rules, advance)


def tag_counts(reference: Tags, estimated: Tags, clips: Sequence[str]) -> Counts:
    """Count hits and errors of clip tags; a clip that a side does not list has no tags there."""
    labels = {
        tag for side in (reference, estimated) for clip in clips for tag in side.get(clip, ())
    }
    classes = tuple(sorted(labels))
    column = {label: i for i, label in enumerate(classes)}
    hot = np.zeros((2, len(clips), len(classes)), dtype=bool)
    for side, tags in enumerate((reference, estimated)):
        for row, clip in enumerate(clips):
            for tag in tags.get(clip, ()):
                hot[side, row, column[tag]] = True
    true, guess = hot
    values = np.stack([true & guess, ~true & guess, true & ~guess], axis=-1).astype(np.int64)
    return Counts.of(clips, classes, values)


def _count(
    totals: Callable[..., np.ndarray],
    both: tuple[Events, Events],
    clips: Sequence[str],
    rules: Rules,
    advance: Advance,
) -> Counts:
    """Count block by block, so that progress can be shown."""
    labels = {event.event_label for side in both for clip in clips for event in side.get(clip, ())}
    classes = tuple(sorted(labels))
    values = np.zeros((len(clips), len(classes), 3), dtype=np.int64)
    for start in range(0, len(clips), CLIPS_AT_ONCE):
        block = clips[start : start + CLIPS_AT_ONCE]
        true, found = (event_array(side, block, classes)[0] for side in both)
        try:
            here = totals(true, found, (len(block), len(classes)), rules)
        except DenseEventsError as error:
            problem = f"clip {block[error.clip]} has too many events of one class at the same time"
            raise ScoreError(problem, cure="delete repeated rows") from None
        values[start : start + len(block)] = here
        advance(len(block))
    return Counts.of(clips, classes, values)
