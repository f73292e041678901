"""Soundbanks: isolated events by class, from the recordings of given folds."""

import csv
import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resed.acquire.soundscapes import demo_sounds
from resed.acquire.soundscapes.isolation import cut_continuous, cut_events, event_of, stretch_of
from resed.acquire.soundscapes.settings import BankClass
from resed.acquire.soundscapes.signals import SAMPLE_RATE
from resed.config.dataset import Dataset
from resed.errors import DatasetError, MissingFileError
from resed.formats.audio import read_audio

CANDIDATES = 3  # recordings drawn for an event; the one with the best length is used
LISTS = {  # file -> folder of the audio, columns of file name, class and fold
    "clips.csv": (".", "file", "class", "fold"),
    "meta/esc50.csv": ("audio", "filename", "category", "fold"),
}


@dataclass(frozen=True)
class Recording:
    """The isolated events of one recording: float32 arrays at 44.1 kHz."""

    name: str
    label: str
    fold: int
    texture: str
    pieces: list[np.ndarray]

    def misfit(self, length: int) -> float:
        """Log ratio of the best piece to `length` samples; shorter pieces count twice."""
        ratios = [np.log(len(piece) / length) for piece in self.pieces]
        return min(ratio if ratio >= 0 else -2 * ratio for ratio in ratios)

    def event(self, length: int, rng: np.random.Generator, whole: bool = False) -> np.ndarray:
        """`length` samples with fades; an event may end slightly earlier if not `whole`."""
        if self.texture == "continuous":
            return stretch_of(self.pieces[0], length, rng)
        return event_of(self.pieces, length, rng, whole)


class Soundbank:
    """Recordings by class."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self.recordings: dict[str, list[Recording]] = {}
        for item in recordings:
            if item.pieces:
                self.recordings.setdefault(item.label, []).append(item)

    def event(
        self, label: str, length: int, rng: np.random.Generator, whole: bool = False
    ) -> tuple[Recording, np.ndarray]:
        """Draw a recording of a class and `length` samples of it (see `Recording.event`)."""
        known = self.recordings[label]
        drawn = [known[i] for i in rng.integers(len(known), size=CANDIDATES)]
        if drawn[0].texture == "events":
            drawn.sort(key=lambda item: item.misfit(length))  # stable: ties keep the drawn order
        return drawn[0], drawn[0].event(length, rng, whole)

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of all names and samples, independent of the order of the classes."""
        digest = hashlib.sha256()
        for label in sorted(self.recordings):
            for item in self.recordings[label]:
                digest.update(f"{label}/{item.name}/{len(item.pieces)}\n".encode())
                for piece in item.pieces:
                    digest.update(piece.astype("<f4", copy=False).data)
        return digest.hexdigest()


def load_soundbank(
    dataset: Dataset,
    classes: dict[str, BankClass],
    folds: Sequence[int],
    folder: Path | str | None = None,
) -> Soundbank:
    """Load the recordings of `folds` of the soundbank of a dataset.

    Raises:
        DatasetError: a folder is needed and not given, or a class has no usable recording.
        MissingFileError: the folder has no list of recordings.
    """
    if dataset.soundbank is None:
        place = f"datasets.{dataset.name}.soundbank"
        raise DatasetError("missing", place=place, cure="set its kind to demo or folder")
    if dataset.soundbank.kind == "demo":
        found = [
            (f"{label}-{fold}-{number}", label, fold, (item.sound or label, fold, number))
            for label, item in classes.items()
            for fold in folds
            for number in range(demo_sounds.PER_FOLD)
        ]
        read = _generated
    else:
        found = [item for item in _listed(dataset, classes, folder) if item[2] in folds]
        read = _recorded
    bank = Soundbank(
        Recording(name, label, fold, classes[label].texture, read(key, classes[label].texture))
        for name, label, fold, key in found
    )
    for label in classes:
        if label not in bank.recordings:
            raise DatasetError(
                f"no usable recording of {label} in fold {', '.join(map(str, folds))}",
                place=folder or f"soundbank {dataset.name}",
                cure=f"add some, or download the soundbank again from {dataset.soundbank.source}",
            )
    return bank


def _cut(samples: np.ndarray, texture: str) -> list[np.ndarray]:
    return cut_events(samples) if texture == "events" else cut_continuous(samples)


def _generated(key: tuple[str, int, int], texture: str) -> list[np.ndarray]:
    label, fold, number = key
    if label not in demo_sounds.MAKERS:
        known = ", ".join(demo_sounds.MAKERS)
        cure = f"use one of {known}"
        raise DatasetError(f"unknown class {label}", place="soundbank demo", cure=cure)
    return _cut(demo_sounds.recording(label, fold, number), texture)


def _recorded(path: Path, texture: str) -> list[np.ndarray]:
    return _cut(read_audio(path, SAMPLE_RATE), texture)


def _listed(
    dataset: Dataset, classes: dict[str, BankClass], folder: Path | str | None
) -> list[tuple[str, str, int, Path]]:
    """(name, label, fold, path) of each listed recording, sorted by name."""
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
    audio, file_key, class_key, fold_key = LISTS[lists[0]]
    labels = {
        name: label for label, item in classes.items() for name in (item.sound or label, *item.also)
    }
    path, found = folder / lists[0], []
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), start=2):
            try:
                file, label, fold = row[file_key], row[class_key], int(row[fold_key])
            except (KeyError, TypeError, ValueError):
                raise DatasetError(
                    f"{file_key}, {class_key} and an integer {fold_key} are required",
                    place=f"{path} line {line}",
                    cure=f"compare it with the list of {source}",
                ) from None
            if label in labels:
                found.append((file, labels[label], fold, folder / audio / file))
    return sorted(found)
