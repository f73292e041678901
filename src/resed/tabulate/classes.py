"""Tables of classes: the scores of each class for the paper's systems on one split."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from resed.config.dataset import OVERALL, SCORED_ROLES
from resed.config.rows import Row
from resed.formats.tables import Column, Table, View, tidy
from resed.paper.numbers import Metric
from resed.paper.tables import ClassTable
from resed.results.folder import Results, readable
from resed.tabulate import notes
from resed.tabulate.layout import NOT_RUN
from resed.tabulate.score_reader import ESTIMATE, ScoreReader, estimate_column, paper_column

GAIN = "gain"  # column of the frame's rows that hold the difference of two columns
REFERENCE = "reference"  # of its rows that count what the reference has
EMPTY = (*ESTIMATE, "published", "decision")


@dataclass(frozen=True)
class ClassScores:
    """The inputs of a table of classes."""

    shape: ClassTable
    reader: ScoreReader

    @property
    def results(self) -> Results:
        """The results that contain the scores."""
        return self.reader.results

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics of the table."""
        return {key: self.results.paper.metrics[key] for key in self.shape.metrics}

    def row(self, column: str) -> Row | None:
        """The system of a column; None if it is not in config.systems."""
        system = self.shape.columns[column].system
        return Row(system) if system in self.results.config.systems else None

    @property
    def same_classes(self) -> bool:
        """Whether the classes are the paper's; otherwise its numbers are not shown."""
        return set(self.results.config.dataset_file.classes) == set(self.shape.rows)

    def published(self, label: str, column: str, metric: str) -> float | None:
        """The paper's number for a class, or for all classes."""
        if not self.same_classes:
            return None
        row = self.shape.overall if label == OVERALL else self.shape.rows[label]
        return row[column][self.shape.metrics.index(metric)]


def classes_table(name: str, results: Results) -> Table:
    """Build a table of classes of the paper; its CSV has all splits that are scored.

    Raises ResultsError or MissingFileError if scores are missing or come from other clips.
    """
    shape = results.paper.tables[name]
    assert isinstance(shape, ClassTable)
    source = ClassScores(shape, ScoreReader(results))
    labels = [*results.config.dataset_file.classes, OVERALL]
    splits = [shape.split, *(split for split in SCORED_ROLES if split != shape.split)]
    records = [
        {"table": name, **record}
        for label in labels
        for split in splits
        for record in _records(label, split, source)
    ]
    return notes.table(
        results,
        name,
        f"{shape.title}. {results.config.dataset_file.title}",
        [*notes.scored(source.reader), *_notes(source)],
        tidy(records),
        _view(source),
        {"edition": shape.edition},
    )


def _records(label: str, split: str, source: ClassScores) -> Iterator[dict[str, Any]]:
    shape, reader = source.shape, source.reader
    rows = {column: source.row(column) for column in shape.columns}
    ran = [row for row in rows.values() if row]
    base = {
        "row": label,
        "title": label if label == OVERALL else readable(label),
        "edition": shape.edition,
        "split": split,
        "label": label,
    }
    own = None if label == OVERALL else label
    for key, metric in source.metrics.items():
        here = base | {"metric": key} | dict.fromkeys(EMPTY)
        for column, row in rows.items():
            found = reader.fields(row, split, metric, own) if row else {}
            yield (
                here
                | found
                | {
                    "system": shape.columns[column].system,
                    "status": "run" if row else NOT_RUN,
                    "column": column,
                    "published": source.published(label, column, key)
                    if split == shape.split
                    else None,
                }
            )
        if shape.gain:
            sides = [rows[column] for column in shape.gain]
            complete = None not in sides
            found = reader.difference(*sides, split, metric, own) if complete else {}
            status = "run" if complete else NOT_RUN
            yield here | found | {"status": status, "column": GAIN}
        count = _reference(ran[0], split, metric, own, source) if ran else None
        yield here | {"status": "run" if ran else NOT_RUN, "column": REFERENCE, "count": count}


def _reference(
    row: Row, split: str, metric: Metric, label: str | None, source: ClassScores
) -> int | None:
    """Number of reference events, or of clips with the class, for a metric."""
    if metric.block is None:
        return None
    counts = source.results.counts(split, row, 0, metric.block, label)
    return None if counts is None else int(counts.values[..., [0, 2]].sum())


def _view(source: ClassScores) -> View:
    shape = source.shape
    columns = [Column(title="Event class", field="title", role="name")]
    for key, metric in source.metrics.items():
        columns += _columns(key, metric, source)
    return View(
        keys=("label",), where={"split": shape.split}, anchor=("label",), columns=tuple(columns)
    )


def _columns(key: str, metric: Metric, source: ClassScores) -> Iterator[Column]:
    shape = source.shape
    here = {"metric": key}
    if metric.block:
        unit = "Events" if metric.block == "event" else "Clips with it"
        unit = "Segments" if metric.block == "segment" else unit
        where = here | {"column": REFERENCE}
        yield Column(title=unit, kind="count", field="count", where=where, role="number")
    for column, entry in shape.columns.items():
        where = here | {"column": column}
        yield estimate_column(f"{metric.title}, {entry.title}", metric, where)
        yield paper_column(metric, where)
    if shape.gain:
        first, second = (shape.columns[column].title for column in shape.gain)
        title = f"{metric.title}, {first} minus {second}"
        yield estimate_column(title, metric, here | {"column": GAIN}, signed=True)


def _notes(source: ClassScores) -> list[str]:
    shape, results = source.shape, source.results
    catalogue = results.config.catalogue
    columns = []
    for column, entry in shape.columns.items():
        ran = source.row(column)
        columns.append(f"{entry.title}: {catalogue[entry.system].title if ran else NOT_RUN}")
    named = "; ".join(columns)
    if shape.gain and all(map(source.row, shape.gain)):
        systems = [shape.columns[column].system for column in shape.gain]
        named += "; both decode the same checkpoint" * results.paired(*systems)
    notes = [
        f"F1 in percent on {shape.split}; the CSV has all splits.",
        f"{named[:1].upper()}{named[1:]}.",
        f"Paper: {results.paper.editions[shape.edition].name}, {shape.place}.",
    ]
    if not source.same_classes:
        notes.append("The classes are not those of the paper, so its numbers are not shown.")
    return [*notes, *shape.notes]
