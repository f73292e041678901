"""Posteriors of one system and seed on one split: an uncompressed .npz file without pickles."""

import json
import math
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.errors import StoreError
from resed.formats.archive import READ_ERRORS, stored_archive
from resed.formats.validation import (
    HASH,
    MADE_BY,
    NAME,
    PLAIN,
    Fields,
    Kind,
    SourceFile,
    are_unique_names,
    integer,
    is_number,
    short,
    short_line,
)
from resed.runtime.files import atomic_path, existing
from resed.runtime.json_text import parse_json

VERSION = 1
CURE = "delete it and run resed predict again"
ARRAYS = ("frames", "tags", "teacher_tags")
MEMBERS = (*ARRAYS, "clips", "classes", "meta")
OPTIONAL = "lost_head_tags"
TEXTS = ("clips", "classes", "meta")
SHORTEST_STEP, LONGEST_STEP = 1e-5, 3600.0  # seconds
STEP = Kind(
    f"a number from {SHORTEST_STEP:g} to {LONGEST_STEP:g}",
    lambda value: is_number(value) and SHORTEST_STEP <= value <= LONGEST_STEP,
)
META = Fields(
    {
        "seconds_per_frame": STEP,
        "version": integer(VERSION, VERSION, optional=True),  # added when it is written
        "seed": integer(optional=True),
        "made_by": MADE_BY,
        **{name: Kind(NAME.words, NAME.holds, True) for name in ("system", "split", "dataset")},
        **{
            name: Kind(HASH.words, lambda v: v == "" or HASH.holds(v), True)  # "": no audit
            for name in ("manifest_sha256", "checkpoint_sha256")
        },
    },
    others=PLAIN,
)
NAMES = re.compile(rf"({'|'.join((*MEMBERS, OPTIONAL))})\.npy")
# The header of an array as numpy.savez writes it, after magic number and version 1.0.
HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[A-Za-z][0-9]{0,6})', 'fortran_order': False, "
    rb"'shape': \(((?:[0-9]{1,18}, ?)*(?:[0-9]{1,18})?)\), \} *\n"
)
MAGIC = b"\x93NUMPY\x01\x00"
CHUNK = 64 << 20  # bytes


@dataclass(frozen=True)
class Posteriors:
    """Probabilities in [0, 1].

    Attributes:
        frames: float32 [clips, frames, classes], the student's frame posteriors.
        tags: float32 [clips, classes], the student's clip posteriors.
        teacher_tags: float32 [clips, classes], the teacher's clip posteriors.
        clips: clip names, in the order of the store.
        classes: class labels, in the order of the dataset.
        meta: system, seed, split, seconds_per_frame, manifest_sha256 and others; JSON values.
        lost_head_tags: float32 [clips, heads, classes], the student's clip posteriors with each of
            several fresh attention heads (Mean Teacher only; see `decode.attention_head`).
    """

    frames: np.ndarray
    tags: np.ndarray
    teacher_tags: np.ndarray
    clips: list[str]
    classes: list[str]
    meta: dict[str, Any]
    lost_head_tags: np.ndarray | None = None

    @property
    def seconds_per_frame(self) -> float:
        """Seconds from one frame to the next."""
        return float(self.meta["seconds_per_frame"])

    @property
    def seconds(self) -> float:
        """Seconds of a clip: frames times seconds per frame."""
        return self.frames.shape[1] * self.seconds_per_frame

    def save(self, path: Path | str) -> None:
        """Write a .npz file atomically.

        Raises StoreError if `load` would refuse the file, for example because of NaN.
        """
        _check(SourceFile(Path(path), StoreError, "train the system again"), self)
        lost = self.lost_head_tags
        extra = {} if lost is None else {OPTIONAL: lost.astype(np.float32)}
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            np.savez(
                handle,
                **extra,
                **{name: np.asarray(getattr(self, name), np.float32) for name in ARRAYS},
                clips=np.array(self.clips, dtype=np.str_),
                classes=np.array(self.classes, dtype=np.str_),
                meta=np.array(json.dumps({**self.meta, "version": VERSION}, sort_keys=True)),
            )

    @classmethod
    def load(cls, path: Path | str) -> "Posteriors":
        """Read and check a file that `save` wrote.

        `frames` is a read-only map of the file, so that memory does not grow with the clips.

        Raises:
            StoreError: the file is damaged or of another version, its arrays have inconsistent
                shapes, a value is not finite or outside [0, 1], or a clip or class is repeated.
            MissingFileError: the file does not exist.
        """
        source = SourceFile(existing(path), StoreError, CURE)
        try:
            values: dict[str, Any] = _read_members(source.path)
            clips, classes = values.pop("clips").tolist(), values.pop("classes").tolist()
            meta = parse_json(values.pop("meta").item().encode())
        except ValueError as error:
            raise source.wrong(f"not a posterior file, or damaged ({short_line(error)})") from None
        found = meta.get("version") if isinstance(meta, dict) else None
        if type(found) is not int or found != VERSION:
            raise source.wrong(f"version {short(found)}, this resed reads version {VERSION}")
        posteriors = cls(**values, clips=clips, classes=classes, meta=meta)
        _check(source, posteriors)
        return posteriors


