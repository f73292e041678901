"""Tar archives, plain or compressed, read forward."""

import bz2
import gzip
import hashlib
import lzma
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from resed.acquire.recordings.fetch.members import (
    DAMAGE,
    PIECE,
    Archive,
    ArchiveError,
    Entry,
    in_words,
)

BLOCK = 512
LONGEST_HEADER = 1 << 20  # bytes: tarfile reads long names and pax headers into memory
COMPARED = 16  # members of the same name and length that are compared, each a step backwards
MAGIC = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
LONGEST_TAIL = 64 << 20  # bytes read after the end mark, for the checksum at the end of the file


class _GuardedTarInfo(tarfile.TarInfo):
    """Refuses headers that would fill the memory or lead backwards."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        extended = not self.isreg() and self.type in (
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.SOLARIS_XHDTYPE,
        )
        if self.size < 0 or (extended and self.size > LONGEST_HEADER):
            raise tarfile.ReadError("a header makes no sense")
        return super()._proc_member(archive)


class TarArchive(Archive):
    """A tar archive; compressed ones are unpacked from the start for every step backwards."""

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

    def _entries(self) -> Iterator[Entry]:
        try:
            self._stream.seek(0)
            with tarfile.open(
                fileobj=self._stream, mode="r:", tarinfo=_GuardedTarInfo, encoding="utf-8"
            ) as archive:
                yield from self._walk(archive)
        except DAMAGE as error:
            self.damage = in_words(error)

    def _walk(self, archive: tarfile.TarFile) -> Iterator[Entry]:
        position = -1
        while (info := archive.next()) is not None:
            archive.members.clear()  # else they pile up
            if archive.offset <= position:
                raise tarfile.ReadError("a header leads backwards")
            position = archive.offset
            refusal = ""
            if info.issym() or info.islnk():
                refusal = "a link"
            elif info.issparse() or not info.isreg():
                refusal = "no regular file"
            place = (info.offset_data, info.size)
            yield Entry(info.name, info.size, place, info.isdir(), refusal)
        self._check_end(archive.offset)

    def _check_end(self, offset: int) -> None:
        """tarfile takes a broken header for the end; the end is a block of zeros."""
        self._stream.seek(offset)
        block = self._stream.read(BLOCK)
        if block != bytes(BLOCK):
            self.damage = "it breaks off" if len(block) < BLOCK else "its bytes make no sense"
            return
        rest = LONGEST_TAIL
        while rest > 0 and (piece := self._stream.read(min(PIECE, rest))):
            rest -= len(piece)  # to the end: a compressed file's checksum stands there

    def _pieces(self, handle: Any) -> Iterator[bytes]:
        position, left = handle
        while left:
            # Others may have read in between: every piece is sought, which costs nothing if not.
            self._stream.seek(position)
            piece = self._stream.read(min(PIECE, left))
            if not piece:
                raise EOFError
            yield piece
            position, left = position + len(piece), left - len(piece)

    def _equal(self, first: Entry, second: Entry) -> bool:
        """Tar holds no checksums, so equal lengths are compared by their bytes."""
        self._compared += 1
        if first.bytes != second.bytes or self._compared > COMPARED:
            return False
        try:
            return self._digest(first) == self._digest(second)
        except DAMAGE:
            return False

    def _digest(self, entry: Entry) -> bytes:
        digest = hashlib.sha256()
        for piece in self._pieces(entry.handle):
            digest.update(piece)
        return digest.digest()

    def close(self) -> None:
        self._stream.close()


def open_tar(path: Path, largest_bytes: int, free: Callable[[Path], int]) -> TarArchive:
    """Open a tar archive, compressed or not, by its first bytes; ArchiveError where it is none."""
    with path.open("rb") as handle:
        start = handle.read(6)
    opener = next((opener for magic, opener in MAGIC.items() if start.startswith(magic)), open)
    stream = opener(path, "rb")
    try:
        block = stream.read(BLOCK)
        if block != bytes(BLOCK):  # that is an empty archive
            tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except DAMAGE as error:
        stream.close()
        what = f"damaged ({in_words(error)})" if opener is not open else "no zip or tar archive"
        raise ArchiveError(f"{path}: {what}; fetch it again, or unpack it yourself") from None
    return TarArchive(path, stream, largest_bytes, free)
