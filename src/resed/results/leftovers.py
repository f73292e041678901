"""Files of systems, readings and features that a config does not name: no rule makes them."""

from collections.abc import Callable
from pathlib import Path

from resed.config import study_rows
from resed.config.rows import Row
from resed.config.run import Config
from resed.paper.numbers import load_paper
from resed.results.claimed_readings import claimed_rows
from resed.results.inputs import Inputs
from resed.results.layout import Layout

# Folders below calibrate/ with a file per row and seed.
CHOSEN = ("thresholds", "class_thresholds", "searched_windows", "searched_thresholds")


def leftovers(config: Config) -> Callable[[Path | str], bool]:
    """Return a function of a path relative to results/{dataset}: whether no rule makes the file.

    Only files that belong to a system, a reading, a feature set or windows can be leftovers.
    """
    inputs = Inputs(config, load_paper(config.paper, config.root), Layout(Path()))
    studied = dict.fromkeys([*config.sensitivity_rows(), *claimed_rows(config)])
    named = [*map(Row, config.systems), *studied]
    rows = {one.folder for row in named for one in inputs.rows_of(row.folder)}
    rows |= {row.folder for row in (*inputs.baselines(), *inputs.external())}
    trained = {config.trained_as(row) for row in named}
    windows = {"average", "esp", *(study_rows.windows_name(config, row) for row in studied)}
    features = {config.features_of(row) for row in named}
    # Stage -> the level of the folder that must be one of these names.
    known: dict[str, tuple[int, set[str]]] = {
        "extract": (1, features),
        "train": (1, trained),
        "predict": (2, trained),
        "choose": (1, trained),
        "distil": (2, {config.generations.owner(name) for name in config.systems}),
        "decode": (2, rows),
        "score": (2, rows),
    }

    def is_leftover(path: Path | str) -> bool:
        parts = Path(path).parts
        if parts[:1] == ("calibrate",) and parts[1:2] and parts[1] in CHOSEN:
            return len(parts) > 2 and parts[2] not in rows
        if parts[:1] == ("calibrate",):
            name = parts[-1].removeprefix("windows_").removesuffix(".tsv")
            return parts[-1] == f"windows_{name}.tsv" and name not in windows
        if not parts or parts[0] not in known:
            return False
        level, names = known[parts[0]]
        return len(parts) > level + 1 and parts[level] not in names

    return is_leftover
