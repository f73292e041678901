"""Sources of the numbers of a claim: the printed tables, and our runs.

Both have the same methods, so that one rule applies to both. They return the score of a system, or
the gain of one system over another, on one metric and split, overall or averaged over classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Protocol

from resed.config import study_rows
from resed.config.dataset import SCORED_ROLES
from resed.config.rows import Row
from resed.judge.outcome import Measured
from resed.paper.claim_tests import ReadingReference, Reference
from resed.paper.numbers import Metric, Paper
from resed.results.claimed_readings import claimed_rows
from resed.results.folder import Results
from resed.stats.intervals import Interval, difference
from resed.stats.spread import variance_ratio


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
class Runs:
    """The systems that were trained and scored in this run.

    `seeds` collects the numbers of seeds of all returned scores. `studied` collects the requested
    rows of the study of readings, to which `config.sensitivity.override` applies.
    """

    results: Results
    seeds: set[int] = field(default_factory=set)
    studied: set[Row] = field(default_factory=set)
    _gains: dict[tuple, Measured | None] = field(default_factory=dict)  # rules ask at many levels

    @property
    def labels(self) -> Sequence[str]:
        """The dataset's classes."""
        return self.results.config.dataset_file.classes

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The paper's metrics."""
        return self.results.paper.metrics

    def row(self, reference: Reference) -> Row | None:
        """The row of results that a reference names; None if it is not configured."""
        if not isinstance(reference, ReadingReference):
            return Row(reference) if reference in self.results.config.systems else None
        row = Row(reference.system, reference.reading)
        if reference.system not in self.results.config.systems or row not in self._readings:
            return None
        self.studied.add(row)
        return row

    @cached_property
    def _readings(self) -> list[Row]:
        config = self.results.config
        studied = study_rows.rows(config) if config.sensitivity.report else []
        claimed = [row for row in claimed_rows(config) if self._scored(row)]
        return [*studied, *claimed]

    def _scored(self, row: Row) -> bool:
        return all(self.results.scored(split, row) for split in SCORED_ROLES)

    def score(self, system: Reference, metric: str, split: str, label: str) -> Measured | None:
        """Score of one class with its interval; not settled with one seed."""
        row = self.row(system)
        if row is None:
            return None
        found = self.results.interval(split, row, metric, label)
        return found and self._measured(found, found.seeds > 1)

    def gain(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """The difference on the same clips, with its interval."""
        key = first, second, metric, split, tuple(labels)
        if key not in self._gains:
            self._gains[key] = self._gain(*key)
        return self._gains[key]

    def _gain(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str],
    ) -> Measured | None:
        one, two = self.row(first), self.row(second)
        if one is None or two is None:
            return None
        paired = self.results.paired(one, two)
        found = self.results.difference(split, one, two, metric, labels=labels)
        settled = (paired or found.seeds > 1) if found else False
        same = paired and labels and self._same_windows((one, two), labels)
        return found and self._measured(found, settled and not same)

    def _same_windows(self, rows: Sequence[Row], labels: Sequence[str]) -> bool:
        """Whether two decodings differ in their windows, but not in those of any of the classes.

        A class without a knee has its average window in both, and its scores show nothing.
        """
        names = {study_rows.windows_name(self.results.config, row) for row in rows}
        if len(names) == 1 or not all(self.results.layout.windows(n).is_file() for n in names):
            return False
        one, two = (self.results.windows(name) for name in names)
        return all(
            label in one and label in two and one[label].window_s == two[label].window_s
            for label in labels
        )

    def teacher_gain(self, system: Reference, split: str) -> Measured | None:
        """The teacher's F1 minus the student's, paired by seed."""
        row = self.row(system)
        if row is None:
            return None
        sides = [self.results.tables(split, row, block) for block in ("tags_teacher", "tags_raw")]
        if not all(sides):
            return None
        found = difference(sides[0], sides[1], paired=True)
        return self._measured(found, found.seeds > 1)  # two networks: one training decides nothing

    def variances(
        self, first: Reference, second: Reference, metric: str, split: str
    ) -> Measured | None:
        """The ratio of the variances of separately trained systems; not settled with one seed."""
        rows = [self.row(side) for side in (first, second)]
        if None in rows:
            return None
        sides = [self.results.values(split, row, metric) for row in rows]
        if not all(sides):
            return None
        self.seeds.add(min(map(len, sides)))
        found = variance_ratio(*sides)
        if found is None:
            return Measured(math.nan, settled=False)
        return Measured(
            found.value, *found.at(), settled=not self.results.paired(*rows), found=found
        )

    def _measured(self, found: Interval, settled: bool) -> Measured:
        self.seeds.add(found.seeds)
        return Measured(found.mean, found.low, found.high, settled, found=found)


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
