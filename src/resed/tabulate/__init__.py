"""Tables with the paper's numbers and ours, and tables that are derived from them.

A table is a tidy data frame with a layout (`resed.formats.tables`). The tables of a paper come from
its YAML; those in BUILT_IN are made for every paper.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from resed.config.run import load_config
from resed.errors import ConfigError, ResedError
from resed.formats.tables import Table
from resed.results.folder import Results
from resed.results.inputs import STUDY, VERDICTS

# Tables that are made for every paper; each has a module with a function of the same name.
BUILT_IN = (*VERDICTS, STUDY)
RUNS = "runs"  # the table that compares two runs
LAYOUTS = {"systems": "systems_table", "classes": "classes_table"}  # by layout of a paper's table


def table_names(results: Results) -> list[str]:
    """All tables of a run, those of the paper first."""
    return [*results.paper.tables, *BUILT_IN]


def make_table(name: str, results: Results) -> Table:
    """Build one table.

    Raises ConfigError for an unknown name, and ResultsError or MissingFileError if scores are
    missing or come from other clips.
    """
    if name in BUILT_IN:
        return getattr(import_module(f"resed.tabulate.{name}"), name)(results)
    if name not in results.paper.tables:
        cure = f"use one of {', '.join(table_names(results))}"
        raise ConfigError(f"unknown table {name}", place="--table", cure=cure)
    layout = results.paper.tables[name].layout
    return getattr(import_module(f"resed.tabulate.{layout}"), LAYOUTS[layout])(name, results)


def compare_runs(results: Results, folder: Path, config: dict[str, Any] | None) -> Table:
    """Compare a run with another one of the same dataset.

    Args:
        folder: the folder of the other run.
        config: its config; None: unknown. Its scores are then read with the config of `results`.
    """
    root = Path(results.config.root)
    try:
        other = load_config(config, root) if config else None
    except ResedError:  # of systems that no longer exist
        other = None
    known = other is not None
    name = folder.name if folder.parent.name == RUNS else ""
    other = other or results.config.model_copy(update={"run": name, "compare_run": ""})
    module = import_module(f"resed.tabulate.{RUNS}")
    return getattr(module, RUNS)(results, Results.of(other, folder, results.data), known)
