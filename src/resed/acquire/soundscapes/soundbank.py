"""A soundbank: isolated events by class, from recordings of given folds."""

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

CANDIDATES = 3  # recordings drawn for an event; the one that fits its length best is taken
LISTS = {  # file -> (folder of its audio, columns of file name, class and fold)
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
        """How far the best piece is from `length` samples; too short counts twice."""
        ratios = [np.log(len(piece) / length) for piece in self.pieces]
        return min(ratio if ratio >= 0 else -2 * ratio for ratio in ratios)

    def event(self, length: int, rng: np.random.Generator, whole: bool = False) -> np.ndarray:
        """`length` samples of this sound, faded; events may end a little earlier if not `whole`."""
        if self.texture == "continuous":
            return stretch_of(self.pieces[0], length, rng)
        return event_of(self.pieces, length, rng, whole)


class Soundbank:
    """Recordings by class, of some folds."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self.recordings: dict[str, list[Recording]] = {}
        for item in recordings:
            if item.pieces:
                self.recordings.setdefault(item.label, []).append(item)

    def event(
        self, label: str, length: int, rng: np.random.Generator, whole: bool = False
    ) -> tuple[Recording, np.ndarray]:
        """A recording of the class and `length` samples of it, or about so many (`whole`)."""
        known = self.recordings[label]
        drawn = [known[i] for i in rng.integers(len(known), size=CANDIDATES)]
        if drawn[0].texture == "events":
            drawn.sort(key=lambda item: item.misfit(length))  # stable: ties stay as drawn
        return drawn[0], drawn[0].event(length, rng, whole)

    @functools.cached_property
    def sha256(self) -> str:
        """Hash of all names and samples, hex, whatever the order of the classes."""
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
    """The dataset's soundbank, only recordings of `folds`.

    Raises:
        DatasetError: no folder where one is needed, or a class without a usable recording.
    """
    if dataset.soundbank is None:
        raise DatasetError(f"datasets.{dataset.name}.soundbank: missing; name demo or folder")
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
            place = folder or f"soundbank {dataset.name}"
            raise DatasetError(
                f"{place}: no usable recording of {label} in fold {_join(folds)}; "
                f"add some, or fetch the whole soundbank from {dataset.soundbank.source}"
            )
    return bank


def _cut(samples: np.ndarray, texture: str) -> list[np.ndarray]:
    return cut_events(samples) if texture == "events" else cut_continuous(samples)


def _generated(key: tuple[str, int, int], texture: str) -> list[np.ndarray]:
    label, fold, number = key
    if label not in demo_sounds.MAKERS:
        known = ", ".join(demo_sounds.MAKERS)
        raise DatasetError(f"soundbank demo: cannot make {label}; its classes are {known}")
    return _cut(demo_sounds.recording(label, fold, number), texture)


def _recorded(path: Path, texture: str) -> list[np.ndarray]:
    return _cut(read_audio(path, SAMPLE_RATE), texture)


def _listed(
    dataset: Dataset, classes: dict[str, BankClass], folder: Path | str | None
) -> list[tuple[str, str, int, Path]]:
    """(name, label, fold, path) of a folder's list, in the order of the names."""
    source = dataset.soundbank.source
    if folder is None:
        raise DatasetError(
            f"soundbank {dataset.name}: no folder given; get it from {source} and set "
            "acquire.soundbank in the config, or --soundbank, to the folder"
        )
    folder = Path(folder)
    lists = [name for name in LISTS if (folder / name).is_file()]
    if not lists:
        raise MissingFileError(
            f"{folder}: no soundbank here, neither {' nor '.join(LISTS)}; get it from {source} "
            "and set acquire.soundbank, or --soundbank, to the folder"
        )
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
                    f"{path} line {line}: needs {file_key}, {class_key} and a whole {fold_key}; "
                    f"compare the list of {source}"
                ) from None
            if label in labels:
                found.append((file, labels[label], fold, folder / audio / file))
    return sorted(found)


def _join(folds: Sequence[int]) -> str:
    return ", ".join(map(str, folds))
