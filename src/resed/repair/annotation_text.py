"""The text of an annotation file, edited cell by cell so that all other bytes are unchanged."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resed.repair.rules import EventSpan


@dataclass
class AnnotationText:
    """Lines of an annotation file by number, with their line ends, and the index of each column."""

    lines: dict[int, str]
    columns: Mapping[str, int]

    @classmethod
    def read(cls, path: Path) -> "AnnotationText":
        """Read a file that `read_events` accepts."""
        text = path.read_bytes().decode("utf-8")  # keeps a byte order mark
        lines = dict(enumerate(io.StringIO(text, newline=""), start=1))
        header = [cell.strip() for cell in lines[1].removeprefix("\ufeff").split("\t")]
        return cls(lines, {name: index for index, name in enumerate(header)})

    def cell(self, line: int, column: str) -> str:
        """Text of a cell, without surrounding spaces."""
        return self.lines[line].split("\t")[self.columns[column]].strip()

    def write_times(self, spans: Sequence[EventSpan]) -> None:
        """Write the times of each event into the first of its lines."""
        for span in spans:
            self._write(span.lines[0], {"onset": span.texts[0], "offset": span.texts[1]})

    def clear_event(self, line: int) -> None:
        """Empty all cells of an event but the clip name."""
        self._write(line, dict.fromkeys(("onset", "offset", "event_label"), ""))

    def remove(self, lines: Sequence[int]) -> None:
        """Remove lines."""
        for line in lines:
            del self.lines[line]

    def text(self) -> str:
        """The whole text."""
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
