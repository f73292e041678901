"""Check files and move them into place atomically; damaged deliveries are moved to quarantine."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.recordings.sources.adapter import HIDDEN
from resed.errors import ResedError
from resed.formats.audio import open_audio
from resed.formats.audio_errors import UndecodableAudioError
from resed.runtime.checksums import digest
from resed.runtime.files import atomic_path, existing


@dataclass(frozen=True)
class AudioFile:
    """Size and hash of an audio file that can be decoded completely."""

    bytes: int
    sha256: str


def check_audio(path: Path) -> AudioFile:
    """Decode an audio file completely, in blocks.

    Raises MissingFileError, or AudioError if it is empty, truncated, not finite, or cannot be
    decoded, whatever the decoder raises.
    """
    found = AudioFile(existing(path).stat().st_size, digest(path))
    try:
        with open_audio(path) as sound:
            for _ in sound.blocks():
                pass
    except (ResedError, OSError):
        raise
    except Exception as error:  # of any kind: one clip must not end its split
        problem = f"the decoder failed ({type(error).__name__}: {error})"
        raise UndecodableAudioError(problem, place=path) from None
    return found


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
    """Move a damaged delivery to `.acquire/quarantine/{split}/{origin}`; return its new path.

    It replaces an earlier delivery of the same source. Files of the user are never moved.
    """
    target = root / HIDDEN / "quarantine" / split / origin / name
    place(path, target)
    return target
