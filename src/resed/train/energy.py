"""The energy of one training: measured, added up over its interruptions, written beside it.

It is no part of checkpoint.pt, history.csv or resume.pt, whose bytes do not depend on the machine's
load.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import torch

from resed.errors import ResedError
from resed.formats import energy
from resed.formats.energy import Energy
from resed.runtime.energy import Meter, Usage, gpu
from resed.train.parallel import ONE, Processes

CPU = "CPU"


class TrainingEnergy:
    """The energy of a training, in `folder`/energy.json.

    Steps that a kill lost, and that are repeated, are counted twice if they were in a file, and
    not at all otherwise: what was used since the last state of the training is lost with it.
    """

    def __init__(self, folder: Path, device: torch.device, processes: Processes = ONE,
                 say: Callable[[str], None] = print):  # fmt: skip
        self.path, self.processes, self.say = folder / energy.NAME, processes, say
        self.device = device
        self.known = Energy()
        self.meter: Meter | None = None

    def begin(self, epoch: int, resumed: bool, joined: int) -> None:
        """Start to measure.

        Args:
            epoch: the epoch with which the training continues.
            resumed: whether a state of this training was read; its energy is then added to.
            joined: number of epochs that were taken over from another training.
        """
        self.known = self._before() if resumed else Energy()
        taken_over = self.known.taken_over + joined
        own = self.known.epochs if resumed else 0
        cuda = self.device.type == "cuda"
        name = torch.cuda.get_device_name(self.device) if cuda else CPU
        self.known = replace(
            self.known,
            taken_over=taken_over,
            unmeasured=max(self.known.unmeasured, epoch - taken_over - own),
            devices=tuple(dict.fromkeys((*self.known.devices, name))),
        )
        self.meter = Meter(gpu(_uuid(self.device)) if cuda else None, on_gpu=cuda)

    def sample(self) -> None:
        """Read the meters, if it is time to."""
        if self.meter is not None:
            self.meter.sample()

    def save(self, epoch: int, within: bool) -> None:
        """Write what was used so far, before the state of the training is written.

        Args:
            epoch: number of whole epochs.
            within: whether the state is within an epoch, which other processes do not know.
        """
        if self.meter is None or (within and self.processes.count > 1):
            return
        parts: list[Any] = self.processes.agree(self.meter.take())
        used = reduce(add, parts, self.known.usage)
        if self.processes.count > 1:  # which compute at the same time
            used = replace(used, seconds=self.known.usage.seconds + _longest(parts))
        own = max(0, epoch - self.known.taken_over - self.known.unmeasured)
        self.known = replace(self.known, usage=used, epochs=own)
        if self.processes.first:
            energy.write_energy(self.path, self.known)

    def _before(self) -> Energy:
        """The content of the file of an earlier part of this training; nothing without one."""
        if not self.path.is_file():
            return Energy()
        try:
            return energy.read_energy(self.path)
        except ResedError as error:
            self.say(f"{error}; its energy is counted from here on")
            return Energy()


def _longest(parts: list[Usage]) -> float:
    return max(part.seconds for part in parts)


def _uuid(device: torch.device) -> str:
    """The UUID of a GPU as NVML names it; "" if PyTorch does not know it."""
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return "" if uuid is None else f"GPU-{uuid}"
