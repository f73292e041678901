"""Bytes of a sound file, and the part of them that libsndfile is given."""

import io
import re
from dataclasses import dataclass
from typing import BinaryIO

PIECE = 1 << 20  # bytes that are read at a time


@dataclass(frozen=True)
class SoundLayout:
    """What libsndfile is given: `head`, then the bytes of the file from `start` to `stop`.

    Attributes:
        frames: samples per channel that the structure states; None if it does not.
        unfinalised: the header does not state the length; the file was measured instead.
        md5: MD5 of the samples as the header states it; empty if it does not (FLAC only).
        cut: the bytes do not end where a frame ends (FLAC only).
    """

    head: bytes
    start: int
    stop: int
    frames: int | None = None
    unfinalised: bool = False
    md5: bytes = b""
    cut: bool = False


class SoundBytes:
    """The bytes of a file by position; `name` is the place in errors."""

    def __init__(self, handle: BinaryIO, name: str) -> None:
        self._handle, self.name = handle, name
        self.size = handle.seek(0, io.SEEK_END)

    def read(self, at: int, count: int) -> bytes:
        """At most `count` bytes from position `at`; fewer at the end of the file."""
        if count <= 0 or at >= self.size:
            return b""
        self._handle.seek(at)
        return self._handle.read(min(count, self.size - at))

    def find(self, pattern: re.Pattern[bytes], width: int, at: int) -> int:
        """The first position from `at` on of a pattern of `width` bytes, or -1."""
        while at < self.size:
            piece = self.read(at, PIECE)
            if found := pattern.search(piece):
                return at + found.start()
            if len(piece) < PIECE:
                break
            at += PIECE - width + 1
        return -1

    def only_zeros(self, at: int, stop: int) -> bool:
        """Whether all bytes from `at` to `stop` are zero."""
        return all(
            not any(self.read(place, min(PIECE, stop - place))) for place in range(at, stop, PIECE)
        )


class LayoutFile(io.RawIOBase):
    """A file that consists of the bytes of a layout; keeps an OSError that libsndfile swallows."""

    def __init__(self, handle: BinaryIO, layout: SoundLayout) -> None:
        self._handle, self._head, self._start = handle, layout.head, layout.start
        self._size = len(layout.head) + layout.stop - layout.start
        self._at = 0
        self.failure: OSError | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; one before the start or after the end becomes that end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = min(max(base + offset, 0), self._size)
        return self._at

    def readinto(self, buffer) -> int:
        """Fill `buffer` as far as there are bytes; 0 after a failure of the disk."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._at)
        if wanted <= 0 or self.failure:
            return 0
        if self._at < len(self._head):
            part = self._head[self._at : self._at + wanted]
        else:
            try:
                self._handle.seek(self._start + self._at - len(self._head))
                part = self._handle.read(wanted)
            except OSError as error:
                self.failure = error
                return 0
        view[: len(part)] = part
        self._at += len(part)
        if 0 < len(part) < wanted:  # across the end of the head
            return len(part) + self.readinto(view[len(part) :])
        return len(part)
