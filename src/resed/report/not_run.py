"""What the paper has, or this repository could do, that no number on the page covers."""

from collections.abc import Iterator, Mapping, Sequence

from resed.draw.inputs import figure_names
from resed.paper.legacy_numbers import VERSIONS, Paper, load_paper
from resed.paper.numbers import load_paper as read_paper
from resed.results.folder import Results
from resed.tabulate.table import Table

STUDY = "sensitivity"


def not_run(results: Results, tables: Mapping[str, Table]) -> list[str]:
    """A sentence each; `tables` are those of the page."""
    config, paper = results.config, results.legacy_paper
    missing = []
    if config.dataset_file.name != paper.dataset:
        missing.append(
            f"The paper's data ({paper.dataset}): this run is on {config.dataset_file.name}."
        )
    missing += [*_rows(results), *_stages(results), *_figures(results)]
    missing += [*_study(results, tables), *_truths(tables), *_seeds(results), *_others(results)]
    return missing


def studied(tables: Mapping[str, Table]) -> bool:
    """Whether the page has the study of readings, with scores."""
    return STUDY in tables and tables[STUDY].records[0]["status"] == "run"


def _rows(results: Results) -> Iterator[str]:
    """Rows of Table 1 without a configured system."""
    table = results.legacy_paper.table1
    lacking = [
        f"{row.id} {row.system}"
        for row in table.rows
        if row.row is None or not results.has_rows([row.row])
    ]
    if lacking:
        yield _lacking(results.legacy_paper, table.place, lacking, len(table.rows))


def _stages(results: Results) -> Iterator[str]:
    """Rows of Table 2, which the journal alone has, without a configured system."""
    paper = load_paper(VERSIONS["journal"], results.config.root)
    if paper.table2 is None:
        return
    lacking = [
        f"τ {row.tau}" + ("" if row.gamma is None else f" γ {row.gamma:g}")
        for row in paper.table2.rows
        if results.system_of_stage(row.tau, row.gamma) is None
    ]
    if lacking:
        yield _lacking(paper, paper.table2.place, lacking, len(paper.table2.rows))


def _lacking(paper: Paper, place: str, rows: Sequence[str], of: int) -> str:
    listed = ", ".join(rows)
    return f"{paper.name}, {place}: {len(rows)} of {of} rows, not in config.systems: {listed}."


def _figures(results: Results) -> Iterator[str]:
    paper = read_paper(results.config.paper, results.config.root)
    possible = figure_names(results.config, paper)
    for name, entry in paper.figures.items():
        if name not in possible and entry.system:
            yield f"{entry.title}: requires {entry.system}."


def _study(results: Results, tables: Mapping[str, Table]) -> Iterator[str]:
    if not studied(tables):
        cause = "no scores of it are here" if results.config.sensitivity.report else "not reported"
        yield (
            f"The study of readings, how far each detail that the paper leaves open moves the "
            f"scores ({cause}; sensitivity.report, `snakemake sensitivity`)."
        )
        return
    lacking = [str(r["reading"]) for r in tables[STUDY].records if r["status"] == "not run"]
    if lacking:
        yield f"Readings without scores in the study: {', '.join(lacking)}."


def _truths(tables: Mapping[str, Table]) -> Iterator[str]:
    records = tables["truths"].records if "truths" in tables else ()
    if not records or any(record["event_repaired"] is None for record in records):
        yield "Scores against the repaired truth: no repair of the labels is here (resed repair)."


def _seeds(results: Results) -> Iterator[str]:
    """Systems of which one training says nothing against another."""
    config = results.config
    single = [name for name in config.systems if len(config.seed_list(name)) == 1]
    if len(single) == len(config.systems):
        yield "More than one seed: single runs of one system differ by several points."
    elif single:
        titles = ", ".join(config.catalogue[name].title for name in single)
        yield f"More than one seed of {titles}: what compares these with others is undecided."


def _others(results: Results) -> Iterator[str]:
    config = results.config
    others = [
        f"{entry.title} ({name})"
        for name, entry in config.catalogue.items()
        if name not in config.systems and entry.row is None and entry.stage is None
    ]
    if others:
        yield f"Systems beyond the paper's tables: {', '.join(others)}."
    standard = [
        f"{entry.title} ({name})"
        for name, entry in config.catalogue.items()
        if name not in config.systems and entry.stage and entry.stage.form == "standard"
    ]
    if standard:
        yield f"The focal loss with the weight of the paper that it cites: {', '.join(standard)}."
