"""Tables of text with a header line, tab- or comma-separated, checked cell by cell."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from resed.formats.validation import SourceFile, is_name, short_line
from resed.runtime.files import existing

LARGEST_TABLE = 1 << 29  # bytes; a manifest of two million clips has about 300 MB
LONGEST_LINE = 1 << 24  # bytes
MOST_CELLS = 32_000_000  # of all rows; a manifest of two million clips has 16 million
MOST_COLUMNS = 50_000  # a history has two columns per class
LONGEST_CELL = 100_000  # characters
INTEGER = re.compile(r"-?[0-9]{1,15}")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
SHOWN_COLUMNS = 12  # of a header, in an error


class TextTable:
    """A table whose cells are text until they are checked.

    `frame` has the required columns, and its index is the line number in the file. Lines are split
    here because `pandas.read_csv` pads short rows and does not report their line.

    Args:
        source: the file.
        columns: the required columns; None accepts any unique names.
        exact: whether other columns and another order are refused.
        separator: a tab, or a comma for files with quoted cells.

    Raises the error class of `source` for a missing column or a row of another width.
    """

    def __init__(
        self,
        source: SourceFile,
        columns: Sequence[str] | None,
        exact: bool = True,
        separator: str = "\t",
    ) -> None:
        self.source = source
        lines = _lines(source) if separator == "\t" else _quoted(source, separator)
        _, header = next(lines, (1, [""]))
        self._check_header(header, columns, exact)
        rows: dict[int, list[str]] = {}
        for number, row in lines:
            if len(row) != len(header):
                raise source.wrong(f"{len(row)} cells, but the header has {len(header)}", number)
            if any(len(cell) > LONGEST_CELL for cell in row):
                raise source.wrong(f"a cell of more than {LONGEST_CELL} characters", number)
            if (len(rows) + 1) * len(header) > MOST_CELLS:
                raise source.wrong(f"more than {MOST_CELLS} cells", number)
            rows[number] = row
        frame = pd.DataFrame(list(rows.values()), index=list(rows), columns=header, dtype=object)
        self.frame = frame if columns is None else frame[list(columns)].copy()

    def _check_header(
        self, header: Sequence[str], columns: Sequence[str] | None, exact: bool
    ) -> None:
        if len(header) > MOST_COLUMNS:
            raise self.source.wrong(f"more than {MOST_COLUMNS} columns", 1)
        if columns is None:
            known = all(map(is_name, header))
            words = "unique names, none empty"
        else:
            known = list(header) == list(columns) if exact else set(columns) <= set(header)
            words = ", ".join(columns[:SHOWN_COLUMNS]) + ", ..." * (len(columns) > SHOWN_COLUMNS)
        if not known or len(set(header)) < len(header):
            raise self.source.wrong(f"the columns must be {words}", 1)

    def refuse(self, bad: pd.Series, problem: str) -> None:
        """Raise an error for the first row for which `bad` is true."""
        if bad.any():
            raise self.source.wrong(problem, int(bad.idxmax()))

    def names(self, *columns: str) -> None:
        """Require a name in each cell of these columns (see `is_name`)."""
        for column in columns:
            cells = self.frame[column]
            self.refuse(cells == "", f"{column} is empty")
            self.refuse(~cells.map(is_name).astype(bool), f"{column} is not a name")

    def one_of(self, column: str, allowed: Sequence[str]) -> None:
        """Require one of the allowed texts in each cell."""
        self.refuse(
            ~self.frame[column].isin(allowed), f"{column} is not one of {', '.join(allowed)}"
        )

    def unique(self, *columns: str) -> None:
        """Require that no two rows are equal in these columns."""
        bad = self.frame.duplicated(list(columns))
        self.refuse(bad, f"another row has the same {' and '.join(columns)}")

    def integers(self, column: str, low: int = 0, empty: bool = False, high: int = 10**15) -> None:
        """Require integers from `low` to `high`; makes the column int64, or Int64 with `empty`."""
        cells = self.frame[column]
        if not all(INTEGER.fullmatch(cell) or (empty and not cell) for cell in cells):
            known = cells.str.fullmatch(INTEGER).astype(bool) | ((cells == "") & empty)
            self.refuse(~known, f"{column} is not an integer")
        values = pd.Series(
            [int(cell) if cell else None for cell in cells],
            index=cells.index,
            dtype="Int64" if empty else "int64",
        )
        self.refuse((values < low).fillna(False), f"{column} is below {low}")
        self.refuse((values > high).fillna(False), f"{column} is above {high}")
        self.frame[column] = values

    def numbers(
        self,
        column: str,
        low: float = 0.0,
        empty: bool = False,
        high: float = math.inf,
    ) -> None:
        """Require finite numbers from `low` to `high`; the column becomes float64, NaN if empty."""
        cells = self.frame[column]
        values = pd.Series(
            [float(cell) if DECIMAL.fullmatch(cell) else math.nan for cell in cells],
            index=cells.index,
            dtype="float64",
        )
        known = values.abs() < math.inf
        self.refuse(~(known | ((cells == "") & empty)), f"{column} is not a finite number")
        self.refuse(values < low, f"{column} is below {low:g}")
        self.refuse(values > high, f"{column} is above {high:g}")
        self.frame[column] = values


def text_lines(source: SourceFile) -> Iterator[str]:
    """The lines of a file with their line ends; only one at a time is in memory."""
    path: Path = existing(source.path, source.cure)
    size = path.stat().st_size
    if size > LARGEST_TABLE:
        raise source.wrong(f"{size} bytes; at most {LARGEST_TABLE} are read")
    with path.open("rb") as handle:
        number = 0
        while data := handle.readline(LONGEST_LINE + 1):
            number += 1
            if len(data) > LONGEST_LINE:
                raise source.wrong(f"a line of more than {LONGEST_LINE} bytes", number)
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise source.wrong("not UTF-8 text", number) from None
            if "\0" in text:
                raise source.wrong("not text (it contains a zero byte)", number)
            yield text


def _lines(source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """The header, then line number and cells of each row that is not blank, without quotes."""
    for number, line in enumerate(text_lines(source), start=1):
        if line.strip() or number == 1:
            yield number, line.removesuffix("\n").rstrip("\r").split("\t")


def _quoted(source: SourceFile, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The header, then line number and cells of each row that is not blank; cells may be quoted."""
    reader = csv.reader(text_lines(source), strict=True, delimiter=separator)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise source.wrong(short_line(error), reader.line_num) from None
