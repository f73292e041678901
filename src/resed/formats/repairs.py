"""Changes made by `resed repair`: repairs.tsv with one row per change, and repair.json."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from resed.errors import ResultsError
from resed.formats.text_table import TextTable
from resed.formats.validation import (
    HASH,
    NAME,
    TEXT,
    Fields,
    SourceFile,
    integer,
    number,
)
from resed.runtime.files import write_json, write_tsv

COLUMNS = ("split", "filename", "lines", "rule", "before", "after")
CURE = "run resed repair again"
SPLIT = Fields(
    {
        "annotations": NAME,
        "original_sha256": HASH,
        "repaired_sha256": HASH,
        "events": integer(),
        "events_repaired": integer(),
        "repairs": Fields({}, others=integer()),  # rule -> number of changes
    }
)
SUMMARY = Fields(
    {
        "dataset": NAME,
        "resed": TEXT,
        "manifest_sha256": HASH,
        "gap_s": number(0),
        "splits": Fields({}, others=SPLIT),
    }
)


def write_repairs(path: Path | str, rows: Iterable[Sequence[str]]) -> None:
    """Write repairs.tsv atomically: the cells of each row in the order of COLUMNS."""
    write_tsv(path, COLUMNS, rows)


def read_repairs(path: Path | str) -> pd.DataFrame:
    """Read repairs.tsv: one row per change, all cells as text.

    Raises MissingFileError, or ResultsError with the line number.
    """
    table = TextTable(SourceFile(Path(path), ResultsError, CURE), COLUMNS)
    table.names("split", "filename", "rule", "before")
    lines = table.frame["lines"].str.fullmatch(r"[0-9]{1,15}(,[0-9]{1,15})*").astype(bool)
    table.refuse(~lines, "lines are not numbers separated by commas")
    return table.frame


def write_repair_summary(path: Path | str, summary: Mapping[str, Any]) -> None:
    """Write repair.json atomically: hashes and counts of each repaired split."""
    write_json(path, summary)


def read_repair_summary(path: Path | str) -> dict[str, Any]:
    """Read and check repair.json. Raises MissingFileError, or ResultsError with the key."""
    return SourceFile(Path(path), ResultsError, CURE).json(SUMMARY)
