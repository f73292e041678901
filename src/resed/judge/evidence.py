"""Words for verdicts, outcomes and figures: the only place where they are put into sentences."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from resed.config.rows import Row
from resed.judge.figures import FigureValue
from resed.judge.networks import LEAST_CLASSES
from resed.judge.outcome import Basis, Measured, Outcome, State, Verdict
from resed.paper.numbers import Paper
from resed.results.folder import readable

RUN_WORDS = {
    State.HOLDS: "holds",
    State.FAILS: "does not hold",
    State.UNDECIDED: "undecided",
    State.ABSENT: "not run",
}
PRINTED_WORDS = {
    State.HOLDS: "supported",
    State.FAILS: "contradicted",
    State.UNDECIDED: "in part",
    State.ABSENT: "not shown",
}
REASONS = {
    "classes": "the claim names classes that this dataset does not have",
    "annotations": "the strong training annotations are missing",
    "systems": "a system that it compares is not in config.systems or was not scored",
    "not_printed": "no printed number shows it",
}
LISTED = 18  # comparisons that are listed one by one; of more, only the remarkable ones
SHOWN = 6  # of the remarkable ones
COUNTED = {State.HOLDS: "hold", State.FAILS: "fail", State.UNDECIDED: "are undecided"}
REMARKABLE = {State.FAILS: "failing", State.UNDECIDED: "undecided"}
Parts = tuple[str, str, str]  # group, item, value


def word(verdict: Verdict) -> str:
    """The verdict in a word or two."""
    return (PRINTED_WORDS if verdict.basis.edition else RUN_WORDS)[verdict.state]


def as_records(verdict: Verdict) -> list[dict[str, Any]]:
    """One mapping per outcome, ready for JSON; None for what an outcome does not have."""
    return [
        {
            "state": str(outcome.state),
            "quantity": outcome.quantity,
            "first": outcome.first or None,
            "second": outcome.second or None,
            "metric": outcome.metric or None,
            "split": outcome.split or None,
            "label": outcome.label or None,
            "seed": outcome.seed,
            **_number_record(outcome.number),
            "others": {name: _number_record(other) for name, other in outcome.others.items()},
        }
        for outcome in verdict.outcomes
    ]


def _number_record(number: Measured | None) -> dict[str, float | None]:
    low, high = (number and number.interval) or (None, None)
    return {"value": number.value if number else None, "low": low, "high": high}


def evidence_lines(verdict: Verdict, paper: Paper) -> list[str]:
    """The comparisons behind a verdict, one line per group, then what they rest on.

    Of many comparisons it gives the counts and those that do not hold.
    """
    if verdict.state == State.ABSENT:
        classes = ", ".join(map(readable, verdict.basis.unknown_classes))
        reason = REASONS.get(verdict.basis.reason, "")
        return [f"{reason}: {classes}" if classes else reason] if reason else []
    present = [outcome for outcome in verdict.outcomes if outcome.state != State.ABSENT]
    lines = (_listed if len(present) <= LISTED else _counted)(present, paper)
    missing = len(verdict.outcomes) - len(present)
    if missing:
        lines.append(f"{missing} comparison{'s' * (missing > 1)} not run")
    return lines + _basis_lines(verdict.basis)


def _basis_lines(basis: Basis) -> list[str]:
    lines = []
    if basis.seeds == (1,):
        lines.append("1 seed, intervals over clips only")
    elif basis.seeds:
        low, high = basis.seeds[0], basis.seeds[-1]
        lines.append(f"{high} seeds" if low == high else f"{low} to {high} seeds")
    if basis.override:
        lines.append("with the override of the study (config.sensitivity.override)")
    return lines


def _counted(present: Sequence[Outcome], paper: Paper) -> list[str]:
    counts = Counter(outcome.state for outcome in present)
    if counts[State.HOLDS] == len(present):
        (closest,) = _listed([min(present, key=_gain)], paper)
        return [f"all {len(present)} comparisons hold, the closest {closest}"]
    state = State.FAILS if counts[State.FAILS] else State.UNDECIDED
    chosen = [outcome for outcome in present if outcome.state == state]
    words = ", ".join(f"{counts[s]} {word}" for s, word in COUNTED.items() if counts[s])
    listed = [f"{REMARKABLE[state]}: {line}" for line in _listed(chosen[:SHOWN], paper)]
    more = [f"and {len(chosen) - SHOWN} more"] if len(chosen) > SHOWN else []
    return [f"of {len(present)} comparisons {words}", *listed, *more]


def _gain(outcome: Outcome) -> float:
    return outcome.number.value if outcome.quantity == "gain" and outcome.number else math.inf


def _listed(outcomes: Sequence[Outcome], paper: Paper) -> list[str]:
    """`group: item value / value, item value (split / split)`; the splits once if shared."""
    groups: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for outcome in outcomes:
        group, item, value = _parts(outcome, paper)
        groups.setdefault(group, {}).setdefault(item, []).append((value, outcome.split))
    cells = [cell for items in groups.values() for cell in items.values()]
    splits = {tuple(split for _, split in cell) for cell in cells}
    shared = " / ".join(filter(None, splits.pop())) if len(splits) == 1 else None
    lines = []
    for group, items in groups.items():
        listed = [f"{item} {_values(cell, shared is None)}".strip() for item, cell in items.items()]
        lines.append(f"{group}: {', '.join(listed)}" + (f" ({shared})" if shared else ""))
    return lines


def _values(cell: Sequence[tuple[str, str]], with_split: bool) -> str:
    parts = (f"{value} {split}".strip() if with_split else value for value, split in cell)
    return " / ".join(parts)


def _parts(outcome: Outcome, paper: Paper) -> Parts:
    return PARTS[outcome.quantity](outcome, paper)


def system_text(name: str, paper: Paper) -> str:
    """A system as texts name it: `6`, `τ 10 γ 2`, `9 (filter.none)` for a reading of it."""
    row = Row.of(name)
    label = paper.label(row.system)
    return f"{label} ({row.reading})" if row.reading else label


def _over(outcome: Outcome, paper: Paper) -> str:
    return f"{system_text(outcome.first, paper)} over {system_text(outcome.second, paper)}"


def number_text(number: Measured | None, decimals: int = 1, signed: bool = True) -> str:
    """`+1.2 [-0.8, +3.2]`, or `+1.2` for a number without an interval."""
    if number is None:
        return "–"
    form = f"{'+' * signed}z.{decimals}f"
    value = format(number.value, form)
    if number.interval is None:
        return value
    low, high = (format(end, form) for end in number.interval)
    return f"{value} [{low}, {high}]"


def _metric_number(
    outcome: Outcome, number: Measured | None, paper: Paper, signed: bool = True
) -> str:
    return number_text(number, paper.metrics[outcome.metric].decimals, signed)


def _metric(outcome: Outcome, paper: Paper) -> str:
    return paper.metrics[outcome.metric].short


def _gain_parts(outcome: Outcome, paper: Paper) -> Parts:
    item = f"{readable(outcome.label)} {_metric(outcome, paper)}".strip()
    value = _metric_number(outcome, outcome.number, paper)
    if "stated" in outcome.others:
        value += f" (stated {_metric_number(outcome, outcome.others['stated'], paper)})"
    return _over(outcome, paper), item, value


def _difference_parts(outcome: Outcome, paper: Paper) -> Parts:
    value = f"{_metric_number(outcome, outcome.number, paper)} ({_over(outcome, paper)})"
    return "largest difference", _metric(outcome, paper), value


def _metric_gain_parts(outcome: Outcome, paper: Paper) -> Parts:
    group = f"{_over(outcome, paper)}, {_metric(outcome, paper)} against the others"
    ((name, other),) = outcome.others.items()
    metric = paper.metrics[name]
    own = _metric_number(outcome, outcome.number, paper)
    return group, metric.short, f"{own} against {number_text(other, metric.decimals)}"


def _class_gain_parts(outcome: Outcome, paper: Paper) -> Parts:
    own = _metric_number(outcome, outcome.number, paper)
    rest = _metric_number(outcome, outcome.others["other_classes"], paper)
    return _over(outcome, paper), _metric(outcome, paper), f"{own} against {rest} of the others"


def _gaining_parts(outcome: Outcome, paper: Paper) -> Parts:
    gained, counts = _whole(outcome.number), {n: _whole(m) for n, m in outcome.others.items()}
    text = f"{gained} of {counts['classes']} classes gain, {counts['losing']} lose"
    if "higher" in counts:
        text += f" by their intervals, {counts['higher']} have a higher mean"
    return _over(outcome, paper), _metric(outcome, paper), text


def _score_parts(outcome: Outcome, paper: Paper) -> Parts:
    group = f"{_metric(outcome, paper)} of {system_text(outcome.first, paper)}"
    value = _metric_number(outcome, outcome.number, paper, signed=False)
    if outcome.others:
        listed = ", ".join(
            f"{readable(name)} {_metric_number(outcome, other, paper, signed=False)}"
            for name, other in outcome.others.items()
        )
        value += f" (beyond it: {listed})"
    return group, readable(outcome.label), value


def _teacher_parts(outcome: Outcome, paper: Paper) -> Parts:
    del paper
    return "raw tags, teacher minus student", "F1", number_text(outcome.number)


def _diagonal_parts(outcome: Outcome, paper: Paper) -> Parts:
    del paper
    share = outcome.number
    assert share is not None
    value = f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"
    return "diagonal", readable(outcome.label), value


def _ceiling_parts(outcome: Outcome, paper: Paper) -> Parts:
    recall, ceiling = outcome.others["recall"].value, outcome.others["ceiling"].value
    value = f"{_metric_number(outcome, outcome.number, paper, signed=False)} "
    value += f"(recall {recall:.0%} allows {ceiling:.1f} at most)"
    return paper.metrics[outcome.metric].title, readable(outcome.label), value


def _weight_parts(outcome: Outcome, paper: Paper) -> Parts:
    del paper
    other = {name: number.value for name, number in outcome.others.items()}
    assert outcome.number is not None
    start = f"{outcome.number.value:.2f} at p = {other['at']:g}"
    end = f"{other['end']:.2f} at {other['at_end']:g}"
    return f"γ = {other['gamma']:g}", outcome.label, f"{start} to {end}"


def _correlation_parts(outcome: Outcome, paper: Paper) -> Parts:
    del paper
    value = f"{LEAST_CLASSES} classes are needed to rank them"
    if outcome.number is not None:
        value = f"{outcome.number.value:+.2f}"
    return "rank correlation", f"seed {outcome.seed}", value


def _parameters_parts(outcome: Outcome, paper: Paper) -> Parts:
    del paper
    student, teacher = thousands(outcome.number), thousands(outcome.others["teacher"])
    return "trainable parameters", "", f"student {student}, teacher {teacher}"


def _events_parts(value: Callable[[Measured, Mapping[str, Measured]], str]) -> Callable[..., Parts]:
    """Parts of an outcome about the training events; `value` writes its numbers."""

    def parts(outcome: Outcome, paper: Paper) -> Parts:
        del paper
        text = "the dataset has no other class"
        if outcome.number is not None:
            text = value(outcome.number, outcome.others)
        return "strong training events", readable(outcome.label), text

    return parts


def _fewest_text(own: Measured, others: Mapping[str, Measured]) -> str:
    ((label, least),) = others.items()
    return f"{_whole(own)} events, {readable(label)} has {_whole(least)}"


def _imbalance_text(own: Measured, others: Mapping[str, Measured]) -> str:
    (_, most), (label, least) = others.items()
    return f"{_whole(most)} against {readable(label)} {_whole(least)}, {own.value:.1f} times"


def _windows_text(own: Measured, others: Mapping[str, Measured]) -> str:
    average, share = others["average"].value, others["share"].value
    return f"{own.value:.2f} s, average {average:.2f} s ({share:.0%})"


PARTS: dict[str, Callable[[Outcome, Paper], Parts]] = {
    "gain": _gain_parts,
    "largest_difference": _difference_parts,
    "metric_gain": _metric_gain_parts,
    "class_gain": _class_gain_parts,
    "gaining_classes": _gaining_parts,
    "score": _score_parts,
    "teacher_gain": _teacher_parts,
    "diagonal": _diagonal_parts,
    "score_ceiling": _ceiling_parts,
    "weight": _weight_parts,
    "rank_correlation": _correlation_parts,
    "parameters": _parameters_parts,
    "fewest": _events_parts(_fewest_text),
    "short": _events_parts(
        lambda own, others: (
            f"{own.value:.2f} s (median of the classes {others['median'].value:.2f})"
        )
    ),
    "imbalance": _events_parts(_imbalance_text),
    "spread": _events_parts(
        lambda own, others: f"{others['tenth_percentile'].value:.2f} to {own.value:.2f} s"
    ),
    "windows": _events_parts(_windows_text),
    "closer": _events_parts(lambda own, _: f"{own.value:.0%}"),
}


def _whole(number: Measured | None) -> int:
    return 0 if number is None else round(number.value)


def thousands(count: Measured | float | None) -> str:
    """1 550 814."""
    value = count.value if isinstance(count, Measured) else count or 0
    return f"{value:,.0f}".replace(",", " ")


NOT_HERE = "needs the paper's annotations"
LACKING = {"annotations": f"({NOT_HERE})", "events": "(no event)"}
FIGURES: dict[str, Callable[[float], str]] = {
    "class_mean": lambda value: f"{value:.2f}",
    "highest_f1": lambda value: f"{value:.1f}",
    "lowest_recall": lambda value: f"{value:.1f}",
    "parameters": lambda value: f"{thousands(value)} parameters",
    "events": lambda value: f"{value:.0f} events",
    "mean_seconds": lambda value: f"{value:.2f} s",
    "clips": lambda value: f"{value:.0f}",
}


def figure_text(figure: FigureValue) -> str:
    """`label value`, or why there is no value; of a formula `argument: value` each."""
    if not figure.available:
        return f"{figure.label} {LACKING[figure.lacking]}"
    if figure.at:
        pairs = zip(figure.at, figure.values, strict=True)
        return f"{figure.label} " + ", ".join(f"{at:g}: {value:.3g}" for at, value in pairs)
    write = FIGURES.get(figure.kind, lambda value: f"{value:g}")
    source = f" ({figure.source})" if figure.source else ""
    return f"{figure.label} {write(figure.values[0])}{source}"
