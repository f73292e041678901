"""The numbers of our runs, as a source of the numbers of a claim (resed.judge.sources)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from resed.config import study_rows
from resed.config.dataset import SCORED_ROLES
from resed.config.rows import Row
from resed.judge.outcome import Measured
from resed.judge.sources import Summand
from resed.paper.claim_fields import ReadingReference, Reference
from resed.paper.numbers import Metric
from resed.results.claimed_readings import claimed_rows
from resed.results.combination import Term, combination, moved, relative
from resed.results.folder import Results
from resed.stats.intervals import Interval, difference
from resed.stats.spread import variance_ratio


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

    def relative(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """The relative difference on the same clips, with its interval; not settled with one seed.

        The seeds of both are paired, because a later generation learns from an earlier one.
        """
        key = "relative", first, second, metric, split, tuple(labels)
        if key not in self._gains:
            rows = [self.row(side) for side in (first, second)]
            found = None
            if None not in rows:
                sides = [Term(row, labels=tuple(labels)) for row in rows]
                found = relative(self.results, split, *sides, self.metrics[metric])
            self._gains[key] = found and self._measured(found, found.seeds > 1)
        return self._gains[key]

    def combination(
        self, terms: Sequence[Summand], metric: str, split: str, shift: float = 0.0
    ) -> Measured | None:
        """The sum on the same clips, paired by seed, with its interval; not settled with one."""
        key = "combination", tuple(terms), metric, split, shift
        if key not in self._gains:
            rows = [self.row(term.system) for term in terms]
            found = None
            if None not in rows:
                summands = [
                    Term(row, term.weight, term.labels)
                    for row, term in zip(rows, terms, strict=True)
                ]
                found = combination(self.results, split, summands, self.metrics[metric])
            found = found and moved(found, shift)
            self._gains[key] = found and self._measured(found, found.seeds > 1)
        return self._gains[key]

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
