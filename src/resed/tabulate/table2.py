"""Table 2: how long stage one lasts, the exponent of the focal loss, and both forms of its weight.

The study is the journal version's; where the letter stands beside ours elsewhere, it does here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from resed.paper.legacy_numbers import METRICS, VERSIONS, Paper, StageRow, load_paper
from resed.results.folder import SPLITS, Results
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

FORMS = {"printed": "1 - p^γ", "standard": "(1 - p)^γ"}
BOTH_FORMS = "1 - p (both)"  # with γ 1 the weights are the same
COLUMNS = (
    "τ",
    "γ",
    "Weight",
    "System",
    "Stage one here",
    "Split",
    *(heading for metric in METRICS for heading in (NAMES[metric], "paper")),
)
Key = tuple[str, str]  # block, split


@dataclass(frozen=True)
class Row:
    """A row of the paper in one form of the weight; `system` is None where it was not run."""

    paper: StageRow
    form: str | None
    system: str | None
    scores: Mapping[Key, Interval | None] = field(default_factory=dict)


def table2(results: Results) -> Table:
    """Build Table 2, development and evaluation.

    Raises ResultsError or MissingFileError where a configured system's metrics lack or rest on
    other clips.
    """
    paper = _paper(results)
    book = ScoreBook(results)
    rows = list(_rows(book, paper))
    return Table(
        title=f"Table 2. Length of stage one and focal loss on {results.config.dataset_file.title}",
        caption=(*provenance(book), *_notes(paper)),
        columns=COLUMNS,
        lines=tuple(_line(row, split, results) for row in rows for split in SPLITS),
        records=tuple(_record(row, book) for row in rows),
        words=6,
    )


def _paper(results: Results) -> Paper:
    """The version that prints the table: the configured one, or else the journal's."""
    if results.legacy_paper.table2:
        return results.legacy_paper
    return load_paper(VERSIONS["journal"], results.config.root)


def _rows(book: ScoreBook, paper: Paper) -> Iterator[Row]:
    """The paper's rows as printed, each followed by the standard form where there is a system."""
    for row in paper.table2.rows if paper.table2 else []:
        for form in FORMS:
            if form == "printed" or _has_form(book.results, row, form):
                system = book.results.system_of_stage(row.tau, row.gamma, form)
                scores = {
                    (metric, split): book.interval(split, system, metric)
                    for metric in METRICS
                    for split in SPLITS
                }
                yield Row(row, form if row.gamma is not None else None, system, scores)


def _has_form(results: Results, row: StageRow, form: str) -> bool:
    """Whether config/systems has a system of its own for this form, configured or not."""
    stages = [entry.stage for entry in results.config.catalogue.values() if entry.stage]
    return any((s.tau, s.gamma, s.form) == (row.tau, row.gamma, form) for s in stages)


def _weight(row: Row) -> str:
    if row.form is None:
        return NONE
    return BOTH_FORMS if row.paper.gamma == 1 else FORMS[row.form]


def _line(row: Row, split: str, results: Results) -> Line:
    none = NOT_RUN if row.system is None else NONE
    gamma = NONE if row.paper.gamma is None else f"{row.paper.gamma:g}"
    title = results.config.catalogue[row.system].title if row.system else none
    cells = [str(row.paper.tau), gamma, _weight(row), title, _stage_one(row, results) or none]
    cells.append(split)
    for metric in METRICS:
        cells.append(ours(row.scores[metric, split], none))
        cells.append(printed(getattr(row.paper, metric)[SPLITS.index(split)]))
    return Line(tuple(cells))


def _stage_one(row: Row, results: Results) -> str:
    """Epochs of stage one as they were trained here; "" where they were not."""
    if row.system is None:
        return ""
    settings = results.config.system(row.system)
    epochs = settings.schedule.epochs
    first = settings.schedule.stage_one if settings.objective.focal.enabled else epochs
    return f"{first} of {epochs} epochs"


def _record(row: Row, book: ScoreBook) -> dict[str, Any]:
    record: dict[str, Any] = {
        "tau": row.paper.tau,
        "gamma": row.paper.gamma,
        "form": row.form,
        "system": row.system,
        "stage_one_here": _stage_one(row, book.results) or None,
    }
    for metric in METRICS:
        for index, split in enumerate(SPLITS):
            record |= fields(f"{metric}_{split}", row.scores[metric, split])
            record[f"{metric}_{split}_paper"] = getattr(row.paper, metric)[index]
    return record | basis(book, len(book.results.seeds(row.system)) if row.system else 0)


def _notes(paper: Paper) -> tuple[str, ...]:
    place = paper.table2.place if paper.table2 else ""
    return (
        "F1 in percent, macro-averaged over classes, as in Table 1. τ: epochs before the focal "
        "loss in the paper; the row without γ has one stage only and is PTS+TFD.",
        "Weight: 1 - p^γ is what the paper prints, (1 - p)^γ the focal loss that it cites. It does "
        "not say which it ran, so its numbers stand beside both.",
        f"Paper: {paper.name}, {place}.",
    )
