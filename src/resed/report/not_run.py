"""Sentences on what was not run: data, systems, figures and readings without a number."""

from collections.abc import Iterator, Mapping

from resed.draw.inputs import figure_names
from resed.formats.tables import Table
from resed.paper.numbers import load_paper, paper_names
from resed.results.folder import Results


def not_run(results: Results, tables: Mapping[str, Table]) -> list[str]:
    """One sentence each; `tables` are those of the page.

    What only concerns the paper is left out for somebody's own dataset.
    """
    own = results.config.dataset_file.own
    return [
        *([] if own else _data(results)),
        *_systems(results),
        *([] if own else _figures(results)),
        *_study(results, tables),
        *_repaired(tables),
        *_seeds(results),
        *_others(results),
    ]


def _data(results: Results) -> Iterator[str]:
    config, paper = results.config, results.paper
    if config.dataset_file.name != paper.dataset:
        yield f"The paper's data ({paper.dataset}): this run is on {config.dataset_file.name}."


def _systems(results: Results) -> Iterator[str]:
    """Systems of the paper that are not configured."""
    config, paper = results.config, results.paper
    lacking = [system for system in paper.systems() if system not in config.systems]
    if lacking:
        listed = ", ".join(_named(system, results) for system in lacking)
        of = f"{len(lacking)} of {len(paper.systems())}"
        yield f"{of} systems of {paper.name}, which are not in config.systems: {listed}."


def _named(system: str, results: Results) -> str:
    entry = results.config.catalogue.get(system)
    return f"{entry.title} ({system})" if entry else system


def _figures(results: Results) -> Iterator[str]:
    """Figures that show no configured system."""
    possible = figure_names(results.config, results.paper)
    for name, entry in results.paper.figures.items():
        if name not in possible:
            needed = entry.system or "a trained system"
            only = "" if entry.system else f" that only {entry.table} shows"
            yield f"{entry.title}: requires {needed} in config.systems{only}."


def _study(results: Results, tables: Mapping[str, Table]) -> Iterator[str]:
    if "sensitivity" not in tables:
        reason = "no scores" if results.config.sensitivity.report else "not reported"
        yield (
            "The study of readings, which measures the effect of each reading of the paper on the "
            f"scores ({reason}; see sensitivity.report and `snakemake sensitivity`)."
        )
    elif lacking := tables["sensitivity"].data["missing"]:
        yield f"Readings without scores in the study: {', '.join(lacking)}."


def _repaired(tables: Mapping[str, Table]) -> Iterator[str]:
    if not tables["repaired"].data["made"]:
        yield "Scores against the repaired labels: no repaired labels were found (resed repair)."


def _seeds(results: Results) -> Iterator[str]:
    """Systems with a single training, which cannot be compared with others."""
    config = results.config
    single = [name for name in config.systems if len(config.seed_list(name)) == 1]
    if len(single) == len(config.systems):
        yield "More than one seed: single trainings of one system differ by several points."
    elif single:
        titles = ", ".join(config.catalogue[name].title for name in single)
        yield f"More than one seed of {titles}: comparisons with other systems are undecided."


def _others(results: Results) -> Iterator[str]:
    """Systems that are in no table of any paper and not configured.

    Variants of the systems of another paper are left out.
    """
    config = results.config
    own = {*config.systems, *results.paper.systems()}
    of_others = {
        system
        for name in paper_names(config.root)
        if name != config.paper
        for system in load_paper(name, config.root).systems()
    } - own
    others = []
    for name in config.catalogue:
        line = {*_line(name, results)}
        if name not in own | of_others and not (line & of_others and not line & own):
            others.append(_named(name, results))
    if others:
        yield f"Systems that are in no table of the paper: {', '.join(others)}."


def _line(name: str, results: Results) -> Iterator[str]:
    """A system and the systems on which it is based; `load_config` refused circles."""
    current: str | None = name
    while current in results.config.catalogue:
        yield current
        current = results.config.catalogue[current].base
