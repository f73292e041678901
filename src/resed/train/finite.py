"""Checks that the numbers of a training are finite, where they arise and before they are saved.

Each step leaves the largest absolute values of its input, losses, gradients, optimiser state,
weights and batch statistics, which are infinite or NaN where any of their numbers is. On a GPU they
are read once per epoch, before the epoch is saved, because reading them waits for the device.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from resed.formats.history import LOSS_COLUMNS

# In the order in which they arise in a step: the first that is not finite is the cause.
KINDS = ("input", *LOSS_COLUMNS[1:], LOSS_COLUMNS[0], "gradient", "optimiser state", "weight",
         "batch statistic")  # fmt: skip
TOTAL = KINDS.index(LOSS_COLUMNS[0])
LOWER_RATE = "lower schedule.learning_rate"
CHECK_INPUT = "extract the features again, and lower schedule.teacher_noise and schedule.augment"


class NumberError(ArithmeticError):
    """A number of a training is infinite, NaN or too large.

    Attributes:
        problem: which number, and what it is.
        step: the step of the epoch from 0, None after its last step.
        cure: what the user should do.
    """

    def __init__(self, problem: str, step: int | None = None, cure: str = LOWER_RATE):
        super().__init__(problem)
        self.problem, self.step, self.cure = problem, step, cure


class StepNumbers:
    """The largest absolute value of each kind of number, per step of an epoch."""

    def __init__(self, modules: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer,
                 steps: int, device: torch.device, *, largest_loss: float):  # fmt: skip
        self.optimiser, self.largest_loss = optimiser, largest_loss
        self.parameters = _named(modules, "named_parameters")
        buffers = _named(modules, "named_buffers")
        self.statistics = {k: v for k, v in buffers.items() if v.is_floating_point()}
        self.largest = torch.zeros(steps, len(KINDS), device=device)

    def add(self, number: int, inputs: Mapping[str, Tensor], losses: Mapping[str, Tensor]) -> None:
        """Add step `number`, after the optimiser has moved the weights."""
        zero = self.largest.new_zeros(())
        groups = self._groups(inputs)
        values = [
            losses.get(kind, zero) if kind in LOSS_COLUMNS else _largest(groups[kind].values())
            for kind in KINDS
        ]
        self.largest[number] = torch.stack([value.float() for value in values])

    def check(self, inputs: Mapping[str, Tensor], start: int = 0) -> None:
        """Raise NumberError for the first number that is wrong, from step `start` on.

        The tensor is that which is not finite now, and `inputs` are those of the last step: on a
        GPU, both may be of a later step than the one that is named.
        """
        right = torch.isfinite(self.largest[start:])
        right[:, TOTAL] &= self.largest[start:, TOTAL] <= self.largest_loss
        if right.all():
            return
        row, column = (~right).nonzero()[0].tolist()
        step, value, kind = start + row, float(self.largest[start + row, column]), KINDS[column]
        if column == TOTAL and math.isfinite(value):
            problem = f"the loss is {value:.3g}, above schedule.largest_loss"
            raise NumberError(problem, step)
        if kind in LOSS_COLUMNS:
            raise NumberError(f"{kind} is not finite", step)
        tensors = self._groups(inputs)[kind]
        named = next((name for name, values in tensors.items() if not is_finite(values)), "")
        cure = CHECK_INPUT if kind == "input" else LOWER_RATE
        raise NumberError(f"{' '.join(filter(None, (kind, named)))} is not finite", step, cure)

    def _groups(self, inputs: Mapping[str, Tensor]) -> dict[str, Mapping[str, Tensor]]:
        named = self.parameters.items()
        moments = {
            f"{name} ({key})": value
            for name, parameter in named
            for key, value in self.optimiser.state.get(parameter, {}).items()
            if isinstance(value, Tensor) and value.dim()
        }
        return {
            "input": inputs,
            "gradient": {name: p.grad for name, p in named if p.grad is not None},
            "optimiser state": moments,
            "weight": {name: p.detach() for name, p in named},
            "batch statistic": self.statistics,
        }


def _named(modules: Mapping[str, nn.Module], method: str) -> dict[str, Tensor]:
    return {
        f"{prefix}{name}": tensor
        for prefix, module in modules.items()
        for name, tensor in getattr(module, method)()
    }


@torch.no_grad()
def _largest(tensors: Iterable[Tensor]) -> Tensor:
    """The largest absolute value of several tensors; NaN if any number is NaN."""
    return get_total_norm(tensors, norm_type=torch.inf)


def is_finite(values: Tensor) -> bool:
    """Whether no number of a tensor is infinite or NaN."""
    return bool(torch.isfinite(values).all())


def refuse_posteriors(name: str, posteriors: Tensor, clips: Sequence[str]) -> None:
    """Raise NumberError with the first clip whose posteriors [clips, ...] are not finite."""
    bad = ~torch.isfinite(posteriors).flatten(1).all(dim=1)
    if bad.any():
        clip = clips[int(bad.nonzero()[0])]
        raise NumberError(f"posteriors of {name} of clip {clip} are not finite")
