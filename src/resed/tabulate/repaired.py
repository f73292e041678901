"""Scores of each system against the original and the repaired labels, on the same clips."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from resed.config.dataset import SCORED_ROLES
from resed.config.rows import Row
from resed.formats.tables import Column, Table, View, tidy
from resed.repair.rules import RULES
from resed.results.folder import Results
from resed.results.repaired import METRICS, RepairedLabels, load_repair, repaired_counts
from resed.stats.intervals import difference, interval
from resed.tabulate import notes
from resed.tabulate.layout import NOT_RUN
from resed.tabulate.metrics import FURTHER
from resed.tabulate.score_reader import ESTIMATE, ScoreReader, estimate

NAME = "repaired"
EMPTY = (*ESTIMATE, "repairs", "clips_repaired")
RULE_NAMES = {
    "duplicate": "duplicate rows removed",
    "past_end": "offsets set to the end of the clip",
    "outside": "events after the end of the clip removed",
    "overlap": "groups of overlapping events merged",
    "gap": "short gaps closed",
}


def repaired(results: Results) -> Table:
    """Compare the scores against both labels on development and evaluation.

    Raises ResultsError or MissingFileError if scores, events or the repair are missing, or were
    made from other labels or clips.
    """
    reader = ScoreReader(results)
    labels = {split: load_repair(results, split) for split in SCORED_ROLES}
    timed = not results.config.dataset_file.tags_only
    records = [
        {"table": NAME, **record}
        for system in results.config.systems * timed
        for split in SCORED_ROLES
        for record in _records(reader, system, split, labels[split])
    ]
    return notes.table(
        results,
        NAME,
        f"Original and repaired labels. {results.config.dataset_file.title}",
        [*_headline(records), *notes.scored(reader), *_notes(labels)],
        tidy(records, () if timed else ("table", "system", "title", "split", "status", *EMPTY)),
        _view(METRICS if timed else ()),
        {"made": any(labels.values()), "repairs": _repairs(labels)},
    )


def _records(
    reader: ScoreReader, system: str, split: str, labels: RepairedLabels | None
) -> Iterator[dict[str, Any]]:
    """Per metric: F1 against the original and the repaired labels, and the change."""
    results, row = reader.results, Row(system)
    base = {
        "system": system,
        "title": results.config.catalogue[system].title,
        "split": split,
        "status": "run",
        **dict.fromkeys(EMPTY),
    }
    scored = list(repaired_counts(results, labels, split, system)) if labels else []
    if labels:
        clips = scored[0][0]
        base |= {"repairs": labels.rules(clips).total(), "clips_repaired": len(clips)}
    for metric in METRICS:
        here = base | {"metric": metric}
        found = reader.fields(row, split, FURTHER[metric])
        yield here | {"column": "original"} | found
        if not labels:
            for column in ("repaired", "change"):
                yield here | {"column": column, "status": NOT_RUN}
            continue
        again = [counts[metric] for _, counts in scored]
        before = results.tables(split, row, metric)
        yield here | {"column": "repaired"} | estimate(interval(again))
        change = difference(again, before, paired=True)
        yield here | {"column": "change"} | estimate(change)


def _view(metrics: Iterable[str]) -> View:
    columns = [
        Column(title="System", field="title", role="name"),
        Column(title="Split", field="split"),
    ]
    for metric in metrics:
        title = FURTHER[metric].title
        for column, heading in (("original", f"{title}, original"), ("repaired", "repaired")):
            where = {"metric": metric, "column": column}
            columns.append(Column(title=heading, kind="estimate", where=where, role="number"))
        # Few clips are repaired, so a change needs two decimals.
        where = {"metric": metric, "column": "change"}
        columns.append(
            Column(
                title="change", kind="estimate", where=where, role="number", digits=2, signed=True
            )
        )
    columns += [
        Column(title="Repairs", kind="count", field="repairs", role="number"),
        Column(title="in clips", kind="count", field="clips_repaired", role="number"),
    ]
    return View(keys=("system", "split"), columns=tuple(columns))


def _headline(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """A note on the largest change."""
    changes = [r for r in records if r["column"] == "change" and r["value"] is not None]
    if not changes:
        return ["**No labels were repaired** (resed repair): only the original labels were scored."]
    largest = max(changes, key=lambda record: abs(record["value"]))
    if not largest["value"]:
        return ["**The repaired labels change no score.**"]
    where = f"{FURTHER[largest['metric']].title} of {largest['title']} on {largest['split']}"
    size = abs(largest["value"])
    return [f"**The repaired labels change no score by more than {size:.2f} points** ({where})."]


def _repairs(labels: Mapping[str, RepairedLabels | None]) -> dict[str, dict[str, int]]:
    """Number of repairs of each split by rule, in all clips."""
    return {
        split: {rule: found.rules()[rule] for rule in RULES}
        for split, found in labels.items()
        if found
    }


def _notes(labels: Mapping[str, RepairedLabels | None]) -> list[str]:
    found = [
        "F1 in percent, macro-averaged over classes. Change: repaired minus original in points, "
        "for the same events on the same clips, per seed.",
        "All other tables, claims and figures use the original labels.",
    ]
    splits = [_split(split, rules) for split, rules in _repairs(labels).items()]
    if splits:
        found.insert(1, f"Repairs: {'; '.join(splits)}. repair/repairs.tsv lists them.")
    return found


def _split(split: str, rules: Mapping[str, int]) -> str:
    made = ", ".join(f"{RULE_NAMES[rule]}: {count}" for rule, count in rules.items() if count)
    return f"{split} ({made or 'none'})"
