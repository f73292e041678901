"""Make the model file of a checkpoint: weights, settings, windows, thresholds and a card."""

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from resed import __version__
from resed.config.network_file import NetworkFile
from resed.errors import MOST_CLASSES, ResultsError, some
from resed.formats.model_file import ModelFile
from resed.formats.thresholds import Thresholds
from resed.formats.windows import Window
from resed.predict.networks import Trained, load_trained
from resed.settings import DecodeSettings

KEPT = ("system", "seed", "data", "initial", "network")  # of the identity of a training
PACKAGES = ("torch", "numpy", "safetensors")  # whose versions are written


def pack(
    path: Path | str,
    *,
    windows: Mapping[str, Window] | None = None,
    thresholds: Thresholds | None = None,
    decode: DecodeSettings | None = None,
    name: str | None = None,
    card: Mapping[str, Any] | None = None,
    network: NetworkFile | None = None,
) -> ModelFile:
    """The model file of a checkpoint, or of another model file with other windows or thresholds.

    Args:
        path: a checkpoint of a finished training, or a model file.
        windows: label -> window; None: no filter, or those of the model file.
        thresholds: frame thresholds, which replace that of `decode`; None: that of `decode` for
            all classes, or the thresholds of the model file.
        decode: None: the defaults, or those of the model file. Otherwise thresholds per class of
            the model file are left out.
        name: None: that of the system, or of the model file.
        card: facts for people, JSON values; None: none, or those of the model file.
        network: the file with the class of `model.own`.

    Raises:
        CheckpointError, ModelFileError, MissingFileError: `path` cannot be used.
        ResultsError: windows or thresholds are not those of the classes.
    """
    trained = load_trained(path, network)
    settings = trained.settings
    if decode is not None:
        settings = settings.model_copy(update={"decode": decode})
    windows = _windows(trained.windows if windows is None else windows, trained)
    limits = dict(trained.thresholds) if decode is None else {}
    if thresholds is not None:
        thresholds.of(trained.classes)  # refuses those of other classes
        limits = dict(thresholds.classes)
        common = {"frame_threshold": thresholds.common}
        decode = settings.decode.model_copy(update=common)
        settings = settings.model_copy(update={"decode": decode})
    return ModelFile(
        name=name or trained.name,
        classes=trained.classes,
        shares=trained.shares,
        settings=settings,
        features=trained.features,
        windows=windows,
        thresholds=limits,
        training={key: trained.training[key] for key in KEPT if key in trained.training},
        # Layers of a user may share a weight, which safetensors refuses.
        weights={key: value.clone() for key, value in trained.networks.state_dict().items()},
        card=dict(trained.card if card is None else card),
        made_by=trained.made_by,
        versions={
            "resed": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
    )


def _windows(windows: Mapping[str, Window], trained: Trained) -> dict[str, Window]:
    """A window for each class; one without a row has no strong training event and is not smoothed.

    Raises ResultsError for a row of another class.
    """
    _refuse_foreign(windows, trained, "windows")
    unsmoothed = Window("", 0, None, 0.0, "none", None, None, "no window was given")
    return {c: windows.get(c, replace(unsmoothed, event_label=c)) for c in trained.classes}


def _refuse_foreign(values: Mapping[str, Any], trained: Trained, what: str) -> None:
    foreign = [label for label in values if label not in trained.classes]
    if foreign:
        raise ResultsError(
            f"the {what} are for {some(foreign, MOST_CLASSES)}, the model for "
            f"{some(trained.classes, MOST_CLASSES)}",
            cure=f"use the {what} of the dataset of the training",
        )
