"""Batches with guaranteed strata, cut straight from the stores: no loop over clips.

Which clips stand in batch n is a function of (seed, n) alone, so that a resumed run needs no state
of a sampler.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from resed.annotations import Event, read_events, read_tags
from resed.errors import DatasetError
from resed.settings import BatchSettings
from resed.store import Store
from resed.train.objective import Targets


def tag_matrix(tags: Sequence[Sequence[str]], classes: Sequence[str]) -> np.ndarray:
    """Class labels a clip -> uint8 [clips, classes], 1 where the class is present."""
    index = {label: number for number, label in enumerate(classes)}
    matrix = np.zeros((len(tags), len(classes)), dtype=np.uint8)
    for row, labels in enumerate(tags):
        matrix[row, [index[label] for label in labels]] = 1
    return matrix


def frame_matrix(events: Sequence[Sequence[Event]], classes: Sequence[str], frames: int,
                 seconds_per_frame: float) -> np.ndarray:  # fmt: skip
    """Events a clip -> uint8 [clips, frames, classes].

    A frame is active from round(onset) to round(offset) in units of frames; an event keeps at least
    one frame, and what lies past the clip's end is dropped.
    """
    index = {label: number for number, label in enumerate(classes)}
    matrix = np.zeros((len(events), frames, len(classes)), dtype=np.uint8)
    for row, clip in enumerate(events):
        for event in clip:
            start = min(round(event.onset / seconds_per_frame), frames - 1)
            stop = max(round(event.offset / seconds_per_frame), start + 1)
            matrix[row, start:stop, index[event.event_label]] = 1
    return matrix


@dataclass
class Stratum:
    """The clips of one role: features [clips, frames, mels], labels where the role has them."""

    name: str
    features: Tensor
    tags: Tensor | None = None  # uint8 [clips, classes]
    frames: Tensor | None = None  # uint8 [clips, frames, classes]

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device) -> "Stratum":
        """The same on another device: a GPU holds the whole store where it fits."""
        moved = [None if t is None else t.to(device) for t in (self.tags, self.frames)]
        features = self.features
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if features.nbytes < 0.6 * free:
                features = features.to(device)
            else:
                features = features.clone().pin_memory()
        return Stratum(self.name, features, *moved)

    def take(self, keep: Tensor) -> "Stratum":
        """Only the clips `keep`."""
        chosen = [None if t is None else t[keep] for t in (self.tags, self.frames)]
        return Stratum(self.name, self.features[keep], *chosen)


def features_of(store: Store) -> Tensor:
    """The store's features as a tensor that shares the file's memory map."""
    with warnings.catch_warnings():  # the map is read-only, and nothing writes to it
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(store.features)


def load_stratum(store: Store, role: str, annotations: Path, classes: Sequence[str],
                 seconds_per_frame: float) -> Stratum:  # fmt: skip
    """Pair a store with its labels.

    Raises:
        DatasetError: the store holds a clip that the annotations do not, or no clip at all.
    """
    if not store.clips:
        raise DatasetError(f"{annotations}: the {role} split has no usable clip; run resed audit")
    features = features_of(store)
    if role == "unlabeled":
        return Stratum(role, features)
    if role == "weak":
        tags = _pick(read_tags(annotations, classes), store.clips, annotations)
        return Stratum(role, features, torch.from_numpy(tag_matrix(tags, classes)))
    events = _pick(read_events(annotations, classes), store.clips, annotations)
    matrix = frame_matrix(events, classes, store.features.shape[1], seconds_per_frame)
    frames = torch.from_numpy(matrix)
    # Tags come from the events, not the frames: an event past the last frame is still in the clip.
    tags = tag_matrix([[e.event_label for e in clip] for clip in events], classes)
    return Stratum(role, features, torch.from_numpy(tags), frames)


def _pick(labels: Mapping, clips: Sequence[str], path: Path) -> list:
    missing = [clip for clip in clips if clip not in labels]
    if missing:
        cure = "extract the store again from these annotations"
        raise DatasetError(f"{path}: no row for clip {missing[0]} of the store; {cure}")
    return [labels[clip] for clip in clips]


class Batches:
    """Batch n of a run, in the order weak, strong, unlabeled."""

    def __init__(self, strata: Mapping[str, Stratum], sizes: BatchSettings, seed: int,
                 device: torch.device):  # fmt: skip
        self.strata = dict(strata)
        self.sizes = {role: getattr(sizes, role) for role in ("weak", "strong", "unlabeled")}
        self.seed = seed
        self.device = device
        self._orders: dict[tuple[str, int], np.ndarray] = {}

    def indices(self, role: str, step: int) -> np.ndarray:
        """Clips of `role` in batch `step`: passes over a new permutation each, none left out."""
        count, size = len(self.strata[role]), self.sizes[role]
        positions = np.arange(step * size, (step + 1) * size)
        picked = np.empty(size, dtype=np.int64)
        for turn in np.unique(positions // count):
            here = positions // count == turn
            picked[here] = self._order(role, int(turn))[positions[here] % count]
        return picked

    def _order(self, role: str, turn: int) -> np.ndarray:
        key = (role, turn)
        if key not in self._orders:
            self._orders = {
                k: v for k, v in self._orders.items() if k[0] != role or k[1] == turn - 1
            }
            entropy = [self.seed, sorted(self.sizes).index(role), turn]
            generator = np.random.default_rng(entropy)
            self._orders[key] = generator.permutation(len(self.strata[role]))
        return self._orders[key]

    def __call__(self, step: int) -> tuple[Tensor, Targets]:
        """Features float32 [clips, frames, mels] and the targets of batch `step`."""
        features, tags, frames = [], [], None
        for role in ("weak", "strong", "unlabeled"):
            stratum = self.strata[role]
            chosen = torch.from_numpy(self.indices(role, step))
            index = chosen.to(stratum.features.device)
            features.append(stratum.features[index].to(self.device, non_blocking=True))
            if stratum.tags is not None:
                tags.append(stratum.tags[chosen.to(stratum.tags.device)])
            if role == "strong" and stratum.frames is not None:
                frames = stratum.frames[chosen.to(stratum.frames.device)]
        assert frames is not None
        sizes = self.sizes
        targets = Targets(torch.cat(tags).float(), frames.float(), **sizes)
        return torch.cat(features), targets


def hold_out(stratum: Stratum, share: float, seed: int) -> tuple[Stratum, Stratum]:
    """Split a stratum into (training, held out) by a seeded permutation."""
    order = torch.from_numpy(np.random.default_rng([seed, 20]).permutation(len(stratum)))
    aside = min(max(1, round(share * len(stratum))), len(stratum) - 1) if share else 0
    keep, out = order[aside:].sort().values, order[:aside].sort().values
    return (stratum if aside == 0 else stratum.take(keep)), stratum.take(out)
