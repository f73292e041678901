"""95 % intervals of F1 over clips and seeds, and of differences between two systems.

The mean over S trainings (seeds), all scored on the same n clips, has two sources of uncertainty:
the choice of clips and the choice of seeds. All seeds share the clips. A bootstrap over clips, with
the same resamples for every seed and system, gives the covariance matrix of the F1 of the seeds;
the mean of its off-diagonal elements is the variance that they share. The remaining variance (the
effect of a seed on all clips, and on single clips) is independent between seeds; in the mean it is
the variance of F1 between seeds divided by S.

    SE^2 = max(0, mean off-diagonal covariance) + variance between seeds / S

The interval is mean ± t SE. Its degrees of freedom are the harmonic mean of those of the parts
(n - 1 for clips, S - 1 for seeds), weighted by their shares of SE^2. The Welch-Satterthwaite
formula squares the shares: with three seeds that vary more than the clips, it covers only 92 %;
this one covers 94 to 96 % for all mixtures (with two seeds, 91 to 96 %). With one seed there is no
variance between seeds: SE^2 is the variance of the bootstrap, and the interval covers clips only.
tests/test_intervals.py simulates the coverage. For a class that occurs in few clips or is never
detected, the bootstrap varies too little and the interval is too narrow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import fmean
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from resed.formats.counts import Counts, class_f1

RESAMPLES = 1000
LEVEL = 0.95
SEED = 2019  # of the resamples: equal scores give equal intervals
BOTH, CLIPS, SEEDS, NOTHING = "clips and seeds", "clips", "seeds", "none"  # what it covers
Part = tuple[float, float]  # a variance and its degrees of freedom
Decision = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class Interval:
    """A mean, or a difference of means, and its 95 % interval, in the metric's unit.

    Attributes:
        low, high: ends of the interval; NaN if `covers` is NOTHING.
        covers: the sources of variation that the interval covers: BOTH; CLIPS with one seed; SEEDS,
            or NOTHING with one seed, for a score without counts per clip.
        deviation: sample standard deviation between seeds; None with one seed.
    """

    mean: float
    low: float
    high: float
    seeds: int
    clips: int
    covers: str
    deviation: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low)

    def scaled(self, factor: float) -> "Interval":
        """The same interval in another unit."""
        deviation = None if self.deviation is None else factor * self.deviation
        mean, low, high = (factor * value for value in (self.mean, self.low, self.high))
        return replace(self, mean=mean, low=low, high=high, deviation=deviation)


def interval(
    counts: Sequence[Counts], label: str | None = None, resamples: int = RESAMPLES
) -> Interval:
    """The mean over seeds of F1 (macro, or of the class `label`) with its 95 % interval.

    Args:
        counts: one table per seed, all of the same clips.

    Raises:
        ValueError: if there is no table, or if the numbers of clips differ.
    """
    scores, replicates = _scores(counts, label), _replicates(counts, label, resamples)
    clips = counts[0].clips
    mean, half = fmean(scores), _half_width(_parts(scores, replicates, clips))
    low, high = max(0.0, mean - half), min(100.0, mean + half)
    return Interval(mean, low, high, len(scores), clips, *_over_seeds(scores))


def difference(
    first: Sequence[Counts],
    second: Sequence[Counts],
    paired: bool,
    *,
    label: str | None = None,
    resamples: int = RESAMPLES,
) -> Interval:
    """First minus second, in points of F1, on the same clips and the same resamples.

    Args:
        paired: whether seed k of both sides shares a checkpoint. If so, the interval is computed
            from the differences per seed; additional seeds of one side are ignored. If not, each
            side has its own seeds; with a single seed on one side, the variance between trainings
            is unknown and the interval covers clips only.

    Raises:
        ValueError: as `interval`.
    """
    seeds = min(len(first), len(second))
    if paired:
        first, second = first[:seeds], second[:seeds]
    one, two = _scores(first, label), _scores(second, label)
    replicates = _replicates([*first, *second], label, resamples)
    clips = first[0].clips
    if paired:
        parts = _parts(one - two, replicates[:seeds] - replicates[seeds:], clips)
    else:
        parts = _parts_apart(one, two, replicates, clips)
    mean, half = fmean(one) - fmean(two), _half_width(parts)
    covers, deviation = _over_seeds(one - two) if paired else (_over_seeds(one[:seeds])[0], None)
    return Interval(mean, mean - half, mean + half, seeds, clips, covers, deviation)


def score_interval(scores: Sequence[float], clips: int, full_scale: float = 100.0) -> Interval:
    """The mean over seeds of a score that has no counts per clip, such as mAP or PSDS.

    Its 95 % interval covers seeds only (Student's t); with one seed there is none.
    """
    values = np.asarray(scores, dtype=np.float64)
    mean, half, covers, deviation = _over_seeds_alone(values)
    low, high = np.maximum(0.0, mean - half), np.minimum(full_scale, mean + half)  # NaN stays
    return Interval(mean, float(low), float(high), len(values), clips, covers, deviation)


def score_difference(
    first: Sequence[float], second: Sequence[float], paired: bool, clips: int
) -> Interval:
    """First minus second of a score that has no counts per clip; `paired` as in `difference`.

    Its 95 % interval covers seeds only (Student's t; Welch's test if not paired). There is none if
    one side has a single seed.
    """
    seeds = min(len(first), len(second))
    if paired:
        first, second = first[:seeds], second[:seeds]
    one, two = (np.asarray(scores, dtype=np.float64) for scores in (first, second))
    if paired:
        mean, half, covers, deviation = _over_seeds_alone(one - two)
    else:
        mean, deviation = fmean(one) - fmean(two), None
        half = _half_width([_between(one, two)]) if seeds > 1 else math.nan
        covers = SEEDS if seeds > 1 else NOTHING
    return Interval(mean, mean - half, mean + half, seeds, clips, covers, deviation)


def _over_seeds_alone(scores: np.ndarray) -> tuple[float, float, str, float | None]:
    """Mean, half width, sources of variation that it covers, and the deviation between seeds."""
    if len(scores) == 1:
        return float(scores[0]), math.nan, NOTHING, None
    half = _half_width([_between(scores)])
    return fmean(scores), half, SEEDS, float(np.std(scores, ddof=1))


def decide(found: Interval, paired: bool) -> Decision:
    """Whether the first is better or worse than the second.

    One training per side does not decide between two systems, unless both share it (`paired`).
    """
    if found.seeds < 2 and not paired:
        return "undecided"
    if found.low > 0:
        return "better"
    return "worse" if found.high < 0 else "undecided"


def _scores(counts: Sequence[Counts], label: str | None) -> np.ndarray:
    return np.array([100 * table.f1(label) for table in counts])


def _over_seeds(scores: np.ndarray) -> tuple[str, float | None]:
    """The sources of variation that an interval covers, and the deviation between seeds."""
    return (BOTH, float(np.std(scores, ddof=1))) if len(scores) > 1 else (CLIPS, None)


def _parts(scores: np.ndarray, replicates: np.ndarray, clips: int) -> list[Part]:
    """Variances of the mean of `scores` [seeds]; `replicates` is [seeds, resamples]."""
    shared = (max(0.0, _off_diagonal(_covariance(replicates))), clips - 1)
    return [shared] if len(scores) == 1 else [shared, _between(scores)]


def _parts_apart(
    one: np.ndarray, two: np.ndarray, replicates: np.ndarray, clips: int
) -> list[Part]:
    """Variances of the difference of two means whose sides share no training.

    The sides covary, because they share the clips; twice that covariance is subtracted.
    """
    count = len(one)
    if min(count, len(two)) == 1:
        apart = replicates[:count].mean(axis=0) - replicates[count:].mean(axis=0)
        return _parts(np.zeros(1), apart[None], clips)
    covariance = _covariance(replicates)
    own = _off_diagonal(covariance[:count, :count]) + _off_diagonal(covariance[count:, count:])
    shared = max(0.0, own - 2 * float(covariance[:count, count:].mean()))
    return [(shared, clips - 1), _between(one, two)]


def _between(*sides: np.ndarray) -> Part:
    """Variance between seeds of a mean, or of the difference of two means (Welch's test)."""
    parts = [(float(np.var(scores, ddof=1)) / len(scores), len(scores) - 1) for scores in sides]
    variance = math.fsum(value for value, _ in parts)
    below = math.fsum(value**2 / degrees for value, degrees in parts)
    return variance, variance**2 / below if below else parts[0][1]


def _off_diagonal(covariance: np.ndarray) -> float:
    """Mean of the off-diagonal elements; the variance if there is a single seed."""
    count = len(covariance)
    if count == 1:
        return float(covariance[0, 0])
    return float(covariance.sum() - np.trace(covariance)) / (count * (count - 1))


def _covariance(replicates: np.ndarray) -> np.ndarray:
    """Covariance [rows, rows] over the resamples with a value in all rows; 0 if fewer than two."""
    kept = replicates[:, np.isfinite(replicates).all(axis=0)]
    if kept.shape[1] < 2:
        return np.zeros((len(kept), len(kept)))
    return np.atleast_2d(np.cov(kept))


def _half_width(parts: Sequence[Part]) -> float:
    """t SE, with degrees of freedom weighted by shares of the variance."""
    variance = math.fsum(value for value, _ in parts)
    if variance <= 0:
        return 0.0
    freedom = variance / math.fsum(value / max(1, degrees) for value, degrees in parts)
    return float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance)


def _replicates(counts: Sequence[Counts], label: str | None, resamples: int) -> np.ndarray:
    """F1 in percent on the same resamples of the clips: [tables, resamples].

    NaN for a resample without any class, or without the class `label`.
    """
    if len({table.clips for table in counts}) != 1:
        raise ValueError("an interval requires tables of counts with the same number of clips")
    names = tuple(sorted({name for table in counts for name in table.names}))
    rows = []
    for table in counts:
        classes = _resampled(table, names, resamples)
        if label is not None:
            wanted = [i for i, name in enumerate(table.classes) if name == label]
            classes = classes[:, wanted]
        there = np.isfinite(classes)
        total = np.where(there, classes, 0.0).sum(axis=1)
        with np.errstate(invalid="ignore"):
            rows.append(100 * total / there.sum(axis=1))
    return np.array(rows)


@lru_cache(maxsize=2048)
def _resampled(table: Counts, names: tuple[str, ...], resamples: int) -> np.ndarray:
    """F1 of each class on each resample: [resamples, classes], NaN without counts."""
    weights = _weights(table.clips, resamples)
    if table.names != names or len(names) < table.clips:
        place = {name: i for i, name in enumerate(names)}
        weights = weights[:, [place[name] for name in table.names]]
    flat = table.values.reshape(len(table.names), 3 * len(table.classes)).astype(np.float32)
    totals = (weights @ flat).astype(np.float64)  # whole numbers: exact
    return class_f1(totals.reshape(resamples, len(table.classes), 3))


@lru_cache(maxsize=8)
def _weights(clips: int, resamples: int) -> np.ndarray:
    """Number of occurrences of each clip in each resample: float32 [resamples, clips]."""
    drawn = np.random.default_rng(SEED).integers(clips, size=(resamples, clips))
    drawn += clips * np.arange(resamples)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=resamples * clips)
    return weights.reshape(resamples, clips).astype(np.float32)
