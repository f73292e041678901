"""Windows and thresholds chosen together on development, for all classes or per class.

A search that chooses more of its values per class contains the others, so that on the clips that
choose, its score is never lower: a gain there is no gain on other clips.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from resed.calibrate.thresholds import counted_classes
from resed.decode.events import DECIMALS, gated, parts
from resed.decode.filters import PASSES, filtered, majorities, majority, running_sums, runs
from resed.errors import ConfigError
from resed.formats.annotations import Event
from resed.formats.counts import class_f1
from resed.formats.posteriors import Posteriors
from resed.formats.thresholds import FORMAT
from resed.formats.windows import Window
from resed.score.matching import EventArray, class_totals, event_array
from resed.settings import DecodeSettings, SearchSettings

METHOD = "search"  # of the windows
CLIPS_AT_ONCE = 4096
NOTHING = 2.0  # F1 of a class without events where none is found: above 0, the F1 of false events


@dataclass(frozen=True, eq=False)
class GridCounts:
    """What was counted on development at each window and threshold.

    Attributes:
        search: the windows and thresholds, and which of them are chosen per class.
        classes: labels, those of the posteriors first; others are only in the reference.
        detected: number of classes of the posteriors.
        totals: true positives, false positives, false negatives:
            int64 [windows, thresholds, classes, 3].
    """

    search: SearchSettings
    classes: tuple[str, ...]
    detected: int
    totals: np.ndarray

    @cached_property
    def f1(self) -> np.ndarray:
        """Event-based F1 [windows, thresholds, classes]; NaN where nothing is true or found."""
        return class_f1(self.totals)

    @cached_property
    def chosen(self) -> np.ndarray:
        """Index of the window and of the threshold of each class: int64 [classes, 2].

        The first of equal ones. A class without events has its best F1 where nothing is found.
        """
        own_window = self.search.window == "class"
        own_threshold = self.search.threshold == "class"
        thresholds, classes = self.f1.shape[1:]
        ranked = np.where(np.isnan(self.f1), NOTHING, self.f1)
        if own_window and own_threshold:
            best = ranked.reshape(-1, classes).argmax(axis=0)
            return np.stack(np.divmod(best, thresholds), axis=-1)
        if own_window or own_threshold:
            axis = 0 if own_window else 1  # of the values that each class chooses
            highest = ranked.max(axis=axis)
            common = int(_macro(np.where(highest == NOTHING, np.nan, highest)).argmax())
            own = ranked.argmax(axis=axis)[common]
            pair = (own, np.full(classes, common))
            return np.stack(pair if own_window else pair[::-1], axis=-1)
        best = int(_macro(self.f1).argmax())
        return np.tile(np.divmod(best, thresholds), (classes, 1))

    @cached_property
    def class_scores(self) -> np.ndarray:
        """F1 of each class at its window and threshold: float64 [classes]; NaN as in `f1`."""
        return self.f1[*self.chosen.T, np.arange(len(self.classes))]

    @property
    def macro_f1(self) -> float:
        """Event-based macro F1 at the chosen windows and thresholds, as in `resed score`."""
        return float(_macro(self.class_scores))

    def windows(self, seconds_per_frame: float) -> list[Window]:
        """The window of each class of the posteriors, as written to a file."""
        return [
            Window(
                label,
                events=events,
                mean_s=None,
                window_s=round(self.search.windows[row] * seconds_per_frame, DECIMALS),
                method=METHOD,
                knee_index=None,
                knee_s=None,
                fallback="",
            )
            for label, events, (row, _) in self._of_each_class()
        ]

    def thresholds(self) -> dict[str, Any]:
        """The thresholds, as written to a file: the best for all classes, and those per class.

        `event_macro_f1` is that of each threshold for all classes, with the chosen windows.
        """
        grid = self.search.thresholds
        of_each = self.f1[self.chosen[:, 0], :, np.arange(len(self.classes))]
        scores = _macro(of_each.T)
        found = {
            "threshold": float(grid[int(scores.argmax())]),
            "grid": list(map(float, grid)),
            "event_macro_f1": scores.tolist(),
        }
        if self.search.threshold == "all":
            return found
        values = np.nan_to_num(self.class_scores).tolist()
        classes = {
            label: {
                "threshold": float(grid[column]),
                "events": events,
                "event_f1": value,
                "fallback": "",
            }
            for value, (label, events, (_, column)) in zip(
                values, self._of_each_class(), strict=False
            )
        }
        return {"format": FORMAT, **found, "class_threshold_events": 1, "classes": classes}

    def _of_each_class(self) -> list[tuple[str, int, list[int]]]:
        """Label, events, and indices of window and threshold of each class of the posteriors."""
        events = (self.totals[0, 0, :, 0] + self.totals[0, 0, :, 2]).tolist()
        known = zip(self.classes, events, self.chosen.tolist(), strict=True)
        return list(known)[: self.detected]


def count_grid(
    posteriors: Posteriors,
    reference: Mapping[str, Sequence[Event]],
    settings: DecodeSettings,
    search: SearchSettings,
) -> GridCounts:
    """Decode `posteriors` at each window and threshold, and count hits and errors per class.

    Six windows and nine thresholds on 1168 clips of 240 frames and ten classes take 2 s.

    Raises:
        ScoreError: a clip of `posteriors` has no reference, or they have no frames.
    """
    classes = counted_classes(posteriors, reference)
    shape = (len(search.windows), len(search.thresholds), len(classes), 3)
    totals = np.zeros(shape, dtype=np.int64)
    for part in parts(posteriors, CLIPS_AT_ONCE):
        true, _ = event_array(reference, part.clips, classes)
        scores, allowed = gated(part, settings)
        rows = np.ascontiguousarray(scores.transpose(0, 2, 1)).reshape(-1, scores.shape[1])
        closed = ~allowed.reshape(-1, 1)
        for column, threshold in enumerate(search.thresholds):
            active = (rows >= threshold) & ~closed
            for row, kept in enumerate(_filtered(active, search, settings, threshold <= 0)):
                found = _events(kept & ~closed, part)
                totals[row, column] += class_totals(true, found, len(classes))
    return GridCounts(search, tuple(classes), len(posteriors.classes), totals)


def _filtered(
    active: np.ndarray, search: SearchSettings, settings: DecodeSettings, beyond: bool
) -> Iterator[np.ndarray]:
    """Rows after the filter, for each window; the first pass of all medians shares its sums."""
    passes, edges, largest = PASSES.get(settings.filter), settings.filter_edges, max(search.windows)
    sums = running_sums(active, largest, edges, beyond) if passes else None
    for window in search.windows:
        if sums is None or window == 1:
            yield filtered(active, window, settings.filter, edges, beyond=beyond)
            continue
        rows = majorities(sums, largest, window)
        for _ in range(PASSES[settings.filter] - 1):
            rows = majority(rows, window, edges, beyond)
        yield rows


def _events(rows: np.ndarray, posteriors: Posteriors) -> EventArray:
    """The events of rows [clips * classes, frames], with times as they are written."""
    row, start, end = runs(rows)
    clip, label = np.divmod(row, len(posteriors.classes))
    step = posteriors.seconds_per_frame
    return EventArray(clip, label, np.round(start * step, DECIMALS), np.round(end * step, DECIMALS))


def _macro(scores: np.ndarray) -> np.ndarray:
    """Mean over the last axis, the classes, without NaN; 0 if all are NaN."""
    known = ~np.isnan(scores)
    return np.where(known, scores, 0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)


def searched(settings: DecodeSettings) -> SearchSettings:
    """The search of decode settings. Raises ConfigError if they have none."""
    if settings.search is None:
        cure = "name windows, thresholds, window and threshold (docs/choose.md)"
        raise ConfigError("required", place="decode.search", cure=cure)
    return settings.search
