"""Partial downloads: `.{name}.part` next to the target, and a JSON file with address and version.

A partial download is resumed only if address and version of the file are the same. One process at a
time holds it by a lock, which ends with the process.
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

from resed.acquire.recordings.fetch.errors import FullDiskError
from resed.errors import ResedError
from resed.runtime.files import read_json
from resed.runtime.locks import is_at, open_locked

MARGIN = 64 << 20  # bytes that must remain free on the disk
SPACE_INTERVAL = 64 << 20  # bytes between two checks of the free space
FREE = "free disk space and run the command again"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|\*)")


@dataclass(frozen=True)
class Remote:
    """A remote file; `bytes` and `checksum` ("md5:HEX" or "sha256:HEX") are None if unknown."""

    url: str
    bytes: int | None = None
    checksum: str | None = None

    def __post_init__(self) -> None:
        if self.checksum is None:
            return
        kind, _, digest = self.checksum.partition(":")
        length = {"md5": 32, "sha256": 64}.get(kind)
        if length != len(digest) or re.search(r"[^0-9a-fA-F]", digest):
            problem = f"invalid checksum {self.checksum}"
            raise ResedError(problem, place=self.url, cure="use md5:HEX or sha256:HEX")
        object.__setattr__(self, "checksum", self.checksum.lower())


def checksum_of(path: Path, kind: str) -> str:
    """The checksum of a file, "md5:HEX" or "sha256:HEX"."""
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, lambda: hashlib.new(kind, usedforsecurity=False))
    return f"{kind}:{digest.hexdigest()}"


def mismatch(path: Path, remote: Remote) -> str:
    """How a file differs from `remote`: wrong length, wrong checksum or ""."""
    if remote.bytes is not None and path.stat().st_size != remote.bytes:
        return "wrong length"
    if remote.checksum and checksum_of(path, remote.checksum.split(":")[0]) != remote.checksum:
        return "wrong checksum"
    return ""


def is_whole(path: Path, remote: Remote) -> bool:
    """Whether `path` exists with the length and the checksum of `remote`, as far as known."""
    return path.is_file() and not mismatch(path, remote)


def check_space(path: Path, needed: int, free: Callable[[Path], int]) -> None:
    """Raise FullDiskError if fewer than `needed` bytes and a margin are free in a folder."""
    there = free(path)
    if there < needed + MARGIN:
        raise FullDiskError(
            f"{needed / 1e6:.0f} MB and a margin of {MARGIN / 1e6:.0f} MB are required, "
            f"{there / 1e6:.0f} MB are free",
            place=path,
            cure=FREE,
        )


def full_disk(path: Path, error: OSError) -> Exception:
    """The error to raise for an OSError while writing: FullDiskError if the disk is full."""
    if error.errno not in FULL:
        return error
    return FullDiskError(error.strerror.lower(), place=path, cure=FREE)


def free_bytes(path: Path) -> int:
    """Free bytes at `path` for this user."""
    return shutil.disk_usage(path).free


class PartialDownload:
    """An open partial download with `have` of `total` bytes; `total` is None if unknown."""

    def __init__(
        self,
        path: Path,
        descriptor: int,
        remote: Remote,
        *,
        advance: Callable[[int], None],
        free: Callable[[Path], int],
    ) -> None:
        self.path, self.note_path = path, path.with_name(path.name + ".json")
        self.remote, self._descriptor = remote, descriptor
        self._advance, self._free = advance, free
        self.have, self._looked = os.fstat(descriptor).st_size, 0
        self.etag = self.modified = ""
        self.total = remote.bytes

    def resume(self) -> None:
        """Keep the bytes of an earlier run if they are of the same version of the file."""
        if self.have:
            self._advance(self.have)
            if not self._read_note():
                self.discard()

    def _read_note(self) -> bool:
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
        """The value for If-Range: a strong ETag, or the date of the last change, or ""."""
        return self.modified if self.etag.startswith("W/") or not self.etag else self.etag

    @property
    def resumable(self) -> bool:
        """Whether a resumed download can be verified."""
        return self.total is not None and bool(self.validator or self.remote.checksum)

    def begin(self, headers: Mapping[str, str], length: int | None) -> None:
        """Start at byte 0 with a response that has these headers and this length."""
        self.discard()
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
        # Not atomic: an incomplete note is invalid JSON, and the download starts again.
        self.note_path.write_text(json.dumps(note, sort_keys=True) + "\n", encoding="utf-8")

    def continued_by(self, headers: Mapping[str, str]) -> bool:
        """Whether a 206 response with these headers continues this partial download."""
        match = RANGE.fullmatch(headers.get("Content-Range", "").strip())
        other = headers.get("ETag", self.etag) != self.etag
        if not match or not self.have or not self.resumable or other:
            return False
        first, last = int(match[1]), int(match[2])
        whole = match[3] == "*" or int(match[3]) == self.total
        return whole and first == self.have and last + 1 == self.total

    def check_space(self) -> None:
        """Raise FullDiskError if the rest does not fit on the disk."""
        left = 0 if self.total is None else self.total - self.have
        check_space(self.path.parent, left, self._free)

    def write(self, piece: bytes) -> None:
        """Append bytes. Raises FullDiskError if the disk is full."""
        view = memoryview(piece)
        while view:
            try:
                count = os.pwrite(self._descriptor, view, self.have)
            except OSError as error:
                raise full_disk(self.path.parent, error) from None
            view = view[count:]
            self.have += count
            self._advance(count)
        if self.have - self._looked >= SPACE_INTERVAL:
            self._looked = self.have
            self.check_space()

    def discard(self) -> None:
        """Delete all bytes."""
        os.ftruncate(self._descriptor, 0)
        self.note_path.unlink(missing_ok=True)
        lost, self.have, self._looked = self.have, 0, 0
        self.etag = self.modified = ""
        self.total = self.remote.bytes
        if lost:
            self._advance(-lost)

    def place(self, target: Path) -> None:
        """Move the complete file to `target`, after its bytes are on the disk."""
        os.fsync(self._descriptor)
        os.replace(self.path, target)
        self.note_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the lock; delete an empty file, and keep others for the next attempt."""
        if not self.have and is_at(self._descriptor, self.path):
            self.path.unlink()
            self.note_path.unlink(missing_ok=True)
        os.close(self._descriptor)


@contextmanager
def open_partial_download(
    target: Path,
    remote: Remote,
    advance: Callable[[int], None],
    free: Callable[[Path], int] = free_bytes,
) -> Iterator[PartialDownload]:
    """Open the partial download of `target`; wait while another process or thread holds it."""
    path = target.with_name(f".{target.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_locked(path, seconds=None)
    part = PartialDownload(path, descriptor, remote, advance=advance, free=free)
    try:
        part.resume()
        yield part
    finally:
        part.close()
