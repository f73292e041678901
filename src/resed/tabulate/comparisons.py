"""Each system against the one that the paper compares it with, on the same clips."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resed.paper.legacy_numbers import METRICS
from resed.results.folder import SPLITS, Results
from resed.stats.intervals import Decision, Interval
from resed.tabulate.score_reader import ScoreBook
from resed.tabulate.table import NONE, NOT_RUN, Line, Table, basis, fields, gain, provenance
from resed.tabulate.table1 import NAMES

# Rows of the journal's Table 1: what its section 3.3.1 sets beside one another.
PAIRS = (
    *((2, 1), (3, 2), (3, 1)),
    *((4, 3), (5, 3), (6, 3), (5, 4)),
    *((7, 6), (8, 6), (9, 8), (9, 1)),
)
COLUMNS = (
    "ID",
    "System",
    "Against",
    "Split",
    *(heading for metric in METRICS for heading in (NAMES[metric], "decided", "paper")),
)
Key = tuple[str, str]  # metric, split


@dataclass(frozen=True)
class Comparison:
    """First minus second, in points of F1; nothing is found where one of them was not run."""

    rows: tuple[int, int]
    systems: tuple[str | None, str | None]
    found: Mapping[Key, Interval | None]
    decisions: Mapping[Key, Decision | None]

    @property
    def ran(self) -> bool:
        """Whether both systems are configured."""
        return None not in self.systems


def comparisons(results: Results) -> Table:
    """Compare in pairs, development and evaluation.

    Raises ResultsError or MissingFileError where a configured system's metrics lack or rest on
    other clips.
    """
    book = ScoreBook(results)
    made = [_compare(book, rows) for rows in PAIRS]
    return Table(
        title=f"Comparisons of systems on {results.config.dataset_file.title}",
        caption=(*provenance(book), *_notes(results)),
        columns=COLUMNS,
        lines=tuple(_line(one, split, results) for one in made for split in SPLITS),
        records=tuple(_record(one, split, book) for one in made for split in SPLITS),
        words=4,
    )


def _compare(book: ScoreBook, rows: tuple[int, int]) -> Comparison:
    results = book.results
    first, second = (results.system_of_row(r) if results.has_rows([r]) else None for r in rows)
    found: dict[Key, Interval | None] = {}
    decisions: dict[Key, Decision | None] = {}
    for split in SPLITS:
        for metric in METRICS:
            sides = [book.interval(split, system, metric) for system in (first, second)]
            ran = first is not None and second is not None and None not in sides
            key = metric, split
            found[key] = results.difference(split, first, second, metric) if ran else None
            decisions[key] = results.decision(split, first, second, metric) if ran else None
    return Comparison(rows, (first, second), found, decisions)


def _title(row: int, results: Results) -> str:
    """The row as the paper names it, and by the system that stands for it where it does not."""
    printed = results.legacy_paper.by_row.get(row)
    entries = results.config.catalogue.values()
    return printed.system if printed else next((e.title for e in entries if e.row == row), NONE)


def _id(row: int, results: Results) -> str:
    printed = results.legacy_paper.by_row.get(row)
    return str(printed.id) if printed else NONE


def _printed(rows: tuple[int, int], metric: str, split: str, results: Results) -> float | None:
    """The difference of the paper's two numbers, where it prints both."""
    known = [results.legacy_paper.by_row.get(row) for row in rows]
    if None in known:
        return None
    first, second = (getattr(row, metric)[SPLITS.index(split)] for row in known)
    return None if first is None or second is None else round(first - second, 1)


def _line(one: Comparison, split: str, results: Results) -> Line:
    none = NONE if one.ran else NOT_RUN
    ids = " vs ".join(_id(row, results) for row in one.rows)
    cells = [ids, *(_title(row, results) for row in one.rows), split]
    for metric in METRICS:
        number = _printed(one.rows, metric, split, results)
        cells.append(gain(one.found[metric, split], none))
        cells.append(one.decisions[metric, split] or none)
        cells.append(NONE if number is None else f"{number:+z.1f}")
    return Line(tuple(cells))


def _record(one: Comparison, split: str, book: ScoreBook) -> dict[str, Any]:
    first, second = one.systems
    record: dict[str, Any] = {
        "row": one.rows[0],
        "against_row": one.rows[1],
        "system": first,
        "against": second,
        "split": split,
    }
    for metric in METRICS:
        record |= fields(metric, one.found[metric, split])
        record[f"{metric}_decided"] = one.decisions[metric, split]
        record[f"{metric}_paper"] = _printed(one.rows, metric, split, book.results)
    paired = book.results.paired(first, second) if first and second else None
    record["same_checkpoint"] = {True: "yes", False: "no", None: None}[paired]
    return record | basis(book, len(book.results.seeds(first)) if first and one.ran else 0)


def _notes(results: Results) -> tuple[str, ...]:
    paper = results.legacy_paper
    alone = (
        "With one seed, only systems that share a checkpoint can be told apart: another training "
        "of the same system may differ by more."
    )
    notes = (
        "First minus second in points of F1, on the same clips and the same resamples of them, "
        "with the 95 % interval; seed by seed where both share a checkpoint.",
        "Decided: better or worse where the interval leaves out 0. The comparisons are not "
        "corrected for being many.",
        f"Paper: differences of the numbers of {paper.name}, {paper.table1.place}; it prints no "
        "interval.",
    )
    return (*notes, alone) if results.config.seeds_in_words == "1 seed" else notes
