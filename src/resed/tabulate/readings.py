"""Ambiguities of the paper: questions, options, reasons, and the effect of each option."""

from collections.abc import Iterator, Mapping
from typing import Any

from resed.config.dataset import EVALUATION
from resed.config.loading import flattened
from resed.config.readings import Option, Question, Readings
from resed.config.study_rows import option_here
from resed.formats.tables import Column, Table, View, tidy
from resed.results.folder import Results
from resed.results.readings_study import (
    ReadingEffect,
    compare_readings,
    on_evaluation,
    overall,
)
from resed.tabulate import notes

NAME = "readings"
_COLUMNS = (
    *("table", "row", "heading", "question", "place", "option", "title", "reason", "how", "cost"),
    *("default", "used", "split", "metric", "value", "decision", "verdict"),
)


def readings(results: Results) -> Table:
    """Build the table of the paper's readings.yaml.

    The table has changes of scores if the config reports the study of readings and the study was
    run. Raises ConfigError if the file is incompatible with the settings.
    """
    known = results.config.paper_readings
    effects = _effects(results)
    return notes.table(
        results,
        NAME,
        "What the paper leaves open",
        _notes(known, effects, results),
        tidy(_records(known, effects, results), _COLUMNS),
        _view(effects, results),
    )


def _effects(results: Results) -> dict[str, ReadingEffect]:
    if not results.config.sensitivity.report:
        return {}
    return {effect.name: effect for effect in compare_readings(results).effects}


def _records(
    known: Readings, effects: Mapping[str, ReadingEffect], results: Results
) -> Iterator[dict[str, Any]]:
    for name, question in known.questions.items():
        here = option_here(results.config, question)
        for key, option in question.options.items():
            base = _base(name, question, key, option) | {"used": "used" if key == here else ""}
            effect = effects.get(f"{name}.{key}")
            if effect is None:
                yield base
                continue
            for metric, change in on_evaluation(effect.changes).items():
                yield base | {
                    "split": EVALUATION,
                    "metric": metric,
                    "value": change.found.mean,
                    "decision": change.decision,
                    "verdict": overall(effect.changes),
                }


def _base(name: str, question: Question, key: str, option: Option) -> dict[str, Any]:
    default = key == question.default
    return {
        "table": NAME,
        "row": f"{name}.{key}" + " (default)" * default,
        "heading": f"{question.title}: {question.question} ({question.place})",
        "question": name,
        "place": question.place,
        "option": key,
        "title": option.title,
        "reason": option.reason,
        "how": _how(option),
        "cost": option.cost,
        "default": "yes" if default else "no",
    }


def _how(option: Option) -> str:
    """The overlay as one line of YAML; empty if no key changes it."""
    if option.config:
        return f"config: {_flow(option.config)}"
    if option.calibrate:
        return f"calibrate: {_flow(option.calibrate)}"
    return _flow(option.settings)


def _flow(values: Mapping[str, Any]) -> str:
    """Nested settings as paths: `objective.weak.clips: weak, schedule.epochs: 200`."""
    leaves = flattened(values).items()
    return ", ".join(f"{k}: {str(v).lower() if isinstance(v, bool) else v}" for k, v in leaves)


def _view(effects: Mapping[str, ReadingEffect], results: Results) -> View:
    columns = [
        Column(title="Reading", field="row", role="name"),
        Column(title="In words", field="title", role="prose"),
        Column(title="Why", field="reason", role="prose"),
        Column(title="How it is set", field="how", role="prose"),
        Column(title="Here", field="used"),
    ]
    if effects:
        columns += [
            Column(
                title=f"{metric.title}, change",
                kind="number",
                where={"metric": key},
                role="number",
                signed=True,
            )
            for key, metric in results.paper.metrics.items()
            if metric.block
        ]
        columns.append(Column(title="decision", kind="mark", field="verdict"))
    return View(keys=("question", "option"), heading="heading", columns=tuple(columns))


def _notes(known: Readings, effects: Mapping[str, ReadingEffect], results: Results) -> list[str]:
    options = sum(len(question.options) for question in known.questions.values())
    system = results.config.catalogue[results.config.sensitivity.system].title
    changes = (
        f"Change: change of the score on {EVALUATION}. The decision is over all metrics; the table "
        "of the study has the intervals."
        if effects
        else "No changes of F1 are shown: the study of readings was not run or is not reported "
        "(sensitivity.report)."
    )
    return [
        f"{len(known.questions)} questions with {options} readings "
        f"(config/papers/{results.config.paper}/readings.yaml).",
        f"Here: the option that {system} follows in this config. No option is marked if it follows "
        "none of them, or if the question is not a setting.",
        changes,
    ]
