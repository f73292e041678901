"""One frame threshold for all classes, chosen on development. The paper uses 0.5.

Frame posteriors of weakly supervised students are under-confident: the threshold alone changes
event-based F1 by a factor of two.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from resed.decode.events import DECIMALS, active_frames, gated, parts, regions, windows_in_frames
from resed.errors import ScoreError
from resed.formats.annotations import Event
from resed.formats.counts import class_f1
from resed.formats.posteriors import Posteriors
from resed.formats.windows import Window
from resed.score.matching import EventArray, Rules, class_totals, event_array
from resed.settings import DecodeSettings

GRID = (
    *(0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.18),
    *(0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6),
)


def choose_threshold(
    posteriors: Posteriors,
    windows: Mapping[str, Window],
    reference: Mapping[str, Sequence[Event]],
    settings: DecodeSettings,
    *,
    grid: Sequence[float] = GRID,
) -> dict[str, Any]:
    """Choose the threshold of `grid` with the best event-based macro F1; if equal, the highest.

    Returns:
        threshold, grid, and event_macro_f1 of each threshold as a fraction.

    Raises:
        ScoreError: a clip of `posteriors` has no reference.
    """
    unknown = [clip for clip in posteriors.clips if clip not in reference]
    if unknown:
        raise ScoreError(
            f"clip {unknown[0]} has posteriors but no reference ({len(unknown)} such)",
            cure="use the posteriors and the annotations of the same split",
        )
    labels = {event.event_label for clip in posteriors.clips for event in reference[clip]}
    classes = [*posteriors.classes, *sorted(labels - set(posteriors.classes))]
    totals = np.zeros((len(grid), len(classes), 3), dtype=np.int64)
    for part in parts(posteriors):
        true, _ = event_array(reference, part.clips, classes)
        for at, found in zip(totals, _decoded(part, windows, settings, grid), strict=True):
            at += class_totals(true, found, len(classes))
    results = [_macro_f1(one) for one in totals]
    best = max(range(len(grid)), key=lambda i: (results[i], grid[i]))
    return {"threshold": grid[best], "grid": list(grid), "event_macro_f1": results}


def _decoded(
    posteriors: Posteriors,
    windows: Mapping[str, Window],
    settings: DecodeSettings,
    grid: Sequence[float],
) -> Iterator[EventArray]:
    """The events at each threshold, with times as they are written."""
    frames = windows_in_frames(windows, posteriors, settings)
    scores, allowed = gated(posteriors, settings)
    step = posteriors.seconds_per_frame
    for threshold in grid:
        active = active_frames(scores, allowed, frames, threshold, method=settings.filter)
        clip, label, start, end = regions(active)
        times = (np.round(frame * step, DECIMALS) for frame in (start, end))
        yield EventArray(clip, label, *times)


def macro_f1(true: EventArray, found: EventArray, classes: int, rules: Rules = Rules()) -> float:
    """Event-based macro F1 over the classes that occur on either side, as in `resed score`."""
    return _macro_f1(class_totals(true, found, classes, rules))


def _macro_f1(totals: np.ndarray) -> float:
    scores = class_f1(totals)
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else 0.0
