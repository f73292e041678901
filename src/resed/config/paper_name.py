"""The paper of a run: a folder of config/papers."""

from pathlib import Path

from resed.config.loading import read_yaml
from resed.errors import ConfigError


def paper_name(name: str, root: Path | str) -> str:
    """The name of the paper: `name`, or if it is empty that of config/config.yaml.

    Without it, or if that file names no folder, the only folder of config/papers; "" without any.

    Raises ConfigError for an unknown name, or if there are several folders and none is named.
    """
    folder = Path(root) / "config"
    known = sorted(path.parent.name for path in folder.glob("papers/*/numbers.yaml"))
    if not name and len(known) == 1:
        return known[0]
    if not name and known:
        name = _of_base(folder / "config.yaml", known)
    if known and name not in known:
        near = [one for one in known if name.startswith(one)]
        cure = f"set paper: {near[0]}" if near else f"use one of {', '.join(known)}"
        problem = f"unknown paper {name}" if name else "required"
        raise ConfigError(problem, place="config.paper", cure=cure)
    return name


def _of_base(path: Path, known: list[str]) -> str:
    named = read_yaml(path).get("paper") if path.is_file() else None
    return named if named in known else ""
