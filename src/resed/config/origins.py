"""Where the posteriors of a system come from: its training, that of another, or a composite.

A composite is a system without a training: class by class it has the posteriors of others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from resed.config.systems import SystemEntry, known
from resed.errors import ConfigError
from resed.settings import SystemSettings


@dataclass(frozen=True)
class Traits:
    """What systems must have in common that use the same posteriors.

    Attributes:
        listed: whether the config runs the system.
        seeds: number of seeds.
        features: name of the feature set.
    """

    listed: bool
    seeds: int
    features: str


def members(catalogue: Mapping[str, SystemEntry], name: str) -> list[str]:
    """The systems of a composite, in its order; none for a system that is trained."""
    found = catalogue[name].composite if name in catalogue else None
    return list(found.of) if found else []


def check_origin(name: str, trained: str, traits: Callable[[str], Traits]) -> None:
    """Raise ConfigError if a system cannot share the posteriors of `trained`."""
    if not traits(trained).listed:
        problem = f"{name} requires the system whose weights it shares"
        cure = f"add {trained} to config.systems"
        raise ConfigError(problem, place="config.systems", cure=cure)
    if traits(name).seeds != traits(trained).seeds:
        problem = f"{name} shares the weights of {trained}"
        cure = "give both the same number of seeds"
        raise ConfigError(problem, place="config.system_seeds", cure=cure)


def check_composite(
    name: str,
    catalogue: Mapping[str, SystemEntry],
    traits: Callable[[str], Traits],
    settings: SystemSettings,
) -> None:
    """Raise ConfigError for a composite that a run cannot make; other systems pass."""
    for member in members(catalogue, name):
        place = f"systems.{name}.composite.of"
        other = known(catalogue, member, place)
        if other.composite or other.trained_as:
            problem = f"{member} is no training of its own"
            raise ConfigError(problem, place=place, cure="name systems that are trained")
        one, both = traits(member), traits(name)
        if not one.listed:
            cure = f"add {member} to config.systems"
            raise ConfigError(f"{name} requires {member}", place="config.systems", cure=cure)
        if one.seeds != both.seeds:
            problem = f"{name} is composed of {member}"
            cure = "give both the same number of seeds"
            raise ConfigError(problem, place="config.system_seeds", cure=cure)
        if one.features != both.features:
            problem = f"{member} has the features {one.features}, {name} has {both.features}"
            raise ConfigError(problem, place=place, cure="give both the same features")
    if members(catalogue, name) and settings.decode.search is None:
        raise ConfigError(
            "required for a composite, whose systems are chosen with it",
            place=f"systems.{name}.settings.decode.search",
            cure="name windows, thresholds, window and threshold (docs/choose.md)",
        )
