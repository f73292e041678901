"""Check files and move them into place atomically; damaged files are moved to quarantine."""

import errno
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.recordings.sources.adapter import HIDDEN
from resed.errors import MissingFileError
from resed.formats.audio import decode, probe
from resed.runtime.files import atomic_path, sha256


@dataclass(frozen=True)
class AudioFile:
    """Size and hash of an audio file that can be decoded completely."""

    bytes: int
    sha256: str


def check_audio(path: Path) -> AudioFile:
    """Decode an audio file completely.

    Raises AudioError if it is empty, truncated, not finite, or cannot be decoded.
    """
    rate = probe(path).rate
    data = path.read_bytes()
    decode(data, str(path), rate)
    return AudioFile(len(data), hashlib.sha256(data).hexdigest())


def place(source: Path, target: Path) -> None:
    """Move a file atomically, also to another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
        source.unlink()


def quarantine(path: Path, *, root: Path, split: str, origin: str, name: str) -> Path:
    """Move a damaged file to `.acquire/quarantine/{split}/{origin}`; return its new path.

    A file from a source replaces an earlier one. A local file never does, because it may be the
    user's only copy.
    """
    folder = root / HIDDEN / "quarantine" / split / origin
    target, number = folder / name, 2
    while origin == "local" and os.path.lexists(target) and not _equal(path, target):
        target, number = folder / f"{Path(name).stem}.{number}{Path(name).suffix}", number + 1
    place(path, target)
    return target


def _equal(one: Path, other: Path) -> bool:
    try:
        return sha256(one) == sha256(other)
    except (OSError, MissingFileError):  # a folder, or not readable
        return False
