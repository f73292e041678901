"""Options that take one file, or one file per split as SPLIT=FILE."""

from collections.abc import Sequence
from pathlib import Path

import typer

from resed.config.dataset import ROLES

LARGEST_SEED = 2**32 - 1  # what every random generator here accepts


def by_split(values: Sequence[str], option: str, split: str | None = None) -> dict[str, Path]:
    """Split -> file, from a repeated option `SPLIT=FILE`, or from one plain `FILE` for `split`.

    Raises BadParameter if a split is missing or occurs twice.
    """
    files: dict[str, Path] = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (separator and name in ROLES):
            name, path = split or "", value
        if not name or name in files:
            problem = f"{value}: use SPLIT=FILE, once per split of {', '.join(ROLES)}"
            raise typer.BadParameter(problem, param_hint=option)
        files[name] = Path(path)
    return files


def one_file(values: Sequence[str], option: str) -> Path:
    """The only value of an option that may be repeated in other uses of the command."""
    if len(values) != 1:
        raise typer.BadParameter("use one FILE, or --row", param_hint=option)
    return Path(values[0])


def required(place: str, **options: object) -> None:
    """Raise BadParameter for the first option of `options` that is not given."""
    for name, value in options.items():
        if value is None or value == []:
            option = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"required {place}", param_hint=option)


def same_splits(**options: dict[str, Path]) -> None:
    """Raise BadParameter if the options do not name the same splits."""
    (first, expected), *others = options.items()
    for name, files in others:
        if files.keys() != expected.keys():
            problem = f"names other splits than --{first}; use the same splits"
            raise typer.BadParameter(problem, param_hint=f"--{name}")
