"""The manifest of an audit: one row per clip of each split, tab-separated (manifest.tsv)."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from resed.errors import DatasetError
from resed.formats.text_table import TextTable
from resed.formats.validation import SourceFile
from resed.runtime.files import write_tsv

# Clips with status `ok` are used; resed.audit.clip_audit describes the others.
STATUSES = (
    *("ok", "missing", "outside", "unreadable", "empty", "truncated", "undecodable"),
    *("damaged", "several", "odd_rate", "nonfinite", "silent", "cancelled"),
    *("altered", "rejected", "leak"),
)
CURE = "use a manifest.tsv of resed audit, or run resed audit again"


@dataclass(frozen=True)
class ManifestRow:
    """One clip: rate in Hz and decoded length in seconds, both 0 if unknown.

    `sha256` is the hash of the file, "" if it could not be read.
    """

    split: str
    filename: str
    sha256: str
    rate: int
    channels: int
    seconds: float
    status: str
    source: str


COLUMNS = tuple(field.name for field in fields(ManifestRow))


def write_manifest(path: Path | str, rows: Iterable[ManifestRow]) -> None:
    """Write the rows in the given order, atomically."""
    write_tsv(path, COLUMNS, ([getattr(row, name) for name in COLUMNS] for row in rows))


def read_manifest(path: Path | str) -> pd.DataFrame:
    """Read a manifest: one row per clip in the order of the file, columns as in ManifestRow.

    The index is the line number. rate and channels are int64, seconds is float64, and all other
    columns are text. Empty numbers (unknown) are read as 0.

    Raises:
        DatasetError: a column is missing, a cell has a wrong type or is out of range, or a clip of
            a split has two rows. The message contains the line number.
        MissingFileError: the file does not exist.
    """
    table = TextTable(SourceFile(Path(path), DatasetError, CURE), COLUMNS, exact=False)
    table.names("split", "filename")
    table.one_of("status", STATUSES)
    hashes = table.frame["sha256"].str.fullmatch("([0-9a-f]{64})?").astype(bool)
    table.refuse(~hashes, "sha256 is not 64 hexadecimal digits")
    table.integers("rate", empty=True)
    table.integers("channels", empty=True)
    table.numbers("seconds", empty=True)
    table.unique("split", "filename")
    unknown = (table.frame["sha256"] == "") & (table.frame["status"] == "ok")
    table.refuse(unknown, "sha256 of a usable clip is empty")
    known = table.frame[["rate", "channels", "seconds"]].fillna(0)
    return table.frame.assign(**known.astype({"rate": "int64", "channels": "int64"}))
