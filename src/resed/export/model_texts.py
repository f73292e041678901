"""What its makers say about a model: title, purpose, limits and privacy, in a YAML file."""

from pathlib import Path
from typing import Any

from resed.config.loading import check, read_yaml
from resed.settings import Strict


class About(Strict):
    """The file; every key can be left out."""

    title: str = ""
    purpose: str = ""
    limits: list[str] = []
    privacy: str = ""


def read_about(path: Path | str) -> dict[str, Any]:
    """Read and check the file. Raises MissingFileError and ConfigError."""
    return check(About, read_yaml(path), str(path)).model_dump()
