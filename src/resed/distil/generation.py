"""Targets of a next generation, from posteriors of teachers and labels of one split."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from resed.config.dataset import Dataset
from resed.distil.mix import OWN, TwoMeans, harden, mix, smooth
from resed.distil.target_labels import TargetLabels
from resed.distil.teachers import Teachers
from resed.errors import ConfigError, StoreError, some
from resed.formats.label_matrix import Grid
from resed.formats.targets import TargetSet
from resed.runtime.fingerprint import made_by
from resed.runtime.scratch import scratch_array
from resed.score.ranking import macro_average_precision
from resed.settings import DistilSettings

VALUES = 1 << 22  # posteriors of frames that are in memory at a time


def make_targets(
    dataset: Dataset,
    root: Path,
    teachers: Teachers,
    share: float,
    settings: DistilSettings,
    *,
    scratch: Path | None = None,
) -> TargetSet:
    """Targets of all clips of the teachers, in the order of the annotations.

    Args:
        dataset: that of the posteriors.
        root: its folder.
        teachers: their posteriors.
        share: of the labels, from 0 to 1.
        settings: how posteriors become targets.
        scratch: folder of the temporary file of the frames.

    Raises:
        ConfigError: the options need labels that the split lacks, or classes that it lacks.
        StoreError: the posteriors are of another dataset, or have other frames.
        DatasetError, AnnotationError: the labels do not fit the posteriors.
    """
    meta = teachers.first.posteriors.meta
    _refuse_other_dataset(teachers, dataset)
    labels = TargetLabels.read(dataset, root, meta["split"])
    _refuse_options(labels, share, settings, dataset)
    making = _Making(teachers, labels, share, settings)
    tags = making.tags()
    frames = making.frames(tags, scratch)
    written = {
        **{key: meta[key] for key in ("dataset", "split", "seconds_per_frame")},
        "manifest_sha256": meta.get("manifest_sha256"),
        "annotations_sha256": labels.digest,
        "labels": share,
        "teachers": {teacher.name: teacher.meta() for teacher in teachers.teachers},
        **settings.model_dump(mode="json"),
        "hard": making.hard,
        "agreement": making.agreement(),
        "made_by": made_by("distil"),
    }
    return TargetSet(tags.astype(np.float16), making.clips, dataset.classes, written, frames)


class _Making:
    """One target set while it is made."""

    def __init__(self, teachers: Teachers, labels: TargetLabels, share: float,
                 settings: DistilSettings):  # fmt: skip
        self.teachers, self.labels = teachers, labels
        self.share, self.settings = share, settings
        self.clips = labels.ordered(teachers.clips)
        first = teachers.first.posteriors
        cells, seconds = (
            (first.frames.shape[1], first.seconds_per_frame)
            if settings.frames == "none"
            else teachers.grid
        )
        self.grid = Grid(cells, seconds, settings.rounding)
        self.predicted = teachers.mean(self.clips, "tags")
        self.known = labels.tag_matrix(self.clips, self.grid) if labels.known else None
        of_teacher = settings.thresholds == "teacher"
        self.hard = teachers.tag_thresholds() if of_teacher else settings.hard
        self.thresholds = [self.hard[name] for name in labels.classes if self.hard]

    def tags(self) -> np.ndarray:
        """Tag targets: float32 [clips, classes]."""
        tags = self._hard(self.predicted * self._gate(slice(None)))
        return self._mixed(tags, self.known, self._means([(self.known, tags)]))

    def frames(self, tags: np.ndarray, scratch: Path | None) -> np.ndarray | None:
        """Frame targets: float16 [clips, frames, classes] on disk; None without frames."""
        if self.settings.frames == "none":
            return None
        shape = (len(self.clips), self.grid.frames, len(self.labels.classes))
        out = scratch_array(shape, scratch, np.float16)
        if self.settings.frames == "tags":
            for part in self._parts():
                out[part] = tags[part, None]
            return out
        means = self._means((self._strong(part), self._posteriors(part)) for part in self._parts())
        for part in self._parts():
            out[part] = self._mixed(self._posteriors(part), self._strong(part), means)
        return out

    def agreement(self) -> dict[str, float | None]:
        """How the tags of the teachers, before all changes, agree with the labels."""
        if self.known is None:
            return dict.fromkeys(("map", "difference", "positives", "negatives"))
        means = TwoMeans()
        means.add(self.known, self.predicted)
        return {
            "map": min(macro_average_precision(self.predicted, self.known), 1.0),
            "difference": means.distance,
            "positives": means.mean(1),
            "negatives": means.mean(0),
        }

    def _parts(self) -> Iterator[slice]:
        size = max(1, VALUES // max(1, self.grid.frames * len(self.labels.classes)))
        for start in range(0, len(self.clips), size):
            yield slice(start, start + size)

    def _posteriors(self, part: slice) -> np.ndarray:
        """Frames of the teachers after gate, filters and thresholds."""
        frames = self.teachers.mean(self.clips[part], "frames") * self._gate(part)[:, None]
        return self._hard(smooth(frames, self.settings.median, self.settings.gaussian))

    def _strong(self, part: slice) -> np.ndarray | None:
        if self.labels.events is None or not (self.share or self.settings.labels_smoothed):
            return None
        return self.labels.frame_matrix(self.clips[part], self.grid)

    def _gate(self, part: slice) -> np.ndarray:
        """1 where a class may be present in a clip, otherwise 0: float32 [clips, classes]."""
        if self.settings.gate == "labels":
            assert self.known is not None
            return self.known[part].astype(np.float32)
        if self.settings.gate == "own":
            return (self.predicted[part] >= OWN).astype(np.float32)
        return np.ones_like(self.predicted[part])

    def _hard(self, posteriors: np.ndarray) -> np.ndarray:
        return harden(posteriors, self.thresholds) if self.thresholds else posteriors

    def _mixed(
        self, posteriors: np.ndarray, known: np.ndarray | None, means: TwoMeans
    ) -> np.ndarray:
        """Targets of posteriors and of labels, if there are any."""
        if known is None:
            return posteriors
        if self.settings.labels_smoothed:
            posteriors = means.smoothed(known)
        return mix(known, posteriors, self.share)

    def _means(self, pairs: Iterable[tuple[np.ndarray | None, np.ndarray]]) -> TwoMeans:
        """Mean posteriors of the positives and the negatives, for labels_smoothed."""
        means = TwoMeans()
        if self.settings.labels_smoothed:
            for known, posteriors in pairs:
                assert known is not None  # refused before
                means.add(known, posteriors)
        return means


def _refuse_other_dataset(teachers: Teachers, dataset: Dataset) -> None:
    first = teachers.first
    if first.posteriors.meta["dataset"] != dataset.name:
        problem = f"made for the dataset {first.posteriors.meta['dataset']}, not {dataset.name}"
        raise StoreError(problem, place=first.path, cure="use --dataset of the posteriors")
    if first.posteriors.classes != dataset.classes:
        problem = f"its classes are not those of the dataset {dataset.name}"
        raise StoreError(problem, place=first.path, cure="predict with a system of this dataset")


def _refuse_options(
    labels: TargetLabels, share: float, settings: DistilSettings, dataset: Dataset
) -> None:
    """Raise ConfigError for options that need labels that a split lacks."""
    framed = settings.frames == "posteriors"
    if not labels.known:
        for place, used in (
            ("--labels", share > 0),
            ("--gate", settings.gate == "labels"),
            ("--labels-smoothed", settings.labels_smoothed),
        ):
            if used:
                raise ConfigError(
                    "requires labels, but the split has none", place=place, cure="leave it out"
                )
    if framed and labels.known and labels.events is None:
        for place, used in (
            ("--labels", share > 0),
            ("--labels-smoothed", settings.labels_smoothed),
        ):
            if used:
                raise ConfigError(
                    "requires strong labels for --frames posteriors, but the split has weak labels",
                    place=place,
                    cure="leave it out, or use --frames tags",
                )
    if not framed and (settings.median or settings.gaussian):
        place = "--median" if settings.median else "--gaussian"
        problem, cure = "filters frames of posteriors", "add --frames posteriors, or leave it out"
        raise ConfigError(problem, place=place, cure=cure)
    if settings.hard and settings.hard.keys() != {*dataset.classes}:
        wrong = sorted({*settings.hard} ^ {*dataset.classes})
        raise ConfigError(
            f"must have a threshold for each class of the dataset: {some(wrong)}",
            place="--hard",
            cure="use one number for all classes, or CLASS=NUMBER once per class",
        )
