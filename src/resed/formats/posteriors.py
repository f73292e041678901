"""Posteriors of one system and seed on one split: an uncompressed .npz file without pickles."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.errors import StoreError
from resed.formats.arrays import TEXT, read_arrays, write_arrays
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
    number,
    short,
    short_line,
)
from resed.runtime.files import existing
from resed.runtime.json_text import parse_json

VERSION = 1
CURE = "delete it and run resed predict again"
ARRAYS = ("frames", "tags", "teacher_tags")
OPTIONAL = "lost_head_tags"
KINDS = dict.fromkeys(ARRAYS, "<f4") | dict.fromkeys(("clips", "classes", "meta"), TEXT)
KINDS[OPTIONAL] = "<f4"
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
        "tag_thresholds": Fields({}, others=number(0, 1), optional=True),  # of the training
        **{name: Kind(NAME.words, NAME.holds, True) for name in ("system", "split", "dataset")},
        **{
            name: Kind(HASH.words, lambda v: v == "" or HASH.holds(v), True)  # "": no audit
            for name in ("manifest_sha256", "checkpoint_sha256")
        },
    },
    others=PLAIN,
)


@dataclass(frozen=True)
class Posteriors:
    """Probabilities in [0, 1].

    Attributes:
        frames: float32 [clips, frames, classes], the student's frame posteriors; no frames if
            meta.tags_only is true.
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
    def tags_only(self) -> bool:
        """Whether there are no frame posteriors, and so no events."""
        return self.frames.shape[1] == 0

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
        arrays = {
            **extra,
            **{name: np.asarray(getattr(self, name), np.float32) for name in ARRAYS},
            "clips": np.array(self.clips, dtype=np.str_),
            "classes": np.array(self.classes, dtype=np.str_),
            "meta": np.array(json.dumps({**self.meta, "version": VERSION}, sort_keys=True)),
        }
        write_arrays(path, arrays)

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
            values: dict[str, Any] = read_arrays(source.path, KINDS, (OPTIONAL,))
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
            without = name == "frames" and found.meta.get("tags_only", False)
            right = len(shape) == 3 and bool(shape[1]) != without
            shape = (shape[0], shape[2]) if right else None
        if shape != expected:
            raise source.wrong(f"{name} do not fit the clips and classes")
        if not np.size(values) and name == "frames":
            continue
        if not (np.min(values) >= 0 and np.max(values) <= 1):  # false for NaN
            raise source.wrong(f"{name} must be numbers from 0 to 1")
