"""Files below config/ that nothing reads: left by earlier versions, or with a wrong name."""

from pathlib import Path

from resed.errors import ConfigError

PAPER_FILES = ("numbers", "claims", "readings", "contradictions")  # of config/papers/{paper}/


def refuse_unread_files(root: Path | str) -> None:
    """Raise ConfigError for a YAML file below config/ that nothing reads."""
    config = Path(root) / "config"
    if (path := config / "readings.yaml").exists():
        raise ConfigError(
            "readings belong to a paper",
            place=path,
            cure="move your changes to config/papers/{paper}/readings.yaml and delete this file",
        )
    for path in _yaml(config / "papers"):
        cure = "move its content into the files of config/papers/{paper}/ and delete it"
        raise ConfigError("a paper is a folder, so nothing reads this file", place=path, cure=cure)
    for path in _yaml(config / "papers", "*/"):
        if path.suffix != ".yaml" or path.stem not in PAPER_FILES:
            known = ", ".join(f"{name}.yaml" for name in PAPER_FILES)
            cure = f"rename it to one of {known}, or delete it"
            raise ConfigError("nothing reads this file", place=path, cure=cure)
    for folder in ("systems", "datasets"):
        for path in _yaml(config / folder):
            if path.suffix != ".yaml":
                cure = f"rename it to {path.stem}.yaml"
                raise ConfigError("nothing reads this file", place=path, cure=cure)


def _yaml(folder: Path, below: str = "") -> list[Path]:
    return sorted([*folder.glob(f"{below}*.yaml"), *folder.glob(f"{below}*.yml")])
