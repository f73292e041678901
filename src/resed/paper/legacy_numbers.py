"""Published numbers: config/papers/{name}.yaml, closed and typed. F1 in percent throughout."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, PrivateAttr, model_validator

from resed.config.closed import check, read_yaml
from resed.errors import ConfigError
from resed.paper.legacy_contradictions import sentences
from resed.runtime.files import existing
from resed.settings import Positive, Strict

Percent = Annotated[float, Field(ge=0, le=100)]
Pair = tuple[Percent | None, Percent | None]  # development, evaluation; None: not printed
METRICS = ("event", "segment", "tags")
SPLITS = ("development", "evaluation")
WINDOWS = {"average": 8, "esp": 9}  # columns of Table 3: the rows of Table 1 that they compare
CLASS_METRICS = ("event", "tags")  # what a cell of Table 3 holds
OVERALL = "Overall"
VERSIONS = {"journal": "liang_journal", "letter": "liang_letter"}


class SystemRow(Strict):
    """A row of the paper's Table 1. `id` is the paper's own, `row` the journal version's."""

    id: int
    row: int | None = None
    system: str
    event: Pair
    segment: Pair
    tags: Pair


class StageRow(Strict):
    """A row of Table 2: epochs before the focal loss, its exponent, and the scores."""

    tau: int
    gamma: float | None
    event: Pair
    segment: Pair
    tags: Pair

    @property
    def key(self) -> str:
        """`15-2` for tau 15 and gamma 2; `200` for the row without the focal loss."""
        return f"{self.tau}" if self.gamma is None else f"{self.tau}-{self.gamma:g}"


class ClassRow(Strict):
    """A row of Table 3 on evaluation: (event-F1, AT-F1) by average and by ESP windows."""

    average: tuple[Percent, Percent]
    esp: tuple[Percent, Percent]


class Table1(Strict):
    """Systems against metrics."""

    place: str
    rows: Annotated[list[SystemRow], Field(min_length=1)]


class Table2(Strict):
    """The study of the two-stage schedule."""

    place: str
    rows: Annotated[list[StageRow], Field(min_length=1)]


class Table3(Strict):
    """Class by class, average against event-specific windows."""

    place: str
    rows: dict[str, ClassRow]
    overall: ClassRow


class GainRange(Strict):
    """Bounds that the text gives to the gains of one row of Table 1 over another, in points.

    `lowest` and `highest` are the smallest and the largest gain; `more_than` bounds all from below.
    """

    of: int
    over: int
    metrics: list[str] = list(METRICS)
    lowest: float | None = None
    highest: float | None = None
    more_than: float | None = None


class Stated(Strict):
    """Numbers that the text states about its tables.

    `values` maps a place of a table, or `place - place`, to the number in the text.
    """

    id: str
    place: str
    values: dict[str, float] = {}
    gains: GainRange | None = None


@dataclass(frozen=True)
class Cell:
    """One number of a table, and where it stands.

    `place` is what `Paper.cell` reads; `table` the paper's own name; `row` the row of the journal's
    Table 1 whose system gives this number (None for Table 2, where `stage` does).
    """

    place: str
    table: str
    id: str
    title: str
    metric: str
    split: str
    value: float
    row: int | None = None
    stage: tuple[int, float | None] | None = None
    label: str | None = None


