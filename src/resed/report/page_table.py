"""A stored table as the page shows it."""

from collections.abc import Iterable
from dataclasses import dataclass

from resed.formats.tables import Column, Table
from resed.tabulate.layout import NOT_RUN, Line, lines

TALL = 24  # lines from which a table has its own scroll bar
CLASSES = {"published": "number paper"}  # of style.css, where it is not the role of the column


@dataclass(frozen=True)
class PageTable:
    """A table with its lines and its layout on the page.

    Attributes:
        table: the stored table.
        lines: its lines, headings included.
        ran: False if no system of the table was run.
    """

    table: Table
    lines: tuple[Line, ...]
    ran: bool

    @classmethod
    def of(cls, table: Table) -> "PageTable":
        """Lay out a stored table."""
        frame = table.frame
        ran = "status" not in frame or (frame["status"] != NOT_RUN).any()
        return cls(table, tuple(lines(table)), bool(ran))

    @property
    def tall(self) -> bool:
        """Whether the table has its own scroll bar."""
        return len(self.lines) > TALL

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are shown."""
        return self.table.view.columns

    @property
    def anchors(self) -> set[str]:
        """Ids of its lines."""
        return {line.anchor for line in self.lines if line.anchor}

    def css(self, index: int, line: Line | None = None) -> str:
        """The class of a cell in style.css."""
        role = self.columns[index].role
        again = " again" * (line is not None and index < line.repeated)
        return CLASSES.get(role, role) + again

    def under(self, heading: str) -> Iterable[tuple[Line, str]]:
        """The lines below a heading, each with its verdict."""
        marks = [i for i, column in enumerate(self.columns) if column.kind == "mark"]
        current = ""
        for line in self.lines:
            if line.heading:
                current = line.heading
            elif current == heading:
                yield line, line.cells[marks[0]].word
