"""The common part of all archive formats: which members are refused, and extraction."""

import hashlib
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from resed.acquire.recordings.fetch.partial_download import check_space, full_disk
from resed.errors import ResedError

PIECE = 1 << 18  # bytes unpacked at a time
LARGEST = 256 << 20  # bytes; clips and annotation files are much smaller
CURE = "fetch the archive again"
# Exceptions of all libraries for damaged archives.
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,  # also raised by gzip and bz2 for wrong checksums
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    struct.error,
)
MAC_FOLDER = "__MACOSX"


class ArchiveError(ResedError):
    """A file is not an archive, or its first member cannot be read."""


class DamagedMemberError(ArchiveError):
    """A member cannot be extracted; others may be intact."""


@dataclass(frozen=True)
class Member:
    """A regular file in an archive: name without `./`, and size in bytes."""

    name: str
    bytes: int
    handle: Any = field(default=None, repr=False, compare=False)  # of the archive library


@dataclass(frozen=True)
class Refused:
    """A member that cannot be extracted, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class ArchiveEntry:
    """A member as the archive lists it.

    `refusal` is the reason if it is not a regular file. `mark` is a checksum, or None if the format
    has none.
    """

    name: str
    bytes: int
    handle: Any
    folder: bool = False
    refusal: str = ""
    mark: Any = None


class Archive(ABC):
    """An open archive. Iterating yields the members that can be extracted, in their order.

    During iteration, `refused` collects the other members, and `damage` describes the damage of the
    archive ("" if there is none). Iteration ends at the damage. Members can be extracted during
    iteration or after it; in the order of the archive, both are one forward pass. Memory use does
    not depend on the size of the members.
    """

    def __init__(self, path: Path, largest_bytes: int, free: Callable[[Path], int]) -> None:
        self.path, self.largest_bytes = path, largest_bytes
        self.refused: list[Refused] = []
        self.damage = ""
        self._free = free

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Member]:
        self.refused.clear()
        self.damage = ""
        first: dict[str, ArchiveEntry] = {}
        for entry in self._entries():
            if entry.folder or _of_macos(entry.name):
                continue
            reason = name_refusal(entry.name) or entry.refusal
            if not reason and entry.bytes > self.largest_bytes:
                reason = f"{entry.bytes} bytes, above the limit of {self.largest_bytes}"
            name = str(PurePosixPath(entry.name))
            if not reason and name in first:
                if self._equal(first[name], entry):
                    continue
                reason = "duplicate name with different bytes; the first one is used"
            if reason:
                self.refused.append(Refused(entry.name, reason))
                continue
            first[name] = entry
            yield Member(name, entry.bytes, entry.handle)

    def extract(self, member: Member, target: Path) -> str:
        """Extract a member to `target` atomically; return its SHA-256.

        Raises DamagedMemberError if it is truncated, too long or has a wrong checksum, and
        FullDiskError if it does not fit; `target` is then unchanged.
        """
        target = Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        check_space(target.parent, member.bytes, self._free)
        temporary = target.with_name(f".{target.name}.unpack")
        digest, count = hashlib.sha256(), 0
        try:
            with temporary.open("wb") as handle:
                for piece in self._unpack(member):
                    count += len(piece)
                    if count > member.bytes:
                        break
                    digest.update(piece)
                    handle.write(piece)
                handle.flush()
                os.fsync(handle.fileno())
            if count != member.bytes:
                raise self._damaged(member.name, "its size differs from the listed one")
            os.replace(temporary, target)
        except OSError as error:
            raise full_disk(target.parent, error) from None
        finally:
            temporary.unlink(missing_ok=True)
        return digest.hexdigest()

    def _unpack(self, member: Member) -> Iterator[bytes]:
        """The bytes of a member; raises DamagedMemberError for all errors of the library."""
        pieces = self._pieces(member.handle)
        while True:
            try:
                piece = next(pieces, None)
            except DAMAGE as error:
                raise self._damaged(member.name, describe_damage(error)) from None
            if piece is None:
                return
            yield piece

    def _damaged(self, name: str, why: str) -> DamagedMemberError:
        return DamagedMemberError(f"member {name} is damaged ({why})", place=self.path, cure=CURE)

    def _equal(self, first: ArchiveEntry, second: ArchiveEntry) -> bool:
        return first.bytes == second.bytes and first.mark == second.mark

    @abstractmethod
    def _entries(self) -> Iterator[ArchiveEntry]:
        """All listed members; sets `damage` if the archive is damaged."""

    @abstractmethod
    def _pieces(self, handle: Any) -> Iterator[bytes]:
        """The bytes of a member in pieces; may raise any exception of DAMAGE."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""


def _of_macos(name: str) -> bool:
    """Whether an entry is a file that macOS adds to archives."""
    *_, last = parts = name.split("/")
    return MAC_FOLDER in parts or last.startswith("._") or last == ".DS_Store"


def name_refusal(name: str) -> str:
    """Why a member with this name is refused; "" if it is not."""
    if "\\" in name:
        return "its name contains a backslash"
    if name.startswith("/"):
        return "its name is an absolute path"
    if re.match(r"[A-Za-z]:", name):
        return "its name begins with a drive letter"
    if ".." in name.split("/"):
        return "its name leads out of the folder"
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name):
        return "its name contains control characters or is not UTF-8"
    if not PurePosixPath(name).parts:
        return "it has no name"
    return ""


def mode_refusal(mode: int) -> str:
    """Why a file with this Unix mode is refused; "" for a regular file."""
    kind = stat.S_IFMT(mode)
    if kind in (0, stat.S_IFREG):
        return ""
    return "it is a link" if kind == stat.S_IFLNK else "it is not a regular file"


def describe_damage(error: BaseException) -> str:
    """Describe an exception of DAMAGE in the same words for all libraries."""
    text = str(error).lower()
    if "crc" in text or "checksum" in text:
        return "wrong checksum"
    if isinstance(error, EOFError) or "unexpected end" in text or "truncated" in text:
        return "truncated"
    return "invalid data"
