"""Settings of config/systems/base.yaml for tests: all of them, or one part, with changes."""

from functools import reduce
from typing import Any

import yaml
from runs import REPOSITORY

from resed.config.loading import overlay
from resed.settings import SystemSettings

BASE: dict[str, Any] = yaml.safe_load(
    (REPOSITORY / "config" / "systems" / "base.yaml").read_text()
)["bases"]["base"]["settings"]


def base(part: str = "", **changes: Any) -> Any:
    """The settings of the base, or of a part of them (`objective.focal`), with changes.

    >>> base("objective.focal", gamma=3).gamma
    3.0
    """
    names = part.split(".") if part else []
    for name in reversed(names):
        changes = {name: changes}
    return reduce(getattr, names, SystemSettings.model_validate(overlay(BASE, changes)))


def of_posteriors(tags: Any, frames: Any, features: Any) -> Any:
    """The output of a network with these posteriors."""
    from resed.train.model import Output

    return Output(tags.logit(), frames.logit(), features)
