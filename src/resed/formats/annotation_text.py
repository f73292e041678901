"""An annotation file as text: its lines with their line ends, and the cells of each row.

`resed.formats.annotations`, the audit and repair all split annotation files into rows with this
module. Repair copies unchanged cells byte for byte.

Cells are separated by tabs, semicolons or commas, whichever the header uses. A cell in double
quotes, as spreadsheets and `csv` write it, is read as its content; a quote within it is doubled.
The module `csv` is not used because it drops the quotes and spaces that repair must keep.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

from resed.errors import AnnotationError

CURE = "save the file as tab-separated UTF-8"
BYTE_ORDER_MARK = "\ufeff"
SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}
LARGEST_ANNOTATIONS = 1 << 27  # bytes; two million rows have about 100 MB
MOST_LINES = 4_000_000  # 0.9 GB of memory
LONGEST_LINE = 1 << 20  # characters
IDENTIFIER = "filename"  # the column that every annotation file has


class OpenQuoteError(ValueError):
    """A cell begins with a quote and does not end with one."""


@dataclass
class AnnotationText:
    """The lines of a file by line number, with their line ends (LF, CRLF or CR), and its header.

    Line numbers start at 1. `separator` is a key of SEPARATORS.
    """

    lines: dict[int, str]
    header: tuple[str, ...]
    separator: str = "\t"

    @classmethod
    def read(cls, path: Path, replace: bool = False) -> "AnnotationText":
        """Read a file that exists.

        With `replace`, bytes that are not UTF-8 are replaced. Otherwise they and zero bytes raise
        an AnnotationError with the line number. A file above LARGEST_ANNOTATIONS, MOST_LINES or
        LONGEST_LINE raises one before it takes memory.
        """
        size = path.stat().st_size
        if size > LARGEST_ANNOTATIONS:
            raise _too_large(path, f"{size} bytes; at most {LARGEST_ANNOTATIONS} are read")
        data = path.read_bytes()
        if data.count(b"\n") + data.count(b"\r") > 2 * MOST_LINES:  # CRLF has both
            raise _too_large(path, f"more than {MOST_LINES} lines")
        if not replace:
            _check_text(path, data)
        lines: dict[int, str] = {}
        errors = "replace" if replace else "strict"
        with TextIOWrapper(BytesIO(data), "utf-8", errors, newline="") as handle:
            for number, line in enumerate(handle, start=1):
                if number > MOST_LINES:
                    raise _too_large(path, f"more than {MOST_LINES} lines")
                if len(line) > LONGEST_LINE:
                    raise _too_large(path, f"more than {LONGEST_LINE} characters", number)
                lines[number] = line
        first = lines.get(1, "").removeprefix(BYTE_ORDER_MARK)
        headers = {separator: _header(first, separator) for separator in SEPARATORS}
        used = next((mark for mark, cells in headers.items() if IDENTIFIER in cells), "\t")
        return cls(lines, headers[used], used)

    def rows(self, refuse: Callable[[int], None] | None = None) -> Iterator[tuple[int, list[str]]]:
        """Line number and content of the cells of each row below the header that is not blank.

        Args:
            refuse: called with the line number of each row in which a quoted cell does not end;
                the row is then skipped. By default, its cells are split as if it had no quotes.
        """
        for number, line in self.lines.items():
            if number == 1 or not line.strip():
                continue
            row = line.rstrip("\r\n")
            try:
                yield number, [content(cell) for cell in split(row, self.separator)]
            except OpenQuoteError:
                if refuse is not None:
                    refuse(number)
                else:
                    yield number, [cell.strip() for cell in row.split(self.separator)]

    def cells(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Line number and cells by column of each row; short rows lack their last columns."""
        for number, row in self.rows():
            yield number, dict(zip(self.header, row, strict=False))

    def cell(self, line: int, column: str) -> str:
        """The content of one cell."""
        return content(self._split(line)[self.header.index(column)])

    def write(self, line: int, cells: Mapping[str, str]) -> None:
        """Replace cells of a row; cells with equal content keep their spaces and quotes."""
        row = self.lines[line].rstrip("\r\n")
        end = self.lines[line][len(row) :]
        found = self._split(line)
        for column, text in cells.items():
            index = self.header.index(column)
            if content(found[index]) != text:
                found[index] = quoted(text, self.separator)
        self.lines[line] = self.separator.join(found) + end

    def _split(self, line: int) -> list[str]:
        return split(self.lines[line].rstrip("\r\n"), self.separator)

    def remove(self, lines: Sequence[int]) -> None:
        """Delete rows; other rows keep their line numbers."""
        for line in lines:
            del self.lines[line]

    def text(self) -> str:
        """The content of the whole file."""
        return "".join(self.lines.values())


def _too_large(path: Path, problem: str, line: int | None = None) -> AnnotationError:
    cure = "use an annotation file: one row per event or clip"
    return AnnotationError(problem, place=path, line=line, cure=cure)


def _check_text(path: Path, data: bytes) -> None:
    """Raise AnnotationError for bytes that are not UTF-8, and for zero bytes."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        problem, place = "not UTF-8 text", error.start
    else:
        problem, place = "not text (it contains a zero byte)", data.find(b"\0")
    if place >= 0:
        line = data.count(b"\n", 0, place) + 1
        raise AnnotationError(problem, place=path, line=line, cure=CURE)


def _header(line: str, separator: str) -> tuple[str, ...]:
    try:
        return tuple(content(cell) for cell in split(line.rstrip("\r\n"), separator))
    except OpenQuoteError:
        return tuple(cell.strip() for cell in line.split(separator))


def split(row: str, separator: str) -> list[str]:
    """The cells of a row as they are written; separators within quotes belong to their cell.

    Raises OpenQuoteError.

    Examples:
        >>> split('a.wav,"Dog,Cat"', ",")
        ['a.wav', '"Dog,Cat"']
    """
    parts = row.split(separator)
    if '"' not in row:
        return parts
    cells: list[str] = []
    kept: list[str] = []  # parts of a quoted cell that has not ended
    quotes = 0
    for part in parts:
        if not kept and not part.lstrip().startswith('"'):
            cells.append(part)
            continue
        kept.append(part)
        quotes += part.count('"')
        if quotes % 2 == 0:
            cells.append(separator.join(kept))
            kept, quotes = [], 0
    if kept:
        raise OpenQuoteError
    return cells


def content(cell: str) -> str:
    """The text of a cell without the spaces and the quotes around it.

    Raises OpenQuoteError.

    Examples:
        >>> content(' Dog '), content('"Dog "'), content('"a ""b"" c"')
        ('Dog', 'Dog', 'a "b" c')
    """
    text = cell.strip()
    if not text.startswith('"'):
        return text
    inner = text[1:-1].replace('""', "")
    if len(text) < 2 or not text.endswith('"') or '"' in inner:
        raise OpenQuoteError
    return text[1:-1].replace('""', '"').strip()


def quoted(text: str, separator: str = "\t") -> str:
    """The cell that `content` reads as `text`; in quotes only where they are required."""
    if text.startswith('"') or separator in text:
        return '"' + text.replace('"', '""') + '"'
    return text
