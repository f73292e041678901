"""The systems of config/systems/*.yaml: small overlays on one another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from resed.config.closed import check, read_yaml
from resed.errors import ConfigError
from resed.settings import Strict

NAME = r"^[a-z0-9][a-z0-9_]*$"
DEFAULT_FEATURES = "default"
Entry = TypeVar("Entry")


class StageEntry(Strict):
    """The row of the paper's Table 2 that a system stands for, whatever it trains here."""

    tau: int  # epochs of stage one in the paper
    gamma: float
    form: Literal["printed", "standard"] = "printed"


class SystemEntry(Strict):
    """One entry of config/systems/*.yaml."""

    title: str
    row: int | None = None  # in Table 1 of the journal version
    stage: StageEntry | None = None  # in Table 2
    base: str | None = None
    trained_as: str | None = None
    features: str | None = None  # a feature set of the same file; else the base's, else config's
    settings: dict[str, Any] = {}


class _SystemFile(Strict):
    features: dict[Annotated[str, Field(pattern=NAME)], dict[str, Any]] = {}
    systems: dict[Annotated[str, Field(pattern=NAME)], SystemEntry]


def load_systems(root: Path) -> tuple[dict[str, SystemEntry], dict[str, dict[str, Any]]]:
    """All systems and feature sets of config/systems/*.yaml; a name may stand only once."""
    catalogue: dict[str, SystemEntry] = {}
    features: dict[str, dict[str, Any]] = {}
    for path in sorted((root / "config" / "systems").glob("*.yaml")):
        found = check(_SystemFile, read_yaml(path), str(path))
        twice = [f"systems.{name}" for name in found.systems if name in catalogue]
        taken = {DEFAULT_FEATURES, *features}
        twice += [f"features.{name}" for name in found.features if name in taken]
        if twice:
            raise ConfigError(f"{path}: {twice[0]} stands in another file too; rename it")
        catalogue |= found.systems
        features |= found.features
    return catalogue, features


def known(catalogue: Mapping[str, Entry], name: str, place: str, kind: str = "system") -> Entry:
    """The entry `name`; ConfigError names the place where it was asked for, and what there is."""
    if name not in catalogue:
        there = ", ".join(catalogue)
        raise ConfigError(f"config.{place}: unknown {kind} {name}; known: {there}")
    return catalogue[name]


def lineage(catalogue: Mapping[str, SystemEntry], name: str) -> list[SystemEntry]:
    """The system and its bases, the root first."""
    line: list[SystemEntry] = []
    seen: list[str] = []
    current: str | None = name
    while current:
        if current in seen:
            raise ConfigError(f"systems.{name}: its bases form a circle ({' -> '.join(seen)})")
        seen.append(current)
        line.append(known(catalogue, current, f"systems.{name}.base"))
        current = line[-1].base
    return line[::-1]
