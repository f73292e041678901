"""A table as the page shows it: cells of HTML, ids of lines, and what repeats the line above."""

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from resed.report import anchors
from resed.report.symbols import cell
from resed.results.folder import Results
from resed.tabulate.table import Line, Table

TALL = 24  # lines from which a table scrolls in a window of its own
PROSE = 24  # characters from which a column is wide enough for sentences


@dataclass(frozen=True)
class Cell:
    """What it says and its class in style.css."""

    text: Markup
    kind: str


@dataclass(frozen=True)
class Row:
    """A line; `heading` stands over the lines below it, and then there are no cells."""

    anchor: str
    heading: Markup | str
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A table of the page. `ran` is False where no system of it is configured."""

    name: str
    title: str
    caption: tuple[str, ...]
    head: tuple[Cell, ...]
    rows: tuple[Row, ...]
    tall: bool
    ran: bool


def sheet(name: str, table: Table, results: Results) -> Sheet:
    """Lay out `table` for the page."""
    return Sheet(
        name,
        table.title,
        table.caption,
        tuple(Cell(cell(t), _kind(i, table)) for i, t in enumerate(table.columns)),
        tuple(_rows(name, table, results)),
        len(table.lines) > TALL,
        any(record.get("seeds", True) for record in table.records),
    )


def _rows(name: str, table: Table, results: Results) -> Iterator[Row]:
    ids = anchors.of_lines(name, table, results)
    before: Line | None = None
    for line, anchor in zip(table.lines, ids, strict=True):
        if line.heading:
            yield Row(anchor, cell(line.heading))
        else:
            yield Row(anchor, "", tuple(_cells(line, before, table)))
        before = line


def _cells(line: Line, before: Line | None, table: Table) -> Iterator[Cell]:
    above = before.cells if before else ()
    named = table.words > 1 and "Split" in table.columns[: table.words]  # a row has several lines
    same = named  # up to the first column that differs, a line repeats the one above
    for index, text in enumerate(line.cells):
        same = same and index < table.words and index < len(above) and above[index] == text
        yield Cell(cell(text), _kind(index, table) + " again" * same)


def _kind(index: int, table: Table) -> str:
    if index >= table.words:
        return "number paper" if "paper" in table.columns[index] else "number"
    longest = max((len(line.cells[index]) for line in table.lines if line.cells), default=0)
    kind = "prose" if longest > PROSE else "word"
    return kind + " name" * (table.columns[index] in ("System", "Event class", "Reading"))
