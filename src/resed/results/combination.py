"""Weighted sums of the scores of several systems, and relative differences, with intervals.

Seed k of all systems belongs together: of generations it is one chain, and of systems that share no
training the sum per seed is as valid, with less power than the comparison of two means.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resed.config.rows import Row
from resed.errors import ResultsError
from resed.paper.numbers import Metric
from resed.results.folder import Results
from resed.stats.bootstrap import replicates
from resed.stats.intervals import RESAMPLES, Interval, difference_of, score_difference


@dataclass(frozen=True)
class Term:
    """One summand: the weight of the score of a row, averaged over `labels` (none: all)."""

    row: Row | str
    weight: float = 1.0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Sides:
    """Scores of each term in the unit of the metric: per seed, and on the same resamples."""

    scores: list[np.ndarray]
    resampled: list[np.ndarray] | None  # None for scores without values per clip
    clips: int


def combination(
    results: Results, split: str, terms: Sequence[Term], metric: Metric
) -> Interval | None:
    """The sum of the terms with its interval, in the unit of the metric.

    None if a row was not scored, or has no score of its classes.
    """
    sides = _sides(results, split, terms, metric)
    return sides and _summed(sides, [term.weight for term in terms])


def relative(
    results: Results,
    split: str,
    first: Term,
    second: Term,
    metric: Metric,
) -> Interval | None:
    """100 (first / second - 1) in percent, with its interval by the delta method.

    With R the ratio of the means a and b, a / b - R varies as (a - R b) / b. None if the second
    score is 0, or as `combination`.
    """
    sides = _sides(results, split, (first, second), metric)
    if sides is None:
        return None
    one, two = (float(np.mean(scores)) for scores in sides.scores)
    if two <= 0:
        return None
    found = _summed(sides, [100 / two, -100 * one / two**2])
    return moved(found, 100 * (one / two - 1))


def moved(found: Interval, by: float) -> Interval:
    """The same interval around another mean."""
    return replace(found, mean=found.mean + by, low=found.low + by, high=found.high + by)


def _summed(sides: _Sides, weights: Sequence[float]) -> Interval:
    total = sum(w * scores for w, scores in zip(weights, sides.scores, strict=True))
    nothing = np.zeros(len(total))
    if sides.resampled is None:
        return score_difference(total, nothing, True, sides.clips)
    drawn = sum(w * rows for w, rows in zip(weights, sides.resampled, strict=True))
    both = np.concatenate([drawn, np.zeros(drawn.shape)])
    return difference_of(total, nothing, both, True, sides.clips)


def _sides(results: Results, split: str, terms: Sequence[Term], metric: Metric) -> _Sides | None:
    seeds = min(len(results.seeds(term.row)) for term in terms)
    clips = results.metrics(split, terms[0].row, 0)["clips"]
    ranks = [results.ranks(split, term.row, metric) for term in terms]
    scale = metric.full_scale / 100
    if None not in ranks:
        values = [one.values(term.labels) for one, term in zip(ranks, terms, strict=True)]
        if not all(values):
            return None
        if len({(r.clips_sha256, r.seed) for one in ranks for r in one.each}) > 1:
            problem = "systems to compare have mAP on different clips"
            raise ResultsError(problem, cure="run resed score again for each")
        drawn = [one.resampled(term.labels) for one, term in zip(ranks, terms, strict=True)]
        scores = [metric.full_scale * np.array(found[:seeds]) for found in values]
        return _Sides(scores, [scale * rows[:seeds] for rows in drawn], clips)
    if metric.block is None:
        if any(term.labels for term in terms):
            return None
        values = [results.values(split, term.row, metric) for term in terms]
        found = [np.array(each[:seeds]) for each in values]
        return _Sides(found, None, clips) if all(values) else None
    tables = [results.tables(split, term.row, metric.block)[:seeds] for term in terms]
    if not all(tables):
        return None
    for index, term in enumerate(terms):
        if term.labels:
            if not any({*term.labels} & {*table.classes} for table in tables[index]):
                return None
            tables[index] = [table.only(*term.labels) for table in tables[index]]
    drawn = replicates([table for each in tables for table in each], None, RESAMPLES)
    scores = [scale * np.array([100 * table.f1() for table in each]) for each in tables]
    parts = [scale * drawn[seeds * i : seeds * (i + 1)] for i in range(len(terms))]
    return _Sides(scores, parts, clips)
