"""One training in several processes, which torchrun starts: each computes a part of every batch.

Gradients are averaged by torch's DistributedDataParallel. Losses are those of one process up to
rounding: batch normalisation uses the statistics of the whole batch, and dropout the mask of the
whole batch. Every process evaluates all scored clips; only the first one writes and prints.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from resed.errors import ConfigError, ResedError
from resed.settings import SystemSettings
from resed.train.input_norm import BandNorm
from resed.train.objective import Targets

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")  # which torchrun sets
MOST = 4096  # processes


@dataclass(frozen=True)
class Processes:
    """The number of processes of a training, and which of them this one is, from 0."""

    rank: int = 0
    count: int = 1
    local: int = 1  # processes on this machine

    @property
    def first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def say(self, line: str) -> None:
        """Print a line in the first process."""
        if self.first:
            print(line, flush=True)

    def part(self, clips: int) -> slice:
        """The clips of a batch, or of a role in it, that this process computes."""
        return slice(self.rank, clips, self.count)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over all processes; each of them must call this."""
        if self.count > 1:
            values = _summed(values) / self.count
        return values

    def agree(self, value: object) -> list[object]:
        """The values of all processes, in their order."""
        found: list[object] = [value]
        if self.count > 1:
            found = [None] * self.count
            distributed.all_gather_object(found, value)
        return found

    @contextmanager
    def together(self) -> Iterator[None]:
        """End all processes if the block raises an error in one, so that none waits for another.

        The first process raises the first error, the other ones exit.
        """
        error: ResedError | None = None
        try:
            yield
        except ResedError as found:
            error = found
        if self.count > 1:
            errors = [one for one in self.agree(error) if isinstance(one, ResedError)]
            if errors and not self.first:
                sys.exit(1)
            error = errors[0] if errors else None
        if error is not None:
            raise error


ONE = Processes()


def started_by_torchrun(environment: Mapping[str, str] = os.environ) -> Processes:
    """The processes that torchrun started, by its variables; one process without them.

    Raises ConfigError for variables that are incomplete or not counts.
    """
    if not {"RANK", "WORLD_SIZE"} <= environment.keys():
        return ONE
    try:
        rank, count, local = (int(environment[name]) for name in VARIABLES)
    except (KeyError, ValueError):
        rank, count, local = -1, 0, 0
    if not (0 <= rank < count <= MOST and 1 <= local <= count):
        raise ConfigError(
            "the variables do not name one of several processes",
            place=", ".join(VARIABLES),
            cure="start the training by torchrun, or unset them",
        )
    return Processes(rank, count, local)


@contextmanager
def connected(processes: Processes, device: torch.device) -> Iterator[None]:
    """Connect the processes while the block runs: by NCCL on GPUs, by gloo on the CPU."""
    if processes.count == 1:
        yield
        return
    try:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        cure = "start all processes by torchrun, with one --rdzv-endpoint"
        raise ConfigError(f"cannot connect the processes ({reason})", cure=cure) from None
    try:
        yield
    finally:
        distributed.destroy_process_group()


def refuse_undivided(processes: Processes, settings: SystemSettings) -> None:
    """Raise ConfigError if a system cannot be trained in several processes."""
    if processes.count == 1:
        return
    batch, count = settings.schedule.batch, processes.count
    if settings.model.framework != "single":
        raise ConfigError(
            f"{settings.model.framework} is trained in one process, not in {count}",
            place="model.framework",
            cure="start resed train without torchrun, or use a system of framework single",
        )
    if batch.sampling == "random":
        problem = f"random cannot be divided among {count} processes"
        raise ConfigError(
            problem, place="schedule.batch.sampling", cure="set it to strata or balanced"
        )
    for role in ("weak", "strong", "unlabeled", "out_of_domain"):
        if size := getattr(batch, role) % count:
            raise ConfigError(
                f"{getattr(batch, role)} clips cannot be divided among {count} processes",
                place=f"schedule.batch.{role}",
                cure=f"set it to a multiple of {count} (now {size} too many), or change "
                "--nproc-per-node",
            )


