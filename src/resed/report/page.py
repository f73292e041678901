"""Fill the template: everything the page needs is inside it."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from resed.draw import FIGURES
from resed.draw.style import DOTS_PER_INCH
from resed.errors import ResultsError
from resed.files import existing
from resed.report import facts
from resed.results import Results, departures
from resed.tabulate import ROWS, TABLES
from resed.tabulate.table import Table

CONFUSIONS = ("figure5", "figure5_system3", "figure6")
ENLARGED = 108  # CSS pixels an inch of figure: text as large as that of the page


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
    tables = {n: make(results) for n, make in TABLES.items() if results.has_rows(ROWS.get(n, ()))}
    pictures = {n: _picture(results, n) for n, d in FIGURES.items() if results.has_rows(d.rows)}
    _check_manifest(results, tables["table1"])
    shared, systems = facts.systems(results)
    return _template().render(
        config=results.config,
        dataset=results.config.dataset_file,
        dataset_name=results.dataset,
        paper=results.paper,
        departures=departures(results),
        splits=facts.splits(results),
        manifest=results.manifest or "none: no audit was made",
        versions=facts.versions(),
        commit=facts.commit(Path(results.config.root)),
        tables=tables,
        files={name: _embed(table.csv().encode(), "text/csv") for name, table in tables.items()},
        pictures=pictures,
        confusions=[name for name in CONFUSIONS if name in pictures],
        windows=facts.windows(results),
        shared=shared,
        systems=systems,
        not_run=facts.not_run(results),
    )


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("resed.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = _marked
    return environment.get_template("page.html")


def _marked(text: str) -> Markup:
    """Escape `text`, then turn its **strong** and `code` into HTML."""
    safe = str(escape(text))
    safe = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", safe))


def _picture(results: Results, name: str) -> Picture:
    path = existing(results.folder / "figures" / f"{name}.png", f"run resed draw --figure {name}")
    drawing = FIGURES[name]
    content = path.read_bytes()
    pixels = int.from_bytes(content[16:20], "big")  # of the PNG header
    width = round(pixels * ENLARGED / DOTS_PER_INCH)
    source = _embed(content, "image/png")
    return Picture(name, drawing.title, source, width, drawing.caption(results))


def _embed(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _check_manifest(results: Results, table: Table) -> None:
    """The scores must rest on the audit that the page shows."""
    scored = table.records[0]["manifest_sha256"]
    if results.manifest and scored and scored != results.manifest:
        raise ResultsError(
            f"{results.folder / 'audit' / 'audit.json'}: manifest {results.manifest[:12]}, but the "
            f"scores rest on {scored[:12]}; score again after the audit"
        )