class Paper(Strict):
    """What a paper prints, with the places where it stands."""

    name: str
    title: str
    authors: str
    published: str
    dataset: str
    clips: dict[str, Positive]
    settings: dict[str, float]
    table1: Table1
    table2: Table2 | None = None
    table3: Table3
    stated: list[Stated] = []
    _sentences: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="after")
    def _unique(self) -> "Paper":
        ids = [row.id for row in self.table1.rows]
        rows = [row.row for row in self.table1.rows if row.row is not None]
        if len(set(ids)) != len(ids) or len(set(rows)) != len(rows):
            raise ValueError("table1: an id or a row stands twice; number the rows apart")
        return self

    @cached_property
    def by_row(self) -> dict[int, SystemRow]:
        """The rows of Table 1 by the journal version's id, which `row` of a system refers to."""
        return {row.row: row for row in self.table1.rows if row.row is not None}

    @property
    def contradictions(self) -> tuple[str, ...]:
        """Where this version contradicts itself as sentences."""
        return self._sentences

    def cells(self) -> Iterator[Cell]:
        """Every number of every table, in the order of the paper."""
        yield from self._systems()
        yield from self._stages()
        yield from self._classes()

    def _systems(self) -> Iterator[Cell]:
        table = self.table1.place.partition(",")[0]
        for row in self.table1.rows:
            for metric, split, value in _numbers(row):
                place = f"table1.{row.row}.{metric}.{split}"
                yield Cell(place, table, str(row.id), row.system, metric, split, value, row.row)

    def _stages(self) -> Iterator[Cell]:
        for row in self.table2.rows if self.table2 else []:
            table = self.table2.place.partition(",")[0]
            title = f"τ {row.tau}" + ("" if row.gamma is None else f", γ {row.gamma:g}")
            stage = (row.tau, row.gamma)
            for metric, split, value in _numbers(row):
                place = f"table2.{row.key}.{metric}.{split}"
                yield Cell(place, table, row.key, title, metric, split, value, stage=stage)

    def _classes(self) -> Iterator[Cell]:
        table = self.table3.place.partition(",")[0]
        for label, row in [*self.table3.rows.items(), (OVERALL, self.table3.overall)]:
            for window, system in WINDOWS.items():
                for metric, value in zip(CLASS_METRICS, getattr(row, window), strict=True):
                    place = f"table3.{label}.{window}.{metric}"
                    title = f"{label}, {window}"
                    chosen = None if label == OVERALL else label
                    yield Cell(
                        *(place, table, label, title, metric, "evaluation", value, system),
                        label=chosen,
                    )

    @cached_property
    def _by_place(self) -> dict[str, float]:
        numbers = {cell.place: cell.value for cell in self.cells()}
        numbers |= {f"clips.{split}": count for split, count in self.clips.items()}
        return numbers | {f"settings.{key}": value for key, value in self.settings.items()}

    def number(self, place: str) -> float | None:
        """A printed number by its place, or None where the paper prints none there.

        Places: `table1.ROW.METRIC.SPLIT` (ROW of the journal's table), `table2.TAU-GAMMA.METRIC.
        SPLIT`, `table3.CLASS.WINDOWS.METRIC` (CLASS may be Overall), `clips.SPLIT`, `settings.KEY`.
        """
        return self._by_place.get(place)

    def cell(self, place: str) -> float:
        """As `number`; ConfigError where the paper prints none there."""
        value = self.number(place)
        if value is None:
            raise ConfigError(f"{self.name}: no number at {place}; correct the place")
        return value


def _numbers(row: SystemRow | StageRow) -> Iterator[tuple[str, str, float]]:
    for metric in METRICS:
        for split, value in zip(SPLITS, getattr(row, metric), strict=True):
            if value is not None:
                yield metric, split, value


def load_paper(name: str, root: Path | str = ".") -> Paper:
    """Read config/papers/{name}.yaml. Raises ConfigError or MissingFileError in one line."""
    folder = Path(root) / "config" / "papers"
    known = ", ".join(name for name in VERSIONS.values() if (folder / f"{name}.yaml").is_file())
    path = existing(folder / f"{name}.yaml", f"known papers: {known or 'none'}")
    paper = check(Paper, read_yaml(path), str(path))
    paper._sentences = sentences(Path(root), name)
    return paper


def load_versions(root: Path | str = ".") -> dict[str, Paper]:
    """Both versions of the paper, `journal` and `letter`. Raises as `load_paper`."""
    return {version: load_paper(name, root) for version, name in VERSIONS.items()}
