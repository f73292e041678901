"""A paper's printed numbers: config/papers/{paper}/numbers.yaml, closed and typed.

A paper has metrics, editions (several publications of one work), tables in one of two layouts, and
figures. This module does not depend on a particular paper.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from resed.config.loading import check, read_yaml
from resed.errors import ConfigError
from resed.paper.figure_entries import FigureEntry
from resed.paper.tables import Name, PrintedNumber, Table, Texts, printed_numbers
from resed.runtime.files import existing
from resed.settings import Positive, Strict

FOLDER = Path("config") / "papers"


class Metric(Strict):
    """A metric of the paper's tables, and the place of our value.

    If `block` is set, our value is the macro-averaged F1 of these counts of `resed score`. If
    `score` is set, it is this number of the block `threshold_free` in metrics.json. Exactly one of
    the two must be set. `tags_map` and `tags_mauc` are mAP and mAUC of clip posteriors, from the
    block `ranking`; `event_precision` and `event_recall` are means over the classes of the block
    `event`.
    """

    title: str  # heading of a column
    short: str  # in evidence and captions
    block: Literal["event", "segment", "tags", "tags_raw", "tags_teacher"] | None = None
    score: (
        Literal["psds1", "psds2", "psds1_ungated", "psds2_ungated"]
        | Literal["tags_map", "tags_mauc", "tags_map_teacher", "event_precision", "event_recall"]
        | None
    ) = None
    unit: Literal["percent", "fraction"] = "percent"
    digits: Annotated[int, Field(ge=0, le=6)] | None = None  # None: 1 of percent, 3 of a fraction

    @model_validator(mode="after")
    def _one_source(self) -> "Metric":
        if (self.block is None) == (self.score is None):
            raise ValueError("set either block or score")
        return self

    @property
    def timed(self) -> bool:
        """Whether it is a score of events, which needs a reference with times."""
        scored = (self.score or "").startswith(("psds", "event_"))
        return scored or self.block in ("event", "segment")

    @property
    def full_scale(self) -> float:
        """The highest possible value, in the unit of the metric."""
        return 100.0 if self.unit == "percent" else 1.0

    @property
    def decimals(self) -> int:
        """The number of decimals that the paper prints."""
        if self.digits is not None:
            return self.digits
        return 1 if self.unit == "percent" else 3


class Edition(Strict):
    """One publication of the work."""

    name: str
    title: str
    authors: str
    published: str


class Comparisons(Strict):
    """Pairs of systems that the paper compares: the first with the second."""

    place: str
    pairs: list[tuple[str, str]] = []


class GainRange(Strict):
    """Bounds that the text gives to the gains of one system over another, in points.

    `lowest` and `highest` are the smallest and the largest gain; all gains exceed `more_than`.
    """

    of: str
    over: str
    metrics: list[str] = []  # empty: all of the paper
    lowest: float | None = None
    highest: float | None = None
    more_than: float | None = None


class Stated(Strict):
    """Numbers that the text states about the tables.

    `values` maps a place of a table, or `place - place`, to the number in the text.
    """

    id: str
    edition: str
    place: str
    values: dict[str, float] = {}
    gains: GainRange | None = None


class OtherNumber(Strict):
    """A number of another publication: of a metric on a split, which may not be scored here."""

    row: str
    metric: str
    split: str
    value: Annotated[float, Field(ge=0)]


class OtherSource(Strict):
    """Numbers that the authors of a system publish themselves, in the unit of their metrics."""

    title: str
    place: str
    system: str
    numbers: Annotated[list[OtherNumber], Field(min_length=1)]


class Paper(Strict):
    """All printed numbers of a paper, with their places."""

    name: str
    title: str
    authors: str
    published: str
    dataset: str
    clips: dict[str, Positive] = {}
    settings: dict[str, float] = {}
    metrics: Annotated[dict[Name, Metric], Field(min_length=1)]
    editions: Annotated[dict[Name, Edition], Field(min_length=1)]
    labels: Texts = {}
    tables: Annotated[dict[Name, Table], Field(min_length=1)]
    figures: dict[Name, FigureEntry] = {}
    comparisons: Comparisons | None = None
    stated: list[Stated] = []
    elsewhere: dict[Name, OtherSource] = {}
    chosen_on: str = ""  # split on which its systems are chosen; the page shows it beside the other
    _key: str = PrivateAttr("")

    @model_validator(mode="after")
    def _consistent(self) -> "Paper":
        for name, table in self.tables.items():
            if table.edition not in self.editions:
                raise ValueError(f"tables.{name}: unknown edition {table.edition}")
            for metric in table.metrics:
                if metric not in self.metrics:
                    raise ValueError(f"tables.{name}: unknown metric {metric}")
        for name, source in self.elsewhere.items():
            if name in self.tables or name in self.editions:
                raise ValueError(f"elsewhere.{name}: is the name of a table or an edition")
            for number in source.numbers:
                if number.metric not in self.metrics:
                    raise ValueError(f"elsewhere.{name}: unknown metric {number.metric}")
        for name, figure in self.figures.items():
            for table in (*figure.tables, *filter(None, [figure.table])):
                if table not in self.tables:
                    raise ValueError(f"figures.{name}: unknown table {table}")
            if figure.metric and figure.metric not in self.metrics:
                raise ValueError(f"figures.{name}: unknown metric {figure.metric}")
        if sum(table.layout == "systems" and table.main for table in self.tables.values()) > 1:
            raise ValueError("tables: only one table can have main: true")
        return self

    @property
    def key(self) -> str:
        """The name of its folder, as in `config.paper`."""
        return self._key

    @property
    def splits(self) -> list[str]:
        """The splits on which the paper has numbers, in the order of its tables."""
        tables = self.tables.values()
        each = (t.splits if t.layout == "systems" else [t.split] for t in tables)
        return list(dict.fromkeys(split for splits in each for split in splits))

    @property
    def main_table(self) -> str | None:
        """The key of the table that also shows baselines; None if the paper has none."""
        tables = self.tables.items()
        return next((n for n, t in tables if t.layout == "systems" and t.main), None)

    def systems(self) -> list[str]:
        """All systems of its tables, in their order."""
        return list(dict.fromkeys(s for table in self.tables.values() for s in table.systems()))

    def classes(self, edition: str | None = None) -> list[str]:
        """The classes of its class tables, of one edition or of all."""
        tables = [t for t in self.tables.values() if t.layout == "classes"]
        chosen = [table for table in tables if edition in (None, table.edition)]
        return list(dict.fromkeys(label for table in chosen for label in table.rows))

    def label(self, system: str) -> str:
        """The name of a system in text."""
        return self.labels.get(system, system)

    @cached_property
    def numbers(self) -> tuple[PrintedNumber, ...]:
        """Every number of every table, in the order of the paper."""
        return tuple(n for name, table in self.tables.items() for n in printed_numbers(name, table))

    @cached_property
    def other_numbers(self) -> tuple[PrintedNumber, ...]:
        """The numbers that the authors of the paper's systems publish elsewhere.

        They are compared with ours, but are not numbers of the paper: claims, tables and `number`
        do not have them.
        """
        return tuple(
            PrintedNumber(
                f"{name}.{n.row}.{n.metric}.{n.split}", name, name, n.row, n.row, source.system,
                n.metric, n.split, n.value,
            )
            for name, source in self.elsewhere.items()
            for n in source.numbers
        )  # fmt: skip

    def source_title(self, name: str) -> str:
        """Title of a table, or of numbers that are published elsewhere."""
        return (self.tables.get(name) or self.elsewhere[name]).title

    @cached_property
    def _by_place(self) -> dict[str, float]:
        found = {number.place: number.value for number in self.numbers}
        found |= {f"clips.{split}": count for split, count in self.clips.items()}
        found |= {f"settings.{key}": value for key, value in self.settings.items()}
        for entry in self.stated:
            for place, value in entry.values.items():
                found[f"stated.{entry.edition}.{entry.id}.{place}"] = value
        return found

    @cached_property
    def _by_system(self) -> dict[tuple[str, str, str, str | None, str | None], float]:
        found: dict[tuple[str, str, str, str | None, str | None], float] = {}
        order = list(self.editions)
        for number in sorted(self.numbers, key=lambda one: order.index(one.edition)):
            for edition in (number.edition, None):
                key = (number.system, number.metric, number.split, number.label, edition)
                found.setdefault(key, number.value)
        return found

    def number(self, place: str) -> float | None:
        """A printed number by its place; None if the paper prints none there.

        Places: those of `PrintedNumber`, `clips.ROLE`, `settings.KEY`, `stated.EDITION.ID.PLACE`.
        """
        return self._by_place.get(place)

    def cell(self, place: str) -> float:
        """As `number`; raises ConfigError if the paper prints none there."""
        value = self.number(place)
        if value is None:
            raise ConfigError("no number at this place", place=f"{self.name}: {place}")
        return value

    def printed(
        self,
        system: str,
        metric: str,
        split: str,
        label: str | None = None,
        edition: str | None = None,
    ) -> float | None:
        """The first printed number of a system, in one edition or in all; None if not printed."""
        return self._by_system.get((system, metric, split, label, edition))


def paper_names(root: Path | str = ".") -> list[str]:
    """The folders of config/papers, sorted."""
    return sorted(path.parent.name for path in (Path(root) / FOLDER).glob("*/numbers.yaml"))


def paper_file(name: str, file: str, root: Path | str = ".") -> Path:
    """config/papers/{name}/{file}. Raises ConfigError for an unknown paper, MissingFileError."""
    folder = Path(root) / FOLDER
    known = paper_names(root)
    if name not in known:
        cure = f"use one of {', '.join(known) or 'none: config/papers is empty'}"
        raise ConfigError(f"unknown paper {name}", place="config.paper", cure=cure)
    return existing(folder / name / file)


def load_paper(name: str, root: Path | str = ".") -> Paper:
    """Read config/papers/{name}/numbers.yaml. Raises ConfigError or MissingFileError."""
    path = paper_file(name, "numbers.yaml", root)
    paper = check(Paper, read_yaml(path), str(path))
    paper._key = name
    return paper
