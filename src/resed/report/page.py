"""Fill the template with stored tables and figures. No number is computed here."""

import base64
import gzip
from collections.abc import Collection, Mapping
from pathlib import Path

from resed.draw.inputs import ON_DEMAND, figure_names
from resed.errors import ResultsError
from resed.formats.tables import Table
from resed.formats.web_page import environment
from resed.report import facts, figures
from resed.report.claims import Group, contradictions, groups
from resed.report.contents import PageSection, sections
from resed.report.first_screen import basis, chosen, heading, lede, page_title
from resed.report.markup import cell, mark, marked, slug
from resed.report.neighbours import neighbours
from resed.report.not_run import not_run
from resed.report.overview import overview
from resed.report.page_table import PageTable
from resed.report.scorecard import Card, cards
from resed.report.shared_notes import own_notes, shared_notes
from resed.report.summary import summary
from resed.report.tallies import tallies
from resed.results.folder import Results, short_hash
from resed.results.inputs import STUDY
from resed.results.leftovers import leftovers
from resed.tabulate import RUNS, table_names
from resed.tabulate.metrics import shown_metrics
from resed.tabulate.words import NUMBER_VERDICTS, OTHER_DATA

ABSENT = ("not run", OTHER_DATA)  # verdicts of claims that were not tested
OF_DATA = ("annotations",)  # kinds of tests on the annotations of the dataset
WHOLE = ("scorecard", "claims", "contradictions", "readings", STUDY)  # shown in the stored layout


def render(results: Results, folder: Path | None = None) -> str:
    """The whole page as HTML. It contains no date, so equal results give equal text.

    Args:
        folder: where the page is written, for links to other pages of the run; by default
            `report` in the folder of the results.

    Raises ResultsError or MissingFileError if a table or figure is missing or malformed.
    """
    tables = _tables(results)
    shown = _shown(results, tables)
    pictures = _pictures(results, tables)
    judged_numbers = _cards(results, shown["scorecard"])
    drawn = figures.sections(pictures)
    parts = _sections(results, tables, shown, pictures, judged_numbers, figures.contents(drawn))
    ids = _ids(results, shown, pictures, parts)
    ids |= {section.anchor for section in drawn} | {card.anchor for card in judged_numbers}
    judged = _groups(results, tables["claims"], ids)
    ids |= {group.tally.anchor for group in judged}
    found = overview(results, tables)
    common, systems = facts.systems(results)
    pages = neighbours(results, folder or results.folder / "report")
    main = results.paper.main_table
    return (
        environment("resed.report", **_FILTERS)
        .get_template("page.html")
        .render(
            results=results,
            paper=results.paper,
            dataset=results.config.dataset_file,
            papers_data=tables["scorecard"].provenance["papers_data"],
            departures=tables["scorecard"].provenance["departures"],
            qualification=tables["claims"].data["qualification"],
            title=page_title(results),
            heading=heading(results),
            lede=lede(results),
            neighbours=pages,
            clips_address=dict(pages).get("Clips", ""),
            overview=found,
            best=found.best(blind=False) if found else None,
            best_baseline=found.best(blind=True) if found else None,
            ids=ids,
            claims=sum(len(g.statements) for g in judged if g.tally.word not in ABSENT),
            all_claims=sum(len(group.statements) for group in judged),
            groups=judged,
            basis=basis(results),
            chosen=chosen(results),
            published=sum(len(card.lines) for card in judged_numbers),
            number_tallies=tallies(
                "scorecard", NUMBER_VERDICTS, tables["scorecard"].data["counts"]
            ),
            sections=parts,
            tables=shown,
            main=main,
            further=_further(results, tables[main]) if main else None,
            further_tables=_further_tables(results, shown),
            shown_anchors=[name for name in tables if name in ids],
            shared=shared_notes({n: t for n, t in tables.items() if shown[n].ran}),
            own_notes=own_notes(tables),
            files={name: _csv(results, name) for name in tables},
            pictures=pictures,
            figure_sections=drawn,
            other_numbers=_other_numbers(results, pictures),
            energy=tables[main].data.get("energy", {}).get("line", "") if main else "",
            windows=facts.windows(results),
            cards=judged_numbers,
            contradictions=contradictions(tables["contradictions"], tables["claims"]),
            headline=tables[STUDY].data["headline"] if STUDY in tables else "",
            manifest=results.manifest or "none: no audit was made",
            splits=facts.splits(results),
            versions=facts.versions(),
            commit=facts.commit(Path(results.config.root)),
            common=common,
            systems=systems,
            marked_systems=results.stale.of_systems(results.config.systems),
            stale=results.stale.made.lines(is_leftover=leftovers(results.config)),
            not_run=not_run(results, tables),
        )
    )


def render_summary(results: Results) -> str:
    """What was found in at most five lines of plain text.

    Raises ResultsError or MissingFileError like `render`.
    """
    tables = _tables(results)
    judged = [g for g in _groups(results, tables["claims"], ()) if g.tally.word not in ABSENT]
    return summary(results, overview(results, tables), tables["per_class"].frame, judged)


