"""Table 3: class by class, average windows against event-specific ones (systems 8 and 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resed.paper.legacy_numbers import CLASS_METRICS, OVERALL, WINDOWS, Paper
from resed.results.folder import SPLITS, Results, readable
from resed.stats.intervals import Interval
from resed.tabulate.score_reader import ScoreBook
from resed.tabulate.table import (
    NONE,
    NOT_RUN,
    Line,
    Table,
    basis,
    fields,
    gain,
    ours,
    printed,
    provenance,
)

NAMES = {"event": "AED", "tags": "AT"}
TITLES = {"average": "average windows", "esp": "ESP windows"}
COLUMNS = (
    "Event class",
    "Events / clips with it",
    *(
        heading
        for name in NAMES.values()
        for heading in (
            f"{name}, {TITLES['average']}",
            "paper",
            f"{name}, {TITLES['esp']}",
            "paper",
            f"{name}, ESP minus average",
        )
    ),
)
SHOWN = "evaluation"


@dataclass(frozen=True)
class Sheet:
    """What a table of classes is made from; `systems` are None where none is configured."""

    book: ScoreBook
    paper: Paper
    systems: Mapping[str, str | None]
    splits: Sequence[str]

    @property
    def complete(self) -> bool:
        """Whether both columns are configured."""
        return None not in self.systems.values()

    @property
    def same_classes(self) -> bool:
        """Whether the classes are the paper's own: only then its numbers stand beside ours."""
        return set(self.book.results.config.dataset_file.classes) == set(self.paper.table3.rows)

    def printed(self, label: str | None, window: str, metric: str) -> float | None:
        """The paper's number for a class, or for all."""
        if not self.same_classes:
            return None
        row = self.paper.table3.overall if label is None else self.paper.table3.rows[label]
        return getattr(row, window)[CLASS_METRICS.index(metric)]


@dataclass(frozen=True)
class Row:
    """A class, or all of them (`label` None). Keys: (window, metric, split), (metric, split).

    `support` counts reference events (metric event) and clips with the class (metric tags).
    """

    label: str | None
    scores: Mapping[tuple[str, str, str], Interval | None]
    gains: Mapping[tuple[str, str], Interval | None]
    support: Mapping[tuple[str, str], int | None]


def table3(results: Results) -> Table:
    """Build Table 3 on evaluation; its records hold development too.

    Raises ResultsError or MissingFileError where a configured system's metrics lack or rest on
    other clips.
    """
    return class_table(results, results.legacy_paper, "Table 3", SPLITS)


def class_table(results: Results, paper: Paper, name: str, splits: Sequence[str]) -> Table:
    """Class by class, with the numbers of `paper` beside. Raises as `table3`."""
    systems = {
        window: results.system_of_row(row) if results.has_rows([row]) else None
        for window, row in WINDOWS.items()
    }
    sheet = Sheet(ScoreBook(results), paper, systems, splits)
    classes = [*results.config.dataset_file.classes, None]
    rows = [_row(label, sheet) for label in classes]
    dataset = results.config.dataset_file.title
    return Table(
        title=f"{name}. Average against event-specific windows on {dataset}",
        caption=(*provenance(sheet.book), *_notes(sheet)),
        columns=COLUMNS,
        lines=tuple(_line(row, sheet) for row in rows),
        records=tuple(_record(row, sheet) for row in rows),
        words=1,
    )


def _row(label: str | None, sheet: Sheet) -> Row:
    scores, gains, support = {}, {}, {}
    results, systems = sheet.book.results, sheet.systems
    first = systems["average"] or systems["esp"]
    for split in sheet.splits:
        for metric in CLASS_METRICS:
            for window, system in systems.items():
                scores[window, metric, split] = sheet.book.interval(split, system, metric, label)
            sides = split, systems["esp"], systems["average"], metric, label
            gains[metric, split] = results.difference(*sides) if sheet.complete else None
            counts = results.counts(split, first, 0, metric, label) if first else None
            reference = None if counts is None else int(counts.values[..., [0, 2]].sum())
            support[metric, split] = reference
    return Row(label, scores, gains, support)


def _line(row: Row, sheet: Sheet) -> Line:
    support = [row.support[metric, SHOWN] for metric in CLASS_METRICS]
    cells = [OVERALL if row.label is None else readable(row.label)]
    cells.append(" / ".join(NONE if count is None else str(count) for count in support))
    for metric in CLASS_METRICS:
        for window, system in sheet.systems.items():
            cells.append(ours(row.scores[window, metric, SHOWN], NONE if system else NOT_RUN))
            cells.append(printed(sheet.printed(row.label, window, metric)))
        cells.append(gain(row.gains[metric, SHOWN], NONE if sheet.complete else NOT_RUN))
    return Line(tuple(cells))


def _record(row: Row, sheet: Sheet) -> dict[str, Any]:
    record: dict[str, Any] = {"event_label": row.label or OVERALL}
    for split in sheet.splits:
        record[f"events_{split}"] = row.support["event", split]
        record[f"clips_with_it_{split}"] = row.support["tags", split]
    for (window, metric, split), found in row.scores.items():
        record |= fields(f"{window}_{metric}_{split}", found)
    for window in WINDOWS:
        for metric in CLASS_METRICS:
            key = f"{window}_{metric}_{SHOWN}_paper"
            record[key] = sheet.printed(row.label, window, metric)
    for (metric, split), found in row.gains.items():
        record |= fields(f"gain_{metric}_{split}", found)
    ran = [found.seeds for found in row.scores.values() if found]
    return record | basis(sheet.book, ran[0] if ran else 0)


def _notes(sheet: Sheet) -> tuple[str, ...]:
    results, paper = sheet.book.results, sheet.paper
    entries = results.config.catalogue
    titles = {w: entries[name].title if name else NOT_RUN for w, name in sheet.systems.items()}
    shared = sheet.complete and results.paired(sheet.systems["average"], sheet.systems["esp"])
    notes = [
        f"F1 in percent on {SHOWN}: event-based (AED) and clip tags after the filters (AT)."
        + " Development stands in the CSV." * (len(sheet.splits) > 1),
        f"Average windows: {titles['average']}; ESP windows: {titles['esp']}"
        + (", the same checkpoint, so the windows alone make their difference" * shared)
        + ".",
        f"Paper: {paper.name}, {paper.table3.place}.",
    ]
    if not sheet.same_classes:
        notes.append("The classes are not the paper's, so none of its numbers stand beside ours.")
    return tuple(notes)
