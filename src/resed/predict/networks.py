"""Networks of a checkpoint or of a model file, with all that prediction and decoding need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resed.config.loading import check
from resed.config.network_file import NetworkFile
from resed.errors import CheckpointError, ConfigError, ModelFileError, NetworkFileError, ResedError
from resed.formats import checkpoint, model_file
from resed.formats.model_file import ModelFile
from resed.formats.validation import short_line
from resed.formats.windows import Window
from resed.settings import FeatureSettings, Strict, SystemSettings
from resed.train.framework import Networks, build_networks, frame_grid
from resed.train.heads import shares_problem

NOT_OF_TRAINING = ("settings", "features", "classes", "shares")


@dataclass(frozen=True)
class Trained:
    """A trained system.

    Attributes:
        name: of the model file, or of the system of a checkpoint.
        networks: student and teacher, on the CPU, in evaluation mode.
        settings: of the system. A checkpoint does not depend on decoding: that has its defaults.
        features: of the log-mel features of its input.
        training: system, seed, data (dataset, manifest, clips) and others of its training.
        windows: label -> window of the median filter; empty for a checkpoint.
        thresholds: label -> frame threshold; empty: that of `settings.decode`.
        tag_thresholds: label -> tag threshold of a training; empty: it has none.
    """

    name: str
    networks: Networks
    settings: SystemSettings
    features: FeatureSettings
    classes: list[str]
    shares: list[float]
    training: dict[str, Any]
    windows: dict[str, Window] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    tag_thresholds: dict[str, float] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    made_by: dict[str, Any] | None = None

    @property
    def cells(self) -> int:
        """Frames of the posteriors of a clip."""
        return frame_grid(self.settings.model, self.features)[0]

    @property
    def seconds_per_frame(self) -> float:
        """Seconds from one frame of the posteriors to the next."""
        return frame_grid(self.settings.model, self.features)[1]


def load_trained(path: Path | str, network: NetworkFile | None = None) -> Trained:
    """The networks of a checkpoint of a finished training, or of a model file.

    Args:
        network: the file with the class of `model.own`, which no checkpoint and no model file has;
            used by such networks only.

    Raises:
        NetworkFileError: the code of `network` fails.
        MissingFileError: the file does not exist.
        CheckpointError, ModelFileError: it is damaged, foreign or of another version, or its
            weights do not fit its settings, or its network is in another file than `network`.
    """
    if model_file.is_model_file(path):
        return trained_of(model_file.read_model_file(path), path, network)
    content = checkpoint.load_finished(path)
    identity = content["identity"]
    wrong = _Wrong(path, CheckpointError, checkpoint.CURE)
    settings = wrong.checked(SystemSettings, identity, "settings")
    features = wrong.checked(FeatureSettings, identity, "features")
    classes, shares = identity["classes"], identity["shares"]
    file = _network_of(wrong, settings, identity, network)
    return Trained(
        name=identity["system"],
        networks=_built(wrong, content["networks"], settings, features, classes, shares, file),
        settings=settings,
        features=features,
        classes=classes,
        shares=shares,
        training={k: v for k, v in identity.items() if k not in NOT_OF_TRAINING},
        tag_thresholds=content.get("tag_thresholds") or {},
        made_by=content.get("made_by"),
    )


def trained_of(model: ModelFile, path: Path | str, network: NetworkFile | None = None) -> Trained:
    """The networks of a model file that was read from `path`, or would be written there.

    Args:
        network: as of `load_trained`.

    Raises ModelFileError if the weights do not fit the settings.
    """
    wrong = _Wrong(path, ModelFileError, model_file.CURE)
    settings, features = model.settings, model.features
    file = _network_of(wrong, settings, model.training, network)
    sizes = features, model.classes, model.shares
    return Trained(
        name=model.name,
        networks=_built(wrong, model.weights, settings, *sizes, file),
        settings=settings,
        features=features,
        classes=model.classes,
        shares=model.shares,
        training=model.training,
        windows=model.windows,
        thresholds=model.thresholds,
        card=model.card,
        made_by=model.made_by,
    )


@dataclass(frozen=True)
class _Wrong:
    """A file that nobody can correct, the class of its errors, and their cure."""

    path: Path | str
    error: type[ResedError]
    cure: str

    def __call__(self, problem: str) -> ResedError:
        return self.error(problem, place=self.path, cure=self.cure)

    def checked(self, kind: type[Strict], identity: Mapping[str, Any], name: str) -> Any:
        try:
            return check(kind, identity[name], name)
        except ConfigError as error:
            raise self(f"{error.place}: {error.problem}") from None


def _network_of(
    wrong: _Wrong,
    settings: SystemSettings,
    training: Mapping[str, Any],
    network: NetworkFile | None,
) -> NetworkFile | None:
    """The file with the network of a training, if it is one of the user.

    The name and the class that the training recorded are only compared and shown: nothing is opened
    by them.

    Raises CheckpointError or ModelFileError without the file, or for another content of it.
    """
    own = settings.model.own
    if own is None:
        return None
    recorded = training.get("network")
    if not recorded:
        problem = f"names the class {own.class_name}, but not the content of its file"
        raise wrong(problem)
    if network is None:
        raise wrong.error(
            f"its network is the class {own.class_name} in {recorded['file']}, which is not part "
            "of it",
            place=wrong.path,
            cure="add --network-file with that file",
        )
    if network.sha256 != recorded["sha256"]:
        raise wrong.error(
            f"was trained with a {recorded['file']} of SHA-256 {recorded['sha256'][:12]}, but "
            f"{network.path} has {network.sha256[:12]}",
            place=wrong.path,
            cure="use the file of the training, or train again",
        )
    return network


def _built(
    wrong: _Wrong,
    weights: Mapping[str, Tensor],
    settings: SystemSettings,
    features: FeatureSettings,
    classes: list[str],
    shares: list[float],
    file: NetworkFile | None,
) -> Networks:
    """Networks with these weights, in evaluation mode, if the weights fit the settings."""
    if problem := shares_problem(shares, settings.model.disentangled):
        raise wrong(problem)
    sizes = settings.model, features, len(classes), shares, file
    try:
        with torch.device("meta"):  # without memory, which other settings could exceed
            expected = build_networks(*sizes).state_dict()
    except NetworkFileError:  # code that computes with its tensors fails there, but not below
        expected = build_networks(*sizes).state_dict()
    except ConfigError as error:
        raise wrong(f"{error.place}: {error.problem}") from None
    except (RuntimeError, OverflowError, TypeError) as error:  # sizes that no tensor can have
        raise wrong(f"the settings cannot be built ({short_line(error)})") from None
    if misfit := checkpoint.first_misfit(weights, expected):
        raise wrong(f"the weights do not fit the settings ({misfit})")
    networks = build_networks(*sizes)
    networks.load_state_dict(weights)
    return networks.eval()
