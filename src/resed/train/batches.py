"""Batches with fixed numbers of clips per role, indexed from the stores without a loop over clips.

The clips of batch n are a function of (seed, n), so that a resumed training needs no sampler state.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from resed.errors import ConfigError, DatasetError
from resed.formats.annotations import read_events, read_tags
from resed.formats.label_matrix import Grid, event_tags, frame_matrix, tag_matrix
from resed.formats.store import Store
from resed.formats.store_features import MappedFeatures
from resed.settings import BatchSettings
from resed.train.balanced import ClassQueue
from resed.train.clip_features import ClipFeatures
from resed.train.objective import Targets
from resed.train.parallel import ONE, Processes

ORDER = ("weak", "strong", "unlabeled", "out_of_domain")  # of the clips of a batch
UNLABELLED = ("unlabeled", "out_of_domain")
# Streams of random orders: one per role, and one of all roles together.
STREAMS = {"weak": 0, "strong": 1, "unlabeled": 2, "together": 3, "out_of_domain": 4}


@dataclass
class Stratum:
    """The clips of one role: features [clips, frames, mels], and labels if the role has any.

    Labels are 0 or 1; distilled targets may be any number from 0 to 1.
    """

    name: str
    features: Tensor | ClipFeatures
    tags: Tensor | None = None  # uint8 or float [clips, classes]
    frames: Tensor | None = None  # uint8 or float [clips, frames, classes]
    clips: Sequence[str] = ()  # their names; numbers if not given
    own_tags: Tensor | None = None  # the labels, where `tags` are distilled targets

    def __post_init__(self):
        self.clips = self.clips or [str(number) for number in range(len(self.features))]

    def __len__(self) -> int:
        return len(self.features)

    def labels(self) -> list[set[int]]:
        """Indices of the classes of each clip; empty sets for a role without labels."""
        if self.tags is None:
            return [set() for _ in range(len(self))]
        return [set(row.nonzero().flatten().tolist()) for row in self.tags.cpu()]

    def to(self, device: torch.device) -> "Stratum":
        """A copy on another device; features that do not fit on a GPU stay in pinned memory."""
        moved = [None if t is None else t.to(device) for t in (self.tags, self.frames)]
        features = self.features
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if features.nbytes < 0.6 * free:
                features = features[:].to(device)
            elif isinstance(features, Tensor):
                features = features.clone().pin_memory()
        return Stratum(self.name, features, *moved, self.clips, self.own_tags)

    def take(self, keep: Tensor) -> "Stratum":
        """The clips with the indices `keep`."""
        tags, frames, own = (
            None if t is None else t[keep] for t in (self.tags, self.frames, self.own_tags)
        )
        clips = [self.clips[number] for number in keep.tolist()]
        whole = self.features
        features = whole.take(keep) if isinstance(whole, ClipFeatures) else whole[keep]
        return Stratum(self.name, features, tags, frames, clips, own)


def features_of(store: Store) -> Tensor | ClipFeatures:
    """The features of a store: a tensor that shares the memory map of the file, or the like."""
    if isinstance(store.features, MappedFeatures):
        return ClipFeatures(store.features)
    with warnings.catch_warnings():  # the map is read-only; nothing writes to it
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(store.features)


def load_stratum(
    store: Store,
    role: str,
    annotations: Path,
    *,
    classes: Sequence[str],
    grid: Grid,
    labels: str = "",
) -> Stratum:
    """Pair a store with its labels.

    Args:
        labels: weak or strong, of the annotations; default: weak for the role weak, else strong.

    Raises:
        DatasetError: the store is empty, or has a clip that the annotations do not list.
    """
    if not store.clips:
        problem = f"the {role} split has no usable clip"
        raise DatasetError(problem, place=annotations, cure="run resed audit")
    features = features_of(store)
    if role in UNLABELLED:
        return Stratum(role, features, clips=store.clips)
    if (labels or role) == "weak":
        tags = _pick(read_tags(annotations, classes), store.clips, annotations)
        matrix = torch.from_numpy(tag_matrix(tags, classes))
        return Stratum(role, features, matrix, clips=store.clips)
    events = _pick(read_events(annotations, classes), store.clips, annotations)
    frames = torch.from_numpy(frame_matrix(events, classes, grid))
    tags = torch.from_numpy(tag_matrix(event_tags(events, grid), classes))
    return Stratum(role, features, tags, frames, store.clips)


def _pick(labels: Mapping, clips: Sequence[str], path: Path) -> list:
    missing = [clip for clip in clips if clip not in labels]
    if missing:
        cure = "extract the store again from these annotations"
        raise DatasetError(f"no row for clip {missing[0]} of the store", place=path, cure=cure)
    return [labels[clip] for clip in clips]


class Batches:
    """The batches of a training; their clips are in the order of ORDER."""

    def __init__(self, strata: Mapping[str, Stratum], settings: BatchSettings, seed: int,
                 device: torch.device, *, epoch: int = 1,
                 processes: Processes = ONE):  # fmt: skip
        """Batches of `strata`; `epoch` is the number of steps per epoch, for orders: per_epoch.

        Raises ConfigError for a batch with more clips than there are.
        """
        self.strata = {role: strata[role] for role in ORDER if role in strata}
        self.sizes = {role: getattr(settings, role) for role in self.strata}
        self.random = settings.sampling == "random"
        self.epoch = epoch if settings.orders == "per_epoch" else None
        self.seed = seed
        self.device = device
        self.processes = processes
        # Frames of all clips, if all have them; otherwise of the strong clips.
        self.framed = all(stratum.frames is not None for stratum in self.strata.values())
        labels = [part for one in self.strata.values() for part in (one.tags, one.frames)]
        self.classes = next((part.shape[-1] for part in labels if part is not None), 0)
        self._orders: dict[int, dict[tuple[int, ...], np.ndarray]] = {}
        self._queues: dict[str, ClassQueue] = {}
        if settings.sampling == "balanced":
            self._queues = self._class_queues()
        counts = {role: len(stratum) for role, stratum in self.strata.items()}
        _refuse_sizes(self.sizes, counts, self.random)

    @property
    def clips(self) -> int:
        """Clips per batch."""
        return sum(self.sizes.values())

    def indices(self, step: int) -> dict[str, np.ndarray]:
        """Indices of the clips of each role in batch `step`; each pass has another random order."""
        counts = [len(stratum) for stratum in self.strata.values()]
        if not self.random:
            return {role: self._of_role(role, step) for role in self.strata}
        together = STREAMS["together"]
        pooled = np.sort(self._take(together, sum(counts), self.clips, step))
        first = np.cumsum([0, *counts])
        return {
            role: pooled[(pooled >= first[n]) & (pooled < first[n + 1])] - first[n]
            for n, role in enumerate(self.strata)
        }

    def _of_role(self, role: str, step: int) -> np.ndarray:
        size = self.sizes[role]
        if role not in self._queues:
            return self._take(STREAMS[role], len(self.strata[role]), size, step)
        epoch, step = self._epoch_and_step(step)
        return self._queues[role].take(np.arange(step * size, (step + 1) * size), epoch)

    def _class_queues(self) -> dict[str, ClassQueue]:
        """A queue for each role whose clips have labels; ConfigError if none has."""
        labels = {
            role: one.tags if one.own_tags is None else one.own_tags
            for role, one in self.strata.items()
            if role not in UNLABELLED
        }
        queues = {
            role: ClassQueue(tags, self.seed, STREAMS[role])
            for role, tags in labels.items()
            if tags is not None
        }
        queues = {role: queue for role, queue in queues.items() if len(queue)}
        if not queues:
            raise ConfigError(
                "no training clip has a label",
                place="schedule.batch.sampling",
                cure="set it to strata",
            )
        return queues

    def _epoch_and_step(self, step: int) -> tuple[tuple[int, ...], int]:
        """What random orders depend on, and the step since they began.

        continued: one sequence for the training; per_epoch: a new one for each epoch.
        """
        if self.epoch is None:
            return (), step
        return (step // self.epoch,), step % self.epoch

    def _take(self, stream: int, count: int, size: int, step: int) -> np.ndarray:
        """Elements of batch `step`, from an endless sequence of permutations of `count` clips."""
        epoch, step = self._epoch_and_step(step)
        positions = np.arange(step * size, (step + 1) * size)
        turns, places = np.divmod(positions, count)
        picked = np.empty(size, dtype=np.int64)
        for turn in np.unique(turns):
            here = turns == turn
            picked[here] = self._order(stream, count, (*epoch, int(turn)))[places[here]]
        return picked

    def _order(self, stream: int, count: int, turn: tuple[int, ...]) -> np.ndarray:
        orders = self._orders.setdefault(stream, {})
        if turn not in orders:
            if len(orders) > 1:  # a batch takes clips from at most two
                del orders[next(iter(orders))]
            orders[turn] = np.random.default_rng([self.seed, stream, *turn]).permutation(count)
        return orders[turn]

    def part(self, step: int) -> tuple[Tensor, Targets]:
        """As a call, for the clips that this process computes; the others are not read."""
        part = self.processes.part
        return self._batch({role: one[part(len(one))] for role, one in self.indices(step).items()})

    def __call__(self, step: int) -> tuple[Tensor, Targets]:
        """Features float32 [clips, frames, mels] and the targets of batch `step`."""
        return self._batch(self.indices(step))

    def _batch(self, indices: Mapping[str, np.ndarray]) -> tuple[Tensor, Targets]:
        features, tags, frames = [], [], []
        chosen = {role: torch.from_numpy(index) for role, index in indices.items()}
        for role, index in chosen.items():
            stratum = self.strata[role]
            here = index.to(stratum.features.device)
            features.append(stratum.features[here].to(self.device, non_blocking=True))
            if stratum.tags is not None:
                tags.append(self._labels(stratum.tags, index))
            if stratum.frames is not None and (role == "strong" or self.framed):
                frames.append(self._labels(stratum.frames, index))
        counts = {role: len(index) for role, index in chosen.items()}
        return torch.cat(features), Targets(
            torch.cat(tags) if tags else torch.zeros(0, self.classes),
            torch.cat(frames) if frames else torch.zeros(0, 0, self.classes),
            weak=counts.get("weak", 0),
            strong=counts.get("strong", 0),
            unlabeled=counts.get("unlabeled", 0) + counts.get("out_of_domain", 0),
        )

    def _labels(self, labels: Tensor, index: Tensor) -> Tensor:
        return labels[index.to(labels.device)].to(self.device).float()


def _refuse_sizes(sizes: Mapping[str, int], counts: Mapping[str, int], together: bool) -> None:
    """Raise ConfigError for a batch that would contain a clip twice; nothing is allocated yet."""
    if together:
        sizes, counts = {"": sum(sizes.values())}, {"": sum(counts.values())}
    for role, size in sizes.items():
        if size > counts[role]:
            what = f"{role} clip" if role else "training clip"
            raise ConfigError(
                f"a batch has {size} {what}s, but {counts[role]} can be used in training",
                place=f"schedule.batch.{role}" if role else "schedule.batch",
                cure=f"lower it to at most {counts[role]}",
            )


def hold_out(
    stratum: Stratum, share: float, seed: int, order: Sequence[int] | None = None
) -> tuple[Stratum, Stratum]:
    """Split a stratum into (training, held out).

    The first clips of a seeded permutation are held out, their number rounded; or those of `order`,
    rounded up.
    """
    if order is None:
        drawn = np.random.default_rng([seed, 20]).permutation(len(stratum))
        number = round(share * len(stratum))
    else:
        drawn, number = np.array(order), math.ceil(share * len(stratum))
    permuted = torch.from_numpy(drawn)
    aside = min(max(1, number), len(stratum) - 1) if share else 0
    keep, out = permuted[aside:].sort().values, permuted[:aside].sort().values
    return (stratum if aside == 0 else stratum.take(keep)), stratum.take(out)
