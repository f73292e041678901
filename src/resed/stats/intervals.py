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

A published number is the score of a single training, not a mean. `Interval.prediction` therefore
contains the score of one further training of the same system: the variance between seeds counts
1 + 1/S times, as in the prediction interval of a normal sample (Hahn and Meeker, Statistical
Intervals, 1991, section 4.2), and the variance over clips once:

    SE^2 = variance over clips + (1 + 1/S) variance between seeds

`Interval.at` gives the interval at another level. Corrections for multiple testing need the far
tail, where the weighted degrees of freedom are too many. There the t quantiles of the parts are
weighted by their shares of SE^2 instead (Cochran, Biometrics 20, 1964, p. 191-195), which is
conservative.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

import numpy as np
from scipy.special import stdtrit

from resed.formats.counts import Counts
from resed.stats.bootstrap import covariance, mean_off_diagonal, replicates

RESAMPLES = 1000
LEVEL = 0.95
BOTH, CLIPS, SEEDS, NOTHING = "clips and seeds", "clips", "seeds", "none"  # what it covers
LEAST_FREEDOM = 2  # with fewer degrees of freedom, predictions weight the quantiles
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
        parts: variances of the mean with their degrees of freedom: over clips, and between seeds.
        further: the part between seeds for one further training instead of the mean; None with one
            seed.
    """

    mean: float
    low: float
    high: float
    seeds: int
    clips: int
    covers: str
    deviation: float | None = None
    parts: tuple[Part, ...] = ()
    further: Part | None = None

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low)

    def scaled(self, factor: float) -> "Interval":
        """The same interval in another unit."""
        deviation = None if self.deviation is None else factor * self.deviation
        mean, low, high = (factor * value for value in (self.mean, self.low, self.high))
        parts = tuple(_scaled(part, factor) for part in self.parts)
        further = None if self.further is None else _scaled(self.further, factor)
        changes = {"mean": mean, "low": low, "high": high, "deviation": deviation}
        return replace(self, **changes, parts=parts, further=further)

    def at(self, level: float) -> tuple[float, float]:
        """Ends of the interval at another level, conservative in the far tail; NaN if none."""
        half = _weighted_half(self.parts, level) if self.parts else math.nan
        return self.mean - half, self.mean + half

    def prediction(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Ends of the interval for the score of one further training; None with one seed."""
        if self.further is None:
            return None
        parts = [*self.parts[:-1], self.further]
        # With two seeds the weighted degrees of freedom cover only 91 % where clips vary little.
        few = level > LEVEL or self.further[1] < LEAST_FREEDOM
        half = _weighted_half(parts, level) if few else _half_width(parts)
        return self.mean - half, self.mean + half


def interval(
    counts: Sequence[Counts], label: str | None = None, resamples: int = RESAMPLES
) -> Interval:
    """The mean over seeds of F1 (macro, or of the class `label`) with its 95 % interval.

    Args:
        counts: one table per seed, all of the same clips.

    Raises:
        ValueError: if there is no table, or if the numbers of clips differ.
    """
    resampled = replicates(counts, label, resamples)
    return interval_of(_scores(counts, label), resampled, counts[0].clips)


