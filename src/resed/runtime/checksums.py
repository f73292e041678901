"""SHA-256 of results and annotations: recorded when a file is made, compared before it is read.

A run names its results folder in RESED_RESULTS (workflow/rules/common.smk); without that nothing is
recorded or compared. The record of results/demo/tables/table1.csv is
results/demo/checksums/tables/table1.csv.sha256: one line as sha256sum writes it, with the path from
results/demo, so that `sha256sum --check` reads it too.

Annotations are in data/, because they may be a user's own. Acquire records them, one record per
split: results/demo/checksums/annotations/weak.sha256 has the path from data/demo.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from resed.errors import AlteredError

VARIABLE = "RESED_RESULTS"
FOLDER = "checksums"
ANNOTATIONS = "annotations"  # folder of the records of annotations, in FOLDER
SUFFIX = ".sha256"
SCRATCH = ("resume.pt",)  # rewritten every epoch and not a result: checked by its own CRCs
CHECKED_BY_READER = (".store",)  # has a checksum per clip, compared when it is opened
CORRUPT = "checksum record is corrupt"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")
_compared: dict[Path, tuple[int, int, int]] = {}  # the stamp of each file that was compared
_acquiring = False


def digest(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def line(value: str, path: Path) -> str:
    """A line as sha256sum writes it."""
    return f"{value}  {path.as_posix()}\n"


def absolute(path: Path) -> Path:
    """The absolute path without `..`. Links are not resolved: a folder of results may be one."""
    return Path(os.path.normpath(path.absolute()))


def compare(path: Path) -> None:
    """In a run, raise AlteredError if a result or an annotation file differs from its record.

    A file is hashed once per process, as long as its size and date stay the same.
    """
    results, place = _run(), absolute(path)
    if results is None:
        return
    in_results = results in place.parents
    if in_results and (path.name in SCRATCH or path.suffix in CHECKED_BY_READER):
        return
    if not in_results and (_acquiring or data_folder(results) not in place.parents):
        return
    stamp = _stamp(path)
    if _compared.get(place) == stamp:
        return
    if in_results:
        _compare_result(results, place.relative_to(results), path)
    else:
        _compare_annotations(results, place, path)
    _compared[place] = stamp


def _run() -> Path | None:
    """The results folder of this run; None outside of a run."""
    results = os.environ.get(VARIABLE)
    return Path(results) if results else None


def _stamp(path: Path) -> tuple[int, int, int]:
    """Changes when a file is written anew."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _write(record: Path, value: str, name: Path) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    temporary = record.with_name(f".{record.name}.{os.getpid()}.part")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as handle:
            handle.write(line(value, name))
            handle.flush()
            os.fsync(handle.fileno())  # before its file: an empty record would condemn a whole file
        os.replace(temporary, record)
    finally:
        temporary.unlink(missing_ok=True)


def _read(record: Path) -> tuple[str, str] | None:
    """Hash and name of a record; None if it is corrupt. Raises FileNotFoundError."""
    found = _LINE.fullmatch(record.read_bytes().decode("utf-8", "replace"))
    return (found[1], found[2]) if found else None


# ---- results -------------------------------------------------------------------------------------


def record_of(results: Path, relative: Path | str) -> Path:
    """Where the checksum of `results`/`relative` is recorded."""
    return results / FOLDER / f"{relative}{SUFFIX}"


def record(made: Path, path: Path) -> None:
    """In a run, record the checksum of the file `made`, which is about to be renamed to `path`.

    The record is written before the file is renamed, so that no result is without one.
    """
    results, place = _run(), absolute(path)
    if results is not None and results in place.parents and path.name not in SCRATCH:
        write(results, place.relative_to(results), digest(made))


def write(results: Path, relative: Path, value: str) -> None:
    """Record that `results`/`relative` has the SHA-256 `value`."""
    _write(record_of(results, relative), value, relative)


