"""What the paper leaves open: question, default, options, reasons, and what they are worth here."""

from collections.abc import Iterator, Mapping
from typing import Any

from resed.config.readings import Option, Question, Readings
from resed.config.study import option_here
from resed.results.folder import Results
from resed.results.readings_study import METRICS, SCORED, Effect, compare_readings, minus, verdict
from resed.tabulate.table import NONE, Line, Table

COLUMNS = ("Reading", "In words", "Why", "How it is set", "Here", "Change of F1")


def readings(results: Results) -> Table:
    """Build the table of readings.yaml.

    Changes stand in it where config.sensitivity.report says so and the study was run. Raises
    ConfigError where the file does not fit the settings.
    """
    known = results.config.paper_readings
    effects = _effects(results)
    return Table(
        title="What the paper leaves open",
        caption=_caption(known, effects, results),
        columns=COLUMNS,
        lines=tuple(_lines(known, effects, results)),
        records=tuple(_records(known, effects, results)),
        words=len(COLUMNS),
    )


def _effects(results: Results) -> dict[str, Effect]:
    if not results.config.sensitivity.report:
        return {}
    return {effect.name: effect for effect in compare_readings(results).effects}


def _lines(known: Readings, effects: Mapping[str, Effect], results: Results) -> Iterator[Line]:
    for name, question in known.questions.items():
        here = option_here(results.config, question)
        yield Line(heading=f"{question.title}: {question.question} ({question.place})")
        for key, option in question.options.items():
            reading = f"{name}.{key}"
            mark = " (default)" * (key == question.default)
            change = _change(effects[reading]) if reading in effects else NONE
            used = "used" if key == here else NONE
            yield Line((reading + mark, option.title, option.reason, _how(option), used, change))


def _how(option: Option) -> str:
    """The overlay as a line of YAML; a dash where no key changes it."""
    if option.config:
        return f"config: {_flow(option.config)}"
    if option.calibrate:
        return f"calibrate: {_flow(option.calibrate)}"
    return _flow(option.settings) if option.settings else NONE


def _flow(values: Any) -> str:
    """Nested settings as paths: 'objective.weak.clips: weak, schedule.epochs: 200'."""

    def leaves(inner: Mapping[str, Any], before: str = "") -> Iterator[str]:
        for key, value in inner.items():
            if isinstance(value, dict):
                yield from leaves(value, f"{before}{key}.")
            else:
                word = str(value).lower() if isinstance(value, bool) else value
                yield f"{before}{key}: {word}"

    return ", ".join(leaves(values))


def _change(effect: Effect) -> str:
    each = " / ".join(f"{effect.changes[metric, SCORED].found.mean:+.1f}" for metric in METRICS)
    return f"{minus(each)}, {verdict(effect.changes)}"


def _records(
    known: Readings, effects: Mapping[str, Effect], results: Results
) -> Iterator[dict[str, Any]]:
    for name, question in known.questions.items():
        here = option_here(results.config, question)
        for key, option in question.options.items():
            effect = effects.get(f"{name}.{key}")
            yield {
                **_question(name, question),
                "option": key,
                "title": option.title,
                "reason": option.reason,
                "default": "yes" if key == question.default else "no",
                "used_here": "yes" if key == here else "no",
                "cost": option.cost,
                "how": "" if _how(option) == NONE else _how(option),
                "verdict": verdict(effect.changes) if effect else None,
                **{
                    f"{metric}_{SCORED}_change": effect.changes[metric, SCORED].found.mean
                    if effect
                    else None
                    for metric in METRICS
                },
            }


def _question(name: str, question: Question) -> dict[str, Any]:
    rows = " ".join(map(str, question.rows))
    return {"question": name, "asked": question.question, "rows": rows, "place": question.place}


def _caption(known: Readings, effects: Mapping[str, Effect], results: Results) -> tuple[str, ...]:
    options = sum(len(question.options) for question in known.questions.values())
    system = results.config.catalogue[results.config.sensitivity.system].title
    changes = (
        "Change of F1 in points on evaluation, event / segment / AT, and whether one of them is "
        "decided: the table of the study has the intervals."
        if effects
        else "No change of F1 stands here: the study of readings was not run or is not reported "
        "(sensitivity.report)."
    )
    return (
        f"{len(known.questions)} questions with {options} readings "
        f"(config/papers/{results.config.paper}/readings.yaml).",
        f"Here: what {system} has in this config; where none is marked it follows none of them, or "
        "the question is not a matter of settings.",
        changes,
    )
