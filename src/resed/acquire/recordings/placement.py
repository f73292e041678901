"""Files come into their place whole and checked, or not at all; nothing that was there is lost."""

import errno
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.recordings.sources.plug import HIDDEN
from resed.errors import MissingFileError
from resed.formats.audio import decode, probe
from resed.runtime.files import atomic_path, sha256


@dataclass(frozen=True)
class Sound:
    """A sound file that decodes to its end."""

    bytes: int
    sha256: str


def check_sound(path: Path) -> Sound:
    """Decode a clip whole, at its own rate.

    Raises AudioError where it is empty, truncated, no sound, not finite, or cannot be read.
    """
    rate = probe(path).rate
    data = path.read_bytes()
    decode(data, str(path), rate)
    return Sound(len(data), hashlib.sha256(data).hexdigest())


def place(source: Path, target: Path) -> None:
    """Move a file to its place in one step, also where that is on another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
        source.unlink()


def quarantine(root: Path, split: str, origin: str, path: Path, name: str) -> Path:
    """Move a damaged file aside, below the dataset's root; its new place.

    What a source brought replaces what it brought before. A file that was found in place is never
    replaced: it may be the user's only copy.
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
    except (OSError, MissingFileError):  # a folder, or not readable: another file
        return False
