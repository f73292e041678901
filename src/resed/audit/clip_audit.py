"""Audit single clips: read and decode the file, and make its row of the manifest."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO

import numpy as np

from resed.acquire.clip_reader import ClipReader
from resed.errors import AudioError
from resed.formats.acquired_audio import difference
from resed.formats.audio import mix, open_audio
from resed.formats.manifest import ManifestRow
from resed.runtime.pool import map_in_processes

SILENT_PEAK = 10 ** (-90 / 20)  # full scale = 1; about one quantization step of 16-bit audio
FULL_SCALE = 1 - 2**-15  # the largest sample value of 16-bit audio
CHUNK = 16  # clips per task


@dataclass(frozen=True)
class ClipAudit(ManifestRow):
    """The row of one clip in the manifest, and the values that only the findings use.

    `clipped` is the share of samples at full scale, and `detail` the reason why the clip cannot be
    used.
    """

    clipped: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class ClipToAudit:
    """A clip to read; `sha256` is the hash that acquire recorded, "" if unknown."""

    split: str
    filename: str
    source: str
    sha256: str = ""


def audit_clip(clip: ClipToAudit, read: ClipReader) -> ClipAudit:
    """Read and decode one clip. Never raises for a broken clip; the status describes it.

    Status: ok, missing, outside (the name leads out of the folder), unreadable (cannot be opened),
    empty, truncated, undecodable, nonfinite (NaN or infinite samples), silent (no sample above
    -90 dB of full scale), or altered (the bytes differ from those that were acquired).
    """
    if leads_outside(clip.filename):
        return _row(clip, status="outside")
    try:
        handle = read(clip.filename)
        if handle is None:
            return _row(clip, status="missing")
        with handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            found = _inspect(handle, clip.filename)
    except OSError as error:
        return _row(clip, status="unreadable", detail=error.strerror or "cannot be opened")
    if altered := difference(clip.sha256, digest):
        detail = "; ".join(filter(None, [altered, found.get("detail", "")]))
        found |= {"status": "altered", "detail": detail}
    return _row(clip, sha256=digest, **found)


def leads_outside(filename: str) -> bool:
    """Whether a clip name leads out of its folder, on Linux or on Windows."""
    posix, windows = PurePosixPath(filename), PureWindowsPath(filename)
    parts = {*posix.parts, *windows.parts}
    return ".." in parts or posix.is_absolute() or bool(windows.anchor) or "\0" in filename


def _row(clip: ClipToAudit, **found) -> ClipAudit:
    known = {"sha256": "", "rate": 0, "channels": 0, "seconds": 0.0, **found}
    return ClipAudit(clip.split, clip.filename, source=clip.source, **known)


def _inspect(handle: BinaryIO, name: str) -> dict:
    found = {"rate": 0, "channels": 0}
    frames, clipped, peak = 0, 0, 0.0
    try:
        with open_audio(handle, name) as sound:
            found = {"rate": sound.rate, "channels": sound.channels}
            for block in sound.blocks():
                samples = np.abs(mix(block))
                frames, peak = frames + len(samples), max(peak, float(samples.max()))
                clipped += np.count_nonzero(samples >= FULL_SCALE)
    except AudioError as error:
        status = getattr(error, "status", "undecodable")
        return {**found, "status": status, "detail": error.problem}
    return {
        **found,
        "seconds": round(frames / found["rate"], 4),
        "status": "silent" if peak <= SILENT_PEAK else "ok",
        "clipped": clipped / frames,
    }


def audited(
    clips: Sequence[ClipToAudit], readers: Mapping[str, ClipReader], processes: int = 1
) -> Iterator[ClipAudit]:
    """Audit `clips` in the given order; `readers` maps a split to the reader of its clips.

    Raises ProcessError if a process is killed.
    """
    return map_in_processes(
        _audit_one, readers, clips, processes=processes, chunk=CHUNK, place="audit"
    )


def _audit_one(readers: Mapping[str, ClipReader], clip: ClipToAudit) -> ClipAudit:
    return audit_clip(clip, readers[clip.split])
