"""The figures of a config and the files that each of them reads.

This module does not import matplotlib, so that a workflow can import it quickly.
"""

from dataclasses import dataclass

from resed.config.run import Config
from resed.config.study_rows import trainings
from resed.errors import ConfigError
from resed.paper.figure_entries import FigureEntry
from resed.paper.numbers import Paper

# Figures that do not belong to a paper, and their titles.
BUILT_IN = {
    "dag": "The stages",
    "sensitivity": "Effect of the readings",
    "architecture": "Networks and losses",
}
ON_DEMAND = ("architecture",)  # not made by default, and not on the page


@dataclass(frozen=True)
class FigureInputs:
    """The inputs of a figure besides the config, the paper and the summary of the audit.

    Attributes:
        histories: systems whose training histories it reads.
        tags: systems whose decoded tags of the evaluation split it reads, seed 0.
        posteriors: systems whose posteriors of the evaluation split it reads, seed 0.
        windows: methods whose windows it reads (windows_METHOD.tsv).
        annotations: roles of the splits whose annotations it reads.
        study: whether it reads the scores of the study of readings.
        settings: systems whose settings it shows.
        scores: systems whose scores it reads, every split and seed.
    """

    histories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    posteriors: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    study: bool = False
    settings: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()


def figure_names(config: Config, paper: Paper) -> list[str]:
    """Names of the figures that the configured systems allow, those of the paper first."""
    strong = "strong" in config.dataset_file.splits
    allowed = (
        name
        for name, entry in paper.figures.items()
        if (strong if entry.kind == "durations" else systems_of(entry, config, paper))
    )
    return [*allowed, *BUILT_IN]


def figure_entry(name: str, config: Config, paper: Paper) -> FigureEntry | None:
    """The paper's entry of a figure; None for a built-in one.

    Raises ConfigError if the configured systems do not allow the figure.
    """
    if name in BUILT_IN:
        return None
    entry = paper.figures[name]
    if name not in figure_names(config, paper):
        if entry.kind == "durations":
            problem = f"{name} requires strong training clips"
            cure = "use a dataset with the split strong"
            raise ConfigError(problem, place="config.dataset", cure=cure)
        needed = entry.system or f"a trained system of {entry.table}"
        cure = f"add {needed} to config.systems"
        raise ConfigError(f"{name} requires {needed}", place="config.systems", cure=cure)
    return entry


def inputs(name: str, config: Config, paper: Paper) -> FigureInputs:
    """The inputs of a figure. Raises ConfigError as `figure_entry` does."""
    entry = figure_entry(name, config, paper)
    if entry is None:
        shown = (config.sensitivity.system,) if name == "architecture" else ()
        return FigureInputs(study=name == "sensitivity", settings=shown)
    if entry.kind == "durations":
        return FigureInputs(windows=("esp",), annotations=("strong",))
    systems = tuple(systems_of(entry, config, paper))
    if entry.kind in ("stages", "gain_by_base"):
        return FigureInputs(scores=systems)
    if entry.kind == "smoothing":
        return FigureInputs(posteriors=systems)
    if entry.kind == "confusion":
        source = "posteriors" if config.confusion == "single" else "tags"
        return FigureInputs(annotations=("evaluation",), **{source: systems})
    return FigureInputs(histories=tuple(trainings(config, systems)))


def systems_of(entry: FigureEntry, config: Config, paper: Paper) -> list[str]:
    """Configured systems that a figure shows, in the order of the config."""
    if entry.kind == "stages":
        members = {name for table in entry.tables for name in paper.tables[table].systems()}
        return [name for name in config.systems if name in members]
    if entry.kind == "gain_by_base":
        needed = (entry.system, entry.second)
        shown = (*needed, entry.control)
        ran = all(name in config.systems for name in needed)
        return [name for name in config.systems if ran and name in shown]
    if entry.system is not None:
        return [entry.system] if entry.system in config.systems else []
    if entry.table is None:
        return []
    shown = _trained(entry.table, config, paper)
    main = paper.main_table
    if main is None or entry.table == main:
        return shown
    # A figure without systems other than those of the main table is omitted.
    return shown if set(shown) - set(_trained(main, config, paper)) else []


def _trained(table: str, config: Config, paper: Paper) -> list[str]:
    """Configured systems of a table that are trained, and not the same as another system.

    The main table also shows the systems that are in no table of the paper.
    """
    members = set(paper.tables[table].systems())
    if table == paper.main_table:
        members |= set(config.systems) - set(paper.systems())
    own = trainings(config, config.systems)
    return [name for name in config.systems if name in members and name in own]
