"""The letter's Tables I and II, with its ids, on evaluation, whichever version the config names."""

from typing import Any

from resed.paper.legacy_numbers import METRICS, VERSIONS, Paper, SystemRow, load_paper
from resed.results.folder import Results
from resed.stats.intervals import Interval
from resed.tabulate.score_reader import ScoreBook
from resed.tabulate.table import (
    NONE,
    NOT_RUN,
    Line,
    Table,
    basis,
    fields,
    ours,
    printed,
    provenance,
)
from resed.tabulate.table1 import NAMES
from resed.tabulate.table3 import class_table

SPLIT = "evaluation"  # the letter has no other
COLUMNS = (
    "ID",
    "System",
    *(heading for metric in METRICS for heading in (NAMES[metric], "paper")),
)
Scores = dict[str, Interval | None]


def letter_table1(results: Results) -> Table:
    """Build the letter's Table I. Raises as `table1`."""
    paper, book = _letter(results), ScoreBook(results)
    rows = [(row, *_scores(row, book)) for row in paper.table1.rows]
    return Table(
        title=f"Letter, {paper.table1.place}. Systems on {results.config.dataset_file.title}",
        caption=(
            *provenance(book),
            "F1 in percent on evaluation, macro-averaged over classes, as in Table 1.",
            f"Paper: {paper.name}, {paper.table1.place}; ID as numbered there.",
        ),
        columns=COLUMNS,
        lines=tuple(_line(row, system, scores) for row, system, scores in rows),
        records=tuple(_record(row, system, scores, book) for row, system, scores in rows),
    )


def letter_table2(results: Results) -> Table:
    """Build the letter's Table II, cell by cell the journal's Table 3. Raises as `table3`."""
    paper = _letter(results)
    return class_table(results, paper, f"Letter, {paper.table3.place}", [SPLIT])


def _letter(results: Results) -> Paper:
    return load_paper(VERSIONS["letter"], results.config.root)


def _scores(row: SystemRow, book: ScoreBook) -> tuple[str | None, Scores]:
    known = row.row is not None and book.results.has_rows([row.row])
    system = book.results.system_of_row(row.row) if known else None
    return system, {metric: book.interval(SPLIT, system, metric) for metric in METRICS}


def _line(row: SystemRow, system: str | None, scores: Scores) -> Line:
    cells = [str(row.id), row.system]
    for metric in METRICS:
        cells.append(ours(scores[metric], NONE if system else NOT_RUN))
        cells.append(printed(getattr(row, metric)[1]))
    return Line(tuple(cells))


def _record(row: SystemRow, system: str | None, scores: Scores, book: ScoreBook) -> dict[str, Any]:
    record: dict[str, Any] = {"id": row.id, "row": row.row, "system": system, "title": row.system}
    for metric in METRICS:
        record |= fields(f"{metric}_{SPLIT}", scores[metric])
        record[f"{metric}_{SPLIT}_paper"] = getattr(row, metric)[1]
    return record | basis(book, len(book.results.seeds(system)) if system else 0)
