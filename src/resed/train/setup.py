"""Build a trainer from files: stores, labels, device, memory."""

import ctypes
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from resed.config.dataset import Dataset
from resed.config.loading import check
from resed.config.network_file import NetworkFile
from resed.errors import ConfigError, StoreError, some
from resed.formats.checkpoint import first_difference
from resed.formats.store import Store
from resed.runtime.files import sha256
from resed.settings import FeatureSettings, ScheduleSettings, SystemSettings
from resed.train.batches import Grid, Stratum, hold_out, load_stratum
from resed.train.framework import frame_grid
from resed.train.heads import class_shares
from resed.train.initial import Initial, refuse_own
from resed.train.input_norm import statistics
from resed.train.loop import Trainer
from resed.train.parallel import ONE, Processes, refuse_undivided
from resed.train.run import TrainingRun
from resed.train.selection import fixed_order, refuse_unscored, selecting
from resed.train.soft_targets import refuse_targets, targets_identity, with_targets

LABELLED = ("weak", "strong")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Make glibc keep freed memory; new pages for every activation take half of a CPU step.

    Measured: a training step took 2.0 times as long without it. No effect without glibc.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_MAX, 0)
            mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def prepare_torch(threads: int, device: torch.device) -> None:
    """Set threads, and determinism on a CPU; precision.arithmetic sets the rest.

    The debug mode "error" is the mode of torch.use_deterministic_algorithms, without that of the
    compiler, whose import takes 1.3 s.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.set_deterministic_debug_mode("error" if device.type == "cpu" else "default")
    # Without filling each new tensor first, a tenth of a step; nothing here reads an unwritten one.
    torch.utils.deterministic.fill_uninitialized_memory = False
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True


def open_stores(paths: Mapping[str, Path], *, verify: bool = True) -> dict[str, Store]:
    """Open one store per role; StoreError if they differ in settings or manifest."""
    stores = {role: Store.open(path, verify=verify) for role, path in paths.items()}
    first_role, first = next(iter(stores.items()))
    for role, store in stores.items():
        here = {"settings": store.settings, "manifest": store.manifest_sha256}
        there = {"settings": first.settings, "manifest": first.manifest_sha256}
        found = first_difference(here, there)
        if found:
            problem = f"differs from the {first_role} store ({found})"
            raise StoreError(problem, place=paths[role], cure="extract both again")
    return stores


def refuse_missing_stores(settings: SystemSettings, stores: Mapping[str, Store]) -> None:
    """Raise ConfigError for a role without a store whose clips the training reads."""
    for role, place in settings.read_roles.items():
        if role not in stores:
            raise ConfigError(
                f"requires clips of the split {role}",
                place=place,
                cure="add the split and its store; or change the setting, with framework: single",
            )


def build_trainer(
    dataset: Dataset,
    root: Path,
    *,
    system: str,
    settings: dict[str, Any],
    seed: int,
    stores: Mapping[str, Path],
    folder: Path,
    device: torch.device,
    initial: Initial | None = None,
    generation: int = 0,
    targets: Mapping[str, Path] = MappingProxyType({}),
    network: NetworkFile | None = None,
    processes: Processes = ONE,
) -> Trainer:
    """The trainer of `resed train`; settings, stores and labels are checked before.

    Args:
        targets: role -> file of targets, which replace the labels of its training clips. Epochs are
            selected and class shares computed by the labels.
        network: the file with the class of `model.own`.
        processes: of which this is one; the first one verifies the stores, writes and prints.
    """
    cure = "add this key; config/systems/base.yaml has all keys"
    chosen = check(SystemSettings, settings, f"systems.{system}", cure)
    refuse_undivided(processes, chosen)
    opened = open_stores(stores, verify=processes.first)
    refuse_missing_stores(chosen, opened)
    roles = chosen.training_roles
    refuse_targets(targets, chosen, roles)
    features = check(FeatureSettings, opened["development"].settings, "store settings")
    if initial is not None:
        refuse_own(chosen.model.own)
        initial.refuse_other_features(features, chosen)
    cells, seconds = frame_grid(chosen.model, features)
    grid = Grid(cells, seconds, chosen.objective.strong.rounding)
    places = {role: place for role, place in dataset.splits.items() if role in opened}
    if foreign := opened.keys() - places.keys():
        raise ConfigError(
            f"has no split {some(sorted(foreign))}",
            place=f"dataset {dataset.name}",
            cure=f"use stores of {', '.join(dataset.roles)}",
        )
    annotations = {role: root / places[role].annotations for role in opened}
    strata = {
        role: load_stratum(
            store,
            role,
            annotations[role],
            classes=dataset.classes,
            grid=grid,
            labels=places[role].labels,
        )
        for role, store in opened.items()
    }
    run = TrainingRun(
        system=system,
        settings=chosen,
        seed=seed,
        classes=list(dataset.classes),
        features=features,
        data={
            "dataset": dataset.name,
            "manifest_sha256": opened["development"].manifest_sha256,
            "clips": {role: len(store.clips) for role, store in opened.items()},
            "annotations": {role: sha256(path) for role, path in annotations.items()},
            **targets_identity(targets),
        },
        folder=folder,
        shares=class_shares(
            [labels for role in LABELLED if role in strata for labels in strata[role].labels()],
            range(len(dataset.classes)),
            chosen.model.disentangled,
        ),
        grid=grid,
        initial=initial,
        generation=generation,
        network=network,
        scale=_scale(strata, chosen),
    )
    training, evaluated = split_strata(strata, roles, chosen.schedule, seed)
    training = with_targets(training, targets, run, opened)
    training = {role: stratum.to(device) for role, stratum in training.items()}
    return Trainer(run, training, evaluated, device, say=processes.say, processes=processes)


def split_strata(
    strata: Mapping[str, Stratum], roles: Sequence[str], chosen: ScheduleSettings, seed: int
) -> tuple[dict[str, Stratum], dict[str, Stratum]]:
    """The strata on which a system is trained, and those that are scored after an epoch.

    Raises ConfigError if epochs cannot be selected by them.
    """
    evaluated = {"development": strata["development"]}
    training = {role: strata[role] for role in roles}
    share = chosen.held_out
    if share:
        for role in (role for role in LABELLED if role in training):
            order = fixed_order(training[role].clips) if chosen.held_out_split == "fixed" else None
            training[role], aside = hold_out(training[role], share, seed, order)
            other = role == "weak" and "strong" in training
            evaluated["held_out_weak" if other else "held_out"] = aside
    if chosen.selection == "weak":
        evaluated["weak"] = strata["weak"]
    refuse_unscored(chosen, evaluated)
    if chosen.selection != "last":
        evaluated[chosen.selection] = selecting(evaluated[chosen.selection], chosen)
    return training, evaluated


def _scale(strata: Mapping[str, Stratum], chosen: SystemSettings) -> tuple[Tensor, Tensor] | None:
    """Statistics of all clips of the roles of model.scaler, held-out ones included, if used."""
    if chosen.model.input_norm != "training_clips":
        return None
    counts = chosen.model.scaler
    return statistics((strata[role].features, times) for role, times in counts.items())
