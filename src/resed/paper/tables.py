"""Printed tables as data: two layouts, and the numbers in them.

The layouts are `systems`, systems against metrics, and `classes`, classes against systems. This
module does not depend on a particular paper.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.config.dataset import OVERALL
from resed.config.systems import NAME
from resed.settings import Strict

Name = Annotated[str, Field(pattern=NAME)]
Number = Annotated[float, Field(ge=0)]
Texts = dict[str, str]


class Variant(Strict):
    """A further system that the printed numbers of a row may belong to."""

    system: str
    cells: Texts = {}


class SystemRow(Strict):
    """A row of a table of systems.

    `values`: metric -> one number per split; null: not printed. A row without values is not in the
    table of the paper and is shown for comparison.
    """

    id: str
    title: str
    system: str
    cells: Texts = {}
    variants: list[Variant] = []
    values: dict[str, list[Number | None]]


class _Table(Strict):
    """Fields of both layouts. `place`: its place in the paper; `notes`: sentences below it."""

    edition: str
    title: str
    place: str
    metrics: Annotated[list[str], Field(min_length=1)]
    notes: list[str] = []


class SystemTable(_Table):
    """Systems against metrics on some splits.

    `cells`: headings of the leading columns. `settings`: further columns, each with one setting of
    the system as trained in this run (heading -> path in its settings). `main`: whether the table
    also shows systems that are in no table of the paper, rows with the frame threshold chosen on
    development, and the baselines.
    """

    layout: Literal["systems"]
    splits: Annotated[list[str], Field(min_length=1)]
    cells: list[str] = []
    settings: Texts = {}
    main: bool = False
    rows: Annotated[list[SystemRow], Field(min_length=1)]

    @model_validator(mode="after")
    def _rectangular(self) -> "SystemTable":
        ids = [row.id for row in self.rows]
        if len(set(ids)) != len(ids):
            raise ValueError("two rows have the same id; give each row a unique id")
        for row in self.rows:
            for metric, values in row.values.items():
                if metric not in self.metrics or len(values) != len(self.splits):
                    raise ValueError(
                        f"row {row.id}: values of {metric} must be one number per split, "
                        "for a metric of the table"
                    )
        return self

    def systems(self) -> list[str]:
        """Systems in the order of the rows, variants included."""
        return list(
            dict.fromkeys(
                name
                for row in self.rows
                for name in (row.system, *(variant.system for variant in row.variants))
            )
        )


class SystemColumn(Strict):
    """A column of a table of classes: one system."""

    system: str
    title: str


class ClassTable(_Table):
    """Classes against systems on one split; each cell holds one number per metric.

    `gain`: two columns whose difference is shown, the first minus the second.
    """

    layout: Literal["classes"]
    split: str
    columns: Annotated[dict[Name, SystemColumn], Field(min_length=1)]
    gain: tuple[str, str] | None = None
    rows: Annotated[dict[str, dict[str, list[Number | None]]], Field(min_length=1)]
    overall: dict[str, list[Number | None]]

    @model_validator(mode="after")
    def _rectangular(self) -> "ClassTable":
        for label, row in [*self.rows.items(), ("overall", self.overall)]:
            if set(row) != set(self.columns) or any(
                len(values) != len(self.metrics) for values in row.values()
            ):
                raise ValueError(f"row {label}: requires one number per column and metric")
        if self.gain and not set(self.gain) <= set(self.columns):
            raise ValueError("gain: names a column that the table does not have")
        return self

    def systems(self) -> list[str]:
        """Systems in the order of the columns."""
        return list(dict.fromkeys(column.system for column in self.columns.values()))


Table = Annotated[SystemTable | ClassTable, Field(discriminator="layout")]


@dataclass(frozen=True)
class PrintedNumber:
    """One number of a table.

    Attributes:
        place: its key, `{table}.{row}.{metric}.{split}` or `{table}.{class}.{column}.{metric}`.
        edition, table: keys of the paper.
        row: the id of the row as printed, or the class.
        title: the row as displayed.
        system: the system of config/systems to which the number belongs.
        metric, split: the metric and the split.
        value: as printed.
        label: the class in a table of classes; None overall.
        column: the column in a table of classes.
    """

    place: str
    edition: str
    table: str
    row: str
    title: str
    system: str
    metric: str
    split: str
    value: float
    label: str | None = None
    column: str | None = None


def printed_numbers(name: str, table: SystemTable | ClassTable) -> Iterator[PrintedNumber]:
    """All numbers of a table, in its order."""
    if table.layout == "systems":
        for row in table.rows:
            for metric in table.metrics:
                values = row.values.get(metric, [])
                for split, value in zip(table.splits, values, strict=False):
                    if value is not None:
                        place = f"{name}.{row.id}.{metric}.{split}"
                        yield PrintedNumber(
                            place, table.edition, name, row.id, row.title, row.system, metric,
                            split, value,
                        )  # fmt: skip
        return
    for label, row in [*table.rows.items(), (OVERALL, table.overall)]:
        for key, column in table.columns.items():
            for metric, value in zip(table.metrics, row[key], strict=True):
                if value is not None:
                    place = f"{name}.{label}.{key}.{metric}"
                    yield PrintedNumber(
                        place, table.edition, name, label, column.title, column.system, metric,
                        table.split, value, None if label == OVERALL else label, key,
                    )  # fmt: skip
