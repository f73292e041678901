"""Labels of a split, as distil mixes them with posteriors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.config.dataset import Dataset
from resed.errors import DatasetError
from resed.formats.annotations import Event, read_clips, read_events, read_tags
from resed.formats.label_matrix import Grid, event_tags, frame_matrix, tag_matrix
from resed.runtime.files import existing, sha256


@dataclass(frozen=True)
class TargetLabels:
    """Labels of the clips of a split.

    Attributes:
        path: the annotation file.
        classes: class labels.
        order: all clips of the annotations, in their order.
        tags: clip -> classes; None for a split without labels.
        events: clip -> events; None for a split without strong labels.
    """

    path: Path
    classes: Sequence[str]
    order: Sequence[str]
    tags: Mapping[str, Sequence[str]] | None = None
    events: Mapping[str, Sequence[Event]] | None = None

    @classmethod
    def read(cls, dataset: Dataset, root: Path, split: str) -> "TargetLabels":
        """Read the annotations of a split.

        Raises DatasetError if the dataset has no such split, AnnotationError or MissingFileError.
        """
        if split not in dataset.splits:
            raise DatasetError(
                f"has no split {split}",
                place=f"dataset {dataset.name}",
                cure="use the dataset of the posteriors",
            )
        chosen = dataset.splits[split]
        path = existing(root / chosen.annotations, "check --root")
        found: dict[str, Any] = {"path": path, "classes": dataset.classes}
        if chosen.labels == "weak":
            tags = read_tags(path, dataset.classes)
            return cls(**found, order=list(tags), tags=tags)
        if chosen.labels == "strong":
            events = read_events(path, dataset.classes)
            return cls(**found, order=list(events), events=events)
        return cls(**found, order=read_clips(path))

    @property
    def known(self) -> bool:
        """Whether the split has labels."""
        return self.tags is not None or self.events is not None

    @property
    def digest(self) -> str:
        """SHA-256 of the annotation file."""
        return sha256(self.path)

    def ordered(self, clips: Sequence[str]) -> list[str]:
        """The clips in the order of the annotations; DatasetError if one has no row."""
        listed = {*self.order}
        missing = [clip for clip in clips if clip not in listed]
        if missing:
            raise DatasetError(
                f"no row for clip {missing[0]} of the posteriors",
                place=self.path,
                cure="use the annotations of the split that was predicted",
            )
        chosen = {*clips}
        return [clip for clip in self.order if clip in chosen]

    def tag_matrix(self, clips: Sequence[str], grid: Grid) -> np.ndarray:
        """Tags of some clips: uint8 [clips, classes]."""
        if self.events is not None:
            found: Sequence[Sequence[str]] = event_tags([self.events[c] for c in clips], grid)
        else:
            assert self.tags is not None
            found = [self.tags[clip] for clip in clips]
        return tag_matrix(found, self.classes)

    def frame_matrix(self, clips: Sequence[str], grid: Grid) -> np.ndarray:
        """Strong labels of some clips: uint8 [clips, frames, classes]."""
        assert self.events is not None
        return frame_matrix([self.events[clip] for clip in clips], self.classes, grid)
