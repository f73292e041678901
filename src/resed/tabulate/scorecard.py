"""The scorecard: every number that both versions print in their tables, beside ours."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from resed.paper.legacy_numbers import Cell, load_versions
from resed.results.folder import Results, readable
from resed.settings import SystemSettings
from resed.stats.intervals import CLIPS, Interval
from resed.tabulate.provenance import on_papers_data, qualified, tally, warning
from resed.tabulate.score_reader import ScoreBook
from resed.tabulate.table import NONE, NOT_RUN, Line, Table, ours, provenance

VERDICTS = {word: word for word in ("within", "above", "below", NOT_RUN)}
METRICS = {"event": "Event-F1", "segment": "Segment-F1", "tags": "AT-F1"}
WINDOW_NAMES = {"average": "average", "esp": "ESP"}
COLUMNS = ("ID", "Row", "Metric", "Verdict", "Reading", "Published", "Ours", "Difference")


@dataclass(frozen=True)
class Entry:
    """One published number with ours beside; `found` is None where it was not run."""

    version: str
    cell: Cell
    system: str | None
    reading: str
    found: Interval | None

    @property
    def verdict(self) -> str:
        """Where ours lies, by its interval, seen from the published number."""
        if self.found is None:
            return NOT_RUN
        if self.found.low > self.cell.value:
            return "above"
        return "below" if self.found.high < self.cell.value else "within"


def scorecard(results: Results) -> Table:
    """Build the scorecard; systems and classes that are not configured are not run.

    Raises ResultsError or MissingFileError where a configured system's scores lack or rest on other
    clips.
    """
    book = ScoreBook(results)
    entries = list(_entries(results, book))
    return Table(
        title=f"Scorecard on {results.config.dataset_file.title}",
        caption=_caption(entries, results, book),
        columns=COLUMNS,
        lines=tuple(_lines(entries, results)),
        records=tuple(_record(entry, results) for entry in entries),
        words=5,
    )


def _entries(results: Results, book: ScoreBook) -> Iterator[Entry]:
    config = results.config
    for version, paper in load_versions(config.root).items():
        for cell in paper.cells():
            system = _system(results, cell)
            if system is None:
                yield Entry(version, cell, None, "no such system in config.systems", None)
                continue
            known = cell.label is None or cell.label in config.dataset_file.classes
            if not known:
                yield Entry(version, cell, system, "no such class in this dataset", None)
                continue
            book.read(cell.split, system, results.seeds(system))
            found = results.interval(cell.split, system, cell.metric, cell.label)
            reading = reading_of(config.system(system), cell.metric)
            yield Entry(version, cell, system, reading, found)


def _system(results: Results, cell: Cell) -> str | None:
    if cell.stage is not None:
        return results.system_of_stage(*cell.stage)
    rows = {results.config.catalogue[name].row: name for name in reversed(results.config.systems)}
    return rows.get(cell.row)


def reading_of(settings: SystemSettings, metric: str) -> str:
    """What of the paper's open points a number rests on, in a few words."""
    parts = []
    distillation, focal = settings.objective.distillation, settings.objective.focal
    if settings.model.framework == "mean_teacher":
        parts.append("MT as in its code")
    elif settings.model.frame_head.source == "attention":
        parts.append("GL as in its code")
    if distillation.tfd:
        others = (distillation.distance, distillation.align)
        usual = ("euclidean", "repeat")
        own = [word for word, norm in zip(others, usual, strict=True) if word != norm]
        parts.append(" ".join(["TFD", distillation.reading, *own]))
    if distillation.dfd != "none":
        parts.append(f"DFD {distillation.dfd} on {distillation.dfd_clips.replace('_', ' + ')}")
    if focal.enabled:
        weight = "1 - p^γ" if focal.form == "printed" else "(1 - p)^γ"
        parts.append(f"AFL {weight}, γ {focal.gamma:g}, τ {settings.schedule.stage_one}")
    decode = settings.decode
    method = f"{WINDOW_NAMES[decode.windows]} windows"
    parts.append("one window" if decode.window_frames == "fixed" else method)
    if metric == "tags":
        parts.append(
            "AT after filters" if decode.tags == "after_filters" else "AT by clip posterior"
        )
        if decode.attention_head == "lost":
            parts.append("attention head lost")
    elif decode.gate != "student":
        parts.append(f"gate {decode.gate}")
    return "; ".join(parts)


