"""A model of two classes with random weights, as a model file and as a checkpoint."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from systems import BASE

from resed.config.loading import overlay
from resed.formats import checkpoint
from resed.formats.model_file import ModelFile
from resed.formats.store import create
from resed.formats.windows import Window
from resed.settings import FeatureSettings, SystemSettings
from resed.train.framework import build_networks

FEATURES = FeatureSettings(frames=120)  # 2 s
MAGNITUDES = FeatureSettings(
    sample_rate=22050, window=2048, hop=511, f_max=11025, frames=96, window_shape="hamming",
    edges="reflect", mel_norm="none", scale="linear", short="zeros",
)  # fmt: skip
CLASSES = ["dog", "cät"]
WINDOWS = {
    "dog": Window("dog", 12, 0.75, 0.25, "esp", 3, 0.5, ""),
    "cät": Window("cät", 0, None, 0.0, "esp", None, None, "no events"),
}
TRAINING = {"system": "pts", "seed": 3, "data": {"dataset": "demo", "manifest_sha256": None}}


def settings(**model) -> SystemSettings:
    """Settings of a small system; `model` are changes of its networks."""
    small = {"model": {"width": 0.05}, "decode": {"frame_threshold": 0.4}}
    return SystemSettings.model_validate(overlay(overlay(BASE, small), {"model": model}))


def features(chosen: SystemSettings) -> FeatureSettings:
    return MAGNITUDES if chosen.model.framework == "mean_teacher" else FEATURES


def weights(chosen: SystemSettings, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights, with statistics of batch normalisation as after a training."""
    torch.manual_seed(seed)
    networks = build_networks(chosen.model, features(chosen), 2, [1.0, 1.0])
    state = networks.state_dict()
    for name, value in state.items():
        if name.endswith("running_mean"):
            value.normal_()
        elif name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif name.endswith(("attend", "attend_bias")):  # guided heads start at zero
            value.normal_()
    return state


def small_model(chosen: SystemSettings | None = None, **changes) -> ModelFile:
    chosen = chosen or settings()
    model = ModelFile(
        name="small", classes=CLASSES, shares=[1.0, 1.0], settings=chosen,
        features=features(chosen), windows=WINDOWS, thresholds={"dog": 0.3, "cät": 0.7},
        training=TRAINING, weights=weights(chosen), versions={"resed": "0.1.0"},
        card={"data": "none", "scores": [0.5, {"low": 0.25}]},
    )  # fmt: skip
    return replace(model, **changes)


def small_checkpoint(path: Path, chosen: SystemSettings | None = None, seed: int = 0) -> Path:
    """A checkpoint with the weights of `small_model`."""
    chosen = chosen or settings()
    identity = {
        **TRAINING,
        "classes": CLASSES,
        "shares": [1.0, 1.0],
        "settings": chosen.model_dump(mode="json", exclude={"decode"}),
        "features": features(chosen).model_dump(mode="json"),
    }
    content = {"identity": identity, "epoch": 0, "networks": weights(chosen, seed)}
    checkpoint.save(path, content)
    return path


def small_store(path: Path, chosen: FeatureSettings = FEATURES, clips: int = 3) -> Path:
    """Random log-mels (or magnitudes) of three clips."""
    draw = np.random.default_rng(0).normal(size=(clips, chosen.frames, chosen.n_mels))
    draw = np.exp(draw) if chosen.scale == "linear" else 3 * draw - 5
    with create(path, [f"{n}.wav" for n in range(clips)], chosen, "evaluation", "0" * 64) as writer:
        for row, values in enumerate(draw):
            writer.write(row, values.astype(np.float32))
    return path
