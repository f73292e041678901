"""The study of readings: each reading against the unchanged system, with intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

from resed.config.dataset import EVALUATION
from resed.config.readings import Option
from resed.config.rows import UNCHANGED
from resed.formats.tables import Column, Table, View, tidy
from resed.results.folder import Results
from resed.results.readings_study import (
    ReadingEffect,
    ReadingsStudy,
    compare_readings,
    overall,
)
from resed.results.study_text import headline, sentences
from resed.stats.multiple_testing import ScoreChange, p_value
from resed.tabulate import notes
from resed.tabulate.layout import NOT_RUN

NAME = "sensitivity"
CHANGE = "change"  # column of the frame: against the unchanged system
BESIDE = "leaving it out"  # against the system without the part that the question is about
_COLUMNS = (
    *("table", "group", "reading", "title", "status", "split", "metric", "column", "seeds_apart"),
    *("heading", "networks", "same_networks", "beside"),
)
EMPTY = (
    *("value", "low", "high", "shown_low", "shown_high", "seeds", "clips", "covers", "decision"),
    *("p", "p_holm"),
)


def sensitivity(results: Results) -> Table:
    """Build the table of the study of readings.

    Raises ResultsError if scores come from other clips or another audit.
    """
    found = compare_readings(results)
    system = results.config.catalogue[results.config.sensitivity.system].title
    return notes.table(
        results,
        NAME,
        f"Readings of {system}. {results.config.dataset_file.title}",
        _notes(found, results),
        tidy(_records(found, results), (*_COLUMNS, *EMPTY)),
        _view(results),
        {
            "ran": bool(found.seeds),
            "headline": headline(found, results),
            "missing": list(found.missing),
        },
    )


def _records(found: ReadingsStudy, results: Results) -> Iterator[dict[str, Any]]:
    readings = results.config.paper_readings
    corrected = found.corrected
    yield from _unchanged(found)
    for question in found.questions:
        heading = f"{question.question.title} (unchanged: {question.unchanged})"
        for effect in question.effects:
            yield from _effect(effect, heading, corrected)
    others = {"no change here": found.idle, "does not fit": found.unfit, NOT_RUN: found.missing}
    for status, names in others.items():
        for name in names:
            heading = f"Not in the study: {status}"
            yield _base(name, readings.option(name), heading, status) | dict.fromkeys(EMPTY)


def _unchanged(found: ReadingsStudy) -> Iterator[dict[str, Any]]:
    """The scores of the unchanged system, and the range of its seeds."""
    for metric, split in found.scores:
        yield {
            "table": NAME,
            "group": UNCHANGED,
            "reading": UNCHANGED,
            "title": "the unchanged system",
            "status": "run",
            "column": "score",
            "metric": metric,
            "split": split,
            **dict.fromkeys(EMPTY),
            "value": found.scores[metric, split],
            "seeds": found.seeds,
            "seeds_apart": found.spread.get((metric, split)),
        }


def _effect(
    effect: ReadingEffect, heading: str, corrected: Mapping[tuple[str, str], float]
) -> Iterator[dict[str, Any]]:
    base = _base(effect.name, effect.option, heading, "run") | {
        "networks": "the same" if effect.shared else f"{effect.seeds} trained",
        "same_networks": "yes" if effect.shared else "no",
        "beside": overall(effect.beside_off) if effect.beside_off else "",
    }
    for (metric, split), change in effect.changes.items():
        key = effect.name, metric
        tested = split == EVALUATION and key in corrected
        yield (
            base
            | _change(CHANGE, metric, split, change)
            | {
                "p": p_value(change.found) if tested else None,
                "p_holm": corrected[key] if tested else None,
            }
        )
    for (metric, split), change in effect.beside_off.items():
        yield base | _change(BESIDE, metric, split, change)


def _base(name: str, option: Option, heading: str, status: str) -> dict[str, Any]:
    return {
        "table": NAME,
        "group": name.partition(".")[0],
        "reading": name,
        "title": option.title,
        "status": status,
        "heading": heading,
        "column": CHANGE,
    }


def _change(column: str, metric: str, split: str, change: ScoreChange) -> dict[str, Any]:
    """An interval, and its ends clipped to the scale of the score (`shown_low`, `shown_high`)."""
    found = change.found
    shown = (None, None) if change.empty else change.ends
    return {
        "column": column,
        "metric": metric,
        "split": split,
        "value": found.mean,
        "low": found.low,
        "high": found.high,
        "shown_low": shown[0],
        "shown_high": shown[1],
        "seeds": found.seeds,
        "clips": found.clips,
        "covers": found.covers,
        "decision": change.decision,
    }


def _view(results: Results) -> View:
    columns = [
        Column(title="Reading", field="reading", role="name"),
        Column(title="In words", field="title", role="prose"),
        Column(title="Networks", field="networks"),
        Column(title="Against leaving it out", kind="mark", field="beside"),
    ]
    for name, metric in results.paper.metrics.items():
        columns.append(
            Column(
                title=metric.title,
                kind="estimate",
                where={"metric": name, "split": EVALUATION},
                role="number",
                ends=("shown_low", "shown_high"),
                signed=True,
                word="decision",
            )
        )
    return View(
        keys=("reading",),
        where={"column": CHANGE},
        heading="heading",
        anchor=("reading",),
        columns=tuple(columns),
    )


def _notes(found: ReadingsStudy, results: Results) -> list[str]:
    return [
        *notes.warning(results, "A reading may have another effect on the paper's data."),
        f"**{headline(found, results)}**",
        *sentences(found, results),
        *_scores(found, results),
        "Changes are differences between the scores of a reading and those of the unchanged system "
        f"on {EVALUATION}, with 95 % intervals on the same clips. Better, worse and undecided "
        "follow from each interval separately, without correction for multiple testing. Readings "
        "of the decoding use the same networks and are compared per seed. Questions are sorted by "
        "their largest decided change, or by their largest change if none is decided. Against "
        "leaving it out: the system with this reading minus the system without that part of the "
        "method.",
        "Intervals are clipped to the changes that are possible on the scale of the score. If both "
        "ends are clipped, the interval contains every possible change and is not shown, because "
        "there are too few seeds or clips.",
        "Holm's correction limits the probability that any change is significant by chance to 5 %. "
        "Its p-values use the smallest possible degrees of freedom: the number of seeds minus one, "
        "or with one seed the number of clips minus one. With two seeds, hardly any change can be "
        "significant.",
        "The CSV also has the changes on development, the intervals before clipping, the "
        "comparison with leaving it out, and for evaluation the p-value of each change (p) and its "
        "corrected p-value (p_holm).",
        f"Dataset: {results.dataset}.",
    ]


def _scores(found: ReadingsStudy, results: Results) -> list[str]:
    """A note with the scores of the unchanged system."""
    scores = [
        f"{metric.title} {found.scores[name, EVALUATION]:.{metric.decimals}f}"
        for name, metric in results.paper.metrics.items()
        if found.scores
    ]
    seeds = f"{found.seeds} seed{'s' * (found.seeds != 1)}"
    return [f"Unchanged system on {EVALUATION}, {seeds}: {', '.join(scores)}."] if scores else []
