"""Zip archives, read by their central directory or, if it is missing, member by member."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from resed.acquire.recordings.fetch.archive_base import (
    DAMAGE,
    PIECE,
    Archive,
    ArchiveEntry,
    describe_damage,
    mode_refusal,
)

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
ENCRYPTED, DATA_DESCRIPTOR, UTF8 = 0x1, 0x8, 0x800  # flags of a member
UNIX = 3  # system code of members with Unix modes
LOCAL = struct.Struct("<4s5H3I2H")  # local file header
SIGNATURE = b"PK\x03\x04"
DIRECTORY = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08")
DESCRIPTOR = b"PK\x07\x08"  # optional signature of a data descriptor
ZIP64 = 0xFFFFFFFF  # the size is in the zip64 extra field


class ZipArchive(Archive):
    """A zip archive with its central directory; members can be extracted in any order."""

    def __init__(
        self, path: Path, archive: zipfile.ZipFile, largest: int, free: Callable[[Path], int]
    ) -> None:
        super().__init__(path, largest, free)
        self._archive = archive

    def _entries(self) -> Iterator[ArchiveEntry]:
        for info in self._archive.infolist():
            mode = info.external_attr >> 16 if info.create_system == UNIX else 0
            refusal = _refusal(info.flag_bits, info.compress_type) or mode_refusal(mode)
            name, mark = info.orig_filename, info.CRC  # `filename` ends at a zero byte
            folder = info.is_dir()
            yield ArchiveEntry(name, info.file_size, info, folder, "" if folder else refusal, mark)

    def _pieces(self, handle: Any) -> Iterator[bytes]:
        with self._archive.open(handle) as stream:
            while piece := stream.read(PIECE):
                yield piece

    def close(self) -> None:
        self._archive.close()


@dataclass(frozen=True)
class _LocalHeader:
    """The local header of a member, with the position of its data."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int  # compressed size
    size: int  # uncompressed size
    start: int  # position of the data


class ZipWithoutDirectory(Archive):
    """A truncated zip archive without its central directory."""

    def __init__(
        self, path: Path, handle: BinaryIO, largest: int, free: Callable[[Path], int]
    ) -> None:
        super().__init__(path, largest, free)
        self._handle, self._end = handle, path.stat().st_size

    def _entries(self) -> Iterator[ArchiveEntry]:
        self.damage = "the central directory is missing"
        position = 0
        try:
            while (local := self._local(position)) is not None:
                position = local.start + local.packed
                if position > self._end:
                    self.damage = f"truncated within {local.name}"
                    return
                folder, refusal = local.name.endswith("/"), _refusal(local.flags, local.method)
                if local.method not in METHODS[:2]:
                    refusal = refusal or "its compression method requires the central directory"
                yield ArchiveEntry(local.name, local.size, local, folder, refusal, local.crc)
                position += (
                    self._descriptor_length(position) if local.flags & DATA_DESCRIPTOR else 0
                )
        except DAMAGE as error:
            self.damage = describe_damage(error)

    def _local(self, position: int) -> _LocalHeader | None:
        self._handle.seek(position)
        head = self._handle.read(LOCAL.size)
        if not head or head[:4] in DIRECTORY:
            return None
        if len(head) < LOCAL.size:
            raise EOFError
        signature, _, flags, method, _, _, crc, packed, size, names, extras = LOCAL.unpack(head)
        if signature != SIGNATURE:
            raise ValueError(signature)
        name = self._handle.read(names).decode("utf-8" if flags & UTF8 else "cp437")
        extra = self._handle.read(extras)
        if ZIP64 in (packed, size):
            size, packed = _long_sizes(extra)
        start = position + LOCAL.size + names + extras
        if flags & DATA_DESCRIPTOR:
            crc, packed, size = self._measure(start, method)
        return _LocalHeader(name, flags, method, crc, packed, size, start)

    def _measure(self, start: int, method: int) -> tuple[int, int, int]:
        """Checksum and sizes of a member with a data descriptor, found by decompressing it."""
        if method != zipfile.ZIP_DEFLATED:
            raise ValueError(method)  # the end cannot be found
        unpacker, size = zlib.decompressobj(-15), 0
        for piece in self._inflated(start, self._end - start, unpacker):
            size += len(piece)
        # The decompressor stops at the end of the member; the rest of its input is unused.
        packed = self._handle.tell() - start - len(unpacker.unused_data)
        self._handle.seek(start + packed)
        behind = self._handle.read(8)
        crc = behind[4:] if behind.startswith(DESCRIPTOR) else behind[:4]
        return struct.unpack("<I", crc)[0], packed, size

    def _descriptor_length(self, position: int) -> int:
        """Length of the data descriptor after a member; in zip64 its sizes have eight bytes."""
        self._handle.seek(position)
        piece = self._handle.read(28)
        head = 4 if piece.startswith(DESCRIPTOR) else 0
        for length in (head + 12, head + 20):
            follows = piece[length : length + 4] in (SIGNATURE, *DIRECTORY)
            if follows or position + length == self._end:
                return length
        return head + 12

    def _inflated(self, start: int, packed: int, unpacker: Any) -> Iterator[bytes]:
        self._handle.seek(start)
        while not unpacker.eof:
            data = unpacker.unconsumed_tail
            if not data:
                data = self._handle.read(min(PIECE, packed))
                packed -= len(data)
                if not data:
                    raise EOFError
            yield unpacker.decompress(data, PIECE)

    def _pieces(self, handle: Any) -> Iterator[bytes]:
        if handle.method == zipfile.ZIP_DEFLATED:
            pieces = self._inflated(handle.start, handle.packed, zlib.decompressobj(-15))
        else:
            pieces = self._stored(handle.start, handle.packed)
        crc = 0
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
            yield piece
        if crc != handle.crc:
            raise zipfile.BadZipFile("wrong checksum")

    def _stored(self, start: int, left: int) -> Iterator[bytes]:
        self._handle.seek(start)
        while left:
            piece = self._handle.read(min(PIECE, left))
            if not piece:
                raise EOFError
            left -= len(piece)
            yield piece

    def close(self) -> None:
        self._handle.close()


def _refusal(flags: int, method: int) -> str:
    if flags & ENCRYPTED:
        return "it is encrypted"
    return "" if method in METHODS else f"unknown compression method {method}"


def _long_sizes(extra: bytes) -> tuple[int, int]:
    """Uncompressed and compressed size in a zip64 extra field."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            return struct.unpack_from("<2Q", extra, 4)
        extra = extra[4 + length :]
    raise ValueError("no sizes")


def open_zip(path: Path, largest: int, free: Callable[[Path], int]) -> Archive:
    """Open a zip archive, with or without its central directory."""
    try:
        return ZipArchive(path, zipfile.ZipFile(path), largest, free)
    except DAMAGE:
        return ZipWithoutDirectory(path, path.open("rb"), largest, free)
