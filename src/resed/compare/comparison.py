"""Intervals of detectors and of the differences between each two, with verdicts.

The intervals are those of the tables of a run (`resed.stats.intervals`). The p-values of all
differences are corrected by Holm's procedure, as those of the study of readings. With one file per
detector, a verdict is on these files: another training of either may score differently.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from resed.compare.counting import count_detectors
from resed.compare.detectors import GivenDetector
from resed.formats.comparison import (
    METRICS,
    VERSION,
    ComparedDetector,
    ComparedDifference,
    ComparedPair,
    ComparedScore,
    Comparison,
    Verdict,
)
from resed.formats.counts import Counts
from resed.runtime.fingerprint import made_by
from resed.score.matching import Rules
from resed.stats import bootstrap, intervals
from resed.stats.intervals import LEVEL, NOTHING, RESAMPLES, SEEDS, Interval
from resed.stats.multiple_testing import ALPHA, NO_WIDTH, holm, p_value

if TYPE_CHECKING:
    from resed.score.score_folder import FolderScores

Own = TypeVar("Own", bound="SeedScores")


class SeedScores(Protocol):
    """One metric of one detector: a score per seed, in percent, that can be resampled."""

    def each(self) -> list[float]:
        """The score of each seed."""

    def interval(self) -> Interval:
        """The mean over seeds."""

    def difference(self: Own, other: Own, paired: bool) -> Interval:
        """This minus the other, on the same clips."""

    def clips_apart(self: Own, other: Own) -> int:
        """Number of clips on which the two differ."""


@dataclass(frozen=True)
class CountedScores:
    """F1 by counts per clip, one table per seed."""

    tables: Sequence[Counts]

    def each(self) -> list[float]:
        """F1 of each seed in percent."""
        return [100 * table.f1() for table in self.tables]

    def interval(self) -> Interval:
        """The mean over seeds."""
        return intervals.interval(self.tables)

    def difference(self, other: "CountedScores", paired: bool) -> Interval:
        """This minus the other."""
        return intervals.difference(self.tables, other.tables, paired)

    def clips_apart(self, other: "CountedScores") -> int:
        """Number of clips with other counts, in the pair of seeds with the fewest."""
        return min(_clips_apart(a, b) for a in self.tables for b in other.tables)


@dataclass(frozen=True)
class ResampledScores:
    """A score without counts per clip, such as PSDS, computed again on each resample.

    Attributes:
        scores: percent, one per seed.
        resampled: percent, [seeds, resamples], on the resamples of `resed.stats.bootstrap`.
        clips: number of clips.
    """

    scores: np.ndarray
    resampled: np.ndarray
    clips: int

    def each(self) -> list[float]:
        """The score of each seed in percent."""
        return [float(score) for score in self.scores]

    def interval(self) -> Interval:
        """The mean over seeds."""
        return intervals.interval_of(self.scores, self.resampled, self.clips)

    def difference(self, other: "ResampledScores", paired: bool) -> Interval:
        """This minus the other."""
        both = np.concatenate([self.resampled, other.resampled])
        return intervals.difference_of(self.scores, other.scores, both, paired, self.clips)

    def clips_apart(self, other: "ResampledScores") -> int:
        """0: not known."""
        return 0


def compare_files(
    detectors: Sequence[GivenDetector],
    reference: Path,
    *,
    clips: Path | None = None,
    until: float | None = None,
    paired: set[frozenset[str]] = frozenset(),
) -> Comparison:
    """Compare detectors by the F1 of events, segments and tags; with scores by PSDS and mAP, too.

    Args:
        clips: the clips to score; default: the clips of the reference and of all detectors.
        until: end of the reference of each clip in seconds (see resed.formats.reference).
        paired: pairs of names whose files share trainings, seed by seed.

    Raises:
        ScoreError: files that cannot belong together, or more counts than fit into memory.
    """
    counted = count_detectors(detectors, reference, clips, until)
    scores: dict[str, dict[str, SeedScores]] = {
        name: {metric: CountedScores(tables) for metric, tables in metrics.items()}
        for name, metrics in counted.tables.items()
    }
    for name, folders in counted.free.items():
        scores[name] |= _free(folders, len(counted.clips))
    return Comparison(
        format=VERSION,
        reference=str(reference),
        clips=len(counted.clips),
        settings=_settings(until),
        made_by=made_by("compare"),
        detectors=[_detector(one, scores[one.name]) for one in detectors],
        pairs=_pairs(scores, paired),
        notes=[*_on_seeds(detectors), *counted.notes],
    )


def _free(folders: "Sequence[FolderScores]", clips: int) -> dict[str, SeedScores]:
    """The scores without a threshold that every seed has."""
    metrics = [name for name in METRICS if name in folders[0].values]
    metrics = [name for name in metrics if None not in [f.values[name] for f in folders]]
    return {
        name: ResampledScores(
            np.array([100 * (folder.values[name] or 0.0) for folder in folders]),
            np.array([100 * folder.resampled[name] for folder in folders]),
            clips,
        )
        for name in metrics
    }


def _settings(until: float | None) -> dict[str, float | int | str]:
    further = {} if until is None else {"until_s": until}
    own = {"level": LEVEL, "resamples": RESAMPLES, "correction": "Holm"}
    return Rules().settings() | own | further


def _on_seeds(detectors: Sequence[GivenDetector]) -> list[str]:
    """A note on detectors with one file."""
    single = [one.name for one in detectors if one.seeds == 1]
    if not single:
        return []
    which = "every detector has" if len(single) == len(detectors) else f"{', '.join(single)}:"
    return [
        f"{which} one file, so intervals and verdicts are over clips alone: another training of "
        "the same method may score differently"
    ]


def _detector(one: GivenDetector, scores: Mapping[str, SeedScores]) -> ComparedDetector:
    return ComparedDetector(
        name=one.name,
        events=[str(path) for path in one.events],
        tags=[str(path) for path in one.tags],
        scores=[str(path) for path in one.scores],
        metrics={metric: _score(found) for metric, found in scores.items()},
    )


def _score(scores: SeedScores) -> ComparedScore:
    found = _of_clips(scores.interval()).scaled(0.01)
    each = [value / 100 for value in scores.each()]
    return ComparedScore(value=found.mean, values=each, **_ends(found))


def _ends(found: Interval) -> dict:
    low, high = (found.low, found.high) if found.known else (None, None)
    return {"low": low, "high": high, "seeds": found.seeds, "covers": found.covers}


def _of_clips(found: Interval) -> Interval:
    """The interval; with a single clip, there is none over clips."""
    if found.clips > 1:
        return found
    if found.seeds > 1:
        return replace(found, covers=SEEDS)
    return replace(found, low=math.nan, high=math.nan, covers=NOTHING, parts=())


def _pairs(
    scores: Mapping[str, Mapping[str, SeedScores]], paired: set[frozenset[str]]
) -> list[ComparedPair]:
    """Every pair in every metric that both have, corrected for the number of differences."""
    found: dict[tuple[str, str], dict[str, tuple[Interval, float]]] = {}
    for first, second in combinations(scores, 2):
        same = frozenset((first, second)) in paired
        metrics = [metric for metric in scores[first] if metric in scores[second]]
        found[first, second] = {
            metric: _difference(scores[first][metric], scores[second][metric], same)
            for metric in metrics
        }
        bootstrap.forget()  # hundreds of pairs would otherwise take gigabytes
    flat = [p for metrics in found.values() for _, p in metrics.values()]
    corrected = iter(holm(flat))
    return [
        ComparedPair(
            first=first,
            second=second,
            same_training=frozenset((first, second)) in paired,
            metrics={
                metric: _verdict(interval, p, next(corrected))
                for metric, (interval, p) in metrics.items()
            },
        )
        for (first, second), metrics in found.items()
    ]


def _difference(one: SeedScores, two: SeedScores, paired: bool) -> tuple[Interval, float]:
    """The difference in percent, and its p-value.

    Where every resample has the same difference, its interval has no width. The p-value is then
    the smallest that a permutation test can have, which exchanges both sides in single clips:
    2^(1 - n) with n clips on which they differ.
    """
    found = _of_clips(one.difference(two, paired))
    if found.known and found.mean and found.high - found.low < 2 * NO_WIDTH:
        return found, min(1.0, 2.0 ** (1 - one.clips_apart(two)))
    return found, p_value(found)


def _verdict(found: Interval, p: float, p_holm: float) -> ComparedDifference:
    verdict: Verdict = "no difference shown"
    if p_holm < ALPHA and not found.low <= 0 <= found.high:
        verdict = "better" if found.mean > 0 else "worse"
    fraction = found.scaled(0.01)
    ends = _ends(fraction)
    return ComparedDifference(difference=fraction.mean, p=p, p_holm=p_holm, verdict=verdict, **ends)


def _clips_apart(one: Counts, two: Counts) -> int:
    names, classes = sorted({*one.names, *two.names}), sorted({*one.classes, *two.classes})
    dense = np.zeros((2, len(names), len(classes), 3), dtype=np.int64)
    for side, table in enumerate((one, two)):
        rows = np.searchsorted(names, table.names) if table.names else []
        columns = np.searchsorted(classes, table.classes) if table.classes else []
        dense[side][np.ix_(rows, columns)] = table.values
    return int((dense[0] != dense[1]).any(axis=(1, 2)).sum())
