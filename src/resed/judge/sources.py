"""Where the numbers of a claim come from: the printed tables, or the runs here.

Both answer the same two questions, so that one rule judges both: the F1 of a system, and the gain
of one over another, on a metric and a split, overall or macro-averaged over some classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Protocol

from resed.config.rows import Row
from resed.formats.counts import Counts
from resed.judge.outcome import Measured
from resed.paper.legacy_claims import ReadingReference, Reference, StageReference
from resed.paper.legacy_numbers import WINDOWS, Paper
from resed.results.folder import Results
from resed.stats.intervals import Interval, difference

WINDOWS_OF = {row: window for window, row in WINDOWS.items()}


class Source(Protocol):
    """What a rule may ask. None: not printed, or not run."""

    @property
    def labels(self) -> Sequence[str]:
        """The classes."""

    def score(self, system: Reference, metric: str, split: str, label: str) -> Measured | None:
        """F1 of one class in percent."""

    def gain(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """First minus second in points, macro-averaged over `labels` (none: overall)."""


@dataclass(frozen=True)
class Printed:
    """The tables of one version of the paper."""

    paper: Paper

    @property
    def labels(self) -> Sequence[str]:
        """The classes of Table 3."""
        return list(self.paper.table3.rows)

    def score(self, system: Reference, metric: str, split: str, label: str) -> Measured | None:
        """A cell of Table 3, which has evaluation alone."""
        value = self._number(system, metric, split, label)
        return None if value is None else Measured.printed(value)

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
            values = [self._number(side, metric, split, label) for side in (first, second)]
            if None in values:
                return None
            gains.append(values[0] - values[1])
        return Measured.printed(fmean(gains))

    def _number(
        self, system: Reference, metric: str, split: str, label: str | None
    ) -> float | None:
        number = self.paper.number
        if label is not None:
            window = WINDOWS_OF.get(system) if isinstance(system, int) else None
            known = window and split == "evaluation"
            return number(f"table3.{label}.{window}.{metric}") if known else None
        if isinstance(system, int):
            return number(f"table1.{system}.{metric}.{split}")
        if isinstance(system, StageReference) and system.form == "printed":
            gamma = "" if system.gamma is None else f"-{system.gamma:g}"
            return number(f"table2.{system.tau}{gamma}.{metric}.{split}")
        return None


@dataclass(frozen=True)
class Runs:
    """What was trained and scored here.

    `seeds` remembers how many each answer rested on, `studied` the systems of the study of readings
    that were asked for: `config.sensitivity.override` is laid over those.
    """

    results: Results
    seeds: set[int] = field(default_factory=set)
    studied: set[str] = field(default_factory=set)

    @property
    def labels(self) -> Sequence[str]:
        """The dataset's classes."""
        return self.results.config.dataset_file.classes

    def system(self, reference: Reference) -> str | None:
        """The configured system that a reference names; None where there is none."""
        if isinstance(reference, int):
            return self._rows.get(reference)
        if isinstance(reference, ReadingReference):
            system = self._rows.get(reference.row)
            if system is None or Row(system, reference.reading) not in self._readings:
                return None
            name = Row(system, reference.reading).folder
            self.studied.add(name)
            return name
        return self.results.system_of_stage(reference.tau, reference.gamma, reference.form)

    @cached_property
    def _rows(self) -> dict[int, str]:
        config = self.results.config
        rows = {config.catalogue[name].row: name for name in reversed(config.systems)}
        return {row: name for row, name in rows.items() if row is not None}

    @cached_property
    def _readings(self) -> list[Row]:
        config = self.results.config
        return config.sensitivity_rows() if config.sensitivity.report else []

    def counts(self, system: str, split: str, block: str) -> list[Counts]:
        """A counts table a seed; none where the block was not scored."""
        read = self.results.counts
        found = [read(split, system, seed, block) for seed in self.results.seeds(system)]
        return [] if None in found else found

    def score(self, system: Reference, metric: str, split: str, label: str) -> Measured | None:
        """F1 of one class with its interval; a single training settles nothing."""
        name = self.system(system)
        if name is None or not _has(self.counts(name, split, metric), [label]):
            return None
        found = self.results.interval(split, name, metric, label)
        return self._measured(found, found.seeds > 1)

    def gain(
        self,
        first: Reference,
        second: Reference,
        metric: str,
        split: str,
        labels: Sequence[str] = (),
    ) -> Measured | None:
        """The difference on the same clips, with its interval."""
        names = [self.system(first), self.system(second)]
        if None in names:
            return None
        paired = self.results.paired(*names)
        if labels:
            sides = [self.counts(name, split, metric) for name in names]
            if not any(_has(side, labels) for side in sides):
                return None
            sides = [[table.only(*labels) for table in side] for side in sides]
            found = difference(sides[0], sides[1], paired)
        else:
            found = self.results.difference(split, *names, metric)
        return found and self._measured(found, paired or found.seeds > 1)

    def _measured(self, found: Interval, settled: bool) -> Measured:
        self.seeds.add(found.seeds)
        return Measured(found.mean, found.low, found.high, settled)

    def teacher_gain(self, system: Reference, split: str) -> Measured | None:
        """Raw clip tags: the teacher's F1 minus the student's, training by training."""
        name = self.system(system)
        if name is None:
            return None
        sides = [self.counts(name, split, block) for block in ("tags_teacher", "tags_raw")]
        if not all(sides):
            return None
        found = difference(sides[0], sides[1], paired=True)
        return self._measured(found, found.seeds > 1)  # two networks: one training settles nothing


def _has(tables: Sequence[Counts], labels: Sequence[str]) -> bool:
    return any(set(labels) & set(table.classes) for table in tables)


def named(reference: Reference) -> str:
    """A reference for people: 6, `τ 15 γ 2`, `9 (filter.none)`."""
    if isinstance(reference, int):
        return str(reference)
    if isinstance(reference, ReadingReference):
        return f"{reference.row} ({reference.reading})"
    gamma = "" if reference.gamma is None else f" γ {reference.gamma:g}"
    form = "" if reference.form == "printed" else " (1-p)^γ"
    return f"τ {reference.tau}{gamma}{form}"
