"""Trainings in the processes of torchrun, for test_parallel: FOLDER with jobs.json.

Each job has settings, the folder of its results, and the step after which the training is
interrupted and started again from resume.pt, or null. Beside the results of a training lies
`posteriors.npy`: frames of development of each epoch, [epochs, clips, frames, classes], normalised
by the statistics of these clips: a shift before a normalisation has a gradient of rounding, which
Adam scales, and the running means follow the shift late.
"""

import copy
import json
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from resed.config.dataset import load_dataset
from resed.train.evaluate import infer
from resed.train.parallel import connected, started_by_torchrun
from resed.train.setup import build_trainer, prepare_torch

CPU = torch.device("cpu")


class Interrupted(Exception):
    """The training ends here."""


def train(processes, root, settings, folder, interrupted=None):
    def fresh():
        return build_trainer(
            load_dataset(root / "tiny.yaml"), root, system="wels", settings=settings, seed=0,
            stores={role: root / f"{role}.store" for role in ("weak", "strong", "development")},
            folder=Path(folder), device=CPU, processes=processes,
        )  # fmt: skip

    if interrupted is not None:
        trainer, make = fresh(), None
        trainer.save_seconds, make = -1.0, trainer._step

        def step(number, moment):
            if number == interrupted:
                raise Interrupted
            return make(number, moment)

        trainer._step = step
        with suppress(Interrupted):
            trainer.train()
    trainer = fresh()
    keep_posteriors(trainer)
    return trainer.train()


def keep_posteriors(trainer):
    """Have `trainer` write posteriors whenever it scores an epoch."""
    found, scores = [], trainer._scores

    def scored():
        networks = copy.deepcopy(trainer.networks)
        for module in networks.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.running_mean = module.running_var = None
        found.append(infer(networks, trainer.evaluated["development"].features, CPU)[0])
        if trainer.processes.first:
            trainer.run.folder.mkdir(parents=True, exist_ok=True)
            np.save(trainer.run.folder / "posteriors.npy", np.stack(found))
        return scores()

    trainer._scores = scored


if __name__ == "__main__":
    prepare_torch(1, CPU)
    here, root = started_by_torchrun(), Path(sys.argv[1])
    with connected(here, CPU):
        for job in json.loads((root / "jobs.json").read_text()):
            train(here, root, *job)
