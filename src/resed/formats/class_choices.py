"""Which of several systems serves each class: one row per class, tab-separated.

Chosen on development, with the window and the threshold at which it was.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pandas as pd

from resed.errors import ResultsError
from resed.formats.text_table import TextTable
from resed.formats.validation import SourceFile
from resed.formats.windows import LONGEST_S
from resed.runtime.files import write_tsv

CURE = "make it with resed assign"


@dataclass(frozen=True, slots=True)
class ClassChoice:
    """One row of the file.

    Attributes:
        f1: event-based F1 on development as a fraction; None if development has no event of the
            class and none was found.
        window_s: window of the median filter in seconds.
        threshold: frame threshold, from 0 to 1.
    """

    event_label: str
    system: str
    f1: float | None
    window_s: float
    threshold: float


COLUMNS = tuple(field.name for field in fields(ClassChoice))


def write_class_choices(path: Path | str, choices: Iterable[ClassChoice]) -> None:
    """Write the file atomically; numbers have six decimals, and a missing F1 is empty."""
    write_tsv(path, COLUMNS, (map(_text, astuple(choice)) for choice in choices))


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:.6f}" if isinstance(cell, float) else str(cell)


def read_class_choices(path: Path | str) -> dict[str, ClassChoice]:
    """Read the file: label -> row. Raises MissingFileError, or ResultsError with the line."""
    source = SourceFile(Path(path), ResultsError, CURE)
    table = TextTable(source, COLUMNS)
    table.names("event_label", "system")
    table.unique("event_label")
    table.numbers("f1", empty=True, high=1.0)
    table.numbers("window_s", high=LONGEST_S)
    table.numbers("threshold", high=1.0)
    if table.frame.empty:
        raise source.wrong("has no class")
    rows = table.frame.astype(object).itertuples(index=False, name=None)
    return {row[0]: ClassChoice(*(None if pd.isna(cell) else cell for cell in row)) for row in rows}
