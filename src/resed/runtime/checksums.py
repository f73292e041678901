"""SHA-256 of results and annotations: recorded when a file is made, compared before it is read.

A run sets RESED_RESULTS to its results folder (workflow/rules/common.smk). Without this variable,
nothing is recorded or compared. The record of results/demo/tables/claims.csv is
results/demo/checksums/tables/claims.csv.sha256: one line in the format of sha256sum, with the path
relative to results/demo, so that `sha256sum --check` can read it. The second line, which begins
with `#`, states what made the file: stage, fingerprint of its code, versions of packages, device.

Annotations are in data/, because they may be a user's own. Acquire records them, one record per
split: results/demo/checksums/annotations/weak.sha256 has the path relative to data/demo.
"""

import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from resed.errors import AlteredError
from resed.runtime import fingerprint
from resed.runtime.temporary import own_tail, sweep, temporary_name

VARIABLE = "RESED_RESULTS"
FOLDER = "checksums"
NAMED_RUNS = "runs"  # folder of the named runs, each with records of its own
ANNOTATIONS = "annotations"  # folder of the records of annotations, in FOLDER
SUFFIX = ".sha256"
# Rewritten every epoch, checked by CRCs of their own, and no outputs of a rule: a kill between the
# writes of a record and of its file would make them useless.
SCRATCH = ("resume.pt", "energy.json")
CHECKED_BY_READER = (".store",)  # has one checksum per clip, compared when it is opened
CORRUPT = "checksum record is corrupt"
LARGEST_RECORD = 1 << 20  # bytes; a record has two lines
_LINES = re.compile(r"(([0-9a-f]{64})  (.+)\n)(?:# (\{.+\}) ([0-9a-f]{8})\n)?")
_compared: dict[Path, tuple[int, int, int]] = {}  # stamps of the compared files
_comparing: Path | None = None  # the folder of `comparing`
_acquiring = False


