"""Checksums of results: recorded as a file is made, compared before it is read.

A run names its results folder in RESED_RESULTS (workflow/rules/common.smk); without that nothing is
recorded or compared. The record of results/demo/tables/table1.csv is
results/demo/checksums/tables/table1.csv.sha256: one line as sha256sum writes it, with the path from
results/demo, so that `sha256sum --check` reads it too.
"""

import hashlib
import os
import re
from pathlib import Path

from resed.errors import AlteredError

VARIABLE = "RESED_RESULTS"
FOLDER = "checksums"
SUFFIX = ".sha256"
SCRATCH = ("resume.pt",)  # rewritten every epoch and no result: its own CRCs tell of damage
CHECKED_BY_READER = (".store",)  # has a checksum a clip, compared when it is opened
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")
_compared: dict[Path, tuple[int, int, int]] = {}  # what stat said of a file when it was compared


def digest(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def record_of(results: Path, relative: Path | str) -> Path:
    """Where the checksum of `results`/`relative` is recorded."""
    return results / FOLDER / f"{relative}{SUFFIX}"


def record(made: Path, path: Path) -> None:
    """In a run, record the checksum of the file `made` that is about to be renamed to `path`.

    Recorded first and renamed then: no result stands there without its checksum.
    """
    place = _in_results(path)
    if place:
        write(*place, digest(made))


def write(results: Path, relative: Path, value: str) -> None:
    """Record that `results`/`relative` has the SHA-256 `value`."""
    target = record_of(results, relative)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as handle:
            handle.write(line(value, relative))
            handle.flush()
            os.fsync(handle.fileno())  # before its file: an empty record would condemn a whole file
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def line(value: str, path: Path) -> str:
    """A line as sha256sum writes it."""
    return f"{value}  {path.as_posix()}\n"


def read(results: Path, relative: Path | str) -> str | None:
    """The recorded SHA-256 of `results`/`relative`; None where there is no record.

    Raises AlteredError where the record itself is damaged.
    """
    path = record_of(results, relative)
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    found = _LINE.fullmatch(text)
    if not found or found[2] != Path(relative).as_posix():
        raise AlteredError(f"{path}: is no checksum any more; delete what it belongs to, run again")
    return found[1]


def compare(path: Path) -> None:
    """In a run, raise AlteredError if `path` is a result and not the file that was recorded."""
    place = _in_results(path)
    if not place or path.suffix in CHECKED_BY_READER:
        return
    seen = stamp(path)
    if _compared.get(path) == seen:
        return
    recorded = read(*place)
    if recorded is not None and digest(path) != recorded:
        raise AlteredError(
            f"{path}: not the file that was made here (its sha256 is not the one recorded); "
            "delete it and run again, or make restore"
        )
    _compared[path] = seen


def absolute(path: Path) -> Path:
    """The path from the root, without `..`. Not resolved: a folder of results may be a link."""
    return Path(os.path.normpath(path.absolute()))


def stamp(path: Path) -> tuple[int, int, int]:
    """What changes with a file that is written anew; a file is hashed once a process by it."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _in_results(path: Path) -> tuple[Path, Path] | None:
    """The results folder of this run and the path below it; None for files of no run."""
    results = os.environ.get(VARIABLE)
    if not results or path.name in SCRATCH:
        return None
    folder, place = Path(results), absolute(path)
    return (folder, place.relative_to(folder)) if folder in place.parents else None
