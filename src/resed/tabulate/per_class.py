"""Scores of every system and external detector for each class of the dataset."""

from collections.abc import Iterator, Mapping
from typing import Any

from resed.config.rows import Row
from resed.formats.tables import Column, Table, View, tidy
from resed.paper.numbers import Metric
from resed.results.folder import Results, readable
from resed.results.inputs import scored_splits
from resed.tabulate import notes
from resed.tabulate.metrics import FURTHER
from resed.tabulate.score_reader import ESTIMATE, ScoreReader, estimate_column

NAME = "per_class"
METRICS = {
    **{key: FURTHER[key] for key in ("event", "segment", "tags")},
    "tags_map": FURTHER["tags_map"].model_copy(update={"title": "Clip AP"}),
    "tags_mauc": FURTHER["tags_mauc"].model_copy(update={"title": "Clip AUC"}),
}
_COLUMNS = ("table", "label", "label_title", "system", "title", "status", "split", "metric")


def per_class(results: Results) -> Table:
    """Scores of each class, for all configured systems and external detectors.

    Average precision and AUC of clip posteriors are shown if a system has them.

    Raises ResultsError or MissingFileError if scores are missing or come from other clips.
    """
    reader = ScoreReader(results)
    records = list(_records(reader))
    found = {record["metric"] for record in records if "value" in record}
    shown = {key: m for key, m in _metrics(results).items() if m.block or key in found}
    columns = (
        Column(title="Event class", field="label_title", role="name"),
        Column(title="System", field="title"),
        Column(title="Split", field="split"),
        *(estimate_column(metric.title, metric, {"metric": key}) for key, metric in shown.items()),
    )
    return notes.table(
        results,
        NAME,
        f"Classes. {results.config.dataset_file.title}",
        [*notes.scored(reader), *_notes(shown)],
        tidy(records, (*_COLUMNS, *ESTIMATE)),
        View(keys=("label", "system", "split"), columns=columns),
    )


def _metrics(results: Results) -> dict[str, Metric]:
    """The metrics of classes; without those of events if the dataset has tags only."""
    tags_only = results.config.dataset_file.tags_only
    return {key: m for key, m in METRICS.items() if not (tags_only and m.timed)}


def _notes(shown: Mapping[str, Metric]) -> list[str]:
    if "tags_map" not in shown:
        return ["F1 of each class in percent."]
    return [
        "F1 of each class in percent. Clip AP and AUC: average precision and area under the ROC "
        "curve of the clip posteriors, as fractions; none for a class that no clip has."
    ]


def _records(reader: ScoreReader) -> Iterator[dict[str, Any]]:
    config = reader.results.config
    rows = {Row(name): config.catalogue[name].title for name in config.systems}
    rows |= {Row(n, external=True): one.title or n for n, one in config.external.items()}
    for label in config.dataset_file.classes:
        for row, title in rows.items():
            for split in scored_splits(config, row):
                for key, metric in _metrics(reader.results).items():
                    found = reader.fields(row, split, metric, label)
                    if not found and metric.block is None:  # no posteriors, or no clip has it
                        continue
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
