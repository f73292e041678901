"""Tar archives, plain or compressed."""

import bz2
import gzip
import hashlib
import lzma
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from resed.acquire.recordings.fetch.archive_base import (
    DAMAGE,
    PIECE,
    Archive,
    ArchiveEntry,
    ArchiveError,
    describe_damage,
)

BLOCK = 512
LONGEST_HEADER = 1 << 20  # bytes; tarfile reads long names and pax headers into memory
MOST_COMPARED = 16  # duplicate names whose bytes are compared; each needs a seek backwards
MAGIC = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
LONGEST_TAIL = 64 << 20  # bytes read after the end mark, up to the checksum of a gzip file


class _GuardedTarInfo(tarfile.TarInfo):
    """Refuses headers that are too long or have a negative size."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        extended = not self.isreg() and self.type in (
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.SOLARIS_XHDTYPE,
        )
        if self.size < 0 or (extended and self.size > LONGEST_HEADER):
            raise tarfile.ReadError("invalid header")
        return super()._proc_member(archive)


class TarArchive(Archive):
    """A tar archive. In a compressed one, each seek backwards decompresses from the start."""

    def __init__(
        self,
        path: Path,
        stream: BinaryIO,
        largest_bytes: int,
        free: Callable[[Path], int],
    ) -> None:
        super().__init__(path, largest_bytes, free)
        self._stream = stream
        self._compared = 0

    def _entries(self) -> Iterator[ArchiveEntry]:
        try:
            self._stream.seek(0)
            with tarfile.open(
                fileobj=self._stream, mode="r:", tarinfo=_GuardedTarInfo, encoding="utf-8"
            ) as archive:
                yield from self._walk(archive)
        except DAMAGE as error:
            self.damage = describe_damage(error)

    def _walk(self, archive: tarfile.TarFile) -> Iterator[ArchiveEntry]:
        position = -1
        while (info := archive.next()) is not None:
            archive.members.clear()  # keeps memory use constant
            if archive.offset <= position:
                raise tarfile.ReadError("a header leads backwards")
            position = archive.offset
            refusal = ""
            if info.issym() or info.islnk():
                refusal = "it is a link"
            elif info.issparse() or not info.isreg():
                refusal = "it is not a regular file"
            place = (info.offset_data, info.size)
            yield ArchiveEntry(info.name, info.size, place, info.isdir(), refusal)
        self._check_end(archive.offset)

    def _check_end(self, offset: int) -> None:
        """Check for the block of zeros at the end: tarfile also stops at a broken header."""
        self._stream.seek(offset)
        block = self._stream.read(BLOCK)
        if block != bytes(BLOCK):
            self.damage = "truncated" if len(block) < BLOCK else "invalid data"
            return
        rest = LONGEST_TAIL
        while rest > 0 and (piece := self._stream.read(min(PIECE, rest))):
            rest -= len(piece)

    def _pieces(self, handle: Any) -> Iterator[bytes]:
        position, left = handle
        while left:
            # Another member may have been read in between; a seek to the same place is free.
            self._stream.seek(position)
            piece = self._stream.read(min(PIECE, left))
            if not piece:
                raise EOFError
            yield piece
            position, left = position + len(piece), left - len(piece)

    def _equal(self, first: ArchiveEntry, second: ArchiveEntry) -> bool:
        """Compare the bytes of members of equal size, because tar has no checksums."""
        self._compared += 1
        if first.bytes != second.bytes or self._compared > MOST_COMPARED:
            return False
        try:
            return self._digest(first) == self._digest(second)
        except DAMAGE:
            return False

    def _digest(self, entry: ArchiveEntry) -> bytes:
        digest = hashlib.sha256()
        for piece in self._pieces(entry.handle):
            digest.update(piece)
        return digest.digest()

    def close(self) -> None:
        self._stream.close()


def open_tar(path: Path, largest_bytes: int, free: Callable[[Path], int]) -> TarArchive:
    """Open a tar archive, compressed or not. Raises ArchiveError if the file is not one."""
    with path.open("rb") as handle:
        start = handle.read(6)
    opener = next((opener for magic, opener in MAGIC.items() if start.startswith(magic)), open)
    stream = opener(path, "rb")
    try:
        block = stream.read(BLOCK)
        if block != bytes(BLOCK):  # zeros: an empty archive
            tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except DAMAGE as error:
        stream.close()
        damaged = f"damaged ({describe_damage(error)})"
        problem = damaged if opener is not open else "not a zip or tar archive"
        cure = "fetch it again, or unpack it yourself"
        raise ArchiveError(problem, place=path, cure=cure) from None
    return TarArchive(path, stream, largest_bytes, free)
