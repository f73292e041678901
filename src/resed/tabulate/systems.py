"""Tables of systems: our scores of each system in the paper's metrics, with the printed numbers.

The main table of a paper also has systems that are in no table of the paper, the trained systems
with one frame threshold or one per class chosen on development, and baselines without a trained
detector.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from statistics import fmean
from typing import Any

from resed.config.dataset import SCORED_ROLES
from resed.config.rows import Row
from resed.formats.tables import Column, Table, View, tidy
from resed.paper.numbers import Metric, Paper
from resed.paper.tables import SystemRow, SystemTable
from resed.results.folder import Results
from resed.results.inputs import baselines, scored_splits
from resed.tabulate import notes
from resed.tabulate.choices import notes_on_choices, searching
from resed.tabulate.energy import energy_columns, energy_data
from resed.tabulate.layout import NOT_RUN
from resed.tabulate.metrics import ONLY_IN_CSV, shown_metrics
from resed.tabulate.score_reader import ESTIMATE, ScoreReader, estimate_column, paper_column

GROUPS = {
    "paper": "Systems of the paper",
    "own": "Systems that are in no table of the paper",
    "threshold": "Frame threshold chosen on development; not in the paper",
    "class_thresholds": "Frame thresholds per class, chosen on development; not in the paper",
    "external": "Detectors that this run did not make, scored from their files",
    "baseline": "Baselines without a trained detector",
}
BASELINE_TITLES = {
    "nothing": "nothing detected",
    "everything": "every class active all the time (class priors)",
    "prior": "random events, as frequent as in training",
    "own_tags": "tags of {system}, over the whole clip",
    "loudness": "true tags, times by loudness",
    "reference": "the reference itself",
}
PSDS_NOTE = (
    " PSDS is of the events as they are decoded: clips without the tag of a class have none of its "
    "events at any threshold, and a class that the gate closes everywhere can make PSDS 0. "
    "Ungated: the same frame posteriors and filters without the gate."
)


@dataclass(frozen=True)
class SystemLine:
    """One row of the table. `scored` is None if its system is not configured."""

    group: str
    id: str
    title: str
    system: str
    scored: Row | None
    cells: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, list[float | None]] = field(default_factory=dict)


def systems_table(name: str, results: Results) -> Table:
    """Build a table of systems of the paper.

    Raises ResultsError or MissingFileError if scores are missing or come from other clips.
    """
    paper, shape = results.paper, results.paper.tables[name]
    assert isinstance(shape, SystemTable)
    reader = ScoreReader(results)
    entries = list(_printed(results, shape))
    if shape.main:
        entries += [*_own(results), *_tuned(results), *_tuned_per_class(results)]
        entries += [*_external(results), *_baselines(results)]
    metrics = shown_metrics(results, shape)
    named = [entry.system for entry in entries if entry.scored]
    splits = _splits(shape, bool(searching(results, named)))
    records = [
        record
        for entry in entries
        for split in splits
        if not entry.scored or split in scored_splits(results.config, entry.scored)
        for record in _records(entry, split, metrics, shape, reader)
    ]
    return notes.table(
        results,
        name,
        f"{shape.title}. {results.config.dataset_file.title}",
        [
            *notes.scored(reader),
            *notes_on_choices(results, named),
            *_notes(paper, shape, metrics, splits),
            *_by_priors(results, entries if shape.main else [], splits),
            *_on_external(results, shape),
        ],
        tidy({"table": name, **record} for record in records),
        _view(shape, metrics, splits),
        {"edition": shape.edition, **energy_data(results, _rows(entries) if shape.main else [])},
    )


def _rows(entries: list[SystemLine]) -> list[Row]:
    return [entry.scored for entry in entries if entry.scored]


def _splits(shape: SystemTable, chosen: bool) -> list[str]:
    """The paper's splits; all that are scored in the main table and where development chose."""
    further = [split for split in SCORED_ROLES if split not in shape.splits]
    return [*shape.splits, *(further if shape.main or chosen else [])]


