"""Draw the events of a clip: its classes, and the number, lengths and times of their events.

All distributions are from statistics/*.csv (see annotation_statistics.py). A clip depends only on
its ClipSeed, not on the number of processes or the number of clips.
"""

import functools
import itertools
import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from resed.acquire.soundscapes.annotation_statistics import (
    ALONE,
    CLIP_SECONDS,
    LEVELS,
    MANY,
    MINIMUM_GAP_S,
    QUANTILES,
    TOGETHER,
    Group,
    Span,
)

MINIMUM_EVENT_S = 0.25
FOLDER = Path(__file__).with_name("statistics")
GOLDEN = (5**0.5 - 1) / 2
LEAST_GAP_S = MINIMUM_GAP_S + 0.002  # gaps stay above the minimum after rounding to milliseconds
ATTEMPTS = 30  # draws of the lengths of a class before they are shortened to fit the clip
PLACEMENTS = 2  # positions drawn for each class
MOST_AT_ONCE = 2  # events at the same time, if a drawn position allows it


class ClipSeed(NamedTuple):
    """The seed of the dataset, the split, and the number of the clip."""

    seed: int
    split: str
    number: int

    def generator(self, purpose: str) -> np.random.Generator:
        """The random numbers of the clip for one purpose."""
        stream = zlib.crc32(f"{self.split}/{purpose}".encode())
        return np.random.default_rng([self.seed, stream, self.number])


@dataclass(frozen=True)
class Distribution:
    """Values and their cumulative probabilities."""

    values: tuple
    cumulative: np.ndarray

    @classmethod
    def of(cls, weights: Mapping[Any, int]) -> "Distribution":
        """The distribution of values with these weights."""
        sums = np.cumsum(list(weights.values()), dtype=float)
        return cls(tuple(weights), sums / sums[-1])

    def at(self, u: float) -> Any:
        """The value at the cumulative probability `u`, in [0, 1)."""
        return self.values[min(bisect_right(self.cumulative, u), len(self.values) - 1)]


@dataclass(frozen=True)
class Statistics:
    """Distributions of annotations, by the labels of the real task.

    Attributes:
        sets: sets of classes of a clip.
        counts: (label, alone or together) -> number of events in a clip with the class.
        quantiles: group -> quantiles at LEVELS of durations, gaps or positions.
    """

    sets: Distribution
    counts: dict[tuple[str, str], Distribution]
    quantiles: dict[Group, np.ndarray]

    def count(self, label: str, company: str, rng: np.random.Generator) -> int:
        """Draw the number of events of a class in a clip that has it."""
        found = self.counts.get((label, company)) or self.counts[label, _other(company)]
        return found.at(rng.random())

    def duration(self, label: str, company: str, many: int, rng: np.random.Generator) -> float:
        """Draw a length in seconds, from the most similar clips with enough measured events."""
        sizes = sorted(range(1, MANY + 1), key=lambda size: (abs(size - many), size))
        groups = [(company, many), (_other(company), many)]
        for near, size in [*groups, *((company, size) for size in sizes)]:
            if ("duration", label, near, size) in self.quantiles:
                return self._draw(("duration", label, near, size), rng)
        raise KeyError(f"no durations of {label}")

    def gap(self, label: str, rng: np.random.Generator) -> float:
        """Draw the time in seconds between events of a class; 1 if too few were measured."""
        group = ("gap", label, "", 0)
        return self._draw(group, rng) if group in self.quantiles else 1.0

    def position(self, label: str, rng: np.random.Generator) -> float:
        """Draw the relative position of the events of a class in the clip, from 0 to 1."""
        group = ("position", label, "", 0)
        return self._draw(group, rng) if group in self.quantiles else float(rng.random())

    def _draw(self, group: Group, rng: np.random.Generator) -> float:
        """Draw a value between the measured quantiles."""
        return float(np.interp(rng.random(), LEVELS, self.quantiles[group]))


def _other(company: str) -> str:
    return TOGETHER if company == ALONE else ALONE


@functools.cache
def load_statistics(tags: str, events: str, followed: frozenset[str] | None = None) -> Statistics:
    """Read the statistics of two annotation files.

    Args:
        tags: name of the annotations for the sets of classes.
        events: name of the annotations for counts and times; the real weak labels have none.
        followed: labels that the dataset uses; others are removed from the sets, and clips that
            have only such labels are left out. None: all labels.
    """
    sets: dict[tuple[str, ...], int] = {}
    for labels, clips in _read("class_sets.csv", tags, "event_labels", "clips"):
        found = tuple(filter(None, labels.split(";")))
        kept = tuple(label for label in found if followed is None or label in followed)
        if kept or not found:
            sets[kept] = sets.get(kept, 0) + int(clips)
    counts: dict[tuple[str, str], dict[int, int]] = {}
    columns = ("event_label", "company", "events", "clips")
    for label, company, number, clips in _read("event_counts.csv", events, *columns):
        counts.setdefault((label, company), {})[int(number)] = int(clips)
    columns = ("quantity", "event_label", "company", "events_in_clip", *QUANTILES)
    quantiles = {
        (quantity, label, company, int(number or 0)): np.array(values, dtype=float)
        for quantity, label, company, number, *values in _read("quantiles.csv", events, *columns)
    }
    return Statistics(
        Distribution.of(sets), {key: Distribution.of(one) for key, one in counts.items()}, quantiles
    )


