"""Annotations as they were acquired: compared in a run before they are read, and by resed verify.

They lie in data/, where no job records a checksum: they may be a user's own. What is known of them
is the SHA-256 that acquire put into its record, results/{dataset}/acquire/{split}.json.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resed.errors import AlteredError
from resed.runtime import checksums

FOLDER = "acquire"  # of results/{dataset}
_compared: dict[Path, tuple[int, int, int]] = {}  # what stat said of a file when it was compared
_acquiring = False


@dataclass
class Annotations:
    """One annotation file, and what is recorded of it.

    records: record of acquire -> SHA-256; several where splits share the file. editable: acquire
    found or fetched it and keeps a change; else it writes the file anew.
    """

    path: Path
    records: dict[Path, str]
    editable: bool

    def status(self) -> Literal["ok", "altered", "missing"]:
        """Whether it is there, and as one of its records says: they are renewed one by one."""
        if not self.path.is_file():
            return "missing"
        return "ok" if checksums.digest(self.path) in self.records.values() else "altered"

    def cure(self) -> str:
        """What to do where it is not ok. Never to delete it: it may be the only copy."""
        records = " ".join(os.path.relpath(record) for record in self.records)
        again = f"snakemake --cores all --force {records} (and your --configfile)"
        if not self.path.is_file():
            return f"make restore, or {again}"
        kept = "; to keep a change of your own, that alone, with the file there"
        return f"move it away, then make restore, or {again}{kept if self.editable else ''}"


@contextmanager
def acquiring() -> Iterator[None]:
    """Compare no annotations while the block runs: it makes the records."""
    global _acquiring
    _acquiring = True
    try:
        yield
    finally:
        _acquiring = False


def recorded(results: Path, records: Iterable[Path]) -> list[Annotations]:
    """The annotation files that `records` of acquire tell of; those without a hash are left out."""
    data, found = _data(results), dict[Path, Annotations]()
    for record in records:
        try:
            told = json.loads(record.read_bytes())
            path, value = data / told["annotations"], told["annotations_sha256"]
        except (FileNotFoundError, ValueError, LookupError, TypeError):
            continue  # just being made anew, or by a resed that recorded none
        editable = told.get("seed") is None  # as it is in records of recordings
        found.setdefault(path, Annotations(path, {}, editable)).records[record] = value
    return list(found.values())


def compare(path: Path) -> None:
    """In a run, raise AlteredError if `path` is an annotation file and not the one acquired."""
    results = os.environ.get(checksums.VARIABLE)
    absolute = checksums.absolute(path)
    if not results or _acquiring or _data(Path(results)) not in absolute.parents:
        return
    seen = checksums.stamp(path)
    if _compared.get(absolute) == seen:
        return
    for known in recorded(Path(results), _trusted(Path(results))):
        if known.path == absolute and known.status() != "ok":
            raise AlteredError(
                f"{path}: not the annotations that were acquired (another sha256 is recorded); "
                f"{known.cure()}"
            )
    _compared[absolute] = seen


def _trusted(results: Path) -> Iterator[Path]:
    """The records of acquire, each compared with its own checksum."""
    for record in sorted((results / FOLDER).glob("[!.]*.json")):
        try:
            checksums.compare(record)
        except FileNotFoundError:  # another job makes it anew
            continue
        yield record


def _data(results: Path) -> Path:
    """The dataset's own folder, data/{dataset}, as the workflow lays it out beside results/."""
    absolute = checksums.absolute(results)
    data = absolute.parent.parent / "data" / absolute.name
    return data if results.is_absolute() else Path(os.path.relpath(data))