def _printed(results: Results, shape: SystemTable) -> Iterator[SystemLine]:
    """The rows of the paper in its order, each followed by its variants."""
    for row in shape.rows:
        for system, cells in [(row.system, {}), *((v.system, v.cells) for v in row.variants)]:
            cells = {**row.cells, **cells}
            if system in results.config.systems:
                title, scored = results.config.catalogue[system].title, Row(system)
                settings = {h: _setting(results, system, p) for h, p in shape.settings.items()}
            else:
                title, scored, settings = _title(row, system, results), None, {}
            yield SystemLine("paper", row.id, title, system, scored, settings | cells, row.values)


def _title(row: SystemRow, system: str, results: Results) -> str:
    """The printed title, or for a variant the title of its system."""
    if system == row.system or system not in results.config.catalogue:
        return row.title
    return results.config.catalogue[system].title


def _setting(results: Results, system: str, path: str) -> str:
    values = results.config.system(system).model_dump(mode="json")
    return str(reduce(lambda inner, key: inner[key], path.split("."), values))


def _own(results: Results) -> Iterator[SystemLine]:
    """Configured systems that are in no table of the paper."""
    for name in results.config.systems:
        if name not in results.paper.systems():
            yield SystemLine("own", "", results.config.catalogue[name].title, name, Row(name))


def _tuned(results: Results) -> Iterator[SystemLine]:
    """The systems of the main table and of no table, at the threshold chosen on development."""
    for name in _tuned_systems(results):
        row = Row(name).tuned
        value = fmean(results.thresholds(row, seed).common for seed in results.seeds(name))
        title = f"{results.config.catalogue[name].title}, frame threshold {value:.2g}"
        yield SystemLine("threshold", "", title, name, row)


def _tuned_per_class(results: Results) -> Iterator[SystemLine]:
    """The same systems, at the thresholds per class chosen on development."""
    for name in _tuned_systems(results):
        row = Row(name).tuned_per_class
        found = [results.thresholds(row, seed) for seed in results.seeds(name)]
        values = [value for one in found for value in (one.classes or {"": one.common}).values()]
        title = f"{results.config.catalogue[name].title}, frame thresholds per class "
        yield SystemLine(
            "class_thresholds", "", f"{title}{min(values):g} to {max(values):g}", name, row
        )


def _tuned_systems(results: Results) -> Iterator[str]:
    """The configured systems of the main table and of no table, without those that search."""
    paper = results.paper
    if results.config.dataset_file.tags_only:  # no threshold can be chosen by events
        return
    elsewhere = {s for table in paper.tables.values() for s in table.systems()}
    elsewhere -= {s for table in paper.tables.values() if _main(table) for s in table.systems()}
    for name in results.config.systems:
        if name not in elsewhere and results.config.system(name).decode.search is None:
            yield name


def _main(table: Any) -> bool:
    return isinstance(table, SystemTable) and table.main


def _external(results: Results) -> Iterator[SystemLine]:
    for name, one in results.config.external.items():
        yield SystemLine("external", "", one.title or name, name, Row(name, external=True))


def _baselines(results: Results) -> Iterator[SystemLine]:
    config = results.config
    system = config.catalogue[config.own_tags_system].title
    for name in baselines(config):
        title = BASELINE_TITLES[name].format(system=system)
        yield SystemLine("baseline", "", title, name, Row(name, baseline=True))


def _records(
    entry: SystemLine,
    split: str,
    metrics: Mapping[str, Metric],
    shape: SystemTable,
    reader: ScoreReader,
) -> Iterator[dict[str, Any]]:
    base = {
        "group": entry.group,
        "row": entry.id,
        "system": entry.system,
        "threshold": entry.scored.threshold if entry.scored else "configured",
        "title": entry.title,
        "edition": shape.edition if entry.group == "paper" else "",
        "status": "run" if entry.scored else NOT_RUN,
        "split": split,
    }
    used = energy_columns(reader.results, entry.scored if shape.main else None)
    if shape.main:
        base["heading"] = GROUPS[entry.group]
    base |= {heading: entry.cells.get(heading, "") for heading in (*shape.cells, *shape.settings)}
    for key, metric in metrics.items():
        found = reader.fields(entry.scored, split, metric) if entry.scored else {}
        empty = dict.fromkeys(ESTIMATE)
        published = None
        if split in shape.splits and key in entry.published:
            published = entry.published[key][shape.splits.index(split)]
        yield base | {"metric": key} | empty | found | {"published": published} | used


