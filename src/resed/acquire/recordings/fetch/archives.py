"""Archives by strangers: zip and tar, known by their bytes, every member judged by its name.

    with open_archive(path) as archive:
        for member in archive:
            archive.extract(member, folder / member.name)
    archive.refused, archive.damage

What could lead out of a folder, links, devices and encrypted members are refused by name, and the
rest goes on. A damaged archive gives what lies before its damage.
"""

from collections.abc import Callable
from pathlib import Path

from resed.acquire.recordings.fetch.members import (
    LARGEST,
    Archive,
    ArchiveError,
    DamagedMemberError,
    Member,
    Refused,
)
from resed.acquire.recordings.fetch.part import free_bytes
from resed.acquire.recordings.fetch.tars import open_tar
from resed.acquire.recordings.fetch.zips import open_zip
from resed.runtime.files import existing

__all__ = ["Archive", "ArchiveError", "DamagedMemberError", "Member", "Refused", "open_archive"]

ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an empty archive


def open_archive(
    path: Path | str,
    largest_bytes: int = LARGEST,
    free: Callable[[Path], int] = free_bytes,
) -> Archive:
    """Open a zip, tar, tar.gz, tar.bz2 or tar.xz, whatever its name.

    Members of more than `largest_bytes` are refused; `free` says how many bytes a folder has room
    for, before each member is unpacked. Raises MissingFileError, or ArchiveError where the file is
    no archive or cannot be read from its first byte on.
    """
    path = existing(path)
    with path.open("rb") as handle:
        start = handle.read(4)
    if start in ZIP:
        return open_zip(path, largest_bytes, free)
    return open_tar(path, largest_bytes, free)
