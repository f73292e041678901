"""Arguments and options of the form NAME=PATH, where a name may be repeated."""

from collections.abc import Sequence
from pathlib import Path

import typer


def by_name(values: Sequence[str], option: str) -> list[tuple[str, Path]]:
    """Name and path of each value; the name ends at the first equals sign."""
    return [(name, Path(path)) for name, path in name_pairs(values, option, "NAME=PATH")]


def name_pairs(values: Sequence[str], option: str, form: str) -> list[tuple[str, str]]:
    """Both sides of the first equals sign of each value. Raises BadParameter without one."""
    found = []
    for value in values:
        name, separator, rest = value.partition("=")
        if not (separator and name and rest):
            raise typer.BadParameter(f"{value}: use {form}", param_hint=option)
        found.append((name, rest))
    return found
