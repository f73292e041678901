"""Read zip and tar archives of unknown origin.

    with open_archive(path) as archive:
        for member in archive:
            archive.extract(member, folder / member.name)
    archive.refused, archive.damage

The format is recognised by the first bytes. Members with names that lead out of a folder, links,
devices and encrypted members are refused; all others can be extracted. If an archive is damaged,
the members before the damage can be extracted.
"""

from collections.abc import Callable
from pathlib import Path

from resed.acquire.recordings.fetch.archive_base import (
    LARGEST,
    Archive,
)
from resed.acquire.recordings.fetch.partial_download import free_bytes
from resed.acquire.recordings.fetch.tars import open_tar
from resed.acquire.recordings.fetch.zips import open_zip
from resed.runtime.files import existing

ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second is that of an empty archive


def open_archive(
    path: Path | str,
    largest_bytes: int = LARGEST,
    free: Callable[[Path], int] = free_bytes,
) -> Archive:
    """Open a zip, tar, tar.gz, tar.bz2 or tar.xz file with any name.

    Members larger than `largest_bytes` are refused. `free` returns the free bytes of a folder.
    Raises MissingFileError, or ArchiveError if the file is not an archive.
    """
    path = existing(path)
    with path.open("rb") as handle:
        start = handle.read(4)
    if start in ZIP:
        return open_zip(path, largest_bytes, free)
    return open_tar(path, largest_bytes, free)
