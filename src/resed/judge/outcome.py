"""Outcomes of single comparisons, and how they add up to a verdict with its evidence."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["holds", "fails", "undecided", "absent"]
HERE: dict[State, str] = {
    "holds": "holds",
    "fails": "does not hold",
    "undecided": "undecided",
    "absent": "not run",
}
PRINTED: dict[State, str] = {
    "holds": "supported",
    "fails": "contradicted",
    "undecided": "in part",
    "absent": "not shown",
}
LISTED = 18  # comparisons that a line of evidence lists before it names only the remarkable ones
SHOWN = 6  # of the remarkable ones
NAMED = {"fails": "failing", "undecided": "undecided"}
COUNTED: dict[State, str] = {"holds": "hold", "fails": "fail", "undecided": "are undecided"}
METRIC_NAMES = {"event": "event", "segment": "segment", "tags": "AT"}


@dataclass(frozen=True)
class Measured:
    """An F1 or a gain in percent, with its interval; `exact` for printed numbers (no interval).

    `settled` is False where one training a side cannot settle anything
    (resed.stats.intervals.decide).
    """

    mean: float
    low: float
    high: float
    settled: bool = True
    exact: bool = False

    @classmethod
    def printed(cls, value: float) -> "Measured":
        """A printed number, to its one decimal."""
        value = round(value, 1)
        return cls(value, value, value, exact=True)

    def text(self, signed: bool = True) -> str:
        """`+1.2 [-0.8, +3.2]`, or `+1.2` of a printed number."""
        form = "+.1f" if signed else ".1f"
        mean, low, high = (format(value, form) for value in (self.mean, self.low, self.high))
        return mean if self.exact else f"{mean} [{low}, {high}]"


@dataclass(frozen=True)
class Outcome:
    """One comparison: `group`, `item` and `split` say of what, `value` with what numbers.

    `gain` is the mean difference where there is one: of many that hold the smallest is shown.
    """

    state: State
    group: str
    item: str
    value: str = "–"
    split: str = ""
    gain: float | None = None


@dataclass(frozen=True)
class Verdict:
    """A word of HERE or PRINTED, and the numbers behind it."""

    word: str
    evidence: str


def of_printed(outcomes: Sequence[Outcome]) -> Verdict:
    """What the printed tables say: cells that the paper does not print are left out."""
    shown = [outcome for outcome in outcomes if outcome.state != "absent"]
    states = {outcome.state for outcome in shown}
    if not shown:
        return Verdict(PRINTED["absent"], "no printed number shows it")
    state = states.pop() if len(states) == 1 else "undecided"
    return Verdict(PRINTED[state], evidence(shown))


def of_runs(outcomes: Sequence[Outcome], ground: str = "") -> Verdict:
    """What the runs here say: one comparison that fails refutes, all must hold to confirm.

    A comparison that was not run leaves the rest undecided, unless one of them fails.
    """
    states = {outcome.state for outcome in outcomes}
    if states <= {"absent"}:
        return Verdict(HERE["absent"], "")
    state: State = "holds" if states == {"holds"} else "undecided"
    if "fails" in states:
        state = "fails"
    return Verdict(HERE[state], evidence(outcomes) + (f"; {ground}" if ground else ""))


def evidence(outcomes: Sequence[Outcome]) -> str:
    """All comparisons by group and item; of many, the counts and those that do not hold."""
    present = [outcome for outcome in outcomes if outcome.state != "absent"]
    missing = len(outcomes) - len(present)
    text = _listed(present) if len(present) <= LISTED else _counted(present)
    return text + (f"; {missing} comparisons not run" if missing else "")


def _counted(present: Sequence[Outcome]) -> str:
    counts = Counter(outcome.state for outcome in present)
    if counts["holds"] == len(present):
        closest = min(present, key=lambda o: float("inf") if o.gain is None else o.gain)
        return f"all {len(present)} comparisons hold, the closest {_listed([closest])}"
    state: State = "fails" if counts["fails"] else "undecided"
    chosen = [outcome for outcome in present if outcome.state == state]
    words = ", ".join(f"{counts[s]} {word}" for s, word in COUNTED.items() if counts[s])
    more = f" and {len(chosen) - SHOWN} more" if len(chosen) > SHOWN else ""
    listed = _listed(chosen[:SHOWN]) + more
    return f"of {len(present)} comparisons {words}; {NAMED[state]}: {listed}"


def _listed(outcomes: Sequence[Outcome]) -> str:
    """`group: item value / value, item value (split / split)`, the splits once where they can."""
    groups: dict[str, dict[str, list[Outcome]]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.group, {}).setdefault(outcome.item, []).append(outcome)
    cells = [cell for items in groups.values() for cell in items.values()]
    splits = {tuple(outcome.split for outcome in cell) for cell in cells}
    each = len(splits) > 1
    parts = []
    for group, items in groups.items():
        listed = [f"{item} {_values(cell, each)}".strip() for item, cell in items.items()]
        parts.append((f"{group}: " if group else "") + ", ".join(listed))
    shared = " / ".join(filter(None, splits.pop())) if not each else ""
    return "; ".join(parts) + (f" ({shared})" if shared else "")


def _values(cell: Sequence[Outcome], each: bool) -> str:
    return " / ".join(f"{o.value} {o.split}".strip() if each else o.value for o in cell)
