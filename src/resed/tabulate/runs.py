"""Differences between this run and another run of the same dataset, system by system.

Both runs are scored on the same clips, so each difference is paired, with the intervals and
decisions of the comparisons of systems. What differs in the settings is part of the table.
"""

from collections.abc import Iterator
from typing import Any

from resed.config.dataset import SCORED_ROLES
from resed.config.loading import flattened
from resed.config.rows import Row
from resed.config.run import Config
from resed.config.run_name import in_words
from resed.errors import ResedError
from resed.formats.tables import Column, Table, View, tidy
from resed.paper.numbers import Metric
from resed.results.folder import Results
from resed.runtime import checksums
from resed.stats.intervals import Interval, decide, difference, score_difference
from resed.tabulate import notes
from resed.tabulate.score_reader import ESTIMATE, ScoreReader, estimate, estimate_column, undecided

NAME = "runs"
NO_SETTINGS = "unknown"
OTHER_CLIPS = "other clips"
MOST_SHOWN = 6  # settings of a system that are named in the table; the notes name all
STAGES = ("acquire", "audit", "features", "feature_overrides", "calibrate", "init", "external")
_COLUMNS = (
    *("table", "system", "title", "other_run", "same_checkpoint", "status", "settings"),
    *("split", "metric", "own_value", "other_value", *ESTIMATE, "decision", "reason"),
)


def runs(own: Results, other: Results, known: bool = True) -> Table:
    """Compare the systems that both runs have.

    Args:
        other: the results of the other run, with its config.
        known: whether that config is the one that made them; otherwise settings are not compared.

    Raises ResultsError or MissingFileError if scores of this run are missing or malformed.
    """
    reader = ScoreReader(own)
    systems = [name for name in own.config.systems if name in other.config.systems]
    changed = {name: changed_settings(own.config, other.config, name) for name in systems}
    records = [
        {"table": NAME, **record}
        for name in systems
        for split in SCORED_ROLES
        for record in _records(reader, other, name, split, changed[name] if known else None)
    ]
    title = (
        f"{_begin(own.config)} and {in_words(other.config.run)}. {own.config.dataset_file.title}"
    )
    return notes.table(
        own,
        NAME,
        title,
        [*notes.scored(reader), *_notes(own.config, other.config, changed if known else None)],
        tidy(records, _COLUMNS),
        _view(own),
        {"other_run": other.config.run, "systems": len(systems)},
    )


def changed_settings(own: Config, other: Config, system: str) -> list[str]:
    """`key: value here, value there` of each setting that differs, features included."""
    sides = [
        flattened(
            config.system(system).model_dump(mode="json")
            | {"features": config.feature_sets[config.features_of(system)].model_dump(mode="json")}
        )
        for config in (own, other)
    ]
    keys = sorted({*sides[0], *sides[1]})
    return [f"{key}: {_pair(sides, key)}" for key in keys if sides[0].get(key) != sides[1].get(key)]


def _pair(sides: list[dict[str, Any]], key: str) -> str:
    here, there = (side.get(key, "absent") for side in sides)
    return f"{here} here, {there} there"


def _records(
    reader: ScoreReader, other: Results, name: str, split: str, changed: list[str] | None
) -> Iterator[dict[str, Any]]:
    own, row = reader.results, Row(name)
    reader.read(row, split)
    same, status = _same_checkpoint(own, other, name), _status(own, other, row, split)
    base = {
        "system": name,
        "title": own.config.catalogue[name].title,
        "other_run": other.config.run or "unnamed",
        "same_checkpoint": "yes" if same else "no",
        "status": status,
        "settings": _in_short(changed),
        "split": split,
    }
    for key, metric in own.paper.metrics.items():
        values = dict.fromkeys((*ESTIMATE, "own_value", "other_value", "decision", "reason"))
        found = _difference(own, other, row, split, metric, same) if status == "run" else None
        if found:
            values |= estimate(found) | {"decision": decide(found, same)}
            values["reason"] = undecided(found, same)
            values["own_value"] = own.interval(split, row, metric).mean
            values["other_value"] = other.interval(split, row, metric).mean
        yield base | {"metric": key} | values


