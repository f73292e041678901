"""The features of a store: written clip by clip, and read where they are in several files."""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from resed.errors import StoreError

SUFFIX = ".shards"  # of the folder beside a store
DTYPES = {"float32": "<f4", "float16": "<f2"}
MOST_SHARDS = 10_000  # files of a store, all of which are open while it is


def shard_folder(store: Path) -> Path:
    """The folder of the shards of a store, beside it."""
    return store.with_name(store.name + SUFFIX)


def shard_path(store: Path, number: int) -> Path:
    """The file of shard `number` of a store."""
    return shard_folder(store) / f"{number:05d}.store"


class MappedFeatures:
    """Features of all clips, float32 [clips, frames, n_mels], over memory-mapped files.

    Only the clips that an index takes are read. Every file has the same number of clips; the last
    one may have fewer.
    """

    dtype = np.dtype(np.float32)
    ndim = 3

    def __init__(self, shards: Sequence[np.ndarray], shape: tuple[int, int, int]):
        self.shards, self.shape = list(shards), shape
        self._per_shard = len(self.shards[0])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of the float32 array."""
        return self.dtype.itemsize * prod(self.shape)

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        """A float32 copy of the clips of an integer, a slice or an array of integers."""
        sliced = isinstance(index, slice)
        rows = np.arange(*index.indices(len(self))) if sliced else np.asarray(index)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"clips {rows.min()} to {rows.max()} of {len(self)}")
        taken = np.empty((rows.size, *self.shape[1:]), dtype=np.float32)
        for place, row in enumerate(rows.reshape(-1)):
            shard, within = divmod(int(row), self._per_shard)
            taken[place] = self.shards[shard][within]
        return taken.reshape(*rows.shape, *self.shape[1:])

    def __iter__(self) -> Iterator[np.ndarray]:
        for shard in self.shards:
            for clip in shard:
                yield clip.astype(np.float32)

    def stored(self) -> Iterator[np.ndarray]:
        """Each clip as it is on disk, for checksums."""
        for shard in self.shards:
            yield from shard


def open_shards(
    store: Path, shape: tuple[int, int, int], shard_clips: int, dtype: str, cure: str
) -> list[np.ndarray]:
    """Memory maps of all shards of a store. Raises StoreError for a missing or truncated one."""
    clips, *frame = shape
    if -(-clips // shard_clips) > MOST_SHARDS:
        raise StoreError(f"more than {MOST_SHARDS} shards", place=store, cure=cure)
    itemsize = np.dtype(dtype).itemsize * prod(frame)
    maps: list[np.ndarray] = []
    for number, first in enumerate(range(0, clips, shard_clips)):
        path, count = shard_path(store, number), min(shard_clips, clips - first)
        if not path.is_file():
            raise StoreError(f"{store} requires this file", place=path, cure=cure)
        found = path.stat().st_size
        if found != count * itemsize:
            problem = f"truncated or overwritten: {found} bytes instead of {count * itemsize}"
            raise StoreError(problem, place=path, cure=cure)
        maps.append(np.memmap(path, dtype, "r", 0, (count, *frame)))
    return maps


@dataclass(frozen=True)
class Writer:
    """Writes clips into a new store, from any process and in any order."""

    path: Path
    start: int  # byte at which the features begin
    shape: tuple[int, int, int]
    dtype: str = "float32"
    shards: tuple[Path, ...] = ()
    shard_clips: int = 0

    @property
    def sums(self) -> int:
        """Byte at which the checksums begin."""
        return self.start + (0 if self.shards else self.clip_bytes * self.shape[0])

    @property
    def clip_bytes(self) -> int:
        """Bytes of the features of a clip."""
        return np.dtype(self.dtype).itemsize * prod(self.shape[1:])

    def write(self, row: int, features: np.ndarray) -> None:
        """Write float32 [frames, n_mels] as row `row` of the store, and its checksum.

        Raises OverflowError for a feature that float16 cannot hold.
        """
        if features.shape != self.shape[1:] or not 0 <= row < self.shape[0]:
            raise ValueError(f"row {row} of shape {features.shape} does not fit {self.shape}")
        with np.errstate(over="ignore"):
            kept = np.ascontiguousarray(features, dtype=DTYPES[self.dtype])
        if self.dtype == "float16" and not np.isfinite(kept).all():
            raise OverflowError(f"a feature of {np.abs(features).max():.3g}")
        shard, within = divmod(row, self.shard_clips) if self.shards else (0, row)
        path, start = (self.shards[shard], 0) if self.shards else (self.path, self.start)
        with path.open("r+b") as handle:  # not a memory map, which would crash on a full disk
            handle.seek(start + within * kept.nbytes)
            handle.write(kept.data)
        with self.path.open("r+b") as handle:
            handle.seek(self.sums + 4 * row)
            handle.write(struct.pack("<I", zlib.crc32(kept)))


def shard_paths(path: Path, clips: int, shard_clips: int) -> list[Path]:
    """The files of the features; none if they are in the store itself."""
    count = -(-clips // shard_clips) if shard_clips else 0
    if count > MOST_SHARDS:
        cure = f"raise store.shard_clips to at least {-(-clips // MOST_SHARDS)}"
        raise StoreError(f"{count} shards; at most {MOST_SHARDS}", place=path, cure=cure)
    return [shard_path(path, number) for number in range(count)]


def remove_other_shards(path: Path, names: Sequence[Path]) -> None:
    """Remove shards of an earlier store of this name that the new one does not have."""
    for found in shard_folder(path).glob("[0-9]" * 5 + ".store"):
        if found not in names:
            found.unlink()


def allocate(descriptor: int, size: int) -> None:
    """Reserve the disk space, so that a full disk is reported before clips are processed."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    os.truncate(descriptor, size)
