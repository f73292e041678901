"""What defines a training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from resed.config.network_file import NetworkFile
from resed.settings import FeatureSettings, SystemSettings
from resed.train.batches import Grid
from resed.train.initial import Initial
from resed.train.own_network import network_identity


@dataclass
class TrainingRun:
    """The identity of a training; trainings with equal identity give equal bytes.

    Attributes:
        features: settings of the stores.
        data: hash of the manifest, and clips per role.
        shares: share of the dimensions that each class uses.
        grid: frames of labels and posteriors.
        network: the file with the class of `settings.model.own`; None: networks of resed.
        scale: mean and deviation per band, with input_norm: training_clips.
        generation: 0 of a system without teachers, otherwise one more than that of its teachers.
        initial: the model from whose weights the training starts; None: random weights.
    """

    system: str
    settings: SystemSettings
    seed: int
    classes: list[str]
    features: FeatureSettings
    data: dict[str, Any]
    shares: list[float]
    grid: Grid
    folder: Path
    initial: Initial | None = None
    network: NetworkFile | None = None
    scale: tuple[Tensor, Tensor] | None = None
    generation: int = 0

    @property
    def random_seed(self) -> int:
        """The seed of weights and batches; students of one generation and seed have the same."""
        return 1000 * self.generation + self.seed

    def identity(self) -> dict[str, Any]:
        """Everything that the weights depend on, which excludes decoding."""
        return {
            "system": self.system,
            "settings": self.settings.model_dump(mode="json", exclude={"decode"}),
            "seed": self.seed,
            **({"generation": self.generation} if self.generation else {}),
            "classes": self.classes,
            "features": self.features.model_dump(mode="json"),
            "data": self.data,
            "shares": self.shares,
            **({"initial": self.initial.identity()} if self.initial else {}),
            **network_identity(self.settings.model.own, self.network),
        }