def interval_of(scores: np.ndarray, resampled: np.ndarray, clips: int) -> Interval:
    """The mean over seeds of any score in percent, with its 95 % interval, as `interval`.

    Args:
        scores: one score per seed.
        resampled: the scores on the same resamples of the clips for every seed: [seeds, resamples].
    """
    parts = _parts(scores, resampled, clips)
    mean, half = fmean(scores), _half_width(parts)
    low, high = max(0.0, mean - half), min(100.0, mean + half)
    own = (*_over_seeds(scores), tuple(parts), _further(scores))
    return Interval(mean, low, high, len(scores), clips, *own)


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
        paired: whether seed k of both sides belongs together: it shares a checkpoint, or is of one
            chain of generations. If so, the interval is computed
            from the differences per seed; additional seeds of one side are ignored. If not, each
            side has its own seeds; with a single seed on one side, the variance between trainings
            is unknown and the interval covers clips only.

    Raises:
        ValueError: as `interval`.
    """
    if paired:
        seeds = min(len(first), len(second))
        first, second = first[:seeds], second[:seeds]
    resampled = replicates([*first, *second], label, resamples)
    one, two = _scores(first, label), _scores(second, label)
    return difference_of(one, two, resampled, paired, first[0].clips)


def difference_of(
    one: np.ndarray, two: np.ndarray, resampled: np.ndarray, paired: bool, clips: int
) -> Interval:
    """First minus second of any score, with its 95 % interval, as `difference`.

    Args:
        one, two: one score per seed of each side.
        resampled: the scores of the seeds of both sides on the same resamples: [seeds, resamples].
    """
    seeds, count = min(len(one), len(two)), len(one)
    if paired:
        resampled = np.concatenate([resampled[:seeds], resampled[count : count + seeds]])
        one, two = one[:seeds], two[:seeds]
        parts = _parts(one - two, resampled[:seeds] - resampled[seeds:], clips)
    else:
        parts = _parts_apart(one, two, resampled, clips)
    mean, half = fmean(one) - fmean(two), _half_width(parts)
    covers, deviation = _over_seeds(one - two) if paired else (_over_seeds(one[:seeds])[0], None)
    own = (covers, deviation, tuple(parts), _further(one - two) if paired else _further(one, two))
    return Interval(mean, mean - half, mean + half, seeds, clips, *own)


def score_interval(scores: Sequence[float], clips: int, full_scale: float = 100.0) -> Interval:
    """The mean over seeds of a score that has no counts per clip, such as mAP or PSDS.

    Its 95 % interval covers seeds only (Student's t); with one seed there is none.
    """
    values = np.asarray(scores, dtype=np.float64)
    mean, half, *own = _over_seeds_alone(values)
    low, high = np.maximum(0.0, mean - half), np.minimum(full_scale, mean + half)  # NaN stays
    return Interval(mean, float(low), float(high), len(values), clips, *own)


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
        mean, half, *own = _over_seeds_alone(one - two)
    elif seeds > 1:
        parts = (_between(one, two),)
        mean, half = fmean(one) - fmean(two), _half_width(parts)
        own = [SEEDS, None, parts, _further(one, two)]
    else:
        mean, half, own = fmean(one) - fmean(two), math.nan, [NOTHING]
    return Interval(mean, mean - half, mean + half, seeds, clips, *own)


def _over_seeds_alone(scores: np.ndarray) -> tuple[Any, ...]:
    """Mean, half width, and the fields of `Interval` from `covers` on."""
    if len(scores) == 1:
        return float(scores[0]), math.nan, NOTHING
    parts, deviation = (_between(scores),), float(np.std(scores, ddof=1))
    return fmean(scores), _half_width(parts), SEEDS, deviation, parts, _further(scores)


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


def _parts(scores: np.ndarray, resampled: np.ndarray, clips: int) -> list[Part]:
    """Variances of the mean of `scores` [seeds]; `resampled` is [seeds, resamples]."""
    shared = (max(0.0, mean_off_diagonal(covariance(resampled))), clips - 1)
    return [shared] if len(scores) == 1 else [shared, _between(scores)]


def _parts_apart(one: np.ndarray, two: np.ndarray, resampled: np.ndarray, clips: int) -> list[Part]:
    """Variances of the difference of two means whose sides share no training.

    The sides covary, because they share the clips; twice that covariance is subtracted.
    """
    count = len(one)
    if min(count, len(two)) == 1:
        apart = resampled[:count].mean(axis=0) - resampled[count:].mean(axis=0)
        return _parts(np.zeros(1), apart[None], clips)
    among = covariance(resampled)
    own = mean_off_diagonal(among[:count, :count]) + mean_off_diagonal(among[count:, count:])
    shared = max(0.0, own - 2 * float(among[:count, count:].mean()))
    return [(shared, clips - 1), _between(one, two)]


def _further(*sides: np.ndarray) -> Part | None:
    """As `_between`, for one further training of each side; None if a side has one seed."""
    return None if min(map(len, sides)) == 1 else _between(*sides, further=1)


def _between(*sides: np.ndarray, further: int = 0) -> Part:
    """Variance between seeds of a mean, or of the difference of two means (Welch's test).

    `further`: number of trainings of each side that are predicted; their variance is added.
    """
    parts = [
        (float(np.var(scores, ddof=1)) * (further + 1 / len(scores)), len(scores) - 1)
        for scores in sides
    ]
    variance = math.fsum(value for value, _ in parts)
    below = math.fsum(value**2 / degrees for value, degrees in parts)
    return variance, variance**2 / below if below else parts[0][1]


def _half_width(parts: Sequence[Part]) -> float:
    """t SE, with degrees of freedom weighted by shares of the variance."""
    variance = math.fsum(value for value, _ in parts)
    if variance <= 0:
        return 0.0
    freedom = variance / math.fsum(value / max(1, degrees) for value, degrees in parts)
    return float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance)


def _weighted_half(parts: Sequence[Part], level: float) -> float:
    """t SE at a level, with t quantiles weighted by shares of the variance (Cochran 1964)."""
    variance = math.fsum(value for value, _ in parts)
    if variance <= 0:
        return 0.0
    quantiles = (stdtrit(max(1, degrees), (1 + level) / 2) for _, degrees in parts)
    weighted = math.fsum(value * t for (value, _), t in zip(parts, quantiles, strict=True))
    return float(weighted / math.sqrt(variance))


def _scaled(part: Part, factor: float) -> Part:
    return part[0] * factor**2, part[1]
