"""Names of runs, and the folder of each run."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

RUNS = "runs"  # folder of the named runs, in results/{dataset}
LONGEST = 64  # letters of a name, which stands in paths and in names of DVC stages
RUN_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST - 1}}}")
# Names of devices of Windows, which no folder can have there, and names that read as a default.
RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
RESERVED |= {"runs", "none", "null", "default", "unnamed"}


def _usable(name: str) -> str:
    if name and not RUN_NAME.fullmatch(name):
        raise ValueError(
            f"must be 1 to {LONGEST} of a-z, A-Z, 0-9, - and _, and begin with a letter or a digit"
        )
    if name.lower() in RESERVED:
        raise ValueError(f"{name} is a reserved name; choose another one")
    return name


# The name of a run; empty: the unnamed run.
RunName = Annotated[
    str, AfterValidator(_usable), Field(json_schema_extra={"pattern": f"^({RUN_NAME.pattern})?$"})
]


def folder_of_run(dataset: str, name: str = "") -> Path:
    """The folder of a run: results/{dataset}, or results/{dataset}/runs/{name}.

    Examples:
        >>> folder_of_run("demo", "other_loss").as_posix()
        'results/demo/runs/other_loss'
    """
    folder = Path("results") / dataset
    return folder / RUNS / name if name else folder


def run_folders(dataset: str) -> dict[str, Path]:
    """The folders of all runs of a dataset that exist, by name; the unnamed run ("") first."""
    base = folder_of_run(dataset)
    named = sorted(path for path in base.glob(f"{RUNS}/*") if RUN_NAME.fullmatch(path.name))
    found = {"": base} | {path.name: path for path in named}
    return {name: path for name, path in found.items() if (path / "checksums").is_dir()}


def in_words(name: str) -> str:
    """A run in a message: "run NAME", or "the unnamed run"."""
    return f"run {name}" if name else "the unnamed run"
