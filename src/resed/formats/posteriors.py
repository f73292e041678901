"""Posteriors of one system on one split: what predict writes and decode reads."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.errors import StoreError
from resed.runtime.files import atomic_path, existing

VERSION = 1


@dataclass(frozen=True)
class Posteriors:
    """Probabilities in [0, 1].

    Attributes:
        frames: float32 [clips, frames, classes], the student's frame posteriors.
        tags: float32 [clips, classes], the student's clip posteriors.
        teacher_tags: float32 [clips, classes], the teacher's clip posteriors.
        clips: clip names, in the store's order.
        classes: class labels, in the dataset's order.
        meta: system, seed, split, seconds_per_frame, manifest_sha256 and more, JSON values.
        lost_head_tags: float32 [clips, classes], the student's clip posteriors with a fresh
            attention head (Mean Teacher alone; see `decode.attention_head`).
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

    def save(self, path: Path | str) -> None:
        """Write atomically as .npz (no pickled objects inside)."""
        lost = self.lost_head_tags
        extra = {} if lost is None else {"lost_head_tags": lost.astype(np.float32)}
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            np.savez(
                handle,
                **extra,
                frames=self.frames.astype(np.float32),
                tags=self.tags.astype(np.float32),
                teacher_tags=self.teacher_tags.astype(np.float32),
                clips=np.array(self.clips, dtype=np.str_),
                classes=np.array(self.classes, dtype=np.str_),
                meta=np.array(json.dumps({**self.meta, "version": VERSION}, sort_keys=True)),
            )

    @classmethod
    def load(cls, path: Path | str) -> "Posteriors":
        """Read and check; StoreError where the file is damaged or of another version."""
        path = existing(path)
        cure = "delete it and run resed predict again"
        try:
            with np.load(path, allow_pickle=False) as data:
                values = {name: data[name] for name in data.files}
            meta = json.loads(str(values.pop("meta")))
            clips, classes = values.pop("clips").tolist(), values.pop("classes").tolist()
            posteriors = cls(**values, clips=clips, classes=classes, meta=meta)
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise StoreError(
                f"{path}: not a posterior file, or damaged ({error}); {cure}"
            ) from None
        if meta.get("version") != VERSION:
            found = meta.get("version")
            raise StoreError(f"{path}: version {found}, this resed reads version {VERSION}; {cure}")
        shape = posteriors.frames.shape
        expected = (len(clips), len(classes))
        if (shape[0], shape[-1]) != expected or posteriors.tags.shape != expected:
            raise StoreError(f"{path}: arrays do not fit its clips and classes; {cure}")
        return posteriors
