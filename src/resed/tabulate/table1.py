"""Table 1: systems against metrics, with rows beyond the paper's below.

Four groups: the paper's rows; systems that the paper's table does not have; the trained systems
with the frame threshold chosen on development; baselines that show what the metrics give for
little.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from resed.config import rows as kinds
from resed.formats.metrics import BLOCKS
from resed.paper.legacy_numbers import METRICS, SystemRow
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

SANITY = {
    "sanity_nothing": "nothing detected",
    "sanity_everything": "everything active, all the time",
    "sanity_prior": "random, by the class priors of the training events",
    "sanity_own_tags": "own tags over the whole clip ({system})",
    "sanity_loudness": "the reference's tags with a loudness gate",
    "sanity_reference": "the reference itself",
}
GROUPS = {
    "paper": "Systems of the paper",
    "own": "Systems that the paper's table does not have",
    "threshold": "Frame threshold chosen on development; beyond the paper",
    "sanity": "Sanity: what the metrics give without a trained detector",
}
NAMES = {"event": "Event-F1", "segment": "Segment-F1", "tags": "AT-F1"}
RAW = {"tags_raw": "Raw AT-F1", "tags_teacher": "Teacher AT-F1"}
FREE = {"psds1": "PSDS1", "psds2": "PSDS2", "tags_map": "Clip mAP"}  # without any threshold
FREE_RECORDED = (*FREE, "tags_map_teacher")
COLUMNS = (
    "ID",
    "System",
    "Split",
    *(heading for metric in METRICS for heading in (NAMES[metric], "paper")),
    *RAW.values(),
    *FREE.values(),
)
Key = tuple[str, str]  # block, split


@dataclass(frozen=True)
class Row:
    """One row; `system` is None where none is configured, and then there are no scores.

    `scores` are in percent, `free` (what needs no threshold) fractions.
    """

    group: str
    system: str | None
    title: str
    paper: SystemRow | None = None
    threshold: float | None = None
    seeds: int = 0
    scores: Mapping[Key, Interval | None] = field(default_factory=dict)
    free: Mapping[Key, float | None] = field(default_factory=dict)


def table1(results: Results) -> Table:
    """Build Table 1 from the metrics of all systems, development and evaluation.

    Raises ResultsError or MissingFileError where metrics lack or rest on other clips.
    """
    book = ScoreBook(results)
    rows = [*_paper(book), *_own(book), *_tuned(book), *_sanity(book)]
    lines = []
    for group, heading in GROUPS.items():
        members = [row for row in rows if row.group == group]
        lines += [Line(heading=heading)] * bool(members)
        lines += [_line(row, split) for row in members for split in SPLITS]
    return Table(
        title=f"Table 1. Systems on {results.config.dataset_file.title}",
        caption=(*provenance(book), *_notes(results)),
        columns=COLUMNS,
        lines=tuple(lines),
        records=tuple(_record(row, book) for row in rows),
        words=3,
    )


def _paper(book: ScoreBook) -> Iterator[Row]:
    """The paper's rows in its order."""
    results = book.results
    for row in results.legacy_paper.table1.rows:
        if row.row is None or not results.has_rows([row.row]):
            yield Row("paper", None, row.system, row)
        else:
            system = results.system_of_row(row.row)
            title = results.config.catalogue[system].title
            yield _row(book, "paper", system, title, paper=row)


def _own(book: ScoreBook) -> Iterator[Row]:
    results = book.results
    for name in _systems(results):
        entry = results.config.catalogue[name]
        if entry.row not in results.legacy_paper.by_row or results.system_of_row(entry.row) != name:
            yield _row(book, "own", name, entry.title)


def _tuned(book: ScoreBook) -> Iterator[Row]:
    results = book.results
    for name in _systems(results):
        value = fmean(results.threshold(name, seed) for seed in results.seeds(name))
        title = f"{results.config.catalogue[name].title}, frame threshold {value:.2g}"
        tuned = kinds.Row(name).tuned.folder
        yield _row(book, "threshold", tuned, title, threshold=value)


def _systems(results: Results) -> list[str]:
    """Configured systems but those that stand in Table 2 alone."""
    entries = results.config.catalogue
    return [n for n in results.config.systems if entries[n].row is not None or not entries[n].stage]


def _sanity(book: ScoreBook) -> Iterator[Row]:
    config = book.results.config
    system = config.catalogue[config.own_tags_system].title
    for name, title in SANITY.items():
        yield _row(book, "sanity", name, title.format(system=system))


def _row(book: ScoreBook, group: str, system: str, title: str, **more: Any) -> Row:
    seeds = book.results.seeds(system)
    scores: dict[Key, Interval | None] = {}
    free: dict[Key, float | None] = {}
    for split in SPLITS:
        found = [metrics.get("threshold_free") or {} for metrics in book.read(split, system, seeds)]
        free |= {(key, split): _mean([one.get(key) for one in found]) for key in FREE_RECORDED}
        scores |= {(block, split): book.interval(split, system, block) for block in BLOCKS}
    return Row(group, system, title, seeds=len(seeds), scores=scores, free=free, **more)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _line(row: Row, split: str) -> Line:
    none = NOT_RUN if row.system is None else NONE
    found = {block: row.scores.get((block, split)) for block in BLOCKS}
    cells = [str(row.paper.id) if row.paper else NONE, row.title, split]
    for metric in METRICS:
        cells += [ours(found[metric], none), printed(_printed(row, metric, split))]
    cells += [ours(found[block], none) for block in RAW]
    values = [row.free.get((key, split)) for key in FREE]
    return Line((*cells, *(none if value is None else f"{value:.3f}" for value in values)))


def _printed(row: Row, metric: str, split: str) -> float | None:
    return getattr(row.paper, metric)[SPLITS.index(split)] if row.paper else None


def _record(row: Row, book: ScoreBook) -> dict[str, Any]:
    record: dict[str, Any] = {
        "group": row.group,
        "id": row.paper.id if row.paper else None,
        "system": row.system,
        "title": row.title,
        "frame_threshold": row.threshold,
    }
    for block in BLOCKS:
        for split in SPLITS:
            record |= fields(f"{block}_{split}", row.scores.get((block, split)))
            if block in METRICS:
                record[f"{block}_{split}_paper"] = _printed(row, block, split)
    for key in FREE_RECORDED:
        record |= {f"{key}_{split}": row.free.get((key, split)) for split in SPLITS}
    return record | basis(book, row.seeds)


def _notes(results: Results) -> tuple[str, ...]:
    paper = results.legacy_paper
    return (
        "F1 in percent, macro-averaged over classes. Event: 200 ms onset collar, offset "
        "max(200 ms, 20 %). Segment: 1 s.",
        "AT-F1: a clip has a tag if the class keeps an active frame after the filters (the reading "
        "that lets windows move AT, as in the paper); raw AT-F1: the student's clip tags as they "
        "are; teacher AT-F1: the teacher's.",
        "PSDS1, PSDS2 and clip mAP need no threshold; they are fractions, and beyond the paper.",
        "The baselines at the end are scored once: their intervals are over clips only.",
        f"Paper: {paper.name}, {paper.table1.place}; ID as numbered there.",
    )
