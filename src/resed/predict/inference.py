"""Posteriors from a checkpoint or a model file, and feature stores."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from resed.config.loading import check
from resed.config.network_file import NetworkFile
from resed.errors import CheckpointError, StoreError
from resed.formats import checkpoint
from resed.formats.model_file import is_model_file
from resed.formats.posteriors import Posteriors
from resed.formats.store import Store
from resed.predict.networks import load_trained
from resed.runtime.files import sha256
from resed.runtime.fingerprint import made_by
from resed.runtime.scratch import scratch_array
from resed.settings import MOST_LOST_HEADS, FeatureSettings
from resed.train.batches import features_of
from resed.train.crnn import MeanTeacher, fresh_heads
from resed.train.evaluate import infer
from resed.train.framework import Networks
from resed.train.precision import arithmetic


def predict_splits(
    path: Path,
    stores: Mapping[str, Path],
    device: torch.device,
    scratch: Mapping[str, Path] | None = None,
    *,
    other_data: bool = False,
    network: NetworkFile | None = None,
    tags_only: bool = False,
) -> Iterator[tuple[str, Posteriors]]:
    """Posteriors of every clip of each store, split by split; the networks are loaded once.

    The frames are in a temporary file, so that memory does not grow with the number of clips.

    Args:
        path: a checkpoint or a model file.
        scratch: split -> folder of the temporary file; default: that of all temporary files.
        network: the file with the class of `model.own`.
        other_data: accept stores of another manifest than that of the checkpoint.
        tags_only: leave out the frames.

    Raises:
        CheckpointError, ModelFileError: the file cannot be used, or the checkpoint was trained with
            another manifest.
        StoreError: the features of a store are not those of the checkpoint.
    """
    trained = load_trained(path, network)
    half = arithmetic(trained.settings.schedule.precision, device)
    networks = trained.networks.to(device)
    training, classes = trained.training, trained.classes
    other_data = other_data or is_model_file(path)  # models are made for other data
    digest = sha256(path)
    for split, store_path in stores.items():
        store = Store.open(store_path)
        _refuse_other_features(store_path, store, trained.features)
        if not other_data:
            _refuse_other_manifest(path, training, store_path, store)
        clips = features_of(store)
        shape = (len(clips), trained.cells, len(classes))
        if tags_only:
            buffer = np.zeros((len(clips), 0, len(classes)), np.float32)
        else:
            buffer = scratch_array(shape, (scratch or {}).get(split))
        frames, tags, teacher_tags = infer(networks, clips, device, autocast=half, into=buffer)
        meta = {
            "system": training["system"],
            "seed": training["seed"],
            "split": split,
            "dataset": training["data"]["dataset"],
            "seconds_per_frame": trained.seconds_per_frame,
            "manifest_sha256": store.manifest_sha256,
            "checkpoint_sha256": digest,
            "made_by": made_by("predict"),
        }
        if tags_only:
            meta["tags_only"] = True
        if trained.tag_thresholds:
            meta["tag_thresholds"] = trained.tag_thresholds
        yield (
            split,
            Posteriors(
                frames.numpy(),
                tags.numpy(),
                teacher_tags.numpy(),
                store.clips,
                classes,
                meta,
                _lost_head_tags(networks, clips, device, half, training["seed"]),
            ),
        )


def _lost_head_tags(
    networks: Networks, clips: torch.Tensor, device: torch.device, half: Any, seed: int
) -> np.ndarray | None:
    """Clip posteriors of a Mean Teacher student with fresh attention heads; otherwise None.

    The heads are drawn from the seed of the training: float32 [clips, heads, classes].
    """
    if not isinstance(networks, MeanTeacher):
        return None
    student = networks.eval().student
    heads = fresh_heads(student.attend, seed, MOST_LOST_HEADS)
    with torch.autocast(device.type, half or torch.bfloat16, enabled=half is not None):
        parts = [student.lost_head_tags(part.to(device), heads).cpu() for part in clips.split(32)]
    return torch.cat(parts, dim=1).transpose(0, 1).contiguous().numpy()


def _refuse_other_manifest(
    path: Path, training: Mapping[str, Any], store_path: Path, store: Store
) -> None:
    """Raise CheckpointError if training and store are of different audits, as far as known."""
    trained, there = training["data"].get("manifest_sha256"), store.manifest_sha256
    if trained and there and trained != there:
        problem = f"trained with the manifest {trained[:12]}, but {store_path} has {there[:12]}"
        cure = "train again; or, to predict data that it was not trained for, use --other-data"
        raise CheckpointError(problem, place=path, cure=cure)


def _refuse_other_features(path: Path, store: Store, features: FeatureSettings) -> None:
    there = check(FeatureSettings, store.settings, f"{path}: settings")
    found = checkpoint.first_difference(there.model_dump(), features.model_dump())
    if found:
        cure = "extract the store with the features of the checkpoint, or train again"
        problem = f"has other features than the checkpoint ({found})"
        raise StoreError(problem, place=path, cure=cure)
