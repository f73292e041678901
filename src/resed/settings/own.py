"""Settings of a network that is a class in a file of the user, `model.own`."""

import math
from typing import Annotated, Any

from pydantic import Field, field_validator

from resed.settings.base import Strict

MOST_ARGUMENTS = 1000  # values, in all lists and mappings together
LONGEST_ARGUMENT = 1000  # characters of text
LARGEST_INTEGER = 2**53  # which JSON keeps exactly

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]


class OwnSettings(Strict):
    """A network outside resed: a class in the file `network_file` of the config.

    No key names that file: settings travel in checkpoints, and only the config that is given on the
    command line names code to run.
    """

    class_name: Identifier
    # Keyword arguments of the class besides mels, frames and classes: text, numbers, true, false,
    # null, and lists and mappings of these
    arguments: dict[Identifier, Any] = {}

    @field_validator("arguments")
    @classmethod
    def _plain(cls, values: dict[str, Any]) -> dict[str, Any]:
        taken = [name for name in ("self", "mels", "frames", "classes") if name in values]
        if taken:
            raise ValueError(f"{taken[0]} is given by resed and cannot be an argument")
        if _count(values) > MOST_ARGUMENTS:
            raise ValueError(f"at most {MOST_ARGUMENTS} values")
        return values


def _count(value: Any) -> int:
    """The number of values within a plain value. Raises ValueError for one that is not plain."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) and len(key) <= LONGEST_ARGUMENT for key in value):
            raise ValueError("keys must be text")
        return 1 + sum(map(_count, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_count, value))
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, str) and len(value) <= LONGEST_ARGUMENT:
        return 1
    if isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
        return 1
    if isinstance(value, float) and math.isfinite(value):
        return 1
    raise ValueError("must be text, finite numbers, true, false, null, lists and mappings of these")
