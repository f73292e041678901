"""Soundbanks: isolated events by class, from the recordings of given folds."""

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
from resed.acquire.soundscapes.soundbank_list import listed_recordings
from resed.config.dataset import Dataset
from resed.errors import DatasetError
from resed.formats.audio import read_audio

CANDIDATES = 3  # recordings drawn for an event; the one with the best length is used


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
        found = [
            (one.name, one.label, one.fold, one.path)
            for one in listed_recordings(dataset, classes, folder)
            if one.fold in folds
        ]
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
