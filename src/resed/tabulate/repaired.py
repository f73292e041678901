"""Each system against the original truth and against the repaired one, on the same clips."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resed.repair.rules import RULES
from resed.results.folder import SPLITS, Results
from resed.results.repaired import METRICS, Truth, load_truth, repaired_counts
from resed.stats.intervals import Interval, difference, interval
from resed.tabulate.score_reader import ScoreBook
from resed.tabulate.table import NOT_RUN, Line, Table, basis, fields, ours, provenance
from resed.tabulate.table1 import NAMES

COLUMNS = (
    "System",
    "Split",
    *(
        heading
        for metric in METRICS
        for heading in (f"{NAMES[metric]}, original", "repaired", "change")
    ),
    "Repairs",
)
RULE_NAMES = {
    "duplicate": "equal rows taken out",
    "past_end": "offsets set to the clip's end",
    "outside": "events after the clip's end taken out",
    "overlap": "groups of overlapping events made one",
    "gap": "short gaps closed",
}


@dataclass(frozen=True)
class Row:
    """One system on one split. Keys are metrics; without a repair all but `original` is empty.

    `mended` are the repairs on clips that were scored, `clips` how many clips those are.
    """

    system: str
    split: str
    original: Mapping[str, Interval | None]
    repaired: Mapping[str, Interval]
    change: Mapping[str, Interval]
    mended: int | None
    clips: int | None


def truths(results: Results) -> Table:
    """Build the table of both truths, development and evaluation.

    Raises ResultsError or MissingFileError where scores, events or the repair lack, or were made of
    other labels or clips.
    """
    book = ScoreBook(results)
    found = {split: load_truth(results, split) for split in SPLITS}
    rows = [
        _row(book, split, system, found[split])
        for system in results.config.systems
        for split in SPLITS
    ]
    return Table(
        title=f"Original and repaired truth on {results.config.dataset_file.title}",
        caption=(*_headline(rows), *provenance(book), *_notes(found)),
        columns=COLUMNS,
        lines=tuple(_line(row, results) for row in rows),
        records=tuple(_record(row, found[row.split], book) for row in rows),
        words=2,
    )


def _row(book: ScoreBook, split: str, system: str, truth: Truth | None) -> Row:
    results = book.results
    original = {metric: book.interval(split, system, metric) for metric in METRICS}
    if truth is None:
        return Row(system, split, original, {}, {}, None, None)
    scored = list(repaired_counts(results, truth, split, system))
    clips = scored[0][0]
    repaired, change = {}, {}
    for metric in METRICS:
        again = [counts[metric] for _, counts in scored]
        before = [results.counts(split, system, k, metric) for k in results.seeds(system)]
        repaired[metric] = interval(again)
        change[metric] = difference(again, [one for one in before if one], paired=True)
    mended = truth.rules(clips).total()
    return Row(system, split, original, repaired, change, mended, len(clips))


def _line(row: Row, results: Results) -> Line:
    cells = [results.config.catalogue[row.system].title, row.split]
    for metric in METRICS:
        cells.append(ours(row.original[metric]))
        cells.append(ours(row.repaired.get(metric), NOT_RUN))
        cells.append(_change(row.change.get(metric)))
    clips = f"clip{'s' * (row.clips != 1)}"
    mended = NOT_RUN if row.mended is None else f"{row.mended} in {row.clips} {clips}"
    return Line((*cells, mended))


def _change(found: Interval | None) -> str:
    """With two decimals, for few clips are mended: `+0.04 [+0.01, +0.07]`."""
    if found is None:
        return NOT_RUN
    return f"{found.mean:+z.2f} [{found.low:+z.2f}, {found.high:+z.2f}]"


def _record(row: Row, truth: Truth | None, book: ScoreBook) -> dict[str, Any]:
    results = book.results
    record: dict[str, Any] = {
        "system": row.system,
        "title": results.config.catalogue[row.system].title,
        "split": row.split,
    }
    for metric in METRICS:
        record |= fields(f"{metric}_original", row.original[metric])
        record |= fields(f"{metric}_repaired", row.repaired.get(metric))
        record |= fields(f"{metric}_change", row.change.get(metric))
    record |= {"mended_scored": row.mended, "clips_mended_scored": row.clips}
    rules = truth.rules() if truth else None
    record |= {f"mended_{rule}": rules[rule] if rules is not None else None for rule in RULES}
    return record | basis(book, len(results.seeds(row.system)))


def _headline(rows: list[Row]) -> tuple[str, ...]:
    """The largest change, first: what the whole table is read for."""
    changes = [
        (abs(found.mean), f"{NAMES[metric]} of {row.system} on {row.split}")
        for row in rows
        for metric, found in row.change.items()
    ]
    if not changes:
        return ("**No repaired truth was made** (resed repair): the original alone was scored.",)
    size, where = max(changes)
    if not size:
        return ("**The repaired truth moves no score.**",)
    return (f"**The repaired truth moves no score by more than {size:.2f} points** ({where}).",)


def _notes(found: Mapping[str, Truth | None]) -> tuple[str, ...]:
    mended = "; ".join(_mended(split, truth) for split, truth in found.items() if truth)
    notes = [
        "F1 in percent, macro-averaged over classes, as in Table 1. Change: repaired minus "
        "original in points, the same events on the same clips, seed by seed.",
        "Every other table, claim and figure goes by the original truth.",
    ]
    if mended:
        notes.insert(1, f"Mended: {mended}. Row by row: repair/repairs.tsv.")
    return tuple(notes)


def _mended(split: str, truth: Truth) -> str:
    rules = truth.rules()
    made = ", ".join(f"{RULE_NAMES[rule]}: {rules[rule]}" for rule in RULES if rules[rule])
    return f"{split} ({made or 'nothing to mend'})"
