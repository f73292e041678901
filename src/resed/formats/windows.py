"""Windows of the median filters: one row per class, tab-separated, in seconds."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pandas as pd

from resed.errors import ResultsError
from resed.formats.text_table import TextTable
from resed.formats.validation import SourceFile
from resed.runtime.files import write_tsv

LONGEST_S = 3600.0  # of a window or a mean event; a filter takes memory for each of its frames
CURE = "make it with resed calibrate"


@dataclass(frozen=True, slots=True)
class Window:
    """One row of WINDOWS.tsv. Times are in seconds; None if a value does not exist.

    `method` is the requested method. `fallback` is the reason why another value was used, or "".
    """

    event_label: str
    events: int
    mean_s: float | None
    window_s: float
    method: str
    knee_index: int | None
    knee_s: float | None
    fallback: str


COLUMNS = tuple(field.name for field in fields(Window))


def write_windows(path: Path | str, windows: Iterable[Window]) -> None:
    """Write WINDOWS.tsv atomically; seconds have six decimals, and missing values are empty.

    Raises ResultsError for times that `read_windows` would refuse.
    """
    windows = list(windows)
    for window in windows:
        longest = max(window.window_s, window.mean_s or 0.0, window.knee_s or 0.0)
        if longest > LONGEST_S:
            raise ResultsError(
                f"the window of {window.event_label} or its events last {longest:.0f} s, but at "
                f"most {LONGEST_S:.0f} s can be filtered",
                place=path,
                cure="correct the times of the events, or leave the class out",
            )
    write_tsv(path, COLUMNS, (map(_text, astuple(window)) for window in windows))


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:.6f}" if isinstance(cell, float) else str(cell)


def read_windows(path: Path | str) -> dict[str, Window]:
    """Read WINDOWS.tsv: label -> row.

    Raises MissingFileError, or ResultsError with the line number.
    """
    table = TextTable(SourceFile(Path(path), ResultsError, CURE), COLUMNS)
    table.names("event_label", "method")
    table.unique("event_label")
    table.integers("events")
    table.integers("knee_index", empty=True)
    table.numbers("window_s", high=LONGEST_S)
    for column in ("mean_s", "knee_s"):
        table.numbers(column, empty=True, high=LONGEST_S)
    rows = table.frame.astype(object).itertuples(index=False, name=None)
    return {row[0]: Window(*(None if pd.isna(cell) else cell for cell in row)) for row in rows}
