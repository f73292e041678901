"""Rules for claims that compare systems: one outcome per pair, metric and split.

Every rule is written once, for printed numbers and for runs: a printed number is an interval of
width 0. RULES states when a claim holds.
"""

from collections.abc import Iterator
from itertools import combinations

from resed.judge.outcome import Measured, Outcome, State
from resed.judge.sources import NumberSource, reference_name
from resed.paper.claim_tests import (
    BestOf,
    Better,
    Margin,
    MetricGain,
    NoGain,
    Pairs,
    Range,
    Reference,
    Sensitive,
    Steadier,
    TeacherTags,
)

RULES = {
    "better": "holds if the interval of every difference lies above 0, fails if one lies below",
    "margin": "holds if the interval lies above 0 and the interval for single trainings contains "
    "the stated gain, fails if that excludes it",
    "range": "holds if every interval lies between the bounds, fails if one for single trainings "
    "lies outside",
    "no_gain": "holds if every interval ends below a gain of {margin:g}, fails if one lies above 0",
    "best_of": "holds if the interval of every difference lies above 0, fails if one lies below",
    "sensitive": "holds if the intervals show two of the systems to be at least {points:g} apart "
    "on every metric, fails if they show all to be closer on one metric",
    "metric_gain": "holds if the interval of that gain lies beyond the intervals of the other "
    "metrics, fails if it lies on the opposite side of one of them",
    "steadier": "holds if the interval of the ratio of the variances between seeds lies below 1, "
    "fails if one lies above",
    "teacher_tags": "holds if the interval of teacher minus student lies above 0, fails if it lies "
    "below",
}


