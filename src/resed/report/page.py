"""Fill the template: everything the page needs is inside it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from resed.draw.drawing import Drawing
from resed.draw.registry import figures_of
from resed.draw.style import DOTS_PER_INCH
from resed.report import evidence, facts
from resed.report.contents import contents
from resed.report.not_run import STUDY, not_run, studied
from resed.report.scorecard import cards, qualification
from resed.report.symbols import mark, marked, slug
from resed.report.table_view import Sheet, sheet
from resed.report.verdict import ground, verdict
from resed.results.folder import Results, departures
from resed.results.readings_study import compare_readings, headline
from resed.runtime.files import existing
from resed.tabulate import TABLES
from resed.tabulate.table import Table

CONFUSIONS = ("figure5", "figure5_system3", "figure6")
TRAINING = ("training_curves", "training_curves_table2")
# Sections of the template that do not depend on what was run.
SECTIONS = (
    *("verdict", "tables", "sanity", "letter", "letter-figures", "figures", "durations", "windows"),
    *("contradictions", "readings", "run", "settings", "not-run"),
)
ENLARGED = 108  # CSS pixels an inch of figure: text as large as that of the page
BRIEF = 5  # statements that the top lists of one verdict


@dataclass(frozen=True)
class Picture:
    """A figure on the page."""

    key: str
    title: str
    source: str
    width: int  # CSS pixels
    caption: str


def render(results: Results) -> str:
    """The whole page as HTML; equal results give equal text (there is no date in it).

    Raises ResultsError or MissingFileError in one line where a table or figure lacks its input.
    """
    tables = _tables(results)
    pictures = _pictures(results, tables)
    sheets = {name: sheet(name, table, results) for name, table in tables.items()}
    judged = verdict(tables["claims"], tables["scorecard"])
    numbers = cards(tables["scorecard"], results)
    ids = _ids(sheets, pictures) | {one.anchor for one in (*judged.claims, *numbers)}
    groups = evidence.groups(tables["claims"], judged.claims, results, ids)
    shared, systems = facts.systems(results)
    return _template().render(
        results=results,
        departures=departures(results),
        splits=facts.splits(results),
        manifest=results.manifest or "none: no audit was made",
        versions=facts.versions(),
        commit=facts.commit(Path(results.config.root)),
        verdict=judged,
        brief=BRIEF,
        records=len(tables["scorecard"].records),
        qualification=qualification(results),
        ground=ground(results.config.seeds_in_words),
        contents=contents(numbers, groups, ids),
        sheets=sheets,
        files={name: _embed(table.csv().encode(), "text/csv") for name, table in tables.items()},
        pictures=pictures,
        confusions=[name for name in CONFUSIONS if name in pictures],
        training=[name for name in TRAINING if name in pictures],
        windows=facts.windows(results),
        cards=numbers,
        groups=groups,
        contradictions=evidence.contradictions(tables["contradictions"], tables["claims"]),
        studied=studied(tables),
        headline=headline(compare_readings(results), results) if studied(tables) else "",
        shared=shared,
        systems=systems,
        not_run=not_run(results, tables),
    )


def _tables(results: Results) -> dict[str, Table]:
    """All tables; the study of readings where the config wants it shown and it was run."""
    wanted = [n for n in TABLES if n != STUDY or results.config.sensitivity.report]
    made = {name: TABLES[name](results) for name in wanted}
    return {n: table for n, table in made.items() if n != STUDY or studied(made)}


def _pictures(results: Results, tables: Mapping[str, Table]) -> dict[str, Picture]:
    """All figures that the configured systems allow."""
    drawings = figures_of(results).items()
    return {n: _picture(results, d) for n, d in drawings if n != STUDY or studied(tables)}


def _ids(sheets: Mapping[str, Sheet], pictures: Mapping[str, Picture]) -> set[str]:
    """What links may point at."""
    rows = {row.anchor for one in sheets.values() if one.ran for row in one.rows if row.anchor}
    found = {*SECTIONS, *sheets, *pictures, *rows}
    found |= {"confusion"} if found & {*CONFUSIONS} else set()
    return found | ({"training"} if found & {*TRAINING} else set())


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("resed.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"marked": marked, "mark": mark, "slug": slug}
    return environment.get_template("page.html")


def _picture(results: Results, drawing: Drawing) -> Picture:
    name = drawing.name
    path = existing(results.folder / "figures" / f"{name}.png", f"run resed draw --figure {name}")
    content = path.read_bytes()
    pixels = int.from_bytes(content[16:20], "big")  # of the PNG header
    width = round(pixels * ENLARGED / DOTS_PER_INCH)
    source = _embed(content, "image/png")
    caption = drawing.caption()
    if drawing.provenance:
        caption += f" ({drawing.provenance}.)"
    return Picture(name, drawing.title, source, width, caption)


def _embed(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
