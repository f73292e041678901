"""Training that starts from the weights of another training: its parts are taken where they fit.

A part is a module of a network, such as `student.cnn`. The rows of a head that belong to a class of
both trainings are taken; those of new classes are as in any training. A front end that scales its
input keeps the statistics that its convolutions were trained with.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from resed.errors import CheckpointError, ConfigError, some
from resed.formats import checkpoint
from resed.formats.model_file import is_model_file, read_model_file
from resed.runtime.files import existing, sha256
from resed.settings import FeatureSettings, OwnSettings, SystemSettings

# Tensors whose first dimension is that of the classes, or a multiple of it
OF_CLASSES = re.compile(
    r"(student|teacher)\.((tag_head|frame_head)\.)?(classify|attend|second)(\.weight|\.bias|_bias)?"
)
FEATURES = ("student.cnn", "teacher.cnn")  # parts of which at least one must fit


@dataclass(frozen=True)
class Initial:
    """A checkpoint or model file from which a training starts."""

    path: Path
    name: str
    sha256: str
    classes: list[str]
    shares: list[float]
    settings: dict[str, Any]
    features: dict[str, Any]
    weights: Mapping[str, Tensor]

    @classmethod
    def read(cls, path: Path | str) -> "Initial":
        """Read a model file, or the checkpoint of a finished training.

        Raises MissingFileError, ModelFileError or CheckpointError.
        """
        path = existing(path, "check the path")
        if is_model_file(path):
            model = read_model_file(path)
            settings = model.settings.model_dump(mode="json")
            features = model.features.model_dump(mode="json")
            found: tuple[Any, ...] = (model.name, model.classes, model.shares, settings, features)
            weights: Mapping[str, Tensor] = model.weights
        else:
            content = checkpoint.load_finished(path)
            identity, weights = content["identity"], content["networks"]
            keys = ("system", "classes", "shares", "settings", "features")
            found = tuple(identity[key] for key in keys)
        name, classes, shares, settings, features = found
        digest = sha256(path)
        return cls(path, name, digest, classes, shares, settings, features, weights)

    def identity(self) -> dict[str, str]:
        """What the weights of a training depend on."""
        return {"name": self.name, "sha256": self.sha256}

    def refuse_other_features(self, features: FeatureSettings, settings: SystemSettings) -> None:
        """Raise CheckpointError if the input of the networks would be another one."""
        here, there = settings.model.framework, self.settings.get("model", {}).get("framework")
        # Weights do not depend on the number of frames, so clips may have another length.
        length = {"frames": features.frames}
        different = checkpoint.first_difference(
            {**self.features, **length}, features.model_dump(mode="json")
        )
        if here != there:
            different = f"model.framework is {there}, not {here}"
        if different:
            raise CheckpointError(
                f"cannot start a training with other features or networks ({different})",
                place=self.path,
                cure="use the features and the model.framework of this model",
            )

    def put_into(
        self, networks: nn.Module, classes: Sequence[str], shares: Sequence[float]
    ) -> tuple[list[str], list[str]]:
        """Replace the weights of all parts that fit.

        Args:
            classes: of the new training, in the order of its heads.
            shares: of the new training.

        Returns:
            The parts that were taken, and those that are new or have rows of new classes.

        Raises:
            CheckpointError: the convolutions of neither network fit; names the parts that would.
        """
        fresh = networks.state_dict()
        fitting = {
            name: value
            for name, own in fresh.items()
            if (value := self._fitted(name, own, classes, shares)) is not None
        }
        parts = dict.fromkeys(map(part_of, fresh))
        whole = {p for p in parts if all(n in fitting for n in fresh if part_of(n) == p)}
        new_classes = set(classes) - set(self.classes)
        taken = [part for part in parts if part in whole and not (new_classes and _is_head(part))]
        new = [part for part in parts if part not in taken]
        if not whole & {*FEATURES}:
            misfit = next(n for n in fresh if part_of(n) in FEATURES and n not in fitting)
            there = self.weights.get(misfit)
            shape = "missing" if there is None else f"{tuple(there.shape)}"
            wanted = tuple(fresh[misfit].shape)
            raise CheckpointError(
                f"does not fit the settings: {misfit} is {shape}, not {wanted}; "
                f"parts that fit: {some(sorted(whole), 8) or 'none'}; new: {some(new, 8)}",
                place=self.path,
                cure="use the model settings of this model",
            )
        networks.load_state_dict({n: v for n, v in fitting.items() if part_of(n) in whole}, False)
        return taken, new

    def _fitted(
        self, name: str, own: Tensor, classes: Sequence[str], shares: Sequence[float]
    ) -> Tensor | None:
        """The weights for a tensor: those of this model, in heads row by row; None if unfit."""
        there = self.weights.get(name)
        if there is None or there.dtype != own.dtype or there.dim() != own.dim():
            return None
        if not OF_CLASSES.fullmatch(name):
            return there if there.shape == own.shape else None
        same = {*self.shares, *shares} == {1.0} or (self.classes, self.shares) == (classes, shares)
        rows, other = own.reshape(len(classes), -1), there.reshape(len(self.classes), -1)
        if not same or rows.shape[1] != other.shape[1]:
            return None
        found = rows.clone()
        for row, label in enumerate(classes):
            if label in self.classes:
                found[row] = other[self.classes.index(label)].to(found.device)
        return found.reshape(own.shape)


def refuse_own(own: OwnSettings | None) -> None:
    """Raise ConfigError for a network of the user: which of its parts fit is unknown."""
    if own is not None:
        problem = "a network of your own starts from no other model"
        raise ConfigError(problem, place="--init", cure="leave it out")


def part_of(name: str) -> str:
    """The part of a tensor: `student.cnn` of `student.cnn.0.weight`; heads have two levels.

    Examples:
        >>> part_of("student.cnn.0.weight"), part_of("teacher.tag_head.hidden.bias")
        ('student.cnn', 'teacher.tag_head.hidden')
    """
    names = name.split(".")
    depth = 3 if names[1].endswith("_head") else 2
    part = ".".join(names[:depth])
    return part.removesuffix("_bias")


def _is_head(part: str) -> bool:
    return part.rpartition(".")[2] in ("classify", "attend", "second")
