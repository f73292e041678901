"""Outcomes of single comparisons and the verdict that follows from them, as data.

`resed.judge.evidence` turns them into text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from resed.stats.intervals import LEVEL, Interval
from resed.stats.spread import VarianceRatio


class State(StrEnum):
    """The result of one comparison, or of all comparisons of a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    ABSENT = "absent"


Quantity = Literal[
    "gain",
    "largest_difference",
    "metric_gain",
    "class_gain",
    "gaining_classes",
    "score",
    "teacher_gain",
    "diagonal",
    "score_ceiling",
    "weight",
    "rank_correlation",
    "parameters",
    "operations",
    "fewest",
    "short",
    "imbalance",
    "spread",
    "windows",
    "closer",
    "deviates",
    "variance_ratio",
    "progress",
    "early_gain",
    "relative_gain",
    "gain_change",
    "classes_beyond",
    "gain_by_base",
    "best_classes",
    "short_runs",
]


# no_other_class: there is nothing to compare with; no_knee: the class has its average window;
# one_group: all classes lie in one group.
Lack = Literal["", "no_other_class", "no_knee", "no_events", "one_group"]


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval.

    Attributes:
        value: the number, in the unit of its quantity.
        low, high: ends of the interval; NaN if there is no interval.
        settled: False if there are too few trainings for a decision
            (`resed.stats.intervals.decide`).
        exact: True for printed and counted numbers; `low` and `high` are then `value`.
        found: the interval of a number of our runs, which also gives other levels.
        level: the level of `low` and `high`.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    settled: bool = True
    exact: bool = False
    found: Interval | VarianceRatio | None = field(default=None, repr=False, compare=False)
    level: float = LEVEL

    @classmethod
    def exactly(cls, value: float) -> "Measured":
        """A printed or counted number."""
        return cls(value, value, value, exact=True)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Ends of the interval; None for an exact number or if there is no interval."""
        return None if self.exact or math.isnan(self.low) else (self.low, self.high)

    def at(self, level: float) -> "Measured":
        """The same number with its interval at another level."""
        if self.found is None:
            return self
        low, high = self.found.at(level)
        return replace(self, low=low, high=high, level=level)

    @property
    def single(self) -> tuple[float, float]:
        """Ends of the interval for single trainings, with which printed numbers are compared."""
        predicted = self.found.prediction(self.level) if self.found else None
        return predicted or (self.low, self.high)


@dataclass(frozen=True)
class Outcome:
    """One comparison.

    Attributes:
        state: whether it holds.
        quantity: what `number` is.
        first, second: systems (`system@reading` for a reading). `number` belongs to the first, or
            is the difference of the first minus the second.
        metric, split, label, seed: metric, split, class and seed, if the comparison concerns
            one of each.
        number: the number that was judged; None if it was not run or not printed.
        others: the numbers that it was compared with, by name; see the rule of the quantity.
        tests: number of tests behind the state, for corrections for multiple testing.
        lacking: why it is undecided without a number.
    """

    state: State
    quantity: Quantity
    first: str = ""
    second: str = ""
    metric: str = ""
    split: str = ""
    label: str = ""
    seed: int | None = None
    number: Measured | None = None
    others: Mapping[str, Measured] = field(default_factory=dict)
    tests: int = 1
    lacking: Lack = ""


Reason = Literal["", "classes", "annotations", "systems", "not_printed"]


@dataclass(frozen=True)
class Basis:
    """The data from which a verdict was derived.

    Attributes:
        edition: the edition whose tables were read; empty for runs.
        seeds: the numbers of seeds of the compared systems, ascending.
        override: True if config.sensitivity.override applies to a compared system.
        reason: why the state is absent.
        unknown_classes: classes of the claim that the dataset does not have.
    """

    edition: str = ""
    seeds: tuple[int, ...] = ()
    override: bool = False
    reason: Reason = ""
    unknown_classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """A state, the outcomes from which it follows, and their basis."""

    state: State
    outcomes: tuple[Outcome, ...] = ()
    basis: Basis = Basis()


def of_printed(outcomes: Sequence[Outcome], edition: str = "") -> Verdict:
    """The verdict of printed numbers; comparisons that the paper does not print are ignored.

    It is undecided if some comparisons hold and others fail.
    """
    shown = tuple(outcome for outcome in outcomes if outcome.state != State.ABSENT)
    states = {outcome.state for outcome in shown}
    if not shown:
        return Verdict(State.ABSENT, (), Basis(edition, reason="not_printed"))
    state = states.pop() if len(states) == 1 else State.UNDECIDED
    return Verdict(state, shown, Basis(edition))


def of_runs(outcomes: Sequence[Outcome], basis: Basis = Basis()) -> Verdict:
    """The verdict of runs: it fails if one comparison fails, and holds if all hold.

    A comparison that was not run leaves the verdict undecided, unless another one fails.
    """
    states = {outcome.state for outcome in outcomes}
    if states <= {State.ABSENT}:
        return Verdict(State.ABSENT, tuple(outcomes), basis)
    state = State.HOLDS if states == {State.HOLDS} else State.UNDECIDED
    return Verdict(State.FAILS if State.FAILS in states else state, tuple(outcomes), basis)