def _in_short(changed: list[str] | None) -> str:
    if changed is None:
        return NO_SETTINGS
    more = [f"{len(changed) - MOST_SHOWN} more"] if len(changed) > MOST_SHOWN else []
    return "; ".join([*changed[:MOST_SHOWN], *more]) or "equal"


def _status(own: Results, other: Results, row: Row, split: str) -> str:
    """`run`, or why there is no difference: not scored there, or scored on other clips."""
    if not other.scored(split, row):
        return "not run"
    sides = [
        {(m.get("manifest_sha256"), m["clips"]) for m in _metrics(side, row, split)}
        for side in (own, other)
    ]
    return "run" if sides[0] == sides[1] else OTHER_CLIPS


def _metrics(results: Results, row: Row, split: str) -> list[dict[str, Any]]:
    return [results.metrics(split, row, seed) for seed in results.seeds(row)]


def _same_checkpoint(own: Results, other: Results, name: str) -> bool:
    """Whether both runs decode the same trained networks."""
    sides = [_checkpoints(side, name) for side in (own, other)]
    seeds = min(map(len, sides))
    return seeds > 0 and None not in sides[0] and sides[0][:seeds] == sides[1][:seeds]


def _checkpoints(results: Results, name: str) -> list[str | None]:
    """The recorded SHA-256 of the checkpoint of each seed; of a composite, of its posteriors."""
    trained, layout = results.config.trained_as(name), results.layout
    composite = bool(results.config.members(name))
    places = [
        layout.posteriors(split, trained, k)
        if composite
        else layout.trained(trained, k) / "checkpoint.pt"
        for k in results.seeds(Row(name))
        for split in SCORED_ROLES[: 1 + composite]
    ]
    try:
        return [checksums.read(results.folder, p.relative_to(results.folder)) for p in places]
    except ResedError:
        return [None]


def _difference(
    own: Results, other: Results, row: Row, split: str, metric: Metric, paired: bool
) -> Interval | None:
    """This run minus the other, on the same clips and the same resamples of them."""
    if metric.block is None:
        sides = [side.values(split, row, metric) for side in (own, other)]
        clips = own.metrics(split, row, own.seeds(row)[0])["clips"]
        return score_difference(*sides, paired, clips) if all(sides) else None
    sides = [side.tables(split, row, metric.block) for side in (own, other)]
    return difference(*sides, paired).scaled(metric.full_scale / 100) if all(sides) else None


def _view(results: Results) -> View:
    columns = [
        Column(title="System", field="title", role="name"),
        Column(title="Split", field="split"),
    ]
    for key, metric in results.paper.metrics.items():
        where = {"metric": key}
        columns += [
            estimate_column(metric.title, metric, where, signed=True),
            Column(title="decision", kind="mark", field="decision", where=where, detail="reason"),
        ]
    columns += [Column(title="Settings that differ", field="settings", role="prose")]
    return View(keys=("system", "split"), anchor=("system", "other_run"), columns=tuple(columns))


def _notes(own: Config, other: Config, changed: dict[str, list[str]] | None) -> Iterator[str]:
    there = in_words(other.run)
    yield (
        f"{_begin(own)} minus {there} in points, on the same clips and the same resamples of them, "
        "with the 95 % interval. Decision: better or worse if the interval does not contain 0; not "
        "corrected for multiple testing. Undecided, 1 seed: the two runs trained the system "
        "separately, and two trainings with equal settings may differ by more."
    )
    only = [name for name in own.systems if name not in other.systems]
    if only:
        yield f"Not in {there}: {', '.join(only)}."
    if changed is None:
        yield f"The config of {there} is not known, so settings are not compared."
        return
    stages = [key for key in STAGES if getattr(own, key) != getattr(other, key)]
    if stages:
        yield f"Keys of the config that differ, beside those of systems: {', '.join(stages)}."
    by_settings: dict[tuple[str, ...], list[str]] = {}
    for name, found in changed.items():
        by_settings.setdefault(tuple(found), []).append(name)
    for found, names in by_settings.items():
        yield f"Settings of {', '.join(names)}: {'; '.join(found) or 'equal in both runs'}."


def _begin(config: Config) -> str:
    words = in_words(config.run)
    return words[:1].upper() + words[1:]
