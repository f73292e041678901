"""Fill the template with stored tables and figures. No number is computed here."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from resed.draw.inputs import figure_names
from resed.errors import ResultsError
from resed.escaping import html
from resed.formats.tables import Table
from resed.report import facts, figures
from resed.report.claims import Group, contradictions, groups
from resed.report.contents import contents
from resed.report.markup import cell, mark, marked, slug
from resed.report.not_run import not_run
from resed.report.page_table import PageTable
from resed.report.scorecard import Card, cards
from resed.report.tallies import tallies
from resed.results.folder import Results, short_hash
from resed.results.inputs import STUDY
from resed.results.leftovers import leftovers
from resed.tabulate import table_names
from resed.tabulate.words import CLAIM_VERDICTS, NUMBER_VERDICTS

BRIEF = 5  # statements per verdict that the top of the page lists
# Sections of the template that do not depend on what was run.
SECTIONS = (
    *("verdict", "baselines", "figures", "figures-durations", "windows", "contradictions"),
    *("readings", "run", "settings", "not-run"),
)


def render(results: Results) -> str:
    """The whole page as HTML. It contains no date, so equal results give equal text.

    Raises ResultsError or MissingFileError if a table or figure is missing or malformed.
    """
    tables = _tables(results)
    shown = {name: PageTable.of(table) for name, table in tables.items()}
    pictures = _pictures(results, tables)
    numbers = cards(shown["scorecard"])
    drawn = figures.sections(pictures)
    ids = _ids(results, shown, pictures, numbers)
    ids |= {section.anchor for section in drawn}
    judged = groups(tables["claims"], ids)
    ids |= {group.tally.anchor for group in judged}
    shared, systems = facts.systems(results)
    return _template().render(
        results=results,
        paper=results.paper,
        dataset=results.config.dataset_file,
        departures=tables["scorecard"].provenance["departures"],
        qualification=tables["scorecard"].data["qualification"],
        manifest=results.manifest or "none: no audit was made",
        short_manifest=short_hash(results.manifest),
        splits=facts.splits(results),
        versions=facts.versions(),
        marked_systems=results.stale.of_systems(results.config.systems),
        stale=results.stale.made.lines(is_leftover=leftovers(results.config)),
        commit=facts.commit(Path(results.config.root)),
        number_tallies=tallies("scorecard", NUMBER_VERDICTS, tables["scorecard"].data["counts"]),
        claim_tallies=tallies("claims", CLAIM_VERDICTS, tables["claims"].data["counts"]),
        brief=_brief(judged),
        basis=_basis(results.config.seeds_in_words),
        contents=contents(results.paper, numbers, judged, drawn, ids),
        tables=shown,
        main=results.paper.main_table,
        files={name: _csv(results, name) for name in tables},
        pictures=pictures,
        figure_sections=drawn,
        windows=facts.windows(results),
        cards=numbers,
        groups=judged,
        contradictions=contradictions(tables["contradictions"], tables["claims"]),
        headline=tables[STUDY].data["headline"] if STUDY in tables else "",
        shared=shared,
        systems=systems,
        not_run=not_run(results, tables),
    )


def _tables(results: Results) -> dict[str, Table]:
    """All stored tables; the study of readings only if the config reports it and it was run.

    Raises ResultsError if a table was made from another audit than that of this run.
    """
    folder = results.folder / "tables"
    names = [n for n in table_names(results) if n != STUDY or results.config.sensitivity.report]
    found = {name: Table.load(folder, name) for name in names}
    for name, table in found.items():
        made = table.provenance["manifest_sha256"]
        if made != results.manifest:
            raise ResultsError(
                f"made from manifest {short_hash(made)}; the audit has "
                f"{short_hash(results.manifest)}",
                place=folder / f"{name}.json",
                cure=f"run resed tabulate --table {name} again",
            )
    return {n: table for n, table in found.items() if n != STUDY or table.data["ran"]}


def _csv(results: Results, name: str) -> str:
    content = (results.folder / "tables" / f"{name}.csv").read_bytes()
    return figures.embedded(content, "text/csv")


def _pictures(results: Results, tables: Mapping[str, Table]) -> dict[str, figures.Picture]:
    """All figures that the configured systems allow."""
    names = figure_names(results.config, results.paper)
    shown = [name for name in names if name != STUDY or STUDY in tables]
    return figures.pictures(results.folder / "figures", shown)


def _ids(
    results: Results,
    tables: Mapping[str, PageTable],
    pictures: Collection[str],
    numbers: Collection[Card],
) -> set[str]:
    """The ids of the page to which links can lead, except those of claims."""
    lines = {anchor for table in tables.values() if table.ran for anchor in table.anchors}
    editions = {f"edition-{name}" for name in results.paper.editions}
    return {*SECTIONS, *tables, *pictures, *editions, *lines, *(card.anchor for card in numbers)}


def _brief(judged: Collection[Group]) -> list[dict[str, Any]]:
    """The first statements of the claims that are decided, and how many more there are."""
    found = []
    for group in judged:
        if group.tally.word in ("holds", "does not hold") and group.statements:
            first, others = group.statements[:BRIEF], group.statements[BRIEF:]
            found.append({"tally": group.tally, "statements": first, "others": len(others)})
    return found


def _basis(seeds: str) -> str:
    """A sentence on what the intervals cover; `seeds` is `Config.seeds_in_words`."""
    if seeds == "1 seed":
        return (
            "One seed per system: intervals cover clips only, and comparisons of separately "
            "trained systems are undecided."
        )
    return f"Intervals cover clips and seeds ({seeds} per system; clips only for one seed)."


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("resed.report", "."),
        autoescape=True,
        finalize=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"marked": marked, "mark": mark, "slug": slug, "cell": cell}
    return environment.get_template("page.html")
