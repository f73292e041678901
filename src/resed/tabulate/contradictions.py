"""Where the paper contradicts itself, each with the figures that show it, computed here."""

from collections.abc import Mapping

from resed.judge.evidence import NOT_HERE, figure_text
from resed.judge.figures import OF_ANNOTATIONS, Figures
from resed.paper.consistency import Discrepancy, discrepancies
from resed.paper.contradictions import Contradiction, load_contradictions
from resed.results.folder import Results
from resed.tabulate.provenance import on_papers_data
from resed.tabulate.table import NONE, Line, Table

COLUMNS = ("Contradiction", "Where", "Figures that show it")


def contradictions(results: Results) -> Table:
    """All entries of config/papers/liang_contradictions.yaml, and what recomputing finds besides.

    Raises ConfigError where a figure names a place that is not there.
    """
    entries = load_contradictions(results.config.paper, results.config.root)
    figures = Figures(results)
    listed = {key for entry in entries for key in entry.found_by}
    strange = [found for found in discrepancies(results.paper) if found.key not in listed]
    records = [*(_record(e, figures) for e in entries), *map(_unlisted, strange)]
    return Table(
        title="Where the paper contradicts itself",
        caption=_caption(entries, len(strange), results),
        columns=COLUMNS,
        lines=tuple(Line((str(r["text"]), _place(r), str(r["figures"]) or NONE)) for r in records),
        records=tuple(records),
        words=len(COLUMNS),
    )


def _record(entry: Contradiction, figures: Figures) -> dict[str, object]:
    return {
        "id": entry.id,
        "text": entry.text,
        "journal": entry.places.get("journal"),
        "letter": entry.places.get("letter"),
        "figures": "; ".join(figure_text(figures.value(figure)) for figure in entry.figures),
        "found_by": " ".join(entry.found_by),
        "claims": " ".join(entry.claims),
    }


def _unlisted(found: Discrepancy) -> dict[str, object]:
    return {
        "id": "unlisted",
        "text": f"Found by recomputing and not listed, so perhaps copied wrongly: {found.text}",
        "journal": None,
        "letter": None,
        "figures": "",
        "found_by": found.key,
        "claims": "",
    }


def _place(record: Mapping[str, object]) -> str:
    return (
        "; ".join(f"{name} {record[name]}" for name in ("journal", "letter") if record[name])
        or NONE
    )


def _caption(entries: list[Contradiction], strange: int, results: Results) -> tuple[str, ...]:
    notes = [f"{len(entries)} contradictions, between versions, text, tables, figures and data."]
    if strange:
        notes.insert(0, f"**{strange} printed numbers disagree and are not listed**: see the end.")
    notes.append(
        "Figures are taken from the printed tables or computed from them, from the formulas, from "
        "the networks at full size and from the annotations; those of other publications name it."
    )
    needed = any(figure.kind in OF_ANNOTATIONS for entry in entries for figure in entry.figures)
    if needed and not on_papers_data(results):
        notes.append(f"This run is on other data: what counts or measures events {NOT_HERE}.")
    return tuple(notes)
