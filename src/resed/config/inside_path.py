"""Paths below the root of a dataset, as its file has them."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _inside(value: str) -> str:
    """The path in its shortest form; ValueError if it leads outside the root, or has line ends."""
    path = Path(value)
    if {"\n", "\t"} & set(value):
        raise ValueError("must not contain line ends or tabs")
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("must be a path below the dataset's root, without ..")
    return path.as_posix()


def _no_wildcard(value: str) -> str:
    """Raise ValueError for braces, which Snakemake reads as wildcards in the names of files."""
    if {"{", "}"} & set(value):
        raise ValueError("must not contain braces")
    return value


Inside = Annotated[str, AfterValidator(_inside)]
WithoutWildcard = Annotated[Inside, AfterValidator(_no_wildcard)]
