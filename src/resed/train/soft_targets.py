"""Targets of `resed distil` in place of the labels of training clips."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resed.errors import ConfigError, StoreError, some
from resed.formats.store import Store
from resed.formats.targets import TargetSet
from resed.runtime.files import existing, sha256
from resed.settings import SystemSettings
from resed.train.batches import Stratum
from resed.train.run import TrainingRun

OTHER_FILE = "use the targets that resed distil made of this split"


def refuse_targets(
    targets: Mapping[str, Path], settings: SystemSettings, roles: Sequence[str]
) -> None:
    """Raise ConfigError if a training has no use for targets of a role."""
    if targets and settings.model.framework != "single":
        raise ConfigError(
            f"framework {settings.model.framework} trains on labels only",
            place="--targets",
            cure="leave it out, or train a system with model.framework: single",
        )
    unused = [role for role in targets if role not in roles]
    if unused:
        raise ConfigError(
            f"the system is not trained on {unused[0]} clips",
            place=f"--targets {unused[0]}",
            cure=f"leave it out, or set schedule.batch.{unused[0]}",
        )


def targets_identity(targets: Mapping[str, Path]) -> dict[str, Any]:
    """What the identity of a training has of its targets: nothing without them."""
    if not targets:
        return {}
    cure = "run resed distil first"
    return {"targets": {role: sha256(existing(path, cure)) for role, path in targets.items()}}


def with_targets(
    training: Mapping[str, Stratum],
    targets: Mapping[str, Path],
    run: TrainingRun,
    stores: Mapping[str, Store],
) -> dict[str, Stratum]:
    """The strata, with tags and frames of the targets for the roles that have any.

    A role whose targets have no frames has no frames.

    Raises StoreError for targets of another split, manifest, class list or frame grid, or without
    a clip of the role.
    """
    found = dict(training)
    for role, path in targets.items():
        loaded, stratum = TargetSet.load(path), training[role]
        _refuse_other(path, loaded, role, run, stores[role])
        index = {clip: row for row, clip in enumerate(loaded.clips)}
        missing = [clip for clip in stratum.clips if clip not in index]
        if missing:
            problem = f"has no targets of {some(missing)}"
            raise StoreError(problem, place=path, cure="predict and distil all clips of the store")
        rows = np.array([index[clip] for clip in stratum.clips])
        tags, frames = _rows(loaded.tags, rows), None
        if loaded.frames is not None:
            frames = _rows(loaded.frames, rows)
        found[role] = Stratum(role, stratum.features, tags, frames, stratum.clips, stratum.tags)
    return found


def _rows(values: np.ndarray, rows: np.ndarray) -> Tensor:
    """Some rows as a tensor; all rows in their order share the memory map of the file."""
    if not np.array_equal(rows, np.arange(len(values))):
        values = values[rows]
    with warnings.catch_warnings():  # the map is read-only; nothing writes to it
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(values)


def _refuse_other(
    path: Path, targets: TargetSet, role: str, run: TrainingRun, store: Store
) -> None:
    """Raise StoreError if targets do not fit the split, the classes or the frames."""
    meta = targets.meta
    expected = {
        "dataset": run.data["dataset"],
        "split": role,
        "manifest_sha256": store.manifest_sha256,
    }
    for key, value in expected.items():
        if (meta[key] or "") != value:
            problem = f"its {key} is {meta[key]}, but that of the training is {value}"
            raise StoreError(problem, place=path, cure=OTHER_FILE)
    if targets.classes != run.classes:
        problem = "its classes are not those of the dataset"
        raise StoreError(problem, place=path, cure=OTHER_FILE)
    if targets.frames is None:
        return
    here = targets.frames.shape[1], targets.seconds_per_frame
    if here[0] != run.grid.frames or abs(here[1] - run.grid.seconds) > 1e-9:
        raise StoreError(
            f"has {here[0]} frames of {here[1]:g} s, the system has {run.grid.frames} of "
            f"{run.grid.seconds:g} s",
            place=path,
            cure="use teachers with the frames of the system, or targets without frames",
        )
