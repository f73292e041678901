"""Rules for claims on generations of systems: relative gains, rising scores, diminishing gains."""

from collections.abc import Iterator
from itertools import pairwise

from resed.judge.comparisons import above, question
from resed.judge.outcome import Measured, Outcome, State
from resed.judge.sources import NumberSource, Summand, reference_name
from resed.paper.generation_tests import Diminishing, Monotone, RelativeMargin

RULES = {
    "relative_margin": "holds if the interval of the relative gain lies above 0 and the interval "
    "for single trainings contains the stated {percent:g} %, fails if that excludes it",
    "monotone": "holds if the interval of every step lies above 0, fails if one lies below",
    "diminishing": "holds if the interval of every change of the gain lies below 0, fails if one "
    "lies above",
}


def relative_margin(test: RelativeMargin, source: NumberSource) -> Iterator[Outcome]:
    """One outcome, in percent of the second."""
    found = source.relative(test.first, test.second, test.metric, test.split)
    about = question(test.first, test.second, test.metric, test.split)
    others = {"stated": Measured.exactly(test.percent)}
    state = _relative_margin(found, test.percent)
    yield Outcome(state, "relative_gain", **about, number=found, others=others)


def _relative_margin(found: Measured | None, stated: float) -> State:
    if found is None:
        return State.ABSENT
    if found.exact:  # of rounded numbers; low and high are its ends
        return State.HOLDS if found.low <= stated <= found.high else State.FAILS
    if not found.settled:
        return State.UNDECIDED
    low, high = found.single
    if not low <= stated <= high:
        return State.FAILS
    return State.HOLDS if found.low > 0 else State.UNDECIDED


def monotone(test: Monotone, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per step of the list; a printed tie holds."""
    for before, after in pairwise(test.systems):
        gain = source.gain(after, before, test.metric, test.split)
        state = above(gain)
        if state == State.UNDECIDED and gain and gain.exact:
            state = State.HOLDS
        about = question(after, before, test.metric, test.split)
        yield Outcome(state, "gain", **about, number=gain)


def diminishing(test: Diminishing, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per three systems in a row: the later gain minus the earlier one."""
    systems = test.systems
    for first, second, third in zip(systems, systems[1:], systems[2:], strict=False):
        terms = (Summand(third, 1.0), Summand(second, -2.0), Summand(first, 1.0))
        change = source.combination(terms, test.metric, test.split)
        state = State.UNDECIDED
        if change is None:
            state = State.ABSENT
        elif change.exact:
            state = State.HOLDS if change.value <= 0 else State.FAILS
        elif change.settled and change.high < 0:
            state = State.HOLDS
        elif change.settled and change.low > 0:
            state = State.FAILS
        about = question(third, second, test.metric, test.split)
        pairs = {"later": (third, second), "earlier": (second, first)}
        gains = {n: source.gain(*pair, test.metric, test.split) for n, pair in pairs.items()}
        others = {name: gain for name, gain in gains.items() if gain is not None}
        about |= {"label": "", "first": reference_name(third)}
        yield Outcome(state, "gain_change", **about, number=change, others=others)
