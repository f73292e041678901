"""Scores of every system and external detector for each class of the dataset."""

from collections.abc import Iterator
from typing import Any

from resed.config.rows import Row
from resed.formats.tables import Column, Table, View, tidy
from resed.results.folder import Results, readable
from resed.results.inputs import scored_splits
from resed.tabulate import notes
from resed.tabulate.score_reader import ESTIMATE, ScoreReader, estimate_column
from resed.tabulate.systems import FURTHER

NAME = "per_class"
METRICS = ("event", "segment", "tags")
_COLUMNS = ("table", "label", "label_title", "system", "title", "status", "split", "metric")


def per_class(results: Results) -> Table:
    """The F1 of each class, for all configured systems and external detectors.

    Raises ResultsError or MissingFileError if scores are missing or come from other clips.
    """
    reader = ScoreReader(results)
    records = list(_records(reader))
    columns = (
        Column(title="Event class", field="label_title", role="name"),
        Column(title="System", field="title"),
        Column(title="Split", field="split"),
        *(estimate_column(FURTHER[key].title, FURTHER[key], {"metric": key}) for key in METRICS),
    )
    return notes.table(
        results,
        NAME,
        f"Classes. {results.config.dataset_file.title}",
        [*notes.scored(reader), "F1 of each class in percent."],
        tidy(records, (*_COLUMNS, *ESTIMATE)),
        View(keys=("label", "system", "split"), columns=columns),
    )


def _records(reader: ScoreReader) -> Iterator[dict[str, Any]]:
    config = reader.results.config
    rows = {Row(name): config.catalogue[name].title for name in config.systems}
    rows |= {Row(n, external=True): one.title or n for n, one in config.external.items()}
    for label in config.dataset_file.classes:
        for row, title in rows.items():
            for split in scored_splits(config, row):
                for key in METRICS:
                    found = reader.fields(row, split, FURTHER[key], label)
                    yield {
                        "table": NAME,
                        "label": label,
                        "label_title": readable(label),
                        "system": row.system,
                        "title": title,
                        "status": "run",
                        "split": split,
                        "metric": key,
                        **found,
                    }