def refuse_too_few_devices(processes: Processes, devices: int) -> None:
    """Raise ConfigError if processes of this machine would wait for a GPU of each other."""
    if processes.count > 1 and 0 < devices < processes.local:
        raise ConfigError(
            f"{processes.local} processes need as many GPUs, but {devices} are visible",
            place="--nproc-per-node",
            cure=f"set it to {devices}, or use --device cpu",
        )


def part_of(processes: Processes, mels: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
    """The part of a whole batch that this process computes.

    The clips of a role are together in a batch and their number is divisible, so that every process
    has the same number of clips of each role, and of clips with labels.
    """
    if processes.count == 1:
        return mels, targets
    count = processes.count
    return mels[processes.part(len(mels))], Targets(
        targets.tags[processes.part(len(targets.tags))],
        targets.frames[processes.part(len(targets.frames))],
        weak=targets.weak // count,
        strong=targets.strong // count,
        unlabeled=targets.unlabeled // count,
    )


def distributed_network(
    network: nn.Module, processes: Processes, device: torch.device
) -> nn.Module:
    """The network whose forward pass joins those of the other processes; its weights are shared.

    Modules of `network` are replaced by those that compute over the whole batch.
    """
    for module in list(network.modules()):
        for child, layer in list(module.named_children()):
            if isinstance(layer, nn.Dropout):
                setattr(module, child, BatchDropout(layer.p, processes))
            elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(module, child, synchronised(layer, device))
    return DistributedDataParallel(network, forward_sync_buffers=False)


def synchronised(layer: nn.modules.batchnorm._BatchNorm, device: torch.device) -> nn.Module:
    """A batch normalisation over the clips of all processes, with the tensors of `layer`.

    torch's SyncBatchNorm is for GPUs only; BatchNorm is used on a CPU, and for bands.
    """
    bands = isinstance(layer, BandNorm)
    if device.type == "cuda" and not bands:
        return nn.SyncBatchNorm.convert_sync_batchnorm(layer)
    found = (BandBatchNorm if bands else BatchNorm)(
        layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats
    )
    found.weight, found.bias = layer.weight, layer.bias
    found.running_mean, found.running_var = layer.running_mean, layer.running_var
    found.num_batches_tracked = layer.num_batches_tracked
    found.training = layer.training
    return found


class Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; gradients are summed over all processes, too."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        return _summed(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        """The gradient of the sum over all processes of their losses."""
        return _summed(gradients[0])


def _summed(values: Tensor) -> Tensor:
    values = values.detach().clone()
    distributed.all_reduce(values)
    return values


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation over the clips of all processes, on any device.

    The sums are differentiated through the exchange, so that gradients are those of the whole
    batch, too.
    """

    def forward(self, values: Tensor) -> Tensor:
        """[clips, channels, ...] -> the same shape."""
        if not self.training:
            return super().forward(values)
        axes = [axis for axis in range(values.dim()) if axis != 1]
        shape = [1, -1] + [1] * (values.dim() - 2)
        number = values.new_tensor([values.numel() / values.shape[1]])
        sums = Sum.apply(torch.cat([values.sum(dim=axes), number]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean.view(shape)
        variance = Sum.apply(centred.square().sum(dim=axes)) / count
        if self.track_running_stats:
            self._track(mean.detach(), (variance * count / (count - 1)).detach())
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)

    def _check_input_dim(self, values: Tensor) -> None:
        """Any number of axes."""


class BandBatchNorm(BatchNorm):
    """The same per band of [clips, frames, mels]."""

    def forward(self, mels: Tensor) -> Tensor:
        """[clips, frames, mels] -> the same shape."""
        return super().forward(mels.flatten(0, 1)).view_as(mels)


class BatchDropout(nn.Dropout):
    """Dropout of a part of a batch: its rows of the mask that one process would draw for all."""

    def __init__(self, p: float, processes: Processes):
        super().__init__(p)
        self._processes = processes

    def forward(self, values: Tensor) -> Tensor:
        """[clips, ...] -> the same shape."""
        if not self.training or not self.p:
            return values
        count = self._processes.count
        mask = values.new_empty(len(values) * count, *values.shape[1:]).bernoulli_(1 - self.p)
        return values * mask[self._processes.part(len(mask))] / (1 - self.p)
