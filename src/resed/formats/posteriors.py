"""Posteriors of one system and seed on one split: an uncompressed .npz file without pickles."""

import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.errors import StoreError
from resed.formats.validation import (
    ANY,
    MADE_BY,
    Fields,
    Kind,
    SourceFile,
    are_unique_names,
    is_number,
)
from resed.runtime.files import atomic_path, existing, parse_json

VERSION = 1
CURE = "delete it and run resed predict again"
ARRAYS = ("frames", "tags", "teacher_tags")
MEMBERS = (*ARRAYS, "clips", "classes", "meta")
OPTIONAL = "lost_head_tags"
STEP = Kind("a finite number above 0", lambda value: is_number(value) and value > 0)
META = Fields({"seconds_per_frame": STEP, "made_by": MADE_BY}, others=ANY)


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
        lost_head_tags: float32 [clips, classes], the student's clip posteriors with a fresh
            attention head (Mean Teacher only; see `decode.attention_head`).
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

        Raises:
            StoreError: the file is damaged or of another version, its arrays have inconsistent
                shapes, a value is not finite or outside [0, 1], or a clip or class is repeated.
            MissingFileError: the file does not exist.
        """
        source = SourceFile(existing(path), StoreError, CURE)
        try:
            values = _read_members(source.path)
            meta = parse_json(str(values.pop("meta")).encode())
            clips, classes = values.pop("clips").tolist(), values.pop("classes").tolist()
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise source.wrong(f"not a posterior file, or damaged ({error})") from None
        found = meta.get("version") if isinstance(meta, dict) else None
        if found != VERSION:
            raise source.wrong(f"version {found}, this resed reads version {VERSION}")
        posteriors = cls(**values, clips=clips, classes=classes, meta=meta)
        _check(source, posteriors)
        return posteriors


def _read_members(path: Path) -> dict[str, np.ndarray]:
    """All arrays of the archive. The size of each is compared with the file before it is read.

    Raises ValueError, OSError or BadZipFile.
    """
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        names = [info.filename.removesuffix(".npy") for info in infos]
        if sorted(set(names) - {OPTIONAL}) != sorted(MEMBERS) or len(set(names)) < len(names):
            raise ValueError(f"its arrays must be {', '.join(MEMBERS)}")
        for name, info in zip(names, infos, strict=True):
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise ValueError(f"{name} is compressed or encrypted")
        return {
            name: _read_array(archive, info, text=name in ("clips", "classes", "meta"))
            for name, info in zip(names, infos, strict=True)
        }


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, text: bool) -> np.ndarray:
    with archive.open(info) as handle:
        version = np.lib.format.read_magic(handle)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"{info.filename} has an unsupported array format")
        shape, _, dtype = read_header(handle)
        if not (dtype.kind == "U" if text else dtype == np.float32):
            raise ValueError(f"{info.filename} holds {dtype}")
        if math.prod(shape) * dtype.itemsize != info.file_size - handle.tell():
            raise ValueError(f"the size of {info.filename} does not match its shape")
    with archive.open(info) as handle:
        return np.lib.format.read_array(handle, allow_pickle=False)


def _check(source: SourceFile, found: Posteriors) -> None:
    source.check(found.meta, META, "meta")
    for what, names in (("clips", found.clips), ("classes", found.classes)):
        if not are_unique_names(names):
            raise source.wrong(f"{what} must be unique names, none empty")
    expected = (len(found.clips), len(found.classes))
    shape = np.shape(found.frames)
    if len(shape) != 3 or (shape[0], shape[2]) != expected or not shape[1]:
        raise source.wrong("frames do not fit the clips and classes")
    for name in (*ARRAYS, OPTIONAL):
        values = getattr(found, name)
        if values is None:
            continue
        if name != "frames" and np.shape(values) != expected:
            raise source.wrong(f"{name} do not fit the clips and classes")
        if not (np.min(values) >= 0 and np.max(values) <= 1):  # false for NaN
            raise source.wrong(f"{name} must be numbers from 0 to 1")
