"""The systems of config/systems with their sizes."""

from dataclasses import dataclass, fields
from pathlib import Path

import torch

from resed.config.run import load_config
from resed.errors import MissingFileError
from resed.train.framework import build_networks
from resed.train.model import parameter_count


@dataclass(frozen=True)
class ListedSystem:
    """A system: its base and the one whose weights it uses ("" if none), and parameters.

    A composite uses the weights of several systems and has no parameters of its own.
    """

    system: str
    base: str
    weights_of: str
    student: int
    teacher: int
    title: str


COLUMNS = tuple(field.name for field in fields(ListedSystem))


INSTALLED = Path(__file__).resolve().parents[1] / "catalogue"  # package data: config/ of resed
MAIN = Path("config") / "config.yaml"


def system_list(root: Path | str | None = None) -> list[ListedSystem]:
    """All systems of config/systems, with the settings of config/config.yaml.

    Parameters are those that are trained, or averaged from trained ones. They are counted without
    memory for them; 0 for a network of the user, whose code is not run. With disentangled features,
    all classes use all dimensions: the largest number.

    Args:
        root: folder with config/; None: the current folder, or the systems of the installation.

    Raises:
        MissingFileError: `root` has no config/config.yaml.
        ConfigError: a file is wrong.
    """
    if root is None:
        root = Path() if MAIN.is_file() else INSTALLED
    if not (Path(root) / MAIN).is_file():
        cure = "run the command in the folder of the Snakefile, or use --root"
        raise MissingFileError("has no config/config.yaml", place=root, cure=cure)
    config = load_config(root=root)
    classes = len(config.dataset_file.classes)
    found = []
    for name, entry in config.catalogue.items():
        if entry.composite:  # no network of its own
            several = f"{len(entry.composite.of)} systems"
            found.append(ListedSystem(name, entry.base or "", several, 0, 0, entry.title))
            continue
        features = config.feature_sets[config.features_of(name)]
        model = config.system(name).model
        student = teacher = 0
        if model.own is None:
            with torch.device("meta"):
                networks = build_networks(model, features, classes, [1.0] * classes)
            networks.requires_grad_(True)  # an averaged teacher is not trained itself
            student = parameter_count(networks.student)
            teacher = parameter_count(networks.teacher) if networks.teacher else 0
        row = (entry.base or "", entry.trained_as or "", student, teacher, entry.title)
        found.append(ListedSystem(name, *row))
    return found
