"""What every kind of archive has in common: which members may be had, and how one is unpacked."""

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

from resed.acquire.recordings.fetch.part import check_room, full_disk
from resed.errors import ResedError

PIECE = 1 << 18  # bytes unpacked at a time
LARGEST = 256 << 20  # bytes: no clip and no annotation file comes near
CURE = "fetch it again"
# What reading a damaged archive raises, whichever library reads it.
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,  # also what gzip and bz2 raise for wrong checksums
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    struct.error,
)
LITTER = re.compile(r"(^|/)(\._[^/]*|__MACOSX(/.*)?|\.DS_Store)$")  # what macOS leaves in archives


class ArchiveError(ResedError):
    """A file is no archive that can be read, or is damaged from its first byte on."""


class DamagedMemberError(ArchiveError):
    """A member cannot be unpacked whole; others may."""


@dataclass(frozen=True)
class Member:
    """A regular file in an archive: its name without `./`, and its length in bytes."""

    name: str
    bytes: int
    handle: Any = field(default=None, repr=False, compare=False)  # the archive's own


@dataclass(frozen=True)
class Refused:
    """A member that is not to be had, by the name that the archive gives it, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """What an archive says of a member, before it is judged; `refusal` where it is no plain file.

    `mark` is equal for equal bytes, as far as the archive's kind can say; None where it cannot.
    """

    name: str
    bytes: int
    handle: Any
    folder: bool = False
    refusal: str = ""
    mark: Any = None


class Archive(ABC):
    """An open archive. Iterating yields the members that may be had, in the archive's order.

    While iterating, `refused` collects those that may not, and `damage` says where and how the
    archive is damaged, "" where it is not: a damaged archive yields what lies before the damage.
    Members may be extracted while iterating or after it; both passes are one forward read if done
    in the archive's order. Memory does not grow with what is unpacked.
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
        first: dict[str, Entry] = {}
        for entry in self._entries():
            if entry.folder or LITTER.search(entry.name):
                continue
            reason = unsafe(entry.name) or entry.refusal
            if not reason and entry.bytes > self.largest_bytes:
                reason = f"{entry.bytes} bytes, more than the {self.largest_bytes} allowed"
            name = str(PurePosixPath(entry.name))
            if not reason and name in first:
                if self._equal(first[name], entry):
                    continue
                reason = "there twice with different bytes, the first is taken"
            if reason:
                self.refused.append(Refused(entry.name, reason))
                continue
            first[name] = entry
            yield Member(name, entry.bytes, entry.handle)

    def extract(self, member: Member, target: Path) -> str:
        """Unpack a member to `target`, atomically; returns the hex SHA-256 of its bytes.

        Raises DamagedMemberError where it breaks off, has the wrong checksum or is longer than it
        says, FullDiskError where it does not fit; `target` is then as it was.
        """
        target = Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        check_room(target.parent, member.bytes, self._free)
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
                raise self._damaged(member.name, "its length is not what the archive says")
            os.replace(temporary, target)
        except OSError as error:
            raise full_disk(target.parent, error) from None
        finally:
            temporary.unlink(missing_ok=True)
        return digest.hexdigest()

    def _unpack(self, member: Member) -> Iterator[bytes]:
        """The bytes of a member; what the library raises becomes one class."""
        pieces = self._pieces(member.handle)
        while True:
            try:
                piece = next(pieces, None)
            except DAMAGE as error:
                raise self._damaged(member.name, in_words(error)) from None
            if piece is None:
                return
            yield piece

    def _damaged(self, name: str, why: str) -> DamagedMemberError:
        return DamagedMemberError(f"{self.path}: member {name} is damaged ({why}); {CURE}")

    def _equal(self, first: Entry, second: Entry) -> bool:
        return first.bytes == second.bytes and first.mark == second.mark

    @abstractmethod
    def _entries(self) -> Iterator[Entry]:
        """All that the archive lists; sets `damage` where it breaks off."""

    @abstractmethod
    def _pieces(self, handle: Any) -> Iterator[bytes]:
        """The bytes of a member in pieces; may raise anything of DAMAGE."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""


def unsafe(name: str) -> str:
    """Why a member of this name may not be unpacked; "" where it may."""
    if "\\" in name:
        return "a backslash in its name"
    if name.startswith("/"):
        return "an absolute path"
    if re.match(r"[A-Za-z]:", name):
        return "a drive letter"
    if ".." in name.split("/"):
        return "a path that leads out of its folder"
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name):
        return "control characters or no UTF-8 in its name"
    if not PurePosixPath(name).parts:
        return "no name"
    return ""


def special(mode: int) -> str:
    """Why a file of this Unix mode may not be unpacked; "" where it is a plain file."""
    kind = stat.S_IFMT(mode)
    if kind in (0, stat.S_IFREG):
        return ""
    return "a link" if kind == stat.S_IFLNK else "no regular file"


def in_words(error: BaseException) -> str:
    """An exception of DAMAGE in a few words that do not depend on the library."""
    text = str(error).lower()
    if "crc" in text or "checksum" in text:
        return "wrong checksum"
    if isinstance(error, EOFError) or "unexpected end" in text or "truncated" in text:
        return "it breaks off"
    return "its bytes make no sense"
