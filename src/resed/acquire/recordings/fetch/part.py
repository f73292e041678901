"""A file on its way: `.{name}.part` beside its target, and a note of what it is part of.

A part is only continued where its note says that it is of the same address and the same version of
the file. One process at a time holds a part; the lock goes with the process, however it ends.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.recordings.fetch.failures import FullDiskError
from resed.errors import ResedError
from resed.runtime.files import read_json
from resed.runtime.locks import is_at, open_locked

MARGIN = 64 << 20  # bytes that stay free on the disk
LOOK = 64 << 20  # bytes written between two looks at the room left
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True)
class Remote:
    """A file to fetch. `bytes` and `checksum` ("md5:HEX" or "sha256:HEX") where they are known."""

    url: str
    bytes: int | None = None
    checksum: str | None = None

    def __post_init__(self) -> None:
        if self.checksum is None:
            return
        kind, _, digest = self.checksum.partition(":")
        length = {"md5": 32, "sha256": 64}.get(kind)
        if length != len(digest) or re.search(r"[^0-9a-fA-F]", digest):
            raise ResedError(
                f"{self.url}: checksum {self.checksum} cannot be used; give md5:HEX or sha256:HEX"
            )
        object.__setattr__(self, "checksum", self.checksum.lower())


def checksum_of(path: Path, kind: str) -> str:
    """The checksum of a file's bytes, "md5:HEX" or "sha256:HEX"."""
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, lambda: hashlib.new(kind, usedforsecurity=False))
    return f"{kind}:{digest.hexdigest()}"


def mistake(path: Path, remote: Remote) -> str:
    """What about a file's bytes is not as `remote` says: wrong length, wrong checksum or ""."""
    if remote.bytes is not None and path.stat().st_size != remote.bytes:
        return "wrong length"
    if remote.checksum and checksum_of(path, remote.checksum.split(":")[0]) != remote.checksum:
        return "wrong checksum"
    return ""


def is_whole(path: Path, remote: Remote) -> bool:
    """Whether `path` is a file with the length and the checksum of `remote`, as far as known."""
    return path.is_file() and not mistake(path, remote)


def check_room(path: Path, needed: int, free: Callable[[Path], int]) -> None:
    """FullDiskError where fewer than `needed` bytes and a margin are free at the folder `path`."""
    there = free(path)
    if there < needed + MARGIN:
        raise FullDiskError(
            f"{path}: {needed / 1e6:.0f} MB and {MARGIN / 1e6:.0f} MB to spare are needed, "
            f"{there / 1e6:.0f} MB are free; make room and run again",
            "disk full",
        )


def full_disk(path: Path, error: OSError) -> Exception:
    """What to raise for an OSError while writing in `path`: FullDiskError where it means that."""
    if error.errno not in FULL:
        return error
    return FullDiskError(f"{path}: {error.strerror.lower()}; make room and run again", "disk full")


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write at `path`."""
    return shutil.disk_usage(path).free


class Part:
    """An open part; `have` bytes of it are there, `total` is how many it must have, if known."""

    def __init__(
        self,
        path: Path,
        descriptor: int,
        remote: Remote,
        advance: Callable[[int], None],
        free: Callable[[Path], int],
    ) -> None:
        self.path, self.note_path = path, path.with_name(path.name + ".json")
        self.remote, self._descriptor = remote, descriptor
        self._advance, self._free = advance, free
        self.have, self._looked = os.fstat(descriptor).st_size, 0
        self.etag = self.modified = ""
        self.total = remote.bytes

    def take_up(self) -> None:
        """Go on with the bytes that an earlier run left, where they can be trusted."""
        if self.have:
            self._advance(self.have)
            if not self._recall():
                self.drop()

    def _recall(self) -> bool:
        try:
            note = read_json(self.note_path)
            self.etag, self.modified = str(note["etag"]), str(note["modified"])
            same = note["url"] == self.remote.url and note["checksum"] == self.remote.checksum
            total = note["bytes"]
        except (ResedError, KeyError, TypeError):
            return False
        if self.remote.bytes is None:
            self.total = total
        return same and self.total == total and self.resumable and self.have <= self.total

    @property
    def validator(self) -> str:
        """What If-Range may hold: a strong ETag, else the date of the last change, else ""."""
        return self.modified if self.etag.startswith("W/") or not self.etag else self.etag

    @property
    def resumable(self) -> bool:
        """Whether what comes next can be known to belong to what is there."""
        return self.total is not None and bool(self.validator or self.remote.checksum)

    def begin(self, headers: Mapping[str, str], length: int | None) -> None:
        """Start again at byte 0 with an answer that has these headers and promises `length`."""
        self.drop()
        self.total = length if self.remote.bytes is None else self.remote.bytes
        self.etag = headers.get("ETag", "")
        self.modified = headers.get("Last-Modified", "")
        note = {
            "url": self.remote.url,
            "etag": self.etag,
            "modified": self.modified,
            "bytes": self.total,
            "checksum": self.remote.checksum,
        }
        # Not atomically: a torn note is no JSON, and its part is dropped.
        self.note_path.write_text(json.dumps(note, sort_keys=True) + "\n", encoding="utf-8")

    def continued_by(self, headers: Mapping[str, str]) -> bool:
        """Whether a 206 with these headers goes on exactly where this part ends."""
        match = RANGE.fullmatch(headers.get("Content-Range", "").strip())
        other = headers.get("ETag", self.etag) != self.etag
        if not match or not self.have or not self.resumable or other:
            return False
        first, last = int(match[1]), int(match[2])
        whole = match[3] == "*" or int(match[3]) == self.total
        return whole and first == self.have and last + 1 == self.total

    def make_room(self) -> None:
        """FullDiskError where what is still to come does not fit on the disk."""
        left = 0 if self.total is None else self.total - self.have
        check_room(self.path.parent, left, self._free)

    def write(self, piece: bytes) -> None:
        """Append bytes; FullDiskError where the disk is full."""
        view = memoryview(piece)
        while view:
            try:
                count = os.pwrite(self._descriptor, view, self.have)
            except OSError as error:
                raise full_disk(self.path.parent, error) from None
            view = view[count:]
            self.have += count
            self._advance(count)
        if self.have - self._looked >= LOOK:
            self._looked = self.have
            self.make_room()

    def drop(self) -> None:
        """Forget every byte."""
        os.ftruncate(self._descriptor, 0)
        self.note_path.unlink(missing_ok=True)
        lost, self.have, self._looked = self.have, 0, 0
        self.etag = self.modified = ""
        self.total = self.remote.bytes
        if lost:
            self._advance(-lost)

    def place(self, target: Path) -> None:
        """Give the whole part its name; on disk before the name is."""
        os.fsync(self._descriptor)
        os.replace(self.path, target)
        self.note_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go. An empty part is removed, any other stays for the next attempt."""
        if not self.have and is_at(self._descriptor, self.path):
            self.path.unlink()
            self.note_path.unlink(missing_ok=True)
        os.close(self._descriptor)


@contextmanager
def open_part(
    target: Path,
    remote: Remote,
    advance: Callable[[int], None],
    free: Callable[[Path], int] = free_bytes,
) -> Iterator[Part]:
    """The part of `target`, waited for while another process or thread holds it."""
    path = target.with_name(f".{target.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_locked(path, seconds=None)
    part = Part(path, descriptor, remote, advance, free)
    try:
        part.take_up()
        yield part
    finally:
        part.close()
