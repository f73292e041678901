"""An annotation file as its lines are, so that what is not mended stays as it was."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resed.repair.rules import Span


@dataclass
class Sheet:
    """The lines of an annotation file as they are, line ends included, and where columns stand."""

    lines: dict[int, str]
    columns: Mapping[str, int]

    @classmethod
    def of(cls, path: Path) -> "Sheet":
        """Read a file that the reader of annotations has accepted."""
        text = path.read_bytes().decode("utf-8")  # with its byte order mark, where it has one
        lines = dict(enumerate(io.StringIO(text, newline=""), start=1))
        header = [cell.strip() for cell in lines[1].removeprefix("\ufeff").split("\t")]
        return cls(lines, {name: index for index, name in enumerate(header)})

    def cell(self, line: int, column: str) -> str:
        """Text of a cell."""
        return self.lines[line].split("\t")[self.columns[column]].strip()

    def put(self, spans: Sequence[Span]) -> None:
        """Write the times of each event into the first of its rows."""
        for span in spans:
            self._write(span.lines[0], {"onset": span.texts[0], "offset": span.texts[1]})

    def empty(self, line: int) -> None:
        """Leave the clip's name alone."""
        self._write(line, dict.fromkeys(("onset", "offset", "event_label"), ""))

    def remove(self, lines: Sequence[int]) -> None:
        """Take rows out."""
        for line in lines:
            del self.lines[line]

    def text(self) -> str:
        """The file."""
        return "".join(self.lines.values())

    def _write(self, line: int, cells: Mapping[str, str]) -> None:
        row = self.lines[line].rstrip("\r\n")
        end = self.lines[line][len(row) :]
        found = row.split("\t")
        for column, text in cells.items():
            index = self.columns[column]
            if found[index].strip() != text:
                found[index] = text
        self.lines[line] = "\t".join(found) + end
