"""The epoch whose weights are kept, the epoch after which a training ends, and thresholds."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resed.errors import ConfigError
from resed.formats.counts import class_f1
from resed.settings import ScheduleSettings
from resed.train.batches import Stratum

TENTHS = tuple(number / 10 for number in range(11))  # thresholds that are tried
SCORES = {  # of an epoch: columns of the history, without the place of selection
    "tags": ("{}.tags_f1",),
    "tags_frames": ("{}.tags_f1", "{}.frame_f1"),
    "events_weak": ("held_out.event_f1", "held_out_weak.tags_f1"),
    "map": ("{}.tags_map",),
}


@dataclass
class Best:
    """The weights that selection keeps, with their epoch and score."""

    score: float = -1.0
    epoch: int = -1
    weights: dict[str, Tensor] = field(default_factory=dict)


def score_of(row: Mapping[str, Any], settings: ScheduleSettings) -> float | None:
    """The score of an epoch by its row of the history; None if it has none or cannot be selected.

    Epochs before selection_after, counted from 0, cannot be selected.
    """
    place = settings.selection
    if place == "last" or f"{place}.tags_f1" not in row or row["epoch"] < settings.selection_after:
        return None
    return sum(row[part.format(place)] for part in SCORES[settings.selection_score])


def is_better(score: float, best: Best, settings: ScheduleSettings) -> bool:
    """Whether an epoch with this score takes the place of the best one before it."""
    latest = settings.selection_ties == "latest"
    return score > best.score or (latest and score == best.score)


def is_over(history: Sequence[Mapping[str, Any]], settings: ScheduleSettings) -> bool:
    """Whether the training ends after the last epoch of the history (schedule.patience).

    The best epoch of this rule is another one than that of `Best`: its score is exceeded only by
    more than patience_gain.
    """
    if not settings.patience:
        return False
    best, waited = -math.inf, 0
    for score in (score_of(row, settings) for row in history):
        if score is None:
            continue
        if score - settings.patience_gain > best:
            best, waited = score, 0
        elif waited == settings.patience:
            return True
        else:
            waited += 1
    return False


def tag_thresholds(posteriors: np.ndarray, reference: np.ndarray) -> list[float]:
    """The lowest of the thresholds 0, 0.1 to 1 with the best F1, for each class (last axis).

    A class without a clip has F1 0 at every threshold, and therefore the threshold 0.
    """
    reference = reference.astype(bool)
    scores = []
    for threshold in TENTHS:
        found = posteriors >= np.float32(threshold)
        sides = (found & reference, found & ~reference, ~found & reference)
        counts = np.stack([side.sum(axis=0) for side in sides], axis=-1)
        scores.append(np.nan_to_num(class_f1(counts), nan=0.0))
    return [TENTHS[number] for number in np.argmax(scores, axis=0)]


def fixed_order(clips: Sequence[str]) -> list[int]:
    """Indices of the clips in the order of held_out_split: fixed, the same for all seeds.

    The names are sorted, then shuffled by exchanges from the last to the second (Durstenfeld,
    1964) with the numbers of Python's generator with seed 0, as random.shuffle with random.random.
    """
    numbers = random.Random(0)
    order = sorted(range(len(clips)), key=lambda number: clips[number])
    for last in range(len(order) - 1, 0, -1):
        other = int(numbers.random() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order


def selecting(stratum: Stratum, settings: ScheduleSettings) -> Stratum:
    """The clips of a stratum by which epochs are selected (schedule.selection_clips).

    Raises ConfigError if they do not fill a batch.
    """
    if settings.selection_clips == "all":
        return stratum
    sizes = settings.batch
    batch = sizes.weak + sizes.strong + sizes.unlabeled + sizes.out_of_domain
    count = len(stratum) // batch * batch
    if not count:
        raise ConfigError(
            f"{len(stratum)} clips select the epoch, which do not fill a batch of {batch}",
            place="schedule.selection_clips",
            cure="set it to all, or make the batch smaller",
        )
    return stratum if count == len(stratum) else stratum.take(torch.arange(count))


def refuse_unscored(settings: ScheduleSettings, evaluated: Mapping[str, Stratum]) -> None:
    """Raise ConfigError if epochs are selected by a score that their clips do not have."""
    if settings.selection == "last":
        return
    for part in SCORES[settings.selection_score]:
        place, _, score = part.format(settings.selection).partition(".")
        framed = score in ("frame_f1", "event_f1")
        if place not in evaluated or (framed and evaluated[place].frames is None):
            raise ConfigError(
                f"{settings.selection_score} requires {place} clips"
                + " with strong labels" * framed,
                place="schedule.selection_score",
                cure="use tags or map",
            )
