"""Table 1: systems against metrics, with rows beyond the paper's below.

Four groups: the paper's rows; the same systems with the frame threshold chosen on development;
systems that the paper's table does not have; baselines that show what the metrics give for little.
"""

from dataclasses import dataclass

from resed.papers import METRICS, SystemRow
from resed.results import BLOCKS, SPLITS, THRESHOLD, Results
from resed.tabulate.book import Score, ScoreBook, score
from resed.tabulate.table import NONE, Line, Table, pair, printed, provenance

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
COLUMNS = (
    "ID",
    "System",
    *(heading for metric in METRICS for heading in (NAMES[metric], "paper")),
    "Raw AT-F1",
    "Teacher AT-F1",
)


@dataclass(frozen=True)
class Row:
    """One row: `scores[block, split]` in percent, and the paper's row where it has one."""

    group: str
    system: str
    title: str
    scores: dict[tuple[str, str], Score | None]
    seeds: int
    paper: SystemRow | None = None
    threshold: float | None = None


def table1(results: Results) -> Table:
    """Build Table 1 from the metrics of all systems, development and evaluation.

    Raises ResultsError or MissingFileError where metrics lack or rest on other clips.
    """
    book = ScoreBook(results)
    rows = [*_trained(book), *_sanity(book)]
    lines = []
    for group, heading in GROUPS.items():
        members = [row for row in rows if row.group == group]
        lines += [Line(heading=heading)] * bool(members) + [_line(row) for row in members]
    return Table(
        title=f"Table 1. Systems on {results.config.dataset_file.title}",
        caption=(*provenance(book), *_notes(results)),
        columns=COLUMNS,
        lines=tuple(lines),
        records=tuple(_record(row, book) for group in GROUPS for row in rows if row.group == group),
    )


def _trained(book: ScoreBook) -> list[Row]:
    results, config = book.results, book.results.config
    rows = []
    for name in config.systems:
        entry = config.catalogue[name]
        paper = results.paper.by_row.get(entry.row) if entry.row is not None else None
        group = "paper" if paper else "own"
        rows.append(_row(book, group, name, entry.title, config.seed_list(), paper))
        tuned = [results.threshold(name, seed) for seed in config.seed_list()]
        value = sum(tuned) / len(tuned)
        rows.append(
            _row(
                book,
                "threshold",
                name + THRESHOLD,
                f"{entry.title}, frame threshold {value:.2g}",
                config.seed_list(),
                threshold=value,
            )
        )
    return rows


def _sanity(book: ScoreBook) -> list[Row]:
    config = book.results.config
    system = config.catalogue[config.sanity_system or config.systems[-1]].title
    return [
        _row(book, "sanity", name, title.format(system=system), [0])
        for name, title in SANITY.items()
    ]


def _row(
    book: ScoreBook,
    group: str,
    system: str,
    title: str,
    seeds: list[int],
    paper: SystemRow | None = None,
    threshold: float | None = None,
) -> Row:
    scores = {}
    for split in SPLITS:
        found = book.read(split, system, seeds)
        scores |= {(block, split): score(found, block) for block in BLOCKS}
    return Row(group, system, title, scores, len(seeds), paper, threshold)


def _line(row: Row) -> Line:
    cells = [str(row.paper.id) if row.paper else NONE, row.title]
    for metric in METRICS:
        cells.append(pair([row.scores[metric, split] for split in SPLITS]))
        cells.append(printed(getattr(row.paper, metric)) if row.paper else NONE)
    for block in ("tags_raw", "tags_teacher"):
        cells.append(pair([row.scores[block, split] for split in SPLITS]))
    return Line(tuple(cells))


def _record(row: Row, book: ScoreBook) -> dict[str, object]:
    record: dict[str, object] = {
        "group": row.group,
        "id": row.paper.id if row.paper else None,
        "system": row.system,
        "title": row.title,
        "seeds": row.seeds,
        "frame_threshold": row.threshold,
    }
    for block in BLOCKS:
        for index, split in enumerate(SPLITS):
            found = row.scores[block, split]
            record[f"{block}_{split}"] = found.mean if found else None
            record[f"{block}_{split}_deviation"] = found.deviation if found else None
            if block in METRICS:
                values = getattr(row.paper, block) if row.paper else (None, None)
                record[f"{block}_{split}_paper"] = values[index]
    for split in SPLITS:
        record[f"clips_{split}"] = book.clips[split]
    return record | {"dataset": book.results.config.dataset, "manifest_sha256": book.manifest}


def _notes(results: Results) -> tuple[str, ...]:
    paper = results.paper
    return (
        "F1 in percent, macro-averaged over classes, development / evaluation. Event: 200 ms onset "
        "collar, offset max(200 ms, 20 %). Segment: 1 s.",
        "AT-F1: a clip has a tag if the class keeps an active frame after the filters (the reading "
        "that lets windows move AT, as in the paper); raw AT-F1: the student's clip tags as they "
        "are; teacher AT-F1: the teacher's.",
        f"Paper: {paper.name}, {paper.table1.place}; ID as numbered there.",
    )
