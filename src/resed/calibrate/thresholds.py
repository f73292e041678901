"""Frame thresholds chosen on development: one for all classes, or one per class.

The paper uses 0.5. Frame posteriors of weakly supervised students are under-confident: the
threshold alone changes event-based F1 by a factor of two.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from resed.decode.events import DECIMALS, gated, parts, windows_in_frames
from resed.decode.filters import active_frames, regions
from resed.errors import ScoreError
from resed.formats.annotations import Event
from resed.formats.counts import class_f1
from resed.formats.posteriors import Posteriors
from resed.formats.thresholds import FEW_EVENTS, FORMAT
from resed.formats.windows import Window
from resed.score.matching import EventArray, Rules, class_totals, event_array
from resed.settings import DecodeSettings

GRID = (
    *(0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.18),
    *(0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6),
)


@dataclass(frozen=True, eq=False)
class Search:
    """What was counted on development at each threshold.

    Attributes:
        grid: the thresholds.
        classes: labels, those of the posteriors first; others are only in the reference.
        detected: number of classes of the posteriors.
        totals: true positives, false positives, false negatives: int64 [grid, classes, 3].
    """

    grid: tuple[float, ...]
    classes: tuple[str, ...]
    detected: int
    totals: np.ndarray

    @cached_property
    def macro_f1(self) -> list[float]:
        """Event-based macro F1 of each threshold for all classes, as a fraction."""
        return [_macro_f1(one) for one in self.totals]

    @property
    def best(self) -> int:
        """Index of the best threshold for all classes; if equal, of the highest."""
        return max(range(len(self.grid)), key=lambda i: (self.macro_f1[i], self.grid[i]))

    def common(self) -> dict[str, Any]:
        """One threshold for all classes, as written to a file."""
        return {
            "threshold": self.grid[self.best],
            "grid": list(self.grid),
            "event_macro_f1": self.macro_f1,
        }

    def per_class(self, least_events: int) -> dict[str, Any]:
        """One threshold per class, as written to a file.

        A class has the threshold with its best event-based F1; if several are equal, the one
        nearest to the common threshold, of two equally near the higher. A class with fewer than
        `least_events` events on development has the common threshold, because its F1 is too
        uncertain for a choice. The F1 of a class depends on its own threshold only, so that no
        other choice has a higher macro F1 on development, but for the classes with few events.
        """
        scores = np.nan_to_num(class_f1(self.totals))
        chosen = {}
        for index, label in enumerate(self.classes[: self.detected]):
            hits, _, misses = self.totals[0, index].tolist()
            few = hits + misses < least_events
            at = self.best if few else self._nearest(scores[:, index])
            chosen[label] = {
                "threshold": self.grid[at],
                "events": hits + misses,
                "event_f1": float(scores[at, index]),
                "fallback": FEW_EVENTS * few,
            }
        return {
            "format": FORMAT,
            **self.common(),
            "class_threshold_events": least_events,
            "classes": chosen,
        }

    def _nearest(self, scores: np.ndarray) -> int:
        """Index of the best of `scores`; if equal, of the one nearest to the common threshold."""
        common = self.grid[self.best]
        equal = np.flatnonzero(scores == scores.max()).tolist()
        return min(equal, key=lambda i: (round(abs(self.grid[i] - common), 9), -self.grid[i]))


def search_thresholds(
    posteriors: Posteriors,
    windows: Mapping[str, Window],
    reference: Mapping[str, Sequence[Event]],
    settings: DecodeSettings,
    *,
    grid: Sequence[float] = GRID,
) -> Search:
    """Decode `posteriors` at each threshold of `grid` and count hits and errors per class.

    One pass serves the common threshold and those per class.

    Raises:
        ScoreError: a clip of `posteriors` has no reference, or they have no frames.
    """
    classes = counted_classes(posteriors, reference)
    totals = np.zeros((len(grid), len(classes), 3), dtype=np.int64)
    for part in parts(posteriors):
        true, _ = event_array(reference, part.clips, classes)
        for at, found in zip(totals, _decoded(part, windows, settings, grid), strict=True):
            at += class_totals(true, found, len(classes))
    return Search(tuple(grid), tuple(classes), len(posteriors.classes), totals)


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
        active = active_frames(
            scores,
            allowed,
            frames,
            threshold,
            method=settings.filter,
            edges=settings.filter_edges,
        )
        clip, label, start, end = regions(active)
        times = (np.round(frame * step, DECIMALS) for frame in (start, end))
        yield EventArray(clip, label, *times)


def macro_f1(true: EventArray, found: EventArray, classes: int, rules: Rules = Rules()) -> float:
    """Event-based macro F1 over the classes that occur on either side, as in `resed score`."""
    return _macro_f1(class_totals(true, found, classes, rules))


def _macro_f1(totals: np.ndarray) -> float:
    scores = class_f1(totals)
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else 0.0


def counted_classes(posteriors: Posteriors, reference: Mapping[str, Sequence[Event]]) -> list[str]:
    """The classes of posteriors, then those that only the reference has.

    Raises ScoreError: a clip of `posteriors` has no reference, or they have no frames.
    """
    if posteriors.tags_only:
        raise ScoreError(
            "the posteriors have tags alone, so there are no events to choose thresholds by",
            cure="run resed predict without --tags-only",
        )
    unknown = [clip for clip in posteriors.clips if clip not in reference]
    if unknown:
        raise ScoreError(
            f"clip {unknown[0]} has posteriors but no reference ({len(unknown)} such)",
            cure="use the posteriors and the annotations of the same split",
        )
    labels = {event.event_label for clip in posteriors.clips for event in reference[clip]}
    return [*posteriors.classes, *sorted(labels - set(posteriors.classes))]