_FILTERS = {"marked": marked, "mark": mark, "slug": slug, "cell": cell}


def _tables(results: Results) -> dict[str, Table]:
    """All stored tables; the study of readings only if the config reports it and it was run.

    Raises ResultsError if a table was made from another audit than that of this run.
    """
    folder = results.folder / "tables"
    names = [n for n in table_names(results) if n != STUDY or results.config.sensitivity.report]
    compares = results.config.run or results.config.compare_run
    names += [RUNS] if compares and (folder / f"{RUNS}.json").is_file() else []
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


def _shown(results: Results, tables: Mapping[str, Table]) -> dict[str, PageTable]:
    """The tables in the layout of the page; the main table with the paper's metrics only."""
    main = results.paper.main_table
    chosen = {main: results.paper.tables[main].metrics} if main else {}
    return {
        name: PageTable.of(table, chosen.get(name, ()), whole=name in WHOLE)
        for name, table in tables.items()
    }


def _further(results: Results, table: Table) -> PageTable:
    """The main table with the metrics that the paper does not have."""
    shape = results.paper.tables[table.name]
    metrics = [key for key in shown_metrics(results, shape) if key not in shape.metrics]
    return PageTable.of(table, metrics)


def _further_tables(results: Results, shown: Mapping[str, PageTable]) -> list[str]:
    """Names of the paper's tables that ran, without the main table."""
    paper = results.paper
    return [name for name in paper.tables if name != paper.main_table and shown[name].ran]


def _cards(results: Results, scorecard: PageTable) -> list[Card]:
    """All numbers of the paper; on other data, only those of systems and classes that ran."""
    if scorecard.table.provenance["papers_data"]:
        return cards(scorecard)
    return cards(scorecard, only=OTHER_DATA)


def _groups(results: Results, table: Table, ids: Collection[str]) -> list[Group]:
    """The claims by verdict.

    Of somebody's own dataset, those on systems that were tested: claims on annotations are on those
    of the paper.
    """
    if results.config.dataset_file.own:
        return groups(
            table, ids, lambda one: one["here"] not in ABSENT and one["kind"] not in OF_DATA
        )
    return groups(table, ids)


def _sections(
    results: Results,
    tables: Mapping[str, Table],
    shown: Mapping[str, PageTable],
    pictures: Collection[str],
    numbers: Collection[Card],
    drawn: str,
) -> tuple[PageSection, ...]:
    """The sections of this page."""
    dataset = results.config.dataset_file
    here = {"claims", "run", "notes", "not-run"}
    here |= {"systems"} if results.paper.main_table else set()
    here |= {"paper-tables"} if _further_tables(results, shown) else set()
    here |= {"figures"} if set(pictures) - {"dag", STUDY} else set()
    here |= {"scorecard"} if any(card.lines for card in numbers) else set()
    here |= {"repaired"} if tables["repaired"].data["made"] else set()
    built_in = ("per_class", "comparisons", RUNS, "contradictions", "readings", STUDY)
    here |= {name for name in built_in if name in shown and shown[name].ran}
    return sections(
        papers_data=tables["scorecard"].provenance["papers_data"],
        own=dataset.own,
        paper=results.paper.name,
        published=sum(len(card.lines) for card in numbers),
        ids=here,
        figures=drawn,
    )


def _csv(results: Results, name: str) -> str:
    content = (results.folder / "tables" / f"{name}.csv").read_bytes()
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")
    return f"data:application/gzip;base64,{packed}"


def _pictures(results: Results, tables: Mapping[str, Table]) -> dict[str, figures.Picture]:
    """All figures that the configured systems allow, without those that are made on demand."""
    names = figure_names(results.config, results.paper)
    shown = [n for n in names if n not in ON_DEMAND and (n != STUDY or STUDY in tables)]
    return figures.pictures(results.folder / "figures", shown)


def _other_numbers(results: Results, pictures: Collection[str]) -> list[tuple[str, ...]]:
    """Edition, number there, name and title of each figure with another number in an edition."""
    return [
        (results.paper.editions[edition].name, number, name, entry.title)
        for name, entry in results.paper.figures.items()
        if name in pictures
        for edition, number in entry.editions.items()
    ]


def _ids(
    results: Results,
    tables: Mapping[str, PageTable],
    pictures: Collection[str],
    parts: Collection[PageSection],
) -> set[str]:
    """The ids of the page to which links can lead, except those of claims."""
    sections_here = {part.anchor for part in parts}
    main = [name for name in (results.paper.main_table,) if name]
    further = _further_tables(results, tables) if "paper-tables" in sections_here else []
    here = {*sections_here, *main, *further}
    lines = {a for name, table in tables.items() if name in here for a in table.anchors}
    found = {*here, *lines, "settings", "verdict", *_shown_pictures(pictures)}
    return found | ({"windows"} if facts.windows(results) and "per_class" in here else set())


def _shown_pictures(pictures: Collection[str]) -> set[str]:
    return {"sensitivity-picture" if name == STUDY else name for name in pictures}