def _record(entry: Entry, results: Results) -> dict[str, object]:
    cell, found = entry.cell, entry.found
    return {
        "version": entry.version,
        "table": cell.table,
        "place": cell.place,
        "id": cell.id,
        "title": cell.title,
        "system": entry.system,
        "split": cell.split,
        "metric": cell.metric,
        "published": cell.value,
        "ours": found.mean if found else None,
        "difference": found.mean - cell.value if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "seeds": found.seeds if found else None,
        "clips": found.clips if found else None,
        "interval_covers": found.covers if found else None,
        "verdict": entry.verdict,
        "reading": entry.reading,
        "dataset": results.config.dataset_file.name,
        "papers_data": "yes" if on_papers_data(results) else "no",
        "manifest_sha256": results.manifest,
    }


def _lines(entries: list[Entry], results: Results) -> Iterator[Line]:
    """A line a row and metric under a heading a table; rows that were not run in one line."""
    for (version, table), members in groupby(entries, lambda e: (e.version, e.cell.table)):
        table_entries = list(members)
        counts = tally((entry.verdict for entry in table_entries), VERDICTS)
        yield Line(heading=f"{version.capitalize()}, {table}: {counts}")
        for _, group in groupby(table_entries, lambda e: (e.cell.id, e.cell.title)):
            row = list(group)
            if all(entry.found is None for entry in row):
                yield _not_run(row)
                continue
            for _, cells in groupby(row, lambda e: e.cell.metric):
                yield _line(list(cells), results)


def _not_run(row: list[Entry]) -> Line:
    metrics = dict.fromkeys(entry.cell.metric for entry in row)
    published = "; ".join(
        " / ".join(f"{e.cell.value:.1f}" for e in row if e.cell.metric == metric)
        for metric in metrics
    )
    names = ", ".join(METRICS[metric] for metric in metrics)
    cells = (*_row(row[0]), names, NOT_RUN, row[0].reading, published)
    return Line((*cells, NONE, NONE))


def _line(cells: list[Entry], results: Results) -> Line:
    first = cells[0]
    return Line(
        (
            *_row(first),
            METRICS[first.cell.metric],
            _joined(qualified(entry.verdict, results) for entry in cells),
            first.reading,
            " / ".join(f"{entry.cell.value:.1f}" for entry in cells),
            " / ".join(ours(entry.found) for entry in cells),
            " / ".join(_difference(entry) for entry in cells),
        )
    )


def _joined(words: Iterable[str]) -> str:
    """`within / above (other data)`: a qualification that all share stands once."""
    listed = list(words)
    ends = {word.partition(" (")[2] for word in listed}
    if len(listed) > 1 and len(ends) == 1 and ends != {""}:
        return f"{' / '.join(word.partition(' (')[0] for word in listed)} ({ends.pop()}"
    return " / ".join(listed)


def _row(entry: Entry) -> tuple[str, str]:
    """The paper's own number of a row (Table 1 alone has them), and its name for people."""
    cell = entry.cell
    table = cell.place.partition(".")[0]
    if table != "table3":
        return (cell.id if table == "table1" else NONE), cell.title
    window = cell.title.rpartition(", ")[2]
    return NONE, f"{readable(cell.id)}, {WINDOW_NAMES[window]} windows"


def _difference(entry: Entry) -> str:
    return NONE if entry.found is None else f"{entry.found.mean - entry.cell.value:+.1f}"


def _caption(entries: list[Entry], results: Results, book: ScoreBook) -> tuple[str, ...]:
    counts = tally((entry.verdict for entry in entries), VERDICTS)
    versions = "; ".join(
        f"{version} {tally((e.verdict for e in members), VERDICTS)}"
        for version, members in ((v, list(g)) for v, g in groupby(entries, lambda e: e.version))
    )
    covers = {entry.found.covers for entry in entries if entry.found}
    words = "clips and seeds"
    if CLIPS in covers:
        one = "clips alone, for there is one seed"
        words = (
            one if len(covers) == 1 else "clips and seeds, or clips alone where there is one seed"
        )
    return (
        *warning(results, "The verdicts show only how the card is read."),
        f"**{len(entries)} published numbers: {counts}** ({versions}).",
        "within: the published number lies in the 95 % interval of ours; above: ours lies above "
        f"it; below: ours lies below. The interval covers {words}; a wide one holds much.",
        "F1 in percent; where two stand together, development / evaluation. Table 3 and the letter "
        "have evaluation alone.",
        "Reading: what a number rests on where the paper leaves it open (the table of readings).",
        *(line for line in provenance(book) if not line.startswith("**")),
    )
