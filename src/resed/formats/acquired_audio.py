"""Audio files compared with what acquire recorded of them in `.acquire/{split}.tsv`.

The audit, extract and `resed verify --audio` use the same comparison. Files without a record are
the user's own, and are not compared.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resed.formats.acquisition import read_states_table, table_path
from resed.formats.clip_names import clip_file
from resed.runtime.checksums import digest
from resed.runtime.files import is_special

PRESENT = "present"
SAMPLE = 1024  # bytes at the start, in the middle and at the end of a file


@dataclass(frozen=True)
class AudioStatus:
    """The comparison of one clip with its record; `size` is in bytes, 0 if it is missing."""

    path: Path
    split: str
    status: Literal["ok", "altered", "missing", "unreadable"]
    size: int = 0


def difference(recorded: str, found: str) -> str:
    """How the SHA-256 of a file differs from its record, in words; "" if it is equal or unknown."""
    if not recorded or recorded == found:
        return ""
    return f"sha256 {found[:12]} differs from the acquired file ({recorded[:12]})"


def recorded_hashes(root: Path | str, split: str) -> dict[str, str]:
    """Clip -> SHA-256 that acquire recorded, of the clips that it has; {} without a record.

    Raises StateError if the record is damaged.
    """
    states = read_states_table(table_path(root, split))
    return {name: one.sha256 for name, one in states.items() if one.state == PRESENT and one.sha256}


def audio_sample_hash(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 of the sizes and of a part of the bytes of audio files; "" if none of them exists.

    It is computed for each plan of a run, which must not read whole recordings. Times of files are
    not used, because copies of a folder have others.
    """
    total, found = hashlib.sha256(), False
    for name in sorted(names):
        size, part = -1, b""
        path = clip_file(folder, name)
        if is_file(path):
            with suppress(OSError), open(path, "rb") as handle:
                size, found = os.fstat(handle.fileno()).st_size, True
                places = (0, size // 2, max(0, size - SAMPLE))
                part = b"".join(os.pread(handle.fileno(), SAMPLE, place) for place in places)
        total.update(f"{name}\n{size}\n".encode("utf-8", "surrogatepass") + part)
    return total.hexdigest() if found else ""


def is_file(path: Path) -> bool:
    """Whether a path is that of a regular file; False for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with NUL
        return False


def in_its_place(path: Path) -> str:
    """What stands at a path instead of a file, in words; "" if nothing or a file does."""
    try:
        if path.is_dir():
            return "a folder"
        if path.is_symlink() and not path.exists():
            return "a link that leads nowhere"
        return "a device, a pipe or a socket" if is_special(path) else ""
    except (OSError, ValueError):
        return ""


def compare_audio(
    root: Path | str, folders: Mapping[str, str], threads: int | None = None
) -> Iterator[AudioStatus]:
    """Compare all recorded clips of a dataset with their files, in the order of the records.

    Args:
        root: folder of the dataset.
        folders: split -> folder of its audio below `root`.
        threads: number of files hashed at the same time; None: one per core.

    Raises StateError if a record is damaged, before any file is read.
    """
    clips = [
        (clip_file(Path(root) / folder, name), split, recorded)
        for split, folder in folders.items()
        for name, recorded in recorded_hashes(root, split).items()
    ]
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        yield from pool.map(lambda one: compare_file(*one), clips)


def compare_file(path: Path, split: str, recorded: str) -> AudioStatus:
    """Compare one file with its record."""
    if not is_file(path):
        return AudioStatus(path, split, "missing")
    try:
        size = path.stat().st_size
        altered = difference(recorded, digest(path))
    except OSError:
        return AudioStatus(path, split, "unreadable")
    return AudioStatus(path, split, "altered" if altered else "ok", size)
