"""Draw what happens when in a clip: which classes, how many events, how long, where.

The numbers come from statistics/*.csv (measure.py). A layout depends on (seed, split, index) alone,
so neither the number of processes nor the number of clips changes it.
"""

import functools
import itertools
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resed.acquire.soundscapes.annotation_statistics import (
    ALONE,
    CLIP_SECONDS,
    LEVELS,
    MANY,
    MINIMUM_GAP_S,
    TOGETHER,
    Group,
    Span,
    read_rows,
)

MINIMUM_EVENT_S = 0.25
FOLDER = Path(__file__).with_name("statistics")
GOLDEN = (5**0.5 - 1) / 2
LEAST_GAP_S = MINIMUM_GAP_S + 0.002  # so that rounding to milliseconds joins nothing
ATTEMPTS = 30  # draws of one class's durations before they are squeezed into the clip
PLACEMENTS = 2  # positions drawn for each class


@dataclass(frozen=True)
class Distribution:
    """Values and their cumulative probability; `at(u)` inverts it for u in [0, 1)."""

    values: tuple
    cumulative: np.ndarray

    @classmethod
    def of(cls, weights: dict) -> "Distribution":
        """From value -> weight."""
        sums = np.cumsum(list(weights.values()), dtype=float)
        return cls(tuple(weights), sums / sums[-1])

    def at(self, u: float):
        """The value at cumulative probability `u`."""
        return self.values[min(bisect_right(self.cumulative, u), len(self.values) - 1)]


@dataclass(frozen=True)
class Statistics:
    """Distributions of one set of annotations, keyed by the real task's labels."""

    sets: Distribution
    counts: dict[tuple[str, str], Distribution]  # (label, alone or together)
    quantiles: dict[Group, np.ndarray]

    def count(self, label: str, company: str, rng: np.random.Generator) -> int:
        """How many events a class has in a clip that holds it."""
        other = TOGETHER if company == ALONE else ALONE
        found = self.counts.get((label, company)) or self.counts[label, other]
        return found.at(rng.random())

    def duration(self, label: str, company: str, many: int, rng: np.random.Generator) -> float:
        """Seconds, from the clips most like this one of which enough were measured."""
        sizes = sorted(range(1, MANY + 1), key=lambda size: (abs(size - many), size))
        other = TOGETHER if company == ALONE else ALONE
        for near, size in ((company, many), (other, many), *itertools.product((company,), sizes)):
            if ("duration", label, near, size) in self.quantiles:
                return self._draw(("duration", label, near, size), rng)
        raise KeyError(f"no durations of {label}")

    def gap(self, label: str, rng: np.random.Generator) -> float:
        """Seconds between events of a class; 1 where too few were measured."""
        known = ("gap", label, "", 0) in self.quantiles
        return self._draw(("gap", label, "", 0), rng) if known else 1.0

    def position(self, label: str, rng: np.random.Generator) -> float:
        """Where a run of events lies in the room it has, 0 to 1."""
        known = ("position", label, "", 0) in self.quantiles
        return self._draw(("position", label, "", 0), rng) if known else float(rng.random())

    def _draw(self, group: Group, rng: np.random.Generator) -> float:
        """A value between the measured quantiles."""
        return float(np.interp(rng.random(), LEVELS, self.quantiles[group]))


@functools.cache
def load_statistics(tags: str, events: str, followed: frozenset[str] | None = None) -> Statistics:
    """Class sets of the annotations `tags`, and counts and times of the annotations `events`.

    Two names because the real weak clips tell their classes but not when they sound. `followed` are
    the labels that some class follows (None: all); sets lose the others, and clips that had only
    such labels are left out.
    """
    sets: dict[tuple[str, ...], int] = {}
    for row in read_rows(FOLDER / "class_sets.csv"):
        found = tuple(filter(None, row["event_labels"].split(";")))
        kept = tuple(label for label in found if followed is None or label in followed)
        if row["statistics"] == tags and (kept or not found):
            sets[kept] = sets.get(kept, 0) + int(row["clips"])
    counts: dict[tuple[str, str], dict[int, int]] = {}
    for row in read_rows(FOLDER / "event_counts.csv"):
        if row["statistics"] == events:
            group = counts.setdefault((row["event_label"], row["company"]), {})
            group[int(row["events"])] = int(row["clips"])
    quantiles = {
        (
            row["quantity"],
            row["event_label"],
            row["company"],
            int(row["events_in_clip"] or 0),
        ): np.array([float(row[f"q{100 * level:.0f}"]) for level in LEVELS])
        for row in read_rows(FOLDER / "quantiles.csv")
        if row["statistics"] == events
    }
    return Statistics(
        Distribution.of(sets), {k: Distribution.of(v) for k, v in counts.items()}, quantiles
    )


def generator(seed: int, split: str, index: int, purpose: str) -> np.random.Generator:
    """The random numbers of one clip for one purpose."""
    return np.random.default_rng([seed, zlib.crc32(f"{split}/{purpose}".encode()), index])


def layout(
    statistics: Statistics,
    seed: int,
    split: str,
    index: int,
    tags: Sequence[str] | None = None,
) -> list[tuple[str, float, float]]:
    """(real task's label, onset, offset) in seconds of one clip's events, in time order.

    The classes are `tags`. Where none are given, those of clip i are the point (a + i * golden
    ratio) mod 1 of the measured distribution: any number of clips then has each class about as
    often as the real task has, where independent draws would leave a rare class out of a small
    split.
    """
    start = generator(seed, split, 0, "classes").random()
    rng = generator(seed, split, index, "layout")
    events: list[tuple[str, float, float]] = []
    labels = statistics.sets.at((start + index * GOLDEN) % 1.0) if tags is None else tags
    for label in labels:
        spans = _run(statistics, label, ALONE if len(labels) == 1 else TOGETHER, rng)
        events += [(label, *span) for span in _place(statistics, label, spans, events, rng)]
    return sorted(((k, round(a, 3), round(b, 3)) for k, a, b in events), key=lambda e: e[1:])


def _run(statistics: Statistics, label: str, company: str, rng: np.random.Generator) -> list[Span]:
    """A class's events relative to the onset of its first."""
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
    """Shrink gaps, then durations, where they do not fit the clip; both keep their minimum."""
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
    """Where in the clip a run goes: of a few drawn positions the one that covers others least.

    Sounds of the real task overlap less than independent ones would; two draws come close to it.
    """
    room = CLIP_SECONDS - spans[-1][1]
    places = []
    for _ in range(PLACEMENTS):
        onset = room * statistics.position(label, rng)
        places.append([(onset + a, min(onset + b, CLIP_SECONDS)) for a, b in spans])
    others = [event[1:] for event in events]
    return min(places, key=lambda place: (polyphony([*others, *place]) > 2, covered(place, others)))


def covered(place: Sequence[Span], others: Sequence[Span]) -> float:
    """Seconds that the spans of `place` share with those of `others`."""
    return sum(max(0.0, min(b, d) - max(a, c)) for a, b in place for c, d in others)


def polyphony(spans: Sequence[Span]) -> int:
    """The largest number of spans that hold one moment."""
    changes = sorted(itertools.chain(*(((a, 1), (b, -1)) for a, b in spans)))
    return max(itertools.accumulate((step for _, step in changes), initial=0))