def better(test: Better, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per pair, class, metric and split; a printed tie fails."""
    for about, gain in _pairs(test, source):
        yield Outcome(_with_ties(gain, State.FAILS), "gain", **about, number=gain)


def no_gain(test: NoGain, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per pair, class, metric and split; a gain below `margin` does not count."""
    for about, gain in _pairs(test, source):
        state = State.UNDECIDED
        if gain is None:
            state = State.ABSENT
        elif gain.settled and gain.high < test.margin:
            state = State.HOLDS
        elif gain.settled and gain.low > 0:
            state = State.FAILS
        yield Outcome(state, "gain", **about, number=gain)


def _pairs(test: Pairs, source: NumberSource) -> Iterator[tuple[dict[str, str], Measured | None]]:
    for first, second in test.pairs:
        for label in test.classes or [""]:
            for metric in test.metrics:
                for split in test.splits:
                    labels = (label,) if label else ()
                    gain = source.gain(first, second, metric, split, labels)
                    yield question(first, second, metric, split, label), gain


def best_of(test: BestOf, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per rival, metric and split; a printed tie holds."""
    for other in test.others:
        for metric in test.metrics:
            for split in test.splits:
                gain = source.gain(test.best, other, metric, split)
                about = question(test.best, other, metric, split)
                yield Outcome(_with_ties(gain, State.HOLDS), "gain", **about, number=gain)


def margin(test: Margin, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per stated gain."""
    for stated in test.gains:
        label = stated.event_label or ""
        labels = (label,) if label else ()
        gain = source.gain(test.first, test.second, stated.metric, stated.split, labels)
        about = question(test.first, test.second, stated.metric, stated.split, label)
        state = _margin(gain, stated.points, source.metrics[stated.metric].decimals)
        others = {"stated": Measured.exactly(stated.points)}
        yield Outcome(state, "gain", **about, number=gain, others=others)


def _margin(gain: Measured | None, stated: float, decimals: int) -> State:
    if gain is None:
        return State.ABSENT
    if gain.exact:
        # Both printed numbers are rounded, so their difference may be off by one last digit.
        return State.HOLDS if abs(gain.value - stated) <= 1.01 * 10**-decimals else State.FAILS
    if not gain.settled:
        return State.UNDECIDED
    low, high = gain.single
    if not low <= stated <= high:
        return State.FAILS
    return State.HOLDS if gain.low > 0 else State.UNDECIDED


def within(test: Range, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per metric and split."""
    high = float("inf") if test.high is None else test.high
    for metric in test.metrics:
        for split in test.splits:
            gain = source.gain(test.first, test.second, metric, split)
            about = question(test.first, test.second, metric, split)
            yield Outcome(between(gain, test.low, high), "gain", **about, number=gain)


def sensitive(test: Sensitive, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per metric and split: the pair of systems with the largest difference."""
    for metric in test.metrics:
        for split in test.splits:
            pairs = list(combinations(test.systems, 2))
            gains = [(pair, source.gain(*pair, metric, split)) for pair in pairs]
            known = [(pair, gain) for pair, gain in gains if gain is not None]
            if not known:
                about = {"metric": metric, "split": split}
                yield Outcome(State.ABSENT, "largest_difference", **about)
                continue
            pair, largest = max(known, key=lambda item: abs(item[1].value))
            complete = len(known) == len(gains)
            state = _apart([gain for _, gain in known], test.points, complete)
            about = question(*pair, metric, split)
            yield Outcome(state, "largest_difference", **about, number=largest)


def _apart(gains: list[Measured], points: float, complete: bool) -> State:
    if any(g.settled and (g.low >= points or g.high <= -points) for g in gains):
        return State.HOLDS
    if complete and all(g.settled and -points < g.low and g.high < points for g in gains):
        return State.FAILS
    return State.UNDECIDED


def metric_gain(test: MetricGain, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per other metric and split; `others` holds the gain on the other metric."""
    sign = 1 if test.end == "largest" else -1
    for other in source.metrics:
        if other == test.metric:
            continue
        for split in test.splits:
            one, two = (
                source.gain(test.first, test.second, metric, split)
                for metric in (test.metric, other)
            )
            about = question(test.first, test.second, test.metric, split)
            others = {other: two} if two else {}
            state = beyond(one, two, sign)
            yield Outcome(state, "metric_gain", **about, number=one, others=others)


def teacher_tags(test: TeacherTags, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per split: F1 of the raw clip tags, teacher minus student."""
    for split in test.splits:
        gain = source.teacher_gain(test.system, split)
        system = reference_name(test.system)
        yield Outcome(above(gain), "teacher_gain", system, split=split, number=gain)


def steadier(test: Steadier, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per metric and split: variance of the first between seeds, over the second's."""
    for metric in test.metrics:
        for split in test.splits:
            ratio = source.variances(test.first, test.second, metric, split)
            about = question(test.first, test.second, metric, split)
            state = State.UNDECIDED
            if ratio is None:
                state = State.ABSENT
            elif ratio.settled and ratio.high < 1:
                state = State.HOLDS
            elif ratio.settled and ratio.low > 1:
                state = State.FAILS
            yield Outcome(state, "variance_ratio", **about, number=ratio)


def question(
    first: Reference, second: Reference, metric: str, split: str, label: str = ""
) -> dict[str, str]:
    """The fields of an outcome that identify the comparison."""
    return {
        "first": reference_name(first),
        "second": reference_name(second),
        "metric": metric,
        "split": split,
        "label": label,
    }


def above(gain: Measured | None) -> State:
    """Whether the interval of a gain lies above 0 (holds) or below (fails)."""
    if gain is None:
        return State.ABSENT
    if gain.settled and gain.low > 0:
        return State.HOLDS
    return State.FAILS if gain.settled and gain.high < 0 else State.UNDECIDED


def between(number: Measured | None, low: float, high: float) -> State:
    """Whether an interval lies inside two bounds (holds) or outside of them (fails).

    Numbers that the paper prints are those of single trainings, so the interval for these must lie
    outside.
    """
    if number is None:
        return State.ABSENT
    if number.settled and low <= number.low and number.high <= high:
        return State.HOLDS
    least, most = number.single
    outside = number.settled and (most < low or least > high)
    return State.FAILS if outside else State.UNDECIDED


def _with_ties(gain: Measured | None, tie: State) -> State:
    """As `above`; `tie` if two printed numbers are equal."""
    state = above(gain)
    return tie if state == State.UNDECIDED and gain and gain.exact else state


def beyond(one: Measured | None, two: Measured | None, sign: int) -> State:
    """Whether the interval of the first lies above (`sign` 1) or below (-1) that of the second."""
    if one is None or two is None:
        return State.ABSENT
    if one.exact:
        return State.HOLDS if sign * (one.value - two.value) >= 0 else State.FAILS
    if not (one.settled and two.settled):
        return State.UNDECIDED
    if one.low > two.high:
        return State.HOLDS if sign > 0 else State.FAILS
    if one.high < two.low:
        return State.FAILS if sign > 0 else State.HOLDS
    return State.UNDECIDED
