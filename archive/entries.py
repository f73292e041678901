"""The files of an archive, and a zip file whose bytes depend on nothing else."""

import hashlib
import io
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

FIRST_YEAR = 1980  # of times in zip files


@dataclass(frozen=True)
class Entry:
    """A file of an archive.

    Attributes:
        name: its path, relative, with slashes.
        content: its bytes; of a link, its target.
        mode: type and permissions, as in stat.
    """

    name: str
    content: bytes
    mode: int = stat.S_IFREG | 0o644

    @cached_property
    def sha256(self) -> str:
        """Hex SHA-256 of its bytes."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


def of_commit(commit: str) -> list[Entry]:
    """The files and links of a commit, as `git archive` gives them."""
    command = ["git", "archive", "--format=tar", commit]
    packed = subprocess.run(command, capture_output=True, check=True).stdout
    found = []
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            if member.issym():
                mode = stat.S_IFLNK | 0o777
                found.append(Entry(member.name, member.linkname.encode(), mode))
            elif member.isfile():
                # The umask of git's settings changes the other bits.
                mode = stat.S_IFREG | (0o755 if member.mode & 0o100 else 0o644)
                found.append(Entry(member.name, archive.extractfile(member).read(), mode))
    return found


def checksums_of(entries: Iterable[Entry]) -> bytes:
    """The SHA-256 of all files but links, one line per file as `sha256sum --check` reads them."""
    ordered = sorted(entries, key=lambda entry: entry.name)
    return "".join(f"{e.sha256}  {e.name}\n" for e in ordered if not e.is_link).encode()


def write_zip(entries: Sequence[Entry], path: Path, time: datetime) -> None:
    """Write a zip file in the given order, with one time for all files.

    The files are stored uncompressed: compressed bytes differ between versions of zlib.
    """
    stamp = max(time.timetuple()[:6], (FIRST_YEAR, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, stamp)
            info.create_system = 3  # Unix, whose modes follow
            info.external_attr = entry.mode << 16
            archive.writestr(info, entry.content)


def extract(entries: Iterable[Entry], folder: Path) -> None:
    """Write the files below an empty folder."""
    for entry in entries:
        path = folder / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.is_link:
            path.symlink_to(entry.content.decode())
        else:
            path.write_bytes(entry.content)
            path.chmod(stat.S_IMODE(entry.mode))
