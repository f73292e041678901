"""The paper of a run."""

from pathlib import Path

from resed.errors import ConfigError


def paper_name(named: str, root: Path | str) -> str:
    """The name of a paper; without one, that of the only folder of config/papers.

    Raises ConfigError if there is no such folder, or if there are several and none is named.
    """
    folder = Path(root) / "config" / "papers"
    known = sorted(path.parent.name for path in folder.glob("*/numbers.yaml"))
    if not named and len(known) == 1:
        return known[0]
    if known and named not in known:
        near = [name for name in known if named.startswith(name)]
        cure = f"set paper: {near[0]}" if near else f"use one of {', '.join(known)}"
        problem = f"unknown paper {named}" if named else "required"
        raise ConfigError(problem, place="config.paper", cure=cure)
    return named
