"""States that trainings of different systems have in common: computed by one, continued by others.

A training that takes over the state of another one ends with the same bytes as without it. Only the
clips per second of its history are those of the other training.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from resed.config.branches import settings_until
from resed.errors import CheckpointError
from resed.formats import checkpoint
from resed.train.precision import made_with
from resed.train.resume import Resumable, restored, state_of


@dataclass(frozen=True)
class Branches:
    """A folder with states, and the epochs after which they are written.

    Attributes:
        folder: has DIGEST/resume.pt for each state.
        epochs: numbers of epochs, which are all below that of a whole training.
    """

    folder: Path
    epochs: Sequence[int]

    def enter(self, trainer: Resumable) -> None:
        """Put the latest state that the training has in common with others into the trainer.

        Does nothing if there is none that is later than the trainer. A file that is damaged is
        reported and not used; the training writes it again.
        """
        for epoch in sorted(self.epochs, reverse=True):
            path = self._path(trainer, epoch)
            if epoch <= trainer.epoch or not path.is_file():
                continue
            try:
                found = restored(trainer, path, partial(_until, epoch=epoch))
            except CheckpointError as error:
                trainer.say(f"{error}; training continues without it")
            else:
                if found is not None:  # otherwise the file is at a place that is not its own
                    return

    def leave(self, trainer: Resumable) -> None:
        """Write the state after an epoch of `epochs`."""
        if trainer.epoch in self.epochs:
            checkpoint.save(self._path(trainer, trainer.epoch), state_of(trainer))

    def _path(self, trainer: Resumable, epoch: int) -> Path:
        """Where the state after an epoch is, by all that its bytes depend on."""
        known = {
            "identity": _until(trainer.run.identity(), epoch),
            "epoch": epoch,
            "made_by": trainer.made_by,
            "made_with": made_with(trainer.device, trainer.autocast),
        }
        text = json.dumps(known, sort_keys=True)
        return self.folder / hashlib.sha256(text.encode()).hexdigest()[:16] / "resume.pt"


def _until(identity: dict[str, Any], epoch: int) -> dict[str, Any]:
    """The part of an identity on which the first epochs depend."""
    kept = {key: value for key, value in identity.items() if key != "system"}
    return {**kept, "settings": settings_until(identity["settings"], epoch)}
