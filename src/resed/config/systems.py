"""The systems of config/systems/*.yaml, each an overlay on a base or on another system.

A base has settings that are common to several systems. It is not a system and cannot be trained.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from resed.config.loading import check, flattened, nearest, overlay, read_yaml
from resed.errors import ConfigError
from resed.settings import DistilSettings, Fraction, Strict

NAME = r"^[a-z0-9][a-z0-9_]{0,99}$"
Title = Annotated[str, Field(max_length=200)]
DEFAULT_FEATURES = "default"
_MOVED = ("row", "stage")  # keys of earlier versions, which the tables of a paper replace
Entry = TypeVar("Entry")
TrainingRole = Literal["weak", "unlabeled", "strong", "out_of_domain"]
ROUNDING = 1e-6  # of sums of shares


class Composite(Strict):
    """No training: class by class the posteriors of one of these systems, chosen on development."""

    of: Annotated[list[str], Field(min_length=2, max_length=100)]

    @field_validator("of")
    @classmethod
    def _unique(cls, values: list[str]) -> list[str]:
        if len({*values}) < len(values):
            raise ValueError("must not have a system twice")
        return values


class SystemEntry(Strict):
    """One entry of config/systems/*.yaml."""

    title: Title
    base: str | None = None
    trained_as: str | None = None
    composite: Composite | None = None  # not that of its base
    # Earlier systems, with their shares of the targets of the training; not those of its base
    teachers: dict[str, Fraction] = {}
    labels: Fraction = 0.0  # share of the labels; with those of the teachers it sums to 1
    targets: tuple[TrainingRole, ...] = ()  # roles with targets; empty: all of its batches
    distil: DistilSettings = DistilSettings()
    features: str | None = None  # a feature set of the same file; None: that of its base
    settings: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_origin(self) -> "SystemEntry":
        if self.composite and self.trained_as:
            raise ValueError("a composite is not trained; remove trained_as or composite")
        if self.teachers and (self.composite or self.trained_as):
            raise ValueError("is not trained, so it has no teachers; remove teachers")
        if not self.teachers and (self.labels or self.targets or self.distil != DistilSettings()):
            raise ValueError("labels, targets and distil require teachers")
        total = math.fsum([self.labels, *self.teachers.values()])
        if self.teachers and abs(total - 1) > ROUNDING:
            raise ValueError(f"the shares of teachers and labels sum to {total:g}, not to 1")
        return self


class BaseEntry(Strict):
    """Settings that are common to several systems."""

    settings: dict[str, Any]


class _SystemFile(Strict):
    features: dict[Annotated[str, Field(pattern=NAME)], dict[str, Any]] = {}
    bases: dict[Annotated[str, Field(pattern=NAME)], BaseEntry] = {}
    systems: dict[Annotated[str, Field(pattern=NAME)], SystemEntry] = {}


@dataclass(frozen=True)
class SystemFiles:
    """All systems, bases and feature sets of config/systems/*.yaml, by name."""

    systems: dict[str, SystemEntry]
    bases: dict[str, BaseEntry]
    features: dict[str, dict[str, Any]]


def load_systems(root: Path) -> SystemFiles:
    """Read config/systems/*.yaml. Raises ConfigError if two files define the same name."""
    files = SystemFiles({}, {}, {})
    for path in sorted((root / "config" / "systems").glob("*.yaml")):
        values = read_yaml(path)
        _refuse_moved(values, path)
        found = check(_SystemFile, values, str(path))
        entries = {*files.systems, *files.bases}
        twice = [f"systems.{name}" for name in found.systems if name in {*entries, *found.bases}]
        twice += [f"bases.{name}" for name in found.bases if name in entries]
        taken = {DEFAULT_FEATURES, *files.features}
        twice += [f"features.{name}" for name in found.features if name in taken]
        if twice:
            raise ConfigError(
                f"{twice[0]} is defined in another file too", place=path, cure="rename it"
            )
        files.systems.update(found.systems)
        files.bases.update(found.bases)
        files.features.update(found.features)
    return files


def _refuse_moved(values: Mapping[str, Any], path: Path) -> None:
    systems = values.get("systems")
    for name, entry in systems.items() if isinstance(systems, dict) else ():
        moved = [key for key in _MOVED if isinstance(entry, dict) and key in entry]
        if moved:
            raise ConfigError(
                f"systems.{name}.{moved[0]} is a key of earlier versions",
                place=path,
                cure="remove it; rows of tables in config/papers/{paper}/numbers.yaml name systems",
            )


def known(catalogue: Mapping[str, Entry], name: str, place: str, kind: str = "system") -> Entry:
    """The entry `name`. Raises ConfigError with the key that named it and the nearest names."""
    if name not in catalogue:
        raise ConfigError(
            f"unknown {kind} {name}", place=f"config.{place}", cure=nearest(name, catalogue)
        )
    return catalogue[name]


def lineage(catalogue: Mapping[str, SystemEntry], name: str) -> list[SystemEntry]:
    """The systems on which a system is based, and the system itself, in this order.

    Raises ConfigError if they form a circle.
    """
    line: list[SystemEntry] = []
    seen: list[str] = []
    current: str | None = name
    while current in catalogue:
        if current in seen:
            raise ConfigError(
                f"its bases form a circle ({' -> '.join(seen)})",
                place=f"systems.{name}",
                cure="remove one base",
            )
        seen.append(current)
        line.append(catalogue[current])
        current = line[-1].base
    return line[::-1]


def base_settings(files: SystemFiles, name: str) -> dict[str, Any]:
    """Settings of the base of a system; {} if it has none.

    Raises ConfigError for an unknown base.
    """
    first = lineage(files.systems, name)[0]
    if first.base is None:
        return {}
    return known({**files.systems, **files.bases}, first.base, f"systems.{name}.base").settings


def refuse_other_settings(name: str, settings: Mapping[str, Any], root: Path) -> None:
    """Raise ConfigError if settings lack or change what makes a system of config/systems.

    Names that config/systems lacks, such as rows of the study of readings, are not compared.
    """
    catalogue = load_systems(root).systems
    if name not in catalogue:
        return
    given = flattened(settings)
    for key, value in flattened(_own_settings(catalogue, name)).items():
        if key in given and given[key] == value:
            continue
        problem = f"{given[key]!r} is not {name}" if key in given else "missing"
        raise ConfigError(
            problem,
            place=f"--settings.{key}",
            cure=f"{name} has {value!r} (config/systems); correct it, or add --changed",
        )


def _own_settings(catalogue: Mapping[str, SystemEntry], name: str) -> dict[str, Any]:
    """Settings of a system and of the systems on which it is based, without their base."""
    found: dict[str, Any] = {}
    for entry in lineage(catalogue, name):
        found = overlay(found, entry.settings)
    return found
