"""Rules for claims about the weights of the focal loss and about tag confusions."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from resed.judge.comparisons import between
from resed.judge.confusions import SPLIT, confusions
from resed.judge.outcome import Measured, Outcome, State
from resed.judge.runs import Runs
from resed.judge.sources import Printed
from resed.paper.claim_tests import Confusion, Weights
from resed.stats.intervals import LEVEL

RULES = {
    "confusion": "holds if, with two seeds or more, the interval lies between {low:.0%} "
    "and {high:.0%}, fails if outside",
    "weights": "holds if the rank correlation of weight and posterior over the classes is below "
    "-0.5 for every seed, fails if above 0.5",
}
CORRELATION = 0.5
LEAST_CLASSES = 3  # two are always in one order or the other
POSTERIORS = (0.1, 0.3, 0.5, 0.7, 0.9)


def printed_confusion(test: Confusion, source: Printed) -> Iterator[Outcome]:
    """Compare printed F1 with 2 r / (1 + r), the highest F1 that a recall r allows."""
    ceiling = 200 * test.high / (1 + test.high)
    metric = next((name for name, m in source.metrics.items() if m.block == "tags"), "")
    for label in test.classes:
        about = {"first": test.system, "metric": metric, "split": SPLIT, "label": label}
        f1 = source.score(test.system, metric, SPLIT, label) if metric else None
        if f1 is None:
            yield Outcome(State.ABSENT, "score_ceiling", **about)
            continue
        state = State.HOLDS if f1.value <= ceiling else State.FAILS
        others = {"recall": Measured.exactly(test.high), "ceiling": Measured.exactly(ceiling)}
        yield Outcome(state, "score_ceiling", **about, number=f1, others=others)


def confusion(test: Confusion, runs: Runs, level: float = LEVEL) -> Iterator[Outcome]:
    """One outcome per class: the share on the diagonal, averaged over the seeds.

    The interval is Wilson's interval over clips, extended at each end by the interval over seeds
    (Student's t): the squares of both half widths are added (Howe, JASA 69, 1974, p. 789). With one
    seed the outcome is undecided, because another training may confuse other classes.
    """
    row = runs.row(test.system)
    about = {"first": test.system, "split": SPLIT}
    if row is None:
        for label in test.classes:
            yield Outcome(State.ABSENT, "diagonal", **about, label=label)
        return
    seeds = runs.results.seeds(row)
    found = [confusions(runs.results, row, seed) for seed in seeds]
    runs.seeds.add(len(seeds))
    for label in test.classes:
        index = list(runs.labels).index(label)
        clips = found[0].clips[index]
        if not clips:
            yield Outcome(State.ABSENT, "diagonal", **about, label=label)
            continue
        shares = np.array([one.shares[index, index] for one in found])
        ends = _share_interval(shares, int(clips), level)
        measured = Measured(float(shares.mean()), *ends, settled=len(seeds) > 1)
        state = between(measured, test.low, test.high)
        yield Outcome(state, "diagonal", **about, label=label, number=measured)


def _share_interval(shares: np.ndarray, count: int, level: float) -> tuple[float, float]:
    """Interval of the mean over seeds of a share of `count` clips, within 0 and 1."""
    share = float(shares.mean())
    low, high = _wilson(share, count, level)
    over_seeds = 0.0
    if len(shares) > 1:
        error = float(np.std(shares, ddof=1)) / np.sqrt(len(shares))
        over_seeds = float(student.ppf((1 + level) / 2, len(shares) - 1)) * error
    below, above = (float(np.hypot(end - share, over_seeds)) for end in (low, high))
    return max(0.0, share - below), min(1.0, share + above)


def _wilson(share: float, count: int, level: float) -> tuple[float, float]:
    """Wilson's interval of a share of `count` clips."""
    z = float(norm.ppf((1 + level) / 2))
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z**2 / count)
    return float(centre - half), float(centre + half)


def printed_weights(test: Weights, source: Printed) -> Iterator[Outcome]:
    """One outcome for the weight as printed and one as cited, at the paper's exponent.

    `number` is the weight at the lowest posterior; `others` has the weight at the highest.
    """
    gamma = source.paper.cell("settings.gamma")
    for label, weight in (("1 - p^γ", printed_weight), ("(1 - p)^γ", standard_weight)):
        values = [weight(p, gamma) for p in POSTERIORS]
        falls = all(one > two for one, two in pairwise(values))
        others = {"gamma": gamma, "at": POSTERIORS[0], "end": values[-1], "at_end": POSTERIORS[-1]}
        yield Outcome(
            State.HOLDS if falls else State.FAILS,
            "weight",
            test.system,
            label=label,
            number=Measured.exactly(values[0]),
            others={name: Measured.exactly(value) for name, value in others.items()},
        )


def printed_weight(p: float, gamma: float) -> float:
    """The weight of eq. 4 as printed."""
    return 1 - p**gamma


def standard_weight(p: float, gamma: float) -> float:
    """The weight of the focal loss that eq. 4 cites (Lin et al. 2017)."""
    return (1 - p) ** gamma


def weights(test: Weights, runs: Runs) -> Iterator[Outcome]:
    """One outcome per seed: rank correlation of posterior and weight over the classes.

    Both are those of the last epoch that has them.
    """
    row = runs.row(test.system)
    if row is None:
        yield Outcome(State.ABSENT, "rank_correlation", test.system)
        return
    for seed in runs.results.seeds(row):
        found = _last(runs, test.system, seed)
        if found is None:
            yield Outcome(State.ABSENT, "rank_correlation", test.system, seed=seed)
            continue
        if len(runs.labels) < LEAST_CLASSES:
            yield Outcome(State.UNDECIDED, "rank_correlation", test.system, seed=seed)
            continue
        ranks = [rankdata(values) for values in found]
        correlation = float(np.corrcoef(ranks)[0, 1])
        state = State.UNDECIDED
        if abs(correlation) > CORRELATION:
            state = State.HOLDS if correlation < 0 else State.FAILS
        number = Measured.exactly(correlation)
        yield Outcome(state, "rank_correlation", test.system, seed=seed, number=number)


def _last(runs: Runs, system: str, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean posterior and weight of each class at the last epoch that has them."""
    history = runs.results.history(system, seed)
    columns = [
        np.array([history.get(f"{kind}.{label}", []) for label in runs.labels])
        for kind in ("posterior", "weight")
    ]
    if any(column.ndim < 2 or not column.size for column in columns):
        return None
    complete = np.flatnonzero(np.isfinite(np.concatenate(columns)).all(axis=0))
    return (columns[0][:, complete[-1]], columns[1][:, complete[-1]]) if complete.size else None