def digest(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def line(value: str, path: Path) -> str:
    """A line in the format of sha256sum."""
    return f"{value}  {path.as_posix()}\n"


def absolute(path: Path) -> Path:
    """The absolute path without `..`. Links are kept, because a results folder may be a link."""
    return Path(os.path.normpath(path.absolute()))


def compare(path: Path) -> None:
    """In a run, raise AlteredError if a result or an annotation file differs from its record.

    A file is hashed once per process, unless its inode, size or date changes.
    """
    results, place = _run() or _comparing, absolute(path)
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


@contextmanager
def comparing(results: Path) -> Iterator[None]:
    """Compare files with their records as in a run while the block runs; nothing is recorded.

    For commands that read the results of a run and are started by hand.
    """
    global _comparing
    _compared.clear()
    _comparing = absolute(results)
    try:
        yield
    finally:
        _comparing = None


def _run() -> Path | None:
    """The results folder of this run; None outside of a run."""
    results = os.environ.get(VARIABLE)
    return Path(results) if results else None


def _stamp(path: Path) -> tuple[int, int, int]:
    """Inode, size and date of a file, which change when it is rewritten."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _write(record: Path, value: str, name: Path, maker: dict[str, Any] | None = None) -> None:
    text = line(value, name)
    if maker:
        told = json.dumps(maker, sort_keys=True)
        text += f"# {told} {_crc(text, told)}\n"
    record.parent.mkdir(parents=True, exist_ok=True)
    sweep(record.parent.resolve())
    temporary = record.with_name(temporary_name(record.name, own_tail()))
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())  # before the result: an empty record would be corrupt
        os.replace(temporary, record)
    finally:
        temporary.unlink(missing_ok=True)


def _read(record: Path) -> tuple[str, str] | None:
    """Hash and name of a record; None if it is corrupt. Raises FileNotFoundError."""
    found = _parts(record)
    return (found[0], found[1]) if found else None


def _parts(record: Path) -> tuple[str, str, str | None] | None:
    """Hash, name and maker (JSON) of a record; None if it is corrupt."""
    if record.stat().st_size > LARGEST_RECORD:
        return None
    found = _LINES.fullmatch(record.read_bytes().decode("utf-8", "replace"))
    if not found or (found[4] and found[5] != _crc(found[1], found[4])):
        return None
    return found[2], found[3], found[4]


def _crc(first: str, told: str) -> str:
    return f"{zlib.crc32((first + told).encode()):08x}"


def maker_of(record: Path) -> dict[str, Any] | None:
    """What made the file of a record, as `fingerprint.made_by` returns it; None if unknown."""
    try:
        found = _parts(record)
        maker = json.loads(found[2]) if found and found[2] else None
    except (OSError, ValueError, RecursionError):
        return None
    known = isinstance(maker, dict) and all(type(maker.get(k)) is str for k in ("stage", "code"))
    return maker if known else None


# ---- results -------------------------------------------------------------------------------------


def record_of(results: Path, relative: Path | str) -> Path:
    """Path of the record of `results`/`relative`."""
    return results / FOLDER / f"{relative}{SUFFIX}"


def record(made: Path, path: Path) -> None:
    """In a run, record the checksum of the file `made`, which is about to be renamed to `path`.

    The record is written before the file is renamed, so that each result has a record.
    """
    results, place = _run(), absolute(path)
    if results is not None and results in place.parents and path.name not in SCRATCH:
        relative = place.relative_to(results)
        _write(record_of(results, relative), digest(made), relative, fingerprint.made_by())


def write(results: Path, relative: Path, value: str) -> None:
    """Record the SHA-256 `value` of `results`/`relative`, a file that no stage made."""
    _write(record_of(results, relative), value, relative)


def forget(path: Path) -> None:
    """In a run, remove the record of a result that was deleted."""
    results, place = _run(), absolute(path)
    if results is not None and results in place.parents:
        record_of(results, place.relative_to(results)).unlink(missing_ok=True)


def read(results: Path, relative: Path | str) -> str | None:
    """The recorded SHA-256 of `results`/`relative`; None if there is no record.

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
class AnnotationChecksums:
    """An annotation file and its records (record -> SHA-256), one per split that uses the file."""

    results: Path
    path: Path
    records: dict[Path, str] = field(default_factory=dict)

    def status(self) -> Literal["ok", "altered", "missing"]:
        """The status by any of its records, because the records are updated one after the other."""
        if not self.path.is_file():
            return "missing"
        return "ok" if digest(self.path) in self.records.values() else "altered"

    def cure(self) -> str:
        """How to correct an altered or missing file; the user's only copy must not be deleted."""
        again = acquire_again(self.results, *self.records)
        if not self.path.is_file():
            return f"make restore, or {again}"
        return (
            f"move it away, then make restore, or {again}; to keep your own changes to a "
            "dataset of recordings, run only this command"
        )


def acquire_again(results: Path, *records: Path) -> str:
    """The command that rewrites these records of annotations."""
    folder = results / "acquire"
    if (folder / "labels").is_dir():  # recordings
        folder = folder / "labels"
    jobs = [os.path.relpath(folder / f"{path.stem}.json") for path in records]
    return f"snakemake --cores all --force {' '.join(jobs)} (and your --configfile)"


@contextmanager
def acquiring() -> Iterator[None]:
    """Compare no annotations while the block runs, because it makes their records."""
    global _acquiring
    _acquiring = True
    try:
        yield
    finally:
        _acquiring = False


def record_annotations(split: str, path: Path) -> None:
    """In a run, record the checksum of the annotations of a split; called by acquire."""
    results, place = _run(), absolute(path)
    if results is not None and data_folder(results) in place.parents:
        target = record_of(results, f"{ANNOTATIONS}/{split}")
        _write(target, digest(path), place.relative_to(data_folder(results)))


def recorded_annotations(results: Path) -> tuple[list[AnnotationChecksums], list[Path]]:
    """The annotation files that have a record, and the records that are corrupt."""
    found, corrupt, data = dict[Path, AnnotationChecksums](), [], data_folder(results)
    for path in sorted((results / FOLDER / ANNOTATIONS).glob(f"[!.]*{SUFFIX}")):
        try:
            told = _read(path)
        except FileNotFoundError:  # another job is rewriting it
            continue
        if told is None or ".." in Path(told[1]).parts or Path(told[1]).is_absolute():
            corrupt.append(path)
        else:
            file = data / told[1]
            found.setdefault(file, AnnotationChecksums(results, file)).records[path] = told[0]
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
    """The folder of the dataset: data/{dataset} for results/{dataset} and its named runs."""
    place = absolute(results)
    if place.parent.name == NAMED_RUNS and not (place.parents[1] / "data" / place.name).is_dir():
        place = place.parents[1]  # results/{dataset}/runs/{name}
    data = place.parent.parent / "data" / place.name
    return data if results.is_absolute() else Path(os.path.relpath(data))
