"""Lines and cells of a table as text, made from its frame and view, for Markdown and HTML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from resed.formats.tables import Column, Table

NONE = "–"
STALE = "†"  # after a number that was made by other code than that of now
NOT_RUN = "not run"


@dataclass(frozen=True)
class Cell:
    """The content of one cell.

    Attributes:
        text: a number or text; empty for a mark.
        interval: the interval of a number, or empty.
        word: a verdict or decision, displayed with its symbol, or empty.
        detail: the reason for the word, or empty.
    """

    text: str = ""
    interval: str = ""
    word: str = ""
    detail: str = ""

    def __str__(self) -> str:
        detail = f"({self.detail})" if self.detail else ""
        return " ".join(part for part in (self.text, self.interval, self.word, detail) if part)


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        cells: one per column; none for a heading over the lines below it.
        heading: text of a heading.
        anchor: id of the line for links; empty if no link leads to it.
        repeated: number of leading cells that repeat the line above.
    """

    cells: tuple[Cell, ...] = ()
    heading: str = ""
    anchor: str = ""
    repeated: int = 0


@dataclass
class _Group:
    """Rows of the frame that belong to one line."""

    first: Mapping[str, Any]
    rows: list[Mapping[str, Any]] = field(default_factory=list)


def lines(table: Table) -> list[Line]:
    """The lines of a table, in the order of its frame."""
    return list(_lines(table))


def _lines(table: Table) -> Iterator[Line]:
    view = table.view
    heading, anchors, above = "", set(), ()
    for group in _groups(table):
        if view.heading and (text := str(group.first[view.heading])) != heading:
            heading, above = text, ()
            yield Line(heading=heading)
        cells = tuple(_cell(group, column) for column in view.columns)
        anchor = anchor_of(table.name, *(str(group.first[key]) for key in view.anchor))
        if not view.anchor or not all(group.first[key] for key in view.anchor):
            anchor = ""
        anchor = "" if anchor in anchors else anchor
        anchors.add(anchor)
        yield Line(cells, anchor=anchor, repeated=_repeated(cells, above, view.columns))
        above = cells


def _groups(table: Table) -> list[_Group]:
    found: dict[tuple[Any, ...], _Group] = {}
    frame = table.frame
    for column, value in table.view.where.items():
        frame = frame[frame[column] == value]
    for row in frame.to_dict("records"):
        key = tuple(row[name] for name in table.view.keys)
        found.setdefault(key, _Group(row)).rows.append(row)
    return list(found.values())


def _repeated(cells: tuple[Cell, ...], above: tuple[Cell, ...], columns: tuple[Column, ...]) -> int:
    """Number of leading text cells with the same content as in the line above."""
    count = 0
    for cell, before, column in zip(cells, above, columns, strict=False):
        if column.kind != "text" or cell != before:
            break
        count += 1
    return count


def _cell(group: _Group, column: Column) -> Cell:
    row = next(
        (r for r in group.rows if all(r[key] == value for key, value in column.where.items())),
        None,
    )
    status = (group.first if row is None else row).get("status")
    missing = Cell(NOT_RUN if status == NOT_RUN else NONE)
    if row is None or pd.isna(value := row[column.field]) or value == "":
        return missing if column.role == "number" else Cell(NONE)
    if column.kind == "text":
        return Cell(str(value))
    if column.kind == "mark":
        return Cell(word=str(value), detail=str(row[column.detail]) if column.detail else "")
    if column.kind == "count":
        return Cell(str(int(value)))
    digits = int(row[column.decimals]) if column.decimals else column.digits
    text = number(value, digits, column.signed)
    if column.role != "published" and row.get("stale"):
        text += STALE
    if column.kind == "number":
        return Cell(text)
    word = str(row[column.word]) if column.word else ""
    ends = [row[end] for end in column.ends]
    if any(map(pd.isna, ends)):
        return Cell(text, word=word)
    return Cell(text, "[{}, {}]".format(*(number(e, digits, column.signed) for e in ends)), word)


def number(value: float, digits: int = 1, signed: bool = False) -> str:
    """A formatted number; a difference has a sign, and 0 is +0.0."""
    return f"{value:{'+z' if signed else ''}.{digits}f}"


def anchor_of(table: str, *names: str) -> str:
    """The id of a line of a table: `{table}-{system}`."""
    return "-".join([table, *("".join(c if c.isalnum() else "_" for c in n) for n in names)])
