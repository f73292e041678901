"""An annotation file as text: its lines with their line ends, and the cells of each row.

`resed.formats.annotations`, the audit and repair all split annotation files into rows with this
module. Repair copies unchanged cells byte for byte.
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
    """The lines of a file by line number, with their line ends (LF, CRLF or CR), and its header.

    Line numbers start at 1.
    """

    lines: dict[int, str]
    header: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, replace: bool = False) -> "AnnotationText":
        """Read a file that exists.

        With `replace`, bytes that are not UTF-8 are replaced. Otherwise they and zero bytes raise
        an AnnotationError with the line number.
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
        """Line number and cells by column of each row; short rows lack their last columns."""
        for number, row in self.rows():
            yield number, dict(zip(self.header, row, strict=False))

    def cell(self, line: int, column: str) -> str:
        """The stripped text of one cell."""
        return self.lines[line].split("\t")[self.header.index(column)].strip()

    def write(self, line: int, cells: Mapping[str, str]) -> None:
        """Replace cells of a row; cells with equal text keep their spaces."""
        row = self.lines[line].rstrip("\r\n")
        end = self.lines[line][len(row) :]
        found = row.split("\t")
        for column, text in cells.items():
            index = self.header.index(column)
            if found[index].strip() != text:
                found[index] = text
        self.lines[line] = "\t".join(found) + end

    def remove(self, lines: Sequence[int]) -> None:
        """Delete rows; other rows keep their line numbers."""
        for line in lines:
            del self.lines[line]

    def text(self) -> str:
        """The content of the whole file."""
        return "".join(self.lines.values())
