"""Rules for claims about the course of a training, from the histories of our runs."""

from collections.abc import Iterator, Sequence

import numpy as np

from resed.judge.comparisons import above, between
from resed.judge.outcome import Measured, Outcome, State
from resed.judge.runs import Runs
from resed.paper.claim_tests import EarlyGain, Progress
from resed.stats.intervals import LEVEL, Interval, score_difference

RULES = {
    "progress": "holds if, by the end of stage one, the mean posterior of the true label of each "
    "class has made {share:.0%} of its progress, fails if the interval over seeds lies below that",
    "early_gain": "holds if the gain on development in the first {part:.0%} of the epochs is above "
    "the gain in the last {part:.0%}, fails if it is below; intervals over seeds",
}
SCORES = ("development.tags_f1", "development.frame_f1")  # of the student, as fractions


def progress(test: Progress, runs: Runs, level: float = LEVEL) -> Iterator[Outcome]:
    """One outcome per class: share of the progress of a whole training that stage one made.

    The progress of a class is the increase of its mean posterior of the true label since the first
    epoch. With one seed the outcome is undecided.
    """
    row = runs.row(test.system)
    for label in test.classes:
        shares = (
            []
            if row is None
            else [_progress(runs, test.system, s, label) for s in _seeds(runs, test.system)]
        )
        found = [share for share in shares if share is not None]
        if not found or len(found) < len(shares):
            yield Outcome(State.ABSENT, "progress", test.system, label=label)
            continue
        number = _measured(runs, score_difference(found, [0.0] * len(found), True, 0), level)
        state = between(number, test.share, np.inf)
        yield Outcome(state, "progress", test.system, label=label, number=number)


def _progress(runs: Runs, system: str, seed: int, label: str) -> float | None:
    """None without a second stage, or if the posterior did not rise."""
    history = runs.results.history(system, seed)
    posterior = np.array(history.get(f"posterior.{label}", []), dtype=float)
    stage_one = np.flatnonzero(np.array(history["stage"]) == 1)
    if not stage_one.size or len(stage_one) == len(history["stage"]) or not posterior.size:
        return None
    first, then, last = posterior[[0, stage_one[-1], -1]]
    return float((then - first) / (last - first)) if last > first else None


def early_gain(test: EarlyGain, runs: Runs, level: float = LEVEL) -> Iterator[Outcome]:
    """One outcome per score on development: the early gain minus the late one, in points.

    `others` has the mean gains of both parts of the training. Sides are compared as in Welch's
    test, because they share no training.
    """
    rows = [runs.row(side) for side in (test.first, test.second)]
    for score in SCORES:
        about = {"first": test.first, "second": test.second, "metric": score}
        sides = (
            []
            if None in rows
            else [
                [_ends(runs, side, seed, score, test.part) for seed in _seeds(runs, side)]
                for side in (test.first, test.second)
            ]
        )
        if not sides or any(ends is None for side in sides for ends in side):
            yield Outcome(State.ABSENT, "early_gain", **about)
            continue
        early, late = (
            float(np.mean([ends[k] for ends in sides[0]]) - np.mean([ends[k] for ends in sides[1]]))
            for k in (0, 1)
        )
        falls = [[ends[0] - ends[1] for ends in side] for side in sides]
        number = _measured(runs, score_difference(*falls, False, 0), level)
        others = {"early": Measured.exactly(early), "late": Measured.exactly(late)}
        yield Outcome(above(number), "early_gain", **about, number=number, others=others)


def _ends(
    runs: Runs, system: str, seed: int, score: str, part: float
) -> tuple[float, float] | None:
    """Mean score in points in the first and in the last part of the epochs; None if unknown."""
    values = 100 * np.array(runs.results.history(system, seed).get(score, []), dtype=float)
    count = max(1, round(part * len(values)))
    known = [part[np.isfinite(part)] for part in (values[:count], values[-count:])]
    return None if not all(len(part) for part in known) else (known[0].mean(), known[1].mean())


def _seeds(runs: Runs, system: str) -> Sequence[int]:
    return runs.results.config.seed_list(system)


def _measured(runs: Runs, found: Interval, level: float) -> Measured:
    runs.seeds.add(found.seeds)
    measured = Measured(found.mean, found.low, found.high, found.seeds > 1, found=found)
    return measured if level == LEVEL else measured.at(level)
