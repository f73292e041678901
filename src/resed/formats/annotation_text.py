"""An annotation file as text: its lines with their line ends, and the cells of each row.

The one place where such a file is split into rows: read by `resed.formats.annotations`, by the
audit, which reports what its rows look like, and by repair, which keeps what it does not change.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from resed.errors import AnnotationError

CURE = "save the file as tab-separated UTF-8"
BYTE_ORDER_MARK = "\ufeff"


@dataclass
class AnnotationText:
    """Lines by their number from 1, line ends included (LF, CRLF or CR), and the header's cells."""

    lines: dict[int, str]
    header: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, replace: bool = False) -> "AnnotationText":
        """Read a file that exists.

        With `replace`, bytes that are not UTF-8 are replaced; else they and zero bytes raise
        AnnotationError that names the line.
        """
        data = path.read_bytes()
        try:
            text = data.decode("utf-8", "replace" if replace else "strict")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise AnnotationError("not UTF-8 text", place=path, line=line, cure=CURE) from None
        if "\0" in text and not replace:
            line = text.count("\n", 0, text.index("\0")) + 1
            problem = "not text (it contains a zero byte)"
            raise AnnotationError(problem, place=path, line=line, cure=CURE)
        lines = dict(enumerate(StringIO(text, newline=""), start=1))
        first = lines.get(1, "").removeprefix(BYTE_ORDER_MARK)
        return cls(lines, tuple(cell.strip() for cell in first.split("\t")))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and stripped cells of each row below the header that is not blank."""
        for number, line in self.lines.items():
            if number > 1 and line.strip():
                yield number, [cell.strip() for cell in line.rstrip("\r\n").split("\t")]

    def cells(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Line number and cells by column of each row; a short row lacks its last columns."""
        for number, row in self.rows():
            yield number, dict(zip(self.header, row, strict=False))

    def cell(self, line: int, column: str) -> str:
        """Text of one cell, stripped."""
        return self.lines[line].split("\t")[self.header.index(column)].strip()

    def write(self, line: int, cells: Mapping[str, str]) -> None:
        """Replace cells of a row; cells that hold the same text keep their spaces."""
        row = self.lines[line].rstrip("\r\n")
        end = self.lines[line][len(row) :]
        found = row.split("\t")
        for column, text in cells.items():
            index = self.header.index(column)
            if found[index].strip() != text:
                found[index] = text
        self.lines[line] = "\t".join(found) + end

    def remove(self, lines: Sequence[int]) -> None:
        """Delete rows; the others keep their numbers."""
        for line in lines:
            del self.lines[line]

    def text(self) -> str:
        """The whole file."""
        return "".join(self.lines.values())
