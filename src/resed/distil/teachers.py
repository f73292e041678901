"""Teachers of a target set: posteriors of earlier systems on one split."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.distil.mix import mean_of_teachers
from resed.errors import ConfigError, StoreError, some
from resed.formats.posteriors import Posteriors
from resed.formats.targets import ROUNDING

SAME = ("dataset", "split", "manifest_sha256", "seed")  # of all posteriors of a target set
OTHER_FILES = "use posteriors that resed predict made on one split, with one seed"


@dataclass(frozen=True)
class Part:
    """Posteriors of one training, read from `path`."""

    path: Path
    posteriors: Posteriors


class Teacher:
    """One system: a training, or several that each predicted clips that no other predicted."""

    def __init__(self, name: str, parts: Sequence[Part], share: float):
        """Raise StoreError if two parts have the same clip."""
        self.name, self.parts, self.share = name, parts, share
        self.place: dict[str, tuple[int, int]] = {}  # clip -> its part and row
        for number, part in enumerate(parts):
            twice = [clip for clip in part.posteriors.clips if clip in self.place]
            if twice:
                raise StoreError(
                    f"has {some(twice, 1)}, which {parts[self.place[twice[0]][0]].path} has, too",
                    place=part.path,
                    cure=f"give teacher {name} files of different clips",
                )
            self.place |= {clip: (number, row) for row, clip in enumerate(part.posteriors.clips)}

    def of(self, clips: Sequence[str], array: str) -> np.ndarray:
        """Rows of the array `tags` or `frames` for some clips."""
        places = [self.place[clip] for clip in clips]
        sources = [getattr(part.posteriors, array) for part in self.parts]
        return np.stack([sources[part][row] for part, row in places])

    def meta(self) -> dict[str, Any]:
        """What the file of targets records."""
        first = self.parts[0].posteriors.meta
        checkpoints = [part.posteriors.meta.get("checkpoint_sha256") for part in self.parts]
        return {"share": self.share, "seed": first.get("seed"), "checkpoints": checkpoints}


class Teachers:
    """All teachers of a target set; their posteriors have the same clips and classes."""

    def __init__(self, teachers: Sequence[Teacher]):
        """Raise StoreError if the posteriors do not fit each other."""
        self.teachers = teachers
        self.first = teachers[0].parts[0]
        for teacher in teachers:
            for part in teacher.parts:
                _refuse_other(self.first, part)
            _refuse_other_clips(teachers[0], teacher)

    @property
    def clips(self) -> list[str]:
        """Clips in the order of the first teacher."""
        return list(self.teachers[0].place)

    @property
    def classes(self) -> list[str]:
        """Class labels."""
        return self.first.posteriors.classes

    @property
    def grid(self) -> tuple[int, float]:
        """Frames, and seconds from one to the next. Raises StoreError if they differ."""
        expected = _grid(self.first)
        for part in (part for teacher in self.teachers for part in teacher.parts):
            if _grid(part) != expected:
                raise StoreError(
                    f"has {_grid(part)[0]} frames of {_grid(part)[1]:g} s, {self.first.path} has "
                    f"{expected[0]} of {expected[1]:g} s",
                    place=part.path,
                    cure="use teachers with the same frames, or targets without frames",
                )
        return expected

    def tag_thresholds(self) -> dict[str, float]:
        """Class -> tag threshold that the only training of the only teacher has.

        Raises ConfigError for several trainings, or for one without thresholds.
        """
        if len(self.teachers) > 1 or len(self.teachers[0].parts) > 1:
            raise ConfigError(
                "thresholds of the teacher require one teacher of one training",
                place="--thresholds",
                cure="use --hard, or one file of posteriors",
            )
        found = self.first.posteriors.meta.get("tag_thresholds") or {}
        if found.keys() != {*self.classes}:
            raise ConfigError(
                f"{self.first.path} has no threshold for each class",
                place="--thresholds",
                cure="train the teacher with schedule.tag_thresholds, or use --hard",
            )
        return {label: float(found[label]) for label in self.classes}

    def mean(self, clips: Sequence[str], array: str) -> np.ndarray:
        """Posteriors of some clips, averaged over the teachers by their shares."""
        values = [teacher.of(clips, array) for teacher in self.teachers]
        return mean_of_teachers(values, [teacher.share for teacher in self.teachers])


def read_teachers(
    files: Sequence[tuple[str, Path]], shares: Mapping[str, float], labels: float
) -> Teachers:
    """Read posteriors of teachers.

    Args:
        files: name and file; a name with several files is a teacher of several trainings.
        shares: name -> share of the targets; may be empty for one teacher.
        labels: share of the labels.

    Raises:
        ConfigError: the shares are not those of the teachers, or do not sum to 1.
        StoreError, MissingFileError: the posteriors cannot be read, or do not fit each other.
    """
    names = list(dict.fromkeys(name for name, _ in files))
    if not shares and len(names) == 1:
        shares = {names[0]: 1 - labels}
    if shares.keys() != {*names}:
        raise ConfigError(
            f"names {some(list(shares)) or 'no teacher'}, but the teachers are {some(names)}",
            place="--share",
            cure="use NAME=SHARE once per teacher",
        )
    total = math.fsum([labels, *shares.values()])
    if not (min(shares.values()) >= 0 and abs(total - 1) <= ROUNDING):  # NaN, too
        raise ConfigError(
            f"shares of labels ({labels:g}) and teachers sum to {total:g}",
            place="--share",
            cure="change --labels or --share, so that none is below 0 and they sum to 1",
        )
    return Teachers(
        [
            Teacher(
                name,
                [Part(path, Posteriors.load(path)) for other, path in files if other == name],
                shares[name],
            )
            for name in names
        ]
    )


def _grid(part: Part) -> tuple[int, float]:
    return part.posteriors.frames.shape[1], part.posteriors.seconds_per_frame


def _refuse_other(first: Part, part: Part) -> None:
    """Raise StoreError if a file is of other classes, or of another dataset, split or seed."""
    here, there = part.posteriors, first.posteriors
    if here.classes != there.classes:
        problem = f"its classes are not those of {first.path}"
        raise StoreError(problem, place=part.path, cure=OTHER_FILES)
    for key in SAME:
        one, other = here.meta.get(key), there.meta.get(key)
        if one != other:
            problem = f"its {key} is {one}, but that of {first.path} is {other}"
            raise StoreError(problem, place=part.path, cure=OTHER_FILES)
    for key in ("dataset", "split"):
        if key not in here.meta:
            raise StoreError(f"has no {key}", place=part.path, cure=OTHER_FILES)


def _refuse_other_clips(first: Teacher, teacher: Teacher) -> None:
    """Raise StoreError if a teacher lacks clips of the first one, or has others."""
    one, other = first.place.keys(), teacher.place.keys()
    if one != other:
        clip = min(one ^ other)
        having, lacking = (first, teacher) if clip in one else (teacher, first)
        raise StoreError(
            f"teacher {lacking.name} has no posteriors of {clip}, which {having.name} has",
            place=lacking.parts[0].path,
            cure="predict the same clips with all teachers",
        )
