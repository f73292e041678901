"""Stored tables and figures for the page, from made-up results."""

import io
from pathlib import Path

from PIL import Image

from resed.draw.inputs import figure_names
from resed.formats.figure_description import FigureDescription, write_figure_description
from resed.formats.tables import Table
from resed.results.folder import Results
from resed.runtime.files import write_text
from resed.tabulate import make_table, table_names


def _png() -> bytes:
    """A white picture of 8 by 8 pixels."""
    handle = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(handle, "PNG")
    return handle.getvalue()


PIXEL = _png()


def make_tables(results: Results) -> dict[str, Table]:
    """Make and store all tables."""
    tables = {name: make_table(name, results) for name in table_names(results)}
    for name, table in tables.items():
        store(table, results.folder / "tables", name)
    return tables


def store(table: Table, folder: Path, name: str) -> None:
    """Write the two files of a table, as `resed tabulate` does."""
    write_text(folder / f"{name}.csv", table.csv())
    write_text(folder / f"{name}.json", table.json())


def make_figures(results: Results) -> None:
    """Store a picture of one pixel and a caption for each figure: test_draw tests the real ones."""
    paper, folder = results.paper, results.folder / "figures"
    folder.mkdir(exist_ok=True)
    for name in figure_names(results.config, paper):
        entry = paper.figures.get(name)
        (folder / f"{name}.png").write_bytes(PIXEL)
        write_figure_description(folder / f"{name}.json", _description(name, entry))


def _description(name: str, entry) -> FigureDescription:
    return FigureDescription(
        name=name,
        kind=entry.kind if entry else name,
        title=entry.title if entry else f"Figure {name}",
        caption=f"How to read {name}.",
        provenance="" if name == "dag" else "8 of 40 clips, manifest 0123456789ab",
        width_inches=6.0,
        height_inches=4.0,
    )


def make_page_input(results: Results) -> dict[str, Table]:
    """Make and store all that `resed report` reads besides results and config."""
    make_figures(results)
    return make_tables(results)
