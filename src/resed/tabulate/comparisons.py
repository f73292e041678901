"""Differences between the systems that the paper compares, on the same clips.

Detectors that this run did not make are compared with the rows that `against` in the config names.
By default, this is the system with the highest event-F1 on development, so that the clips of
evaluation do not choose it.
"""

from collections.abc import Iterator
from typing import Any

from resed.config.rows import Row
from resed.formats.tables import Column, Table, View, tidy
from resed.paper.numbers import Metric
from resed.results.folder import Results
from resed.results.inputs import scored_splits
from resed.tabulate import notes
from resed.tabulate.layout import NOT_RUN
from resed.tabulate.score_reader import ESTIMATE, ScoreReader, estimate_column, paper_column

NAME = "comparisons"
EVENT = Metric(title="Event-F1", short="event-F1", block="event")
EMPTY = (*ESTIMATE, "published", "decision", "reason")


def comparisons(results: Results) -> Table:
    """Compare the pairs of the paper on all its splits.

    Raises ResultsError or MissingFileError if scores are missing or come from other clips.
    """
    paper, reader = results.paper, ScoreReader(results)
    pairs = paper.comparisons.pairs if paper.comparisons else []
    records = [
        {"table": NAME, **record}
        for first, second in pairs
        for split in paper.splits
        for record in _records(first, second, split, reader)
    ]
    records += [{"table": NAME, **record} for record in _of_external(reader)]
    return notes.table(
        results,
        NAME,
        f"Comparisons of systems. {results.config.dataset_file.title}",
        [*notes.scored(reader), *_notes(results)],
        tidy(records, _COLUMNS),
        _view(results),
    )


def _records(first: str, second: str, split: str, reader: ScoreReader) -> Iterator[dict[str, Any]]:
    results, paper = reader.results, reader.results.paper
    ran = {first, second} <= set(results.config.systems)
    base = {
        "row": f"{_id(first, results)} vs {_id(second, results)}",
        "system": first,
        "title": _title(first, results),
        "against": second,
        "against_title": _title(second, results),
        "same_checkpoint": ("yes" if results.paired(first, second) else "no") if ran else "",
        "paired_by": (results.pairing(first, second) or "clips") if ran else "",
        "status": "run" if ran else NOT_RUN,
        "split": split,
    }
    for key, metric in paper.metrics.items():
        found = reader.difference(Row(first), Row(second), split, metric) if ran else {}
        published = _published(first, second, key, split, results)
        values = dict.fromkeys(EMPTY) | found | {"published": published}
        yield base | {"metric": key} | values


def _of_external(reader: ScoreReader) -> Iterator[dict[str, Any]]:
    """Differences of the detectors that this run did not make."""
    results = reader.results
    for name, one in results.config.external.items():
        first = Row(name, external=True)
        for other in one.against or [best_on_development(results)]:
            second = Row(other, external=other in results.config.external)
            base = {
                "row": f"{name} vs {_id(other, results)}",
                "system": name,
                "title": _title(name, results),
                "against": other,
                "against_title": _title(other, results),
                "same_checkpoint": "no",
                "paired_by": "clips",
                "status": "run",
            }
            both = set(scored_splits(results.config, second))
            for split in scored_splits(results.config, first):
                for key, metric in results.paper.metrics.items() if split in both else ():
                    found = reader.difference(first, second, split, metric)
                    own = {"split": split, "metric": key}
                    yield base | own | dict.fromkeys(EMPTY) | found


def best_on_development(results: Results) -> str:
    """The system of the run with the highest event-F1 on development; of equal ones, the first."""
    found = {
        name: results.interval("development", Row(name), EVENT) for name in results.config.systems
    }
    return max(found, key=lambda name: found[name].mean if found[name] else -1.0)


_COLUMNS = (
    *("table", "row", "system", "title", "against", "against_title", "same_checkpoint"),
    *("paired_by", "status", "split", "metric", *EMPTY),
)


def _id(system: str, results: Results) -> str:
    return results.paper.label(system)


def _title(system: str, results: Results) -> str:
    if system in results.config.external:
        return results.config.external[system].title or system
    entry = results.config.catalogue.get(system)
    printed = (n.title for n in results.paper.numbers if n.system == system and n.label is None)
    return entry.title if entry else next(printed, system)


def _published(first: str, second: str, metric: str, split: str, results: Results) -> float | None:
    """The difference of the paper's two numbers, if the same edition prints both."""
    for edition in results.paper.editions:
        sides = [results.paper.printed(s, metric, split, edition=edition) for s in (first, second)]
        if None not in sides:
            return round(sides[0] - sides[1], 6)
    return None


def _view(results: Results) -> View:
    columns = [
        Column(title="Systems", field="row"),
        Column(title="System", field="title", role="name"),
        Column(title="Against", field="against_title"),
        Column(title="Split", field="split"),
    ]
    for key, metric in results.paper.metrics.items():
        columns += _columns(key, metric)
    keys = ("system", "against", "split")
    return View(keys=keys, anchor=("system", "against"), columns=tuple(columns))


def _columns(key: str, metric: Metric) -> Iterator[Column]:
    where = {"metric": key}
    yield estimate_column(metric.title, metric, where, signed=True)
    yield Column(title="decision", kind="mark", field="decision", where=where, detail="reason")
    yield paper_column(metric, where, signed=True)


def _notes(results: Results) -> list[str]:
    comparisons = results.paper.comparisons
    found = [
        "First minus second in points, on the same clips and the same resamples of them, with the "
        "95 % interval; per seed if both share a checkpoint.",
        *notes.paired_by_seed(results),
        "Decision: better or worse if the interval does not contain 0. The comparisons are not "
        "corrected for multiple testing. Undecided, 1 seed: the two systems are trained "
        "separately, and two trainings of the same system may differ by more. Undecided, interval "
        "contains 0: more clips or seeds are required to decide.",
    ]
    if comparisons and notes.on_papers_data(results):
        found.append(
            f"Paper: differences of its printed numbers ({comparisons.place}), without intervals."
        )
    if results.config.external:
        found.append(
            "Detectors that this run did not make are compared with the systems named in their "
            "config, or with the system that has the highest event-F1 on development. With one "
            "file they are undecided; `resed compare` decides between single files."
        )
    return found
