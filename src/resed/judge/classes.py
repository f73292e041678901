"""Rules for claims about single classes: which improve, which improve more, which score highest."""

import math
from collections.abc import Iterator

from resed.judge.comparisons import above, beyond, question
from resed.judge.outcome import Measured, Outcome, State
from resed.judge.sources import NumberSource, reference_name
from resed.paper.claim_tests import Classes, ClassGain, Extreme

RULES = {
    "classes": "holds if the interval of the difference lies above 0 in {share} classes "
    "(almost_all: all but one), fails if the other intervals rule that out",
    "class_share": "holds if the interval of the difference lies above 0 in at least {share:.0%} "
    "of the classes, fails if the other intervals rule that out",
    "class_gain": "holds if the interval of the gain of these classes lies above the interval of "
    "the gain of the other classes, fails if it lies below",
    "extreme": "holds if the interval of each of these classes lies beyond the intervals of all "
    "other classes, fails if the interval of another class lies beyond the interval of one of them",
}


def classes(test: Classes, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per class and metric, or for `most` one per metric."""
    for metric in test.metrics:
        gains = {
            label: source.gain(test.first, test.second, metric, test.split, (label,))
            for label in source.labels
            if label not in test.outside
        }
        if test.share != "all":
            known = [gain for gain in gains.values() if gain is not None]
            state, number, others = _several(known, test.share)
            about = question(test.first, test.second, metric, test.split)
            about |= {"number": number, "others": others, "tests": max(1, len(known))}
            yield Outcome(state, "gaining_classes", **about)
            continue
        for label, gain in gains.items():
            state = above(gain)
            if state == State.UNDECIDED and gain and gain.exact:
                state = State.FAILS
            about = question(test.first, test.second, metric, test.split, label)
            yield Outcome(state, "gain", **about, number=gain)


def _several(
    gains: list[Measured], share: str | float
) -> tuple[State, Measured | None, dict[str, Measured]]:
    """State, number of classes that improve, and the numbers that it is judged against.

    These are, by name: all classes, classes that get worse (`losing`), and classes with a higher
    mean (`higher`, only for runs).
    """
    if not gains:
        return State.ABSENT, None, {}
    exact, count = gains[0].exact, len(gains)
    states = [above(gain) for gain in gains]
    gained, lost = states.count(State.HOLDS), states.count(State.FAILS)
    needed = count // 2 + 1 if share == "most" else max(1, count - 1)
    if not isinstance(share, str):
        needed = math.ceil(round(share * count, 9))
    state = State.UNDECIDED
    if gained >= needed:
        state = State.HOLDS
    elif (gained if exact else count - lost) < needed:
        state = State.FAILS
    others = {"classes": count, "losing": lost}
    if not exact:
        others["higher"] = sum(gain.value > 0 for gain in gains)
    counted = {name: Measured.exactly(value) for name, value in others.items()}
    return state, Measured.exactly(gained), counted


def class_gain(test: ClassGain, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per metric: mean gain of these classes against the mean gain of the others."""
    rest = [label for label in source.labels if label not in test.classes]
    for metric in test.metrics:
        one, two = (
            source.gain(test.first, test.second, metric, test.split, labels) if labels else None
            for labels in (test.classes, rest)
        )
        about = question(test.first, test.second, metric, test.split)
        others = {"other_classes": two} if two else {}
        yield Outcome(beyond(one, two, 1), "class_gain", **about, number=one, others=others)


def extreme(test: Extreme, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per named class; `others` holds the classes that lie beyond it."""
    scores = {
        label: source.score(test.system, test.metric, test.split, label) for label in source.labels
    }
    rivals = {label: s for label, s in scores.items() if label not in test.classes and s}
    sign = -1 if test.end == "lowest" else 1
    for label in test.classes:
        own = scores.get(label)
        about = {"metric": test.metric, "split": test.split, "label": label}
        system = reference_name(test.system)
        if own is None or not rivals:
            yield Outcome(State.ABSENT, "score", system, **about)
            continue
        states = {name: beyond(own, rival, sign) for name, rival in rivals.items()}
        state = State.UNDECIDED
        if State.FAILS in states.values():
            state = State.FAILS
        elif set(states.values()) == {State.HOLDS}:
            state = State.HOLDS
        others = {name: rivals[name] for name, found in states.items() if found == State.FAILS}
        tests = len(rivals)
        yield Outcome(state, "score", system, **about, number=own, others=others, tests=tests)
