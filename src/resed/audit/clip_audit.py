"""Audit single clips: read and decode the file, and make its row of the manifest."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from resed.acquire.clip_reader import ClipReader
from resed.audit.sound_levels import SoundLevels
from resed.errors import AudioError
from resed.formats.acquired_audio import difference
from resed.formats.audio import open_audio
from resed.formats.manifest import ManifestRow
from resed.runtime.pool import map_in_processes

CHUNK = 16  # clips per task
WITH_CURE = ("undecodable", "several")  # status of clips whose findings name a command


@dataclass(frozen=True)
class ClipAudit(ManifestRow):
    """The row of one clip in the manifest, and the values that only the findings use.

    Attributes:
        clipped: share of the samples at full scale or above.
        peak: largest absolute sample of any channel; full scale is 1.
        kept: share of the power of the channels that remains when they are averaged.
        offset: mean of the samples.
        unfinalised: whether the header does not state the length; the file was read to its end.
        detail: the reason why the clip cannot be used.
    """

    clipped: float = 0.0
    peak: float = 0.0
    kept: float = 1.0
    offset: float = 0.0
    unfinalised: bool = False
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

    Status: ok, missing, outside (the name leads out of the folder), unreadable (cannot be opened or
    read), the `status` of an AudioError, silent (no sample above -90 dB of full scale, or all
    samples equal), cancelled (the average of the channels is silent, the channels are not), or
    altered (the bytes differ from those that were acquired).
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
    """Decode a clip completely; return the values of its row."""
    found: dict[str, Any] = {"rate": 0, "channels": 0}
    levels = SoundLevels()
    try:
        with open_audio(handle, name) as sound:
            found = {"rate": sound.rate, "channels": sound.channels}
            found["unfinalised"] = sound.unfinalised
            for block in sound.blocks():
                levels.add(block)
    except AudioError as error:
        cure = f"; {error.cure}" if error.status in WITH_CURE else ""
        return {**found, "status": error.status, "detail": f"{error.problem}{cure}"}
    except OSError:
        raise
    except Exception as error:  # of any kind: one clip must not end the audit
        detail = f"the decoder failed ({type(error).__name__}: {error})"
        return {**found, "status": "undecodable", "detail": detail}
    found |= {"seconds": round(levels.frames / found["rate"], 4), "peak": levels.peak}
    found |= {"clipped": levels.full / levels.frames, "kept": levels.kept, "offset": levels.offset}
    return {**found, **_level_status(levels)}


def _level_status(levels: SoundLevels) -> dict[str, str]:
    if levels.silent:
        return {"status": "silent"}
    if levels.cancelled:
        detail = f"the channels reach {levels.peak:.3g}, their average is silent"
        return {"status": "cancelled", "detail": detail}
    if levels.constant:
        return {"status": "silent", "detail": f"all samples are {levels.offset:.3g}"}
    return {"status": "ok"}


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
