"""Text of verdicts, outcomes and figures. No other module turns them into sentences."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from resed.judge.figures import FigureValue
from resed.judge.outcome import Basis, Measured, Outcome, State, Verdict
from resed.judge.outcome_text import outcome_parts, thousands
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
    "systems": "a system that the claim compares is not in config.systems or was not scored",
    "not_printed": "the paper prints no number for it",
}
LISTED = 18  # up to this number, all comparisons are listed; above it, only the remarkable ones
SHOWN = 6  # remarkable comparisons that are listed
COUNTED = {State.HOLDS: "hold", State.FAILS: "fail", State.UNDECIDED: "are undecided"}
REMARKABLE = {State.FAILS: "failing", State.UNDECIDED: "undecided"}


def word(verdict: Verdict) -> str:
    """The name of the verdict."""
    return (PRINTED_WORDS if verdict.basis.edition else RUN_WORDS)[verdict.state]


def as_records(verdict: Verdict) -> list[dict[str, Any]]:
    """One mapping per outcome, ready for JSON; fields that an outcome does not have are None."""
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
    """The comparisons behind a verdict, one line per group, then the number of seeds.

    If there are more than `LISTED` comparisons, the lines give their counts and list only those
    that do not hold.
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
    first, *others = _listed(chosen[:SHOWN], paper)
    more = [f"and {len(chosen) - SHOWN} more"] if len(chosen) > SHOWN else []
    counted = f"of {len(present)} comparisons {words}"
    return [counted, f"{REMARKABLE[state]}: {first}", *others, *more]


def _gain(outcome: Outcome) -> float:
    return outcome.number.value if outcome.quantity == "gain" and outcome.number else math.inf


def _listed(outcomes: Sequence[Outcome], paper: Paper) -> list[str]:
    """`group: item value / value, item value (split / split)`; common splits are named once."""
    groups: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for outcome in outcomes:
        group, item, value = outcome_parts(outcome, paper)
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


LACKING = {"annotations": "(requires the paper's annotations)", "events": "(no event)"}
FIGURES: dict[str, Callable[[float], str]] = {
    "class_mean": lambda value: f"{value:.2f}",
    "relative": lambda value: f"{value:.2f}",
    "highest_f1": lambda value: f"{value:.1f}",
    "lowest_recall": lambda value: f"{value:.1f}",
    "parameters": lambda value: f"{thousands(value)} parameters",
    "events": lambda value: f"{value:.0f} events",
    "mean_seconds": lambda value: f"{value:.2f} s",
    "clips": lambda value: f"{value:.0f}",
    "knee_height": lambda value: f"{value:.3f}",
    "average_window": lambda value: f"{value:.3f} s",
    "esp_window": lambda value: f"{value:.3f} s",
}


def figure_text(figure: FigureValue) -> str:
    """`label value`, the reason for a missing value, or `argument: value` pairs of a formula."""
    if not figure.available:
        return f"{figure.label} {LACKING[figure.lacking]}"
    if figure.at:
        pairs = zip(figure.at, figure.values, strict=True)
        return f"{figure.label} " + ", ".join(f"{at:g}: {value:.3g}" for at, value in pairs)
    write = FIGURES.get(figure.kind, lambda value: f"{value:g}")
    source = f" ({figure.source})" if figure.source else ""
    return f"{figure.label} {write(figure.values[0])}{source}"
