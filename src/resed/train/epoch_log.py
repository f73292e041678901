"""Log of one epoch: losses per step, mean posteriors and weights per class."""

import torch
from torch import Tensor

from resed.errors import DivergedError
from resed.formats.history import LOSS_COLUMNS


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

    def last_loss(self, number: int) -> float:
        """The total loss of step `number`."""
        return float(self.losses[number, 0])

    def check_finite(self, system: str, epoch: int, start: int = 0) -> None:
        """Raise DivergedError for the first loss that is not finite, from step `start` on."""
        bad = (~torch.isfinite(self.losses[start:])).nonzero()
        if len(bad):
            step = int(bad[0, 0]) + start
            names = [LOSS_COLUMNS[int(c)] for r, c in bad if int(r) + start == step and int(c)]
            raise DivergedError(
                f"{names[0] if names else 'loss'} is not finite at epoch {epoch + 1} "
                f"step {step + 1}",
                place=system,
                cure="lower schedule.learning_rate",
            )

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