def _read(name: str, statistics: str, *columns: str) -> list[tuple[str, ...]]:
    """The rows of one annotation file in a table of statistics, as text."""
    table = pd.read_csv(FOLDER / name, dtype=str, keep_default_na=False)
    rows = table.loc[table["statistics"] == statistics, list(columns)]
    return list(rows.itertuples(index=False, name=None))


def layout(
    statistics: Statistics, clip: ClipSeed, tags: Sequence[str] | None = None
) -> list[tuple[str, float, float]]:
    """Draw the events of a clip: (label of the real task, onset, offset) in seconds, by time.

    The classes are `tags`, or else the point (a + i * golden ratio) mod 1 of the distribution of
    sets for clip i. With this sequence, any number of clips has about the right share of each
    class, whereas independent draws could miss a rare class in a small split.
    """
    rng = clip.generator("layout")
    if tags is None:
        start = clip._replace(number=0).generator("classes").random()
        tags = statistics.sets.at((start + clip.number * GOLDEN) % 1.0)
    events: list[tuple[str, float, float]] = []
    company = ALONE if len(tags) == 1 else TOGETHER
    for label in tags:
        spans = _run(statistics, label, company, rng)
        events += [(label, *span) for span in _place(statistics, label, spans, events, rng)]
    return sorted(((k, round(a, 3), round(b, 3)) for k, a, b in events), key=lambda e: e[1:])


def _run(statistics: Statistics, label: str, company: str, rng: np.random.Generator) -> list[Span]:
    """Draw the events of a class, with times relative to the onset of the first."""
    number = statistics.count(label, company, rng)
    many = min(number, MANY)
    for _ in range(ATTEMPTS):
        lengths = np.array(
            [statistics.duration(label, company, many, rng) for _ in range(number)]
        ).clip(MINIMUM_EVENT_S, CLIP_SECONDS)
        if lengths.sum() + LEAST_GAP_S * (number - 1) <= CLIP_SECONDS:
            break
    gaps = np.array([statistics.gap(label, rng) for _ in range(number - 1)])
    lengths, gaps = _squeeze(lengths, gaps.clip(LEAST_GAP_S, None))
    onsets = np.concatenate([[0.0], np.cumsum(lengths[:-1] + gaps)])
    return [(float(a), float(a + d)) for a, d in zip(onsets, lengths, strict=True)]


def _squeeze(lengths: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shorten gaps and then events, each down to its minimum, to fit into the clip."""
    room = CLIP_SECONDS - lengths.sum() - LEAST_GAP_S * len(gaps)
    spare = gaps - LEAST_GAP_S
    if room >= 0:
        return lengths, LEAST_GAP_S + spare * min(1.0, room / max(spare.sum(), 1e-9))
    excess = lengths - MINIMUM_EVENT_S
    room += excess.sum()
    return MINIMUM_EVENT_S + excess * room / excess.sum(), np.full_like(gaps, LEAST_GAP_S)


def _place(
    statistics: Statistics,
    label: str,
    spans: Sequence[Span],
    events: Sequence[tuple[str, float, float]],
    rng: np.random.Generator,
) -> list[Span]:
    """Place the events of a class: of two drawn positions, the one with less overlap is used.

    Events of the real task overlap less than independent draws would; two draws come close to it.
    """
    room = CLIP_SECONDS - spans[-1][1]
    places = []
    for _ in range(PLACEMENTS):
        onset = room * statistics.position(label, rng)
        places.append([(onset + a, min(onset + b, CLIP_SECONDS)) for a, b in spans])
    others = [event[1:] for event in events]
    return min(
        places,
        key=lambda place: (
            polyphony([*others, *place]) > MOST_AT_ONCE,
            overlap_seconds(place, others),
        ),
    )


def overlap_seconds(place: Sequence[Span], others: Sequence[Span]) -> float:
    """Sum of the overlaps of all pairs of spans, in seconds."""
    return sum(max(0.0, min(b, d) - max(a, c)) for a, b in place for c, d in others)


def polyphony(spans: Sequence[Span]) -> int:
    """The largest number of spans at the same time."""
    changes = sorted(itertools.chain(*(((a, 1), (b, -1)) for a, b in spans)))
    return max(itertools.accumulate((step for _, step in changes), initial=0))
