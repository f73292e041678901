"""A stored table as the page shows it: rows that ran, and one line per system for all splits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from resed.formats.tables import Column, Table, View
from resed.tabulate.layout import NOT_RUN, Line, lines

TALL = 24  # lines from which a table has its own scroll bar
FILTERED = 8  # lines from which a table has a field to filter its rows
CLASSES = {"published": "number paper"}  # of the style sheet, where it is not the role
VALUES = ("number", "published")  # roles of columns that differ between splits
SPLIT = "split"


@dataclass(frozen=True)
class Heading:
    """A heading over `span` columns; empty text over columns without a common heading."""

    text: str
    span: int


@dataclass(frozen=True)
class PageTable:
    """A table with its lines and its layout on the page.

    Attributes:
        table: the stored table, without rows that were not run, in the layout of the page.
        lines: its lines, headings included.
        groups: headings over several columns; empty if there are none.
    """

    table: Table
    lines: tuple[Line, ...]
    groups: tuple[Heading, ...] = ()

    @classmethod
    def of(cls, table: Table, metrics: Sequence[str] = (), whole: bool = False) -> "PageTable":
        """Lay out a stored table.

        Args:
            metrics: show only the scores of these metrics; empty for all.
            whole: keep rows that were not run, and the stored layout.
        """
        if whole:
            return cls(table, tuple(lines(table)))
        frame = table.frame
        if "status" in frame:
            frame = frame[frame["status"] != NOT_RUN]
        view = _of_metrics(table.view, metrics) if metrics else table.view
        groups: tuple[Heading, ...] = ()
        if SPLIT in view.keys:
            view, groups = _beside(view, list(dict.fromkeys(frame[SPLIT])))
        shown = replace(table, frame=frame, view=_with_values(view, frame))
        if len(shown.view.columns) != len(view.columns):
            groups = _groups(shown.view.columns) if groups else ()
        return cls(shown, tuple(lines(shown)), groups)

    @property
    def ran(self) -> bool:
        """False if no system of the table was run."""
        return bool(self.lines)

    @property
    def tall(self) -> bool:
        """Whether the table has its own scroll bar."""
        return len(self.lines) > TALL

    @property
    def filtered(self) -> bool:
        """Whether the rows can be filtered."""
        return len(self.lines) > FILTERED

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are shown."""
        return self.table.view.columns

    @property
    def anchors(self) -> set[str]:
        """Ids of its lines."""
        return {line.anchor for line in self.lines if line.anchor}

    def title(self, index: int) -> str:
        """The heading of one column, below its group."""
        column = self.columns[index]
        if not self.groups or SPLIT not in column.where:
            return column.title
        first = column.role == "number" and column.kind != "mark"
        return column.where[SPLIT] if first and column.title in self._grouped else column.title

    @property
    def _grouped(self) -> set[str]:
        return {heading.text for heading in self.groups}

    def css(self, index: int) -> str:
        """The class of a cell in the style sheet."""
        role = self.columns[index].role
        return CLASSES.get(role, role)

    def under(self, heading: str) -> Iterable[tuple[Line, str]]:
        """The lines below a heading, each with its verdict."""
        marks = [i for i, column in enumerate(self.columns) if column.kind == "mark"]
        current = ""
        for line in self.lines:
            if line.heading:
                current = line.heading
            elif current == heading:
                yield line, line.cells[marks[0]].word


def _of_metrics(view: View, metrics: Sequence[str]) -> View:
    kept = [c for c in view.columns if c.where.get("metric", metrics[0]) in metrics]
    return view.model_copy(update={"columns": tuple(kept)})


def _beside(view: View, splits: Sequence[str]) -> tuple[View, tuple[Heading, ...]]:
    """One line for all splits: each column of values once per split, those of a metric together."""
    columns: list[Column] = []
    block: list[Column] = []

    def flush() -> None:
        for split in splits:
            columns.extend(c.model_copy(update={"where": c.where | {SPLIT: split}}) for c in block)
        block.clear()

    for column in view.columns:
        if column.field == SPLIT:
            continue
        if not column.where and column.role not in VALUES:
            flush()
            columns.append(column)
            continue
        if block and column.where.get("metric") != block[0].where.get("metric"):
            flush()
        block.append(column)
    flush()
    keys = tuple(key for key in view.keys if key != SPLIT)
    return view.model_copy(update={"keys": keys, "columns": tuple(columns)}), _groups(columns)


def _groups(columns: Sequence[Column]) -> tuple[Heading, ...]:
    """One heading over the columns of each metric: the title of its first column."""
    found: list[tuple[object, Heading]] = []
    for column in columns:
        metric = column.where.get("metric") if SPLIT in column.where else None
        if found and found[-1][0] == metric:
            heading = found[-1][1]
            found[-1] = (metric, Heading(heading.text, heading.span + 1))
        else:
            found.append((metric, Heading(column.title if metric else "", 1)))
    return tuple(heading for _, heading in found)


def _with_values(view: View, frame: pd.DataFrame) -> View:
    """The view without columns of values that no row has, such as those of a system not run."""
    kept = [c for c in view.columns if c.role not in VALUES or not c.where or _has_value(c, frame)]
    return view.model_copy(update={"columns": tuple(kept)})


def _has_value(column: Column, frame: pd.DataFrame) -> bool:
    rows = pd.Series(True, index=frame.index)
    for name, value in column.where.items():
        rows &= frame[name] == value
    found = frame.loc[rows, column.field]
    return bool((found.notna() & (found.astype(str) != "")).any())
