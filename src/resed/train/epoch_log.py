"""Log of one epoch: losses per step, mean posteriors and weights per class, sizes of features."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from resed.formats.history import LOSS_COLUMNS
from resed.train.distillation import Projections, effective_rank
from resed.train.finite import NumberError, is_finite
from resed.train.framework import Networks


class EpochLog:
    """Losses and class means of one epoch, kept on the device to avoid synchronisation."""

    def __init__(self, steps: int, classes: int, device: torch.device):
        self.losses = torch.zeros(steps, len(LOSS_COLUMNS), device=device)
        self.present: set[str] = set()
        self.posteriors = torch.zeros(classes, device=device)
        self.weights = torch.zeros(classes, device=device)

    def add(self, number: int, terms: dict[str, Tensor], posterior: Tensor, weight: Tensor) -> None:
        """Add step `number` of the epoch: its losses, and means per class [classes]."""
        self.present |= set(terms)
        zero = self.losses.new_zeros(())
        self.losses[number] = torch.stack([terms.get(name, zero) for name in LOSS_COLUMNS])
        self.posteriors += posterior
        self.weights += weight

    def state(self) -> dict[str, Any]:
        """What `restore` continues from, in plain values and tensors on the CPU."""
        tensors = {name: getattr(self, name).cpu() for name in ("losses", "posteriors", "weights")}
        return {"present": sorted(self.present), **tensors}

    def restore(self, state: Mapping[str, Any]) -> int:
        """Continue from the `state` of a step; return the number of steps before it."""
        self.present = set(state["present"])
        for name in ("losses", "posteriors", "weights"):
            getattr(self, name).copy_(state[name])
        return int(state["step"])

    def last_loss(self, number: int) -> float:
        """The total loss of step `number`."""
        return float(self.losses[number, 0])

    def means(self) -> dict[str, float]:
        """Mean of each loss that occurred."""
        mean = self.losses.mean(dim=0).tolist()
        return {n: v for n, v in zip(LOSS_COLUMNS, mean, strict=True) if n in self.present}

    def class_means(self, classes: list[str]) -> dict[str, float]:
        """Mean posterior and focal weight of each class, by column of history.csv."""
        steps = len(self.losses)
        values = {}
        for name, sums in (("posterior", self.posteriors), ("weight", self.weights)):
            for label, value in zip(classes, (sums / steps).tolist(), strict=True):
                values[f"{name}.{label}"] = value
        return values


@torch.no_grad()
def geometry(networks: Networks, projections: Projections | None, mels: Tensor) -> dict[str, float]:
    """Norms and effective ranks of features on one batch, which show the trivial minimum of TFD.

    Raises NumberError for features that are not finite in evaluation mode.
    """
    networks.eval()
    student = networks.student(mels).features
    # The output of a network that is trained alone stands for that of the teacher, too.
    teacher = networks.teacher(mels).features if networks.teacher else student
    maps = {"feature_": (teacher, student)}
    if projections is not None:
        teacher, student = (values.float() for values in maps["feature_"])
        maps[""] = teacher @ projections.teacher, student @ projections.student
    networks.train()
    values = {}
    for prefix, pair in maps.items():
        for name, rows in zip(("teacher", "student"), pair, strict=True):
            if not is_finite(rows):
                kind = "features" if prefix else "projected features"
                raise NumberError(f"{kind} of the {name} in evaluation mode are not finite")
            rows = rows.double()
            values[f"{prefix}norm.{name}"] = float(rows.norm(dim=2).mean())
            values[f"{prefix}rank.{name}"] = effective_rank(rows.flatten(0, 1))
    return values
