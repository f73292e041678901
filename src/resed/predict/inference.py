"""From a checkpoint and a store to posteriors."""

from pathlib import Path
from typing import Any

import torch

from resed.config.run import check
from resed.errors import CheckpointError, StoreError
from resed.formats import checkpoint
from resed.formats.posteriors import Posteriors
from resed.formats.store import Store
from resed.runtime.files import sha256
from resed.settings import FeatureSettings, SystemSettings
from resed.train.batches import features_of
from resed.train.crnn import MeanTeacher
from resed.train.evaluate import infer
from resed.train.framework import Networks, build_networks, frame_grid
from resed.train.precision import arithmetic


def load_networks(path: Path | str) -> tuple[Networks, dict[str, Any]]:
    """The networks of a checkpoint in evaluation mode, and the identity they were trained with.

    Raises:
        CheckpointError: damaged, foreign, of another version, or not fitting its own settings.
    """
    content = checkpoint.load_finished(path)
    identity = content["identity"]
    settings = check(SystemSettings, identity["settings"], f"{path}: settings")
    features = check(FeatureSettings, identity["features"], f"{path}: features")
    networks = build_networks(
        settings.model, features, len(identity["classes"]), identity["shares"]
    )
    try:
        networks.load_state_dict(content["networks"])
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        problem, cure = f"weights do not fit its settings ({first})", "delete it and train again"
        raise CheckpointError(problem, place=path, cure=cure) from None
    return networks.eval(), identity


def predict(path: Path, store_path: Path, split: str, device: torch.device) -> Posteriors:
    """Posteriors of every clip of a store.

    Raises:
        StoreError: the store's features are not those the checkpoint was trained on.
    """
    networks, identity = load_networks(path)
    store = Store.open(store_path)
    settings = check(SystemSettings, identity["settings"], f"{path}: settings")
    features = check(FeatureSettings, identity["features"], f"{path}: features")
    there = check(FeatureSettings, store.settings, f"{store_path}: settings")
    found = checkpoint.first_difference(there.model_dump(), features.model_dump())
    if found:
        cure = "extract the store with the checkpoint's features, or train again"
        raise StoreError(f"{store_path}: other features than the checkpoint's ({found}); {cure}")
    half = arithmetic(settings.schedule.precision, device)
    frames, tags, teacher_tags = infer(
        networks.to(device), features_of(store), device, autocast=half
    )
    lost = None
    if isinstance(networks, MeanTeacher):
        networks.student = networks.student.with_lost_head(identity["seed"])
        lost = infer(networks, features_of(store), device, autocast=half)[1].numpy()
    meta = {
        "system": identity["system"],
        "seed": identity["seed"],
        "split": split,
        "dataset": identity["data"]["dataset"],
        "seconds_per_frame": frame_grid(settings.model, features)[1],
        "manifest_sha256": store.manifest_sha256,
        "checkpoint_sha256": sha256(path),
    }
    return Posteriors(
        frames.numpy(),
        tags.numpy(),
        teacher_tags.numpy(),
        store.clips,
        identity["classes"],
        meta,
        lost,
    )
