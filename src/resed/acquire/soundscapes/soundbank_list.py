"""The list of recordings of a soundbank: which recording is of which class and fold.

Nothing is decoded, so that a missing soundbank is noticed before the first job of a run.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.soundscapes.settings import BankClass, Soundscapes, soundscapes_of
from resed.config.dataset import TRAINING_ROLES, Dataset
from resed.errors import DatasetError, MissingFileError
from resed.runtime.files import sha256

LISTS = {  # file -> folder of the audio, columns of file name, class and fold
    "clips.csv": (".", "file", "class", "fold"),
    "meta/esc50.csv": ("audio", "filename", "category", "fold"),
}

# Columns of a list that say whose a recording is.
ATTRIBUTION = ("title", "author", "url", "license", "license_url")


@dataclass(frozen=True, order=True)
class ListedRecording:
    """A recording of a soundbank: its name in the list, class of the dataset, fold, and file."""

    name: str
    label: str
    fold: int
    path: Path


def listed_recordings(
    dataset: Dataset, classes: dict[str, BankClass], folder: Path | str | None
) -> list[ListedRecording]:
    """The listed recordings of the classes, sorted by name.

    Raises DatasetError or MissingFileError if there is no list, or a malformed one.
    """
    assert dataset.soundbank is not None
    source = dataset.soundbank.source
    cure = (
        f"download it from {source} and set acquire.soundbank in the config, or --soundbank, "
        "to its folder"
    )
    if folder is None:
        place = f"soundbank {dataset.name}"
        raise DatasetError("no folder", place=place, cure=cure)
    folder = Path(folder)
    lists = [name for name in LISTS if (folder / name).is_file()]
    if not lists:
        problem = f"no soundbank: neither {' nor '.join(LISTS)} exists"
        raise MissingFileError(problem, place=folder, cure=cure)
    audio, *keys = LISTS[lists[0]]
    labels = {
        name: label for label, item in classes.items() for name in (item.sound or label, *item.also)
    }
    rows = list(_rows(folder / lists[0], keys, source))
    absent = set(dataset.soundbank.leave_out) - {Path(file).stem for file, *_ in rows}
    if absent:
        place = f"datasets.{dataset.name}.soundbank.leave_out"
        problem = f"{min(absent)} is not in {folder / lists[0]}"
        raise DatasetError(problem, place=place, cure="use names without folder and ending")
    return sorted(
        ListedRecording(file, labels[label], fold, folder / audio / file)
        for file, label, fold in rows
        if label in labels and Path(file).stem not in dataset.soundbank.leave_out
    )


def attributions(folder: Path | str) -> dict[str, dict[str, str]]:
    """Name of each listed recording -> the columns of its row that say whose it is.

    Those of `ATTRIBUTION` that the list has; the list of the public repository has none.
    """
    folder = Path(folder)
    for name, (_, key, *_columns) in LISTS.items():
        if (folder / name).is_file():
            with (folder / name).open(encoding="utf-8-sig", newline="") as handle:
                return {
                    row[key]: {column: row[column] for column in ATTRIBUTION if row.get(column)}
                    for row in csv.DictReader(handle)
                }
    return {}


def _rows(path: Path, keys: Sequence[str], source: str) -> Iterator[tuple[str, str, int]]:
    """File name, class and fold of each row."""
    file_key, class_key, fold_key = keys
    cure = f"compare it with the list of {source}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            for line, row in enumerate(csv.DictReader(handle), start=2):
                try:
                    yield row[file_key], row[class_key], int(row[fold_key])
                except (KeyError, TypeError, ValueError):
                    problem = f"{file_key}, {class_key} and an integer {fold_key} are required"
                    raise DatasetError(problem, place=path, line=line, cure=cure) from None
    except (UnicodeDecodeError, csv.Error) as error:
        problem = f"not a CSV file in UTF-8 ({error})"
        raise DatasetError(problem, place=path, cure=cure) from None


def check_soundbank(dataset: Dataset, folder: Path | str | None) -> list[str]:
    """Check that the recordings of a soundbank exist; return remarks on them, one line each.

    A soundbank that is generated needs no folder. Raises the errors of `listed_recordings`, and
    MissingFileError for the first listed recording that has no file.
    """
    scenes = soundscapes_of(dataset)
    if dataset.soundbank is None or dataset.soundbank.kind != "folder":
        return []
    used = {fold for split in scenes.splits.values() for fold in split.folds}
    found = [one for one in listed_recordings(dataset, scenes.classes, folder) if one.fold in used]
    absent = [one.path for one in found if not one.path.is_file()]
    if absent:
        more = f" ({len(absent)} of {len(found)} recordings are missing)"
        cure = f"download the soundbank again from {dataset.soundbank.source}"
        raise MissingFileError(f"no such file{more}", place=absent[0], cure=cure)
    return [
        f"{one.name} ({sides[0]}) and {other.name} ({sides[1]}) have equal bytes; test clips "
        "would contain a sound of training"
        for one, other, sides in equal_on_two_sides(scenes, found)
    ]


def equal_on_two_sides(
    scenes: Soundscapes, recordings: Sequence[ListedRecording]
) -> Iterator[tuple[ListedRecording, ListedRecording, tuple[str, str]]]:
    """Recordings with equal bytes whose folds are on two sides: training and a test split.

    Files of different sizes are not read.
    """
    side_of = {
        fold: "training" if role in TRAINING_ROLES else role
        for role, split in scenes.splits.items()
        for fold in split.folds
    }
    sizes: dict[int, list[ListedRecording]] = defaultdict(list)
    for one in recordings:
        sizes[one.path.stat().st_size].append(one)
    for alike in sizes.values():
        first: dict[str, list[ListedRecording]] = defaultdict(list)
        for one in alike if len({side_of[other.fold] for other in alike}) > 1 else ():
            same = first[sha256(one.path)]
            other = next((x for x in same if side_of[x.fold] != side_of[one.fold]), None)
            if other is not None:
                yield other, one, (side_of[other.fold], side_of[one.fold])
            same.append(one)
