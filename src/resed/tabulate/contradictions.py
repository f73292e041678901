"""Contradictions of the paper, each with the computed figures that show it."""

from typing import Any

from resed.formats.tables import Column, Table, View, tidy
from resed.judge.evidence import figure_text
from resed.judge.figures import OF_ANNOTATIONS, Figures
from resed.paper.contradictions import Contradiction, load_contradictions
from resed.paper.discrepancies import Discrepancy, discrepancies
from resed.results.folder import Results
from resed.tabulate import notes

NAME = "contradictions"
_COLUMNS = ("table", "row", "text", "place", "figures", "found_by", "claims")


def contradictions(results: Results) -> Table:
    """All entries of the paper's contradictions.yaml, and further ones found by recomputing.

    Raises ConfigError if a figure names a place that the paper does not have.
    """
    paper = results.paper
    entries = load_contradictions(paper.key, results.config.root)
    figures = Figures(results)
    listed = {key for entry in entries for key in entry.found_by}
    unlisted = [found for found in discrepancies(paper) if found.key not in listed]
    made = [*(_entry(entry, figures) for entry in entries), *map(_unlisted, unlisted)]
    records = [
        entry
        | {"table": NAME}
        | {key: separator.join(entry[key]) for key, separator in _LISTS.items()}
        for entry in made
    ]
    columns = (
        Column(title="Contradiction", field="text", role="prose"),
        Column(title="Where", field="place", role="prose"),
        Column(title="Figures that show it", field="figures", role="prose"),
    )
    return notes.table(
        results,
        NAME,
        "Contradictions of the paper",
        _notes(entries, len(unlisted), results),
        tidy(records, _COLUMNS),
        View(keys=("row",), columns=columns),
        {"contradictions": made},
    )


_LISTS = {"figures": "; ", "found_by": " ", "claims": " "}  # how the CSV separates their parts


def _entry(entry: Contradiction, figures: Figures) -> dict[str, Any]:
    return {
        "row": entry.id,
        "text": entry.text,
        "place": "; ".join(f"{edition} {place}" for edition, place in entry.places.items()),
        "figures": [figure_text(figures.value(figure)) for figure in entry.figures],
        "found_by": list(entry.found_by),
        "claims": list(entry.claims),
    }


def _unlisted(found: Discrepancy) -> dict[str, Any]:
    return {
        "row": f"unlisted {found.key}",
        "text": f"Found by recomputing and not listed, possibly an error in copying: {found.text}",
        "place": "",
        "figures": [],
        "found_by": [found.key],
        "claims": [],
    }


def _notes(entries: list[Contradiction], unlisted: int, results: Results) -> list[str]:
    found = [
        f"{len(entries)} contradictions between editions, text, tables, figures and data.",
        "Figures are taken or computed from the printed tables, the formulas, the networks at full "
        "size and the annotations; a figure of another publication names its source.",
    ]
    if unlisted:
        found.insert(0, f"**{unlisted} printed numbers disagree and are not listed**; see the end.")
    needed = any(figure.kind in OF_ANNOTATIONS for entry in entries for figure in entry.figures)
    if needed and not notes.on_papers_data(results):
        found.append("Numbers and durations of events are not shown: this run has other data.")
    return found
