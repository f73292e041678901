"""Sources of the numbers of a claim: the printed tables, and our runs (resed.judge.runs).

Both have the same methods, so that one rule applies to both. They return the score of a system, or
the gain of one system over another, on one metric and split, overall or averaged over classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from resed.config.rows import Row
from resed.judge.outcome import Measured
from resed.paper.claim_fields import ReadingReference, Reference
from resed.paper.numbers import Metric, Paper


@dataclass(frozen=True)
class Summand:
    """A weighted score: of a system, averaged over `labels` (none: overall)."""

    system: Reference
    weight: float
    labels: tuple[str, ...] = ()


class NumberSource(Protocol):
    """The numbers that a rule can request; None if a number was not printed or not run."""

    @property
    def labels(self) -> Sequence[str]:
        """The classes."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The paper's metrics."""

    def score(self, system: Reference, metric: str, split: str, label: str) -> Measured | None:
        """Score of one class, in the metric's unit."""

    def gain(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """First minus second, macro-averaged over `labels` (none: overall)."""

    def relative(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """First over second minus 1 in percent, averaged over `labels` (none: overall)."""

    def combination(
        self, terms: Sequence[Summand], metric: str, split: str, shift: float = 0.0
    ) -> Measured | None:
        """The sum of the terms plus `shift`, in the unit of the metric times that of weights."""

    def teacher_gain(self, system: Reference, split: str) -> Measured | None:
        """F1 of the raw clip tags, teacher minus student, in points."""

    def variances(
        self, first: Reference, second: Reference, metric: str, split: str
    ) -> Measured | None:
        """Variance between seeds of the first, divided by that of the second."""


@dataclass(frozen=True)
class Printed:
    """The tables of one edition of a paper."""

    paper: Paper
    edition: str

    @property
    def labels(self) -> Sequence[str]:
        """The classes of the edition's tables of classes."""
        return self.paper.classes(self.edition)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The paper's metrics."""
        return self.paper.metrics

    def score(self, system: Reference, metric: str, split: str, label: str) -> Measured | None:
        """A number of a table of classes."""
        value = self._number(system, metric, split, label)
        return None if value is None else self._exactly(value, metric)

    def gain(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """The difference of two printed numbers, or its mean over `labels`."""
        gains = []
        for label in labels or [None]:
            one, two = (self._number(side, metric, split, label) for side in (first, second))
            if one is None or two is None:
                return None
            gains.append(one - two)
        return self._exactly(fmean(gains), metric)

    def relative(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """The ratio of two printed numbers; `low` and `high` allow for their rounding.

        None over several classes.
        """
        if len(labels) > 1:
            return None
        label = labels[0] if labels else None
        sides = [self._number(side, metric, split, label) for side in (first, second)]
        if None in sides or not sides[1]:
            return None
        one, two = sides
        value = 100 * (one / two - 1)
        half = 0.5 * 10 ** -self.metrics[metric].decimals  # of the last printed digit
        ends = [100 * (a / b - 1) for a, b in ((one - half, two + half), (one + half, two - half))]
        return Measured(value, *ends, exact=True)

    def combination(
        self, terms: Sequence[Summand], metric: str, split: str, shift: float = 0.0
    ) -> Measured | None:
        """A sum of printed numbers."""
        total = shift
        for term in terms:
            found = [
                self._number(term.system, metric, split, label) for label in term.labels or (None,)
            ]
            if None in found:
                return None
            total += term.weight * fmean(found)
        return Measured.exactly(round(total, 9))

    def teacher_gain(self, system: Reference, split: str) -> Measured | None:
        """None, because papers do not print scores of the teacher."""

    def variances(
        self, first: Reference, second: Reference, metric: str, split: str
    ) -> Measured | None:
        """None, because papers print single trainings."""

    def _exactly(self, value: float, metric: str) -> Measured:
        return Measured.exactly(round(value, self.metrics[metric].decimals))

    def _number(
        self, system: Reference, metric: str, split: str, label: str | None
    ) -> float | None:
        if isinstance(system, ReadingReference):
            return None
        return self.paper.printed(system, metric, split, label, self.edition)


@dataclass(frozen=True)
class AtLevel:
    """The numbers of another source with intervals at another level."""

    source: NumberSource
    level: float

    @property
    def labels(self) -> Sequence[str]:
        """The classes."""
        return self.source.labels

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The paper's metrics."""
        return self.source.metrics

    def score(self, system: Reference, metric: str, split: str, label: str) -> Measured | None:
        """Score of one class."""
        return self._at(self.source.score(system, metric, split, label))

    def gain(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """First minus second."""
        return self._at(self.source.gain(first, second, metric, split, labels))

    def relative(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """Relative difference in percent."""
        return self._at(self.source.relative(first, second, metric, split, labels))

    def combination(
        self, terms: Sequence[Summand], metric: str, split: str, shift: float = 0.0
    ) -> Measured | None:
        """Sum of the terms."""
        return self._at(self.source.combination(terms, metric, split, shift))

    def teacher_gain(self, system: Reference, split: str) -> Measured | None:
        """Teacher minus student."""
        return self._at(self.source.teacher_gain(system, split))

    def variances(
        self, first: Reference, second: Reference, metric: str, split: str
    ) -> Measured | None:
        """Variance of the first, divided by that of the second."""
        return self._at(self.source.variances(first, second, metric, split))

    def _at(self, found: Measured | None) -> Measured | None:
        return found and found.at(self.level)


def reference_name(reference: Reference) -> str:
    """The system that a reference names, or `system@reading`."""
    if isinstance(reference, ReadingReference):
        return Row(reference.system, reference.reading).folder
    return reference
