"""Every reading that was run against the unchanged system: points of F1 with their intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

from resed.config.readings import Option
from resed.results.folder import Results
from resed.results.readings_study import (
    KEYS,
    METRICS,
    SCORED,
    Effect,
    Key,
    Study,
    Test,
    compare_readings,
    headline,
    minus,
    points,
    sentences,
    verdict,
)
from resed.stats.multiple_testing import ScoreChange, p_value
from resed.tabulate.provenance import warning
from resed.tabulate.table import NONE, Line, Table

COLUMNS = (
    *("Reading", "In words", "Networks", "Against leaving it out"),
    *("Event-F1", "Segment-F1", "AT-F1"),
)


def sensitivity(results: Results) -> Table:
    """Build the table of the study of readings; what was not run is said to be so.

    Raises ResultsError where scores rest on other clips or another audit.
    """
    found = compare_readings(results)
    title = results.config.catalogue[results.config.sensitivity.system].title
    return Table(
        title=f"Readings of {title} on {results.config.dataset_file.title}",
        caption=_caption(found, results),
        columns=COLUMNS,
        lines=tuple(_lines(found)),
        records=tuple(_records(found, results)),
        words=4,
    )


def _lines(found: Study) -> Iterator[Line]:
    scores = [f"{found.scores[m, SCORED]:.1f}" if found.scores else NONE for m in METRICS]
    seeds = f"{found.seeds} seed{'s' * (found.seeds != 1)}" if found.seeds else "not run"
    yield Line(("default", "the unchanged system, F1 in percent", seeds, NONE, *scores))
    for group in found.groups:
        yield Line(heading=f"{group.question.title} (unchanged: {group.unchanged})")
        for effect in group.effects:
            yield _line(effect)


def _line(effect: Effect) -> Line:
    networks = "the same" if effect.shared else f"{effect.seeds} trained"
    changes = (_cell(effect.changes[metric, SCORED]) for metric in METRICS)
    beside = _beside(effect.beside_off)
    return Line((effect.name, effect.option.title, networks, beside, *changes))


def _cell(change: ScoreChange) -> str:
    return f"{points(change)} {change.decision}"


def _beside(changes: Mapping[Key, ScoreChange]) -> str:
    if not changes:
        return NONE
    each = " / ".join(f"{changes[metric, SCORED].found.mean:+.1f}" for metric in METRICS)
    return f"{verdict(changes)}: {minus(each)}"


def _caption(found: Study, results: Results) -> tuple[str, ...]:
    return (
        *warning(
            results, "A detail that matters here may not matter there, and the other way round."
        ),
        f"**{headline(found, results)}**",
        *sentences(found, results),
        "Points of F1 on evaluation (macro average) that a reading adds to the unchanged system, "
        "with 95 % intervals on the same clips; better, worse and undecided go by each interval "
        "alone, not corrected for being many. Readings of the decoding alone rest on the same "
        "networks and are compared seed by seed. Questions stand in the order of their largest "
        "decided change, else of their largest. Against leaving it out: event / segment / AT.",
        "Intervals are cut where the unchanged system's F1, as measured, would fall below 0 or "
        "rise above 100; where both ends are cut the interval says nothing, and too few seeds (or "
        "clips) stands for it.",
        "Holm's correction keeps the risk that anything at all stands by chance at 5 %. Its "
        "p-values take the least degrees of freedom, one less than the seeds, or with one seed "
        "than the clips: with two seeds hardly any change can stand.",
        "The CSV has development, the intervals as computed and not cut, and for evaluation the "
        "p-value of each change (_p), and Holm's (_p_holm).",
        f"Dataset: {results.dataset}. What each reading is, and why: the table of readings.",
    )


def _records(found: Study, results: Results) -> Iterator[dict[str, Any]]:
    readings = results.config.paper_readings
    ground = {"dataset": results.config.dataset_file.name, "manifest_sha256": results.manifest}
    status = "run" if found.seeds else "not run"
    first = _names("default", "", status) | {"seeds": found.seeds or None}
    yield first | _numbers(found.scores, {}, {}, found.apart) | _tests("", {}, {}) | ground
    corrected = found.corrected
    for effect in found.effects:
        yield _record(effect, corrected) | ground
    others = {"no change here": found.idle, "does not fit": found.unfit, "not run": found.missing}
    for status, names in others.items():
        for name in names:
            yield _empty(name, readings.option(name), status) | ground


def _names(name: str, title: str, status: str) -> dict[str, Any]:
    question, _, option = name.partition(".")
    return {
        "reading": name,
        "question": question,
        "option": option,
        "title": title,
        "status": status,
        "same_networks": None,
        "seeds": None,
    }


def _record(effect: Effect, corrected: Mapping[Test, float]) -> dict[str, Any]:
    shared = "yes" if effect.shared else "no"
    names = _names(effect.name, effect.option.title, "run")
    names |= {"same_networks": shared, "seeds": effect.seeds}
    numbers = _numbers(effect.scores, effect.changes, effect.beside_off, {})
    return names | numbers | _tests(effect.name, effect.changes, corrected)


def _empty(name: str, option: Option, status: str) -> dict[str, Any]:
    return _names(name, option.title, status) | _numbers({}, {}, {}, {}) | _tests(name, {}, {})


def _numbers(
    scores: Mapping[Key, float],
    changes: Mapping[Key, ScoreChange],
    beside: Mapping[Key, ScoreChange],
    apart: Mapping[Key, float],
) -> dict[str, Any]:
    """Cells a metric and split; the same keys whatever is known."""
    record: dict[str, Any] = {}
    for key in KEYS:
        name = "_".join(key)
        record |= {name: scores.get(key), f"{name}_seeds_apart": apart.get(key)}
        for suffix, found in (("change", changes.get(key)), ("beside_off", beside.get(key))):
            record |= {
                f"{name}_{suffix}": found.found.mean if found else None,
                f"{name}_{suffix}_low": found.found.low if found else None,
                f"{name}_{suffix}_high": found.found.high if found else None,
                f"{name}_{suffix}_decision": found.decision if found else None,
            }
    return record


def _tests(
    name: str, changes: Mapping[Key, ScoreChange], corrected: Mapping[Test, float]
) -> dict[str, Any]:
    """Cells a metric on evaluation; empty for what was not tested."""
    record: dict[str, Any] = {}
    for metric in METRICS:
        key, tested = f"{metric}_{SCORED}_change", (name, metric) in corrected
        record[f"{key}_p"] = p_value(changes[metric, SCORED].found) if tested else None
        record[f"{key}_p_holm"] = corrected.get((name, metric))
    return record
