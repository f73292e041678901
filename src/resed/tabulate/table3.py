"""Table 3: class by class, average windows against event-specific ones (systems 8 and 9)."""

from typing import Any

from resed.results import SPLITS, Results, readable
from resed.tabulate.book import Score, ScoreBook, score
from resed.tabulate.table import NONE, Line, Table, pair, printed, provenance

WINDOWS = {"average": 8, "esp": 9}  # the rows of the journal's Table 1 that Table 3 compares
METRICS = ("event", "tags")
COLUMNS = (
    "Event class",
    "Events / clips with it",
    "Average windows (AED / AT)",
    "paper",
    "ESP windows (AED / AT)",
    "paper",
)
OVERALL = "Overall"


def table3(results: Results) -> Table:
    """Build Table 3 on evaluation; its records hold development too.

    Raises ResultsError where no configured system stands in row 8 or 9, or where metrics rest on
    other clips.
    """
    book = ScoreBook(results)
    systems = {window: results.system_of_row(row) for window, row in WINDOWS.items()}
    seeds = results.config.seed_list()
    found = {
        (window, split): book.read(split, system, seeds)
        for window, system in systems.items()
        for split in SPLITS
    }
    classes = [*results.config.dataset_file.classes, None]
    titles = {w: results.config.catalogue[name].title for w, name in systems.items()}
    dataset = results.config.dataset_file.title
    return Table(
        title=f"Table 3. Average against event-specific windows on {dataset}",
        caption=(*provenance(book), *_notes(results, titles)),
        columns=COLUMNS,
        lines=tuple(_line(label, found, results) for label in classes),
        records=tuple(_record(label, found, book) for label in classes),
        words=1,
    )


def _paper(label: str | None, window: str, results: Results) -> tuple[float | None, float | None]:
    """The paper's numbers, only where the classes are the paper's own."""
    table = results.paper.table3
    if set(results.config.dataset_file.classes) != set(table.rows):
        return (None, None)
    return getattr(table.overall if label is None else table.rows[label], window)


def _scores(
    found: dict[tuple[str, str], Any], window: str, split: str, label: str | None
) -> list[Score | None]:
    return [score(found[window, split], metric, label) for metric in METRICS]


def _line(label: str | None, found: dict[tuple[str, str], Any], results: Results) -> Line:
    cells = [OVERALL if label is None else readable(label), _support(found, "evaluation", label)]
    for window in WINDOWS:
        cells.append(pair(_scores(found, window, "evaluation", label)))
        cells.append(printed(_paper(label, window, results)))
    return Line(tuple(cells))


def _support(found: dict[tuple[str, str], Any], split: str, label: str | None) -> str:
    counts = [_reference(found["average", split][0], metric, label) for metric in METRICS]
    return " / ".join(NONE if count is None else str(count) for count in counts)


def _reference(metrics: dict[str, Any], block: str, label: str | None) -> int | None:
    """Reference events (block event) or clips with the class (block tags)."""
    if block not in metrics:
        return None
    classes = metrics[block]["classes"]
    chosen = classes.values() if label is None else [classes[label]] if label in classes else []
    return sum(entry["tp"] + entry["fn"] for entry in chosen)


def _record(
    label: str | None, found: dict[tuple[str, str], Any], book: ScoreBook
) -> dict[str, Any]:
    record: dict[str, Any] = {"event_label": label or OVERALL}
    for split in SPLITS:
        first = found["average", split][0]
        record[f"events_{split}"] = _reference(first, "event", label)
        record[f"clips_with_it_{split}"] = _reference(first, "tags", label)
    for window in WINDOWS:
        for split in SPLITS:
            for metric, value in zip(METRICS, _scores(found, window, split, label), strict=True):
                record[f"{window}_{metric}_{split}"] = value.mean if value else None
                deviation = value.deviation if value else None
                record[f"{window}_{metric}_{split}_deviation"] = deviation
        paper = _paper(label, window, book.results)
        for metric, number in zip(METRICS, paper, strict=True):
            record[f"{window}_{metric}_evaluation_paper"] = number
    for split in SPLITS:
        record[f"clips_{split}"] = book.clips[split]
    record |= {"seeds": book.results.config.seeds, "dataset": book.results.config.dataset}
    return record | {"manifest_sha256": book.manifest}


def _notes(results: Results, titles: dict[str, str]) -> tuple[str, ...]:
    paper = results.paper
    notes = [
        "F1 in percent on evaluation: event-based (AED) / clip tags after the filters (AT). "
        "Development stands in the CSV.",
        f"Average windows: {titles['average']}; ESP windows: {titles['esp']}, the same checkpoint.",
        f"Paper: {paper.name}, {paper.table3.place}.",
    ]
    if set(results.config.dataset_file.classes) != set(paper.table3.rows):
        notes.append("The classes are not the paper's, so none of its numbers stand beside ours.")
    return tuple(notes)