def _read_members(path: Path) -> Mapping[str, np.ndarray]:
    """All arrays of the archive. The size of each is compared with the file before it is read.

    Raises ValueError for damaged or foreign files.
    """
    try:
        with stored_archive(path, NAMES) as archive:
            found = {
                info.filename.removesuffix(".npy"): _read_array(archive, info)
                for info in archive.infolist()
            }
    except READ_ERRORS as error:
        raise ValueError(short_line(error)) from None
    if {*found} - {OPTIONAL} != {*MEMBERS}:
        raise ValueError(f"its arrays must be {', '.join(MEMBERS)}")
    return found


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """An array of the archive, its CRC-32 compared. Raises ValueError or READ_ERRORS."""
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as handle:
        if handle.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{name} is not an array of format 1.0")
        header = HEADER.fullmatch(handle.read(int.from_bytes(handle.read(2), "little")))
        if header is None:
            raise ValueError(
                f"{name} has another type, or a header that numpy.savez does not write"
            )
        kind = header[1].decode()
        if not re.fullmatch(r"<U[1-9][0-9]*" if name in TEXTS else "<f4", kind):
            raise ValueError(f"{name} holds {kind}")
        dtype = np.dtype(kind)
        shape = tuple(int(size) for size in header[2].replace(b",", b" ").split())
        if math.prod(shape) * dtype.itemsize != info.file_size - handle.tell():
            raise ValueError(f"the size of {name} does not match its shape")
        if name == "frames" and math.prod(shape):
            place = _first_byte(archive, info) + handle.tell()
            while handle.read(1 << 18):  # at the end of a member, zipfile compares its CRC-32
                pass
            return np.memmap(Path(str(archive.filename)), dtype, "r", place, shape)
        array = np.empty(math.prod(shape), dtype)
        data = memoryview(array.view(np.uint8))
        for start in range(0, len(data), CHUNK):
            part = handle.read(len(data[start : start + CHUNK]))
            data[start : start + len(part)] = part
        handle.read(1)  # the CRC-32, as above
    if dtype.kind == "U" and array.size and array.view(np.uint32).max() > 0x10FFFF:
        raise ValueError(f"{name} holds numbers that are not characters")
    return array.reshape(shape)


def _first_byte(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Offset of the data of a member, behind its local header, which zipfile has compared."""
    with open(str(archive.filename), "rb") as handle:
        handle.seek(info.header_offset)
        name, extra = struct.unpack("<26x2H", handle.read(30))
    return info.header_offset + 30 + name + extra


def _check(source: SourceFile, found: Posteriors) -> None:
    source.check(found.meta, META, "meta")
    for what, names in (("clips", found.clips), ("classes", found.classes)):
        if not are_unique_names(names):
            raise source.wrong(f"{what} must be unique names, none empty")
    expected = (len(found.clips), len(found.classes))
    for name in (*ARRAYS, OPTIONAL):
        values = getattr(found, name)
        if values is None:
            continue
        shape = np.shape(values)
        if name in ("frames", OPTIONAL):  # of any number of frames or heads
            shape = (shape[0], shape[2]) if len(shape) == 3 and shape[1] else None
        if shape != expected:
            raise source.wrong(f"{name} do not fit the clips and classes")
        if not (np.min(values) >= 0 and np.max(values) <= 1):  # false for NaN
            raise source.wrong(f"{name} must be numbers from 0 to 1")