def read(results: Path, relative: Path | str) -> str | None:
    """The recorded SHA-256 of `results`/`relative`; None without a record.

    Raises AlteredError if the record is corrupt.
    """
    path = record_of(results, relative)
    try:
        found = _read(path)
    except FileNotFoundError:
        return None
    if found is None or found[1] != Path(relative).as_posix():
        cure = "delete the file that it describes and rerun"
        raise AlteredError(CORRUPT, place=path, cure=cure)
    return found[0]


def _compare_result(results: Path, relative: Path, path: Path) -> None:
    recorded = read(results, relative)
    if recorded is not None and digest(path) != recorded:
        problem = "not the file that was made here (its SHA-256 differs from the record)"
        cure = "delete it and rerun, or make restore"
        raise AlteredError(problem, place=path, cure=cure)


# ---- annotations ---------------------------------------------------------------------------------


@dataclass
class Annotations:
    """An annotation file and its records: record -> SHA-256, several if splits share the file."""

    results: Path
    path: Path
    records: dict[Path, str] = field(default_factory=dict)

    def status(self) -> Literal["ok", "altered", "missing"]:
        """Whether it exists, and agrees with one of its records: they are renewed one by one."""
        if not self.path.is_file():
            return "missing"
        return "ok" if digest(self.path) in self.records.values() else "altered"

    def cure(self) -> str:
        """What to do if it is not ok. Never to delete it: it may be the only copy."""
        again = acquire_again(self.results, *self.records)
        if not self.path.is_file():
            return f"make restore, or {again}"
        return (
            f"move it away, then make restore, or {again}; with recordings, that command alone "
            "accepts a change of your own"
        )


def acquire_again(results: Path, *records: Path) -> str:
    """The command that writes these records of annotations anew."""
    jobs = [os.path.relpath(results / "acquire" / f"{path.stem}.json") for path in records]
    return f"snakemake --cores all --force {' '.join(jobs)} (and your --configfile)"


@contextmanager
def acquiring() -> Iterator[None]:
    """Compare no annotations while the block runs: it makes their records."""
    global _acquiring
    _acquiring = True
    try:
        yield
    finally:
        _acquiring = False


def record_annotations(split: str, path: Path) -> None:
    """In a run, record the checksum of the annotations that acquire found or made for a split."""
    results, place = _run(), absolute(path)
    if results is not None and data_folder(results) in place.parents:
        target = record_of(results, f"{ANNOTATIONS}/{split}")
        _write(target, digest(path), place.relative_to(data_folder(results)))


def recorded_annotations(results: Path) -> tuple[list[Annotations], list[Path]]:
    """The annotation files that have a record, and the records that are corrupt."""
    found, corrupt, data = dict[Path, Annotations](), [], data_folder(results)
    for path in sorted((results / FOLDER / ANNOTATIONS).glob(f"[!.]*{SUFFIX}")):
        try:
            told = _read(path)
        except FileNotFoundError:  # another job is writing it anew
            continue
        if told is None or ".." in Path(told[1]).parts:
            corrupt.append(path)
        else:
            file = data / told[1]
            found.setdefault(file, Annotations(results, file)).records[path] = told[0]
    return list(found.values()), corrupt


def _compare_annotations(results: Path, place: Path, path: Path) -> None:
    known, corrupt = recorded_annotations(results)
    for record in corrupt:
        raise AlteredError(CORRUPT, place=record, cure=acquire_again(results, record))
    for one in known:
        if one.path == place and one.status() != "ok":
            problem = "not the annotations that were acquired (their SHA-256 differs)"
            raise AlteredError(problem, place=path, cure=one.cure())


def data_folder(results: Path) -> Path:
    """The dataset's own folder, data/{dataset} beside results/{dataset}, as the workflow has it."""
    place = absolute(results)
    data = place.parent.parent / "data" / place.name
    return data if results.is_absolute() else Path(os.path.relpath(data))
