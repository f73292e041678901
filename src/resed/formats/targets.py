"""Targets of one split for the next generation: an uncompressed .npz file without pickles.

They take the place of the labels of the split in `resed train`.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.errors import StoreError
from resed.formats.arrays import TEXT, read_arrays, write_arrays
from resed.formats.posteriors import STEP
from resed.formats.validation import (
    HASH,
    MADE_BY,
    NAME,
    Fields,
    Kind,
    SourceFile,
    are_unique_names,
    integer,
    is_name,
    list_of,
    number,
    short,
    short_line,
)
from resed.runtime.files import existing
from resed.runtime.json_text import parse_json

VERSION = 1
FORMAT = "resed targets"
CURE = "delete it and run resed distil again"
KINDS = {"frames": "<f2", "tags": "<f2"} | dict.fromkeys(("clips", "classes", "meta"), TEXT)
ROUNDING = 1e-6  # of sums of shares
SHARE = number(0, 1)
SHARE_OR_NULL = Kind("a number from 0 to 1, or null", lambda v: v is None or SHARE.holds(v))
SEED = Kind("an integer from 0, or null", lambda value: value is None or integer().holds(value))
HASH_OR_EMPTY = Kind(HASH.words, lambda v: v == "" or HASH.holds(v))  # "": no audit
FLAG = Kind("true or false", lambda value: isinstance(value, bool))


def _one_of(*words: str) -> Kind:
    return Kind(f"one of {', '.join(words)}", lambda value: value in words)


TEACHER = Fields(
    {
        "share": SHARE,
        "seed": SEED,
        # Of each of its trainings: one, or those that predicted what they were not trained on
        "checkpoints": list_of(HASH_OR_EMPTY, least=1),
    }
)
META = Fields(
    {
        "format": Kind(repr(FORMAT), lambda value: value == FORMAT, True),  # added when written
        "version": integer(VERSION, VERSION, optional=True),  # as above
        "dataset": NAME,
        "split": NAME,
        "manifest_sha256": HASH_OR_EMPTY,
        "annotations_sha256": HASH,
        "labels": SHARE,  # share of the labels
        "teachers": Fields({}, others=TEACHER),
        "seconds_per_frame": STEP,
        "frames": _one_of("none", "posteriors", "tags"),
        "gate": _one_of("none", "labels", "own"),
        "median": integer(),  # frames
        "gaussian": number(0),  # frames
        "hard": Fields({}, others=SHARE),  # class -> threshold; empty for soft targets
        "thresholds": Kind("given or teacher", lambda v: v in ("given", "teacher"), True),
        "labels_smoothed": FLAG,
        "rounding": _one_of("nearest", "down"),
        "agreement": Fields(  # of the teachers with the labels; null without labels
            {
                "map": SHARE_OR_NULL,
                "difference": SHARE_OR_NULL,
                "positives": SHARE_OR_NULL,
                "negatives": SHARE_OR_NULL,
            }
        ),
        "made_by": MADE_BY,
    }
)


@dataclass(frozen=True)
class TargetSet:
    """Targets in [0, 1] for the clips of one split.

    Attributes:
        tags: float16 [clips, classes].
        clips: clip names.
        classes: class labels, in the order of the dataset.
        meta: what they were made from and how: see META.
        frames: float16 [clips, frames, classes], or None.
    """

    tags: np.ndarray
    clips: list[str]
    classes: list[str]
    meta: dict[str, Any]
    frames: np.ndarray | None = None

    @property
    def seconds_per_frame(self) -> float:
        """Seconds from one frame to the next."""
        return float(self.meta["seconds_per_frame"])

    def save(self, path: Path | str) -> None:
        """Write a .npz file atomically; equal targets give equal bytes.

        Raises StoreError if `load` would refuse the file, for example because of NaN.
        """
        _check(SourceFile(Path(path), StoreError, "make the posteriors again"), self)
        frames = {} if self.frames is None else {"frames": np.asarray(self.frames, "<f2")}
        meta = {**self.meta, "format": FORMAT, "version": VERSION}
        arrays = {
            **frames,
            "tags": np.asarray(self.tags, "<f2"),
            "clips": np.array(self.clips, dtype=np.str_),
            "classes": np.array(self.classes, dtype=np.str_),
            "meta": np.array(json.dumps(meta, sort_keys=True)),
        }
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path | str) -> "TargetSet":
        """Read and check a file that `save` wrote.

        `frames` is a read-only map of the file, so that memory does not grow with the clips.

        Raises:
            StoreError: the file is damaged or of another version, its arrays have inconsistent
                shapes, a value is not from 0 to 1, or a clip or class is repeated.
            MissingFileError: the file does not exist.
        """
        source = SourceFile(existing(path, "run resed distil first"), StoreError, CURE)
        try:
            values: dict[str, Any] = read_arrays(source.path, KINDS, ("frames",))
            clips, classes = values.pop("clips").tolist(), values.pop("classes").tolist()
            meta = parse_json(values.pop("meta").item().encode())
        except ValueError as error:
            raise source.wrong(f"not a file of targets, or damaged ({short_line(error)})") from None
        found = meta.get("version") if isinstance(meta, dict) else None
        if type(found) is not int or found != VERSION:
            raise source.wrong(f"version {short(found)}, this resed reads version {VERSION}")
        targets = cls(**values, clips=clips, classes=classes, meta=meta)
        _check(source, targets)
        return targets


def _check(source: SourceFile, found: TargetSet) -> None:
    source.check(found.meta, META, "meta")
    for what, names in (("clips", found.clips), ("classes", found.classes)):
        if not are_unique_names(names):
            raise source.wrong(f"{what} must be unique names, none empty")
    meta = found.meta
    if not meta["teachers"] or not all(map(is_name, meta["teachers"])):
        raise source.wrong("meta.teachers must have at least one name, none empty")
    shares = [meta["labels"], *(teacher["share"] for teacher in meta["teachers"].values())]
    if abs(math.fsum(shares) - 1) > ROUNDING:
        raise source.wrong("meta: the shares of labels and teachers must sum to 1")
    if meta["hard"] and meta["hard"].keys() != {*found.classes}:
        raise source.wrong("meta.hard must have a threshold for each class")
    if (found.frames is None) != (meta["frames"] == "none"):
        raise source.wrong("frames do not fit meta.frames")
    expected = (len(found.clips), len(found.classes))
    for name in ("frames", "tags"):
        values = getattr(found, name)
        if values is None:
            continue
        shape = np.shape(values)
        if name == "frames":  # of any number of frames
            shape = (shape[0], shape[2]) if len(shape) == 3 and shape[1] else None
        if shape != expected:
            raise source.wrong(f"{name} do not fit the clips and classes")
        if not (np.min(values) >= 0 and np.max(values) <= 1):  # false for NaN
            raise source.wrong(f"{name} must be numbers from 0 to 1")
