"""One clip at a time: its bytes, what they decode to, and its row in the manifest."""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import soundfile

from resed.acquire.clip_reader import ClipReader
from resed.errors import AudioError, DatasetError
from resed.formats.audio import decode
from resed.runtime.files import existing

SILENT_PEAK = 10 ** (-90 / 20)  # full scale = 1: one step of 16-bit sound
FULL_SCALE = 1 - 2**-15  # the highest sample of 16-bit sound
CHUNK = 16


@dataclass(frozen=True)
class ClipAudit:
    """A clip as it is. rate in Hz, seconds as decoded; 0 where they cannot be known.

    `clipped` (share of samples at full scale) and `detail` (why it cannot be used) are for the
    findings; the other columns are the manifest's.
    """

    split: str
    filename: str
    sha256: str
    rate: int
    channels: int
    seconds: float
    status: str
    source: str
    clipped: float = 0.0
    detail: str = ""


COLUMNS = tuple(field.name for field in fields(ClipAudit))[:8]


@dataclass(frozen=True)
class Task:
    """A clip to read. `sha256`: its bytes when it was acquired, "" where that is not known."""

    split: str
    filename: str
    source: str
    sha256: str = ""


def audit_clip(task: Task, read: ClipReader) -> ClipAudit:
    """Read one clip whole. Never raises for what is wrong with it: that is its status.

    Status: ok, missing, outside (its name leads out of the folder), unreadable (permissions),
    empty, truncated, undecodable, nonfinite (NaN or infinite samples), silent (no sample above
    -90 dB of full scale), or altered (not the bytes that were acquired).
    """
    if leads_outside(task.filename):
        return _row(task, status="outside")
    try:
        data = read(task.filename)
    except OSError as error:
        return _row(task, status="unreadable", detail=error.strerror or "cannot be read")
    if data is None:
        return _row(task, status="missing")
    digest = hashlib.sha256(data).hexdigest()
    found = _inspect(data, task.filename)
    if task.sha256 and task.sha256 != digest:
        why = f"; {found['detail']}" if found.get("detail") else ""
        found |= {"status": "altered", "detail": f"sha256 {digest[:12]}, not as acquired{why}"}
    return _row(task, sha256=digest, **found)


def leads_outside(filename: str) -> bool:
    """Whether a name is no place below a folder, on this or another system."""
    posix, windows = PurePosixPath(filename), PureWindowsPath(filename)
    parts = {*posix.parts, *windows.parts}
    return ".." in parts or posix.is_absolute() or bool(windows.anchor) or "\0" in filename


def _row(task: Task, **found) -> ClipAudit:
    known = {"sha256": "", "rate": 0, "channels": 0, "seconds": 0.0, **found}
    return ClipAudit(task.split, task.filename, source=task.source, **known)


def _inspect(data: bytes, name: str) -> dict:
    try:
        header = soundfile.info(io.BytesIO(data))
        rate, channels = header.samplerate, header.channels
    except (soundfile.LibsndfileError, ValueError):
        rate, channels = 0, 0
    found = {"rate": rate, "channels": channels}
    try:
        samples = np.abs(decode(data, name, rate or 44100))
    except AudioError as error:
        why = str(error).removeprefix(f"{name}: ").partition("; ")[0]
        return {**found, "status": getattr(error, "status", "undecodable"), "detail": why}
    return {
        **found,
        "seconds": round(len(samples) / rate, 4),
        "status": "silent" if float(samples.max()) <= SILENT_PEAK else "ok",
        "clipped": np.count_nonzero(samples >= FULL_SCALE) / len(samples),
    }


def audited(
    tasks: Sequence[Task], readers: Mapping[str, ClipReader], processes: int = 1
) -> Iterator[ClipAudit]:
    """Audit all clips in the order of `tasks`; readers: split -> how its clips are read.

    Raises DatasetError where a process is killed from outside.
    """
    if processes == 1 or not tasks:
        for task in tasks:
            yield audit_clip(task, readers[task.split])
        return
    try:
        with ProcessPoolExecutor(processes, initializer=_start, initargs=(readers,)) as pool:
            yield from pool.map(_work, tasks, chunksize=CHUNK)
    except BrokenProcessPool:
        raise DatasetError(
            "audit: a process was ended from outside (out of memory?); give fewer --processes"
        ) from None


_readers: Mapping[str, ClipReader] = {}  # of this worker process


def _start(readers: Mapping[str, ClipReader]) -> None:
    global _readers
    _readers = readers


def _work(task: Task) -> ClipAudit:
    return audit_clip(task, _readers[task.split])


def manifest_text(rows: Iterable[ClipAudit]) -> str:
    """The manifest as tab-separated text."""
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(str(getattr(row, name)) for name in COLUMNS) for row in rows]
    return "\n".join(lines) + "\n"


def read_manifest(path: Path) -> list[ClipAudit]:
    """Read a manifest; DatasetError names the line where it is none, MissingFileError."""
    cure = "give a manifest.tsv that resed audit made"
    rows = []
    try:
        with existing(path, cure).open(encoding="utf-8", newline="") as handle:
            table = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
            if not set(COLUMNS) <= set(table.fieldnames or ()):
                raise DatasetError(f"{path} line 1: not a manifest; {cure}")
            for row in table:
                cells = [row[name] for name in COLUMNS]
                cells[3:6] = int(cells[3]), int(cells[4]), float(cells[5])
                rows.append(ClipAudit(*cells))
    except (TypeError, ValueError, csv.Error):
        raise DatasetError(
            f"{path} line {len(rows) + 2}: not a row of a manifest; {cure}"
        ) from None
    return rows