def _view(shape: SystemTable, metrics: Mapping[str, Metric], splits: list[str]) -> View:
    columns = [Column(title=heading, field=heading) for heading in shape.cells]
    if not shape.cells:
        columns.append(Column(title="ID", field="row"))
    columns.append(Column(title="System", field="title", role="name"))
    columns += [Column(title=heading, field=heading) for heading in shape.settings]
    if len(splits) > 1:
        columns.append(Column(title="Split", field="split"))
    for key, metric in metrics.items():
        if key == ONLY_IN_CSV:
            continue
        columns.append(estimate_column(metric.title, metric, {"metric": key}))
        if key in shape.metrics:
            columns.append(paper_column(metric, {"metric": key}))
    return View(
        keys=("group", "row", "system", "threshold", "split"),
        heading="heading" if shape.main else "",
        anchor=("system",),
        columns=tuple(columns),
    )


def _notes(
    paper: Paper, shape: SystemTable, metrics: Mapping[str, Metric], splits: list[str]
) -> list[str]:
    found = []
    percent = [m for m in metrics.values() if m.unit == "percent" and m.block]
    timed = any(metric.timed for metric in metrics.values())
    if percent:
        rules = " Event: 200 ms onset collar, offset max(200 ms, 20 %). Segment: 1 s."
        found.append(f"F1 in percent, macro-averaged over classes.{rules * timed}")
    if len(splits) == 1:
        found.append(f"All scores are on {splits[0]}.")
    if shape.main:
        found += [
            "AT-F1: a clip has a tag if the class has an active frame after the filters. Raw "
            "AT-F1: the clip tags of the student. Teacher AT-F1: the clip tags of the teacher.",
            ("PSDS1, PSDS2, " if timed else "") + "mAP and mAUC require no threshold and are "
            "fractions. mAP and mAUC: the means over classes of the average precision and of the "
            "area under the ROC curve of clip posteriors; classes that no clip has are left out."
            + PSDS_NOTE
            * timed,
            "The baselines are scored once, so their intervals cover clips only.",
        ]
    return [*found, f"Paper: {paper.editions[shape.edition].name}, {shape.place}.", *shape.notes]


def _by_priors(results: Results, entries: list[SystemLine], splits: list[str]) -> list[str]:
    """A note with the mAP of clips that are ranked without listening to them."""
    rows = [row for row in _rows(entries) if not (row.baseline or row.external)]
    found: dict[str, float] = {}
    for split in splits if rows else ():
        ranked = results.metrics(split, rows[0], results.seeds(rows[0])[0]).get("ranking")
        if ranked and ranked["map_by_priors"] is not None:
            found[split] = ranked["map_by_priors"]
    if not found:
        return []
    listed = ", ".join(f"{value:.3f} on {split}" for split, value in found.items())
    return [
        f"Ranking all clips alike, by the class priors alone, has mAP {listed}, and mAUC 0.5; "
        "these are the mAP and mAUC of the baselines that do not listen."
    ]


def _on_external(results: Results, shape: SystemTable) -> list[str]:
    """A note with the files of the detectors that this run did not make."""
    external = results.config.external if shape.main else {}
    if not external:
        return []
    listed = [
        f"{one.title or name}: {', '.join(path for _, _, path in one.all_files())}"
        for name, one in external.items()
    ]
    return [
        "Detectors that this run did not make are scored on the same clips as its systems, from "
        f"{'; '.join(listed)}. With one file, the interval covers clips only. They are not "
        "compared with numbers of the paper."
    ]
