"""Rules for claims on numbers of classes: which gain much, which gain more, which suit a system."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from resed.judge.comparisons import above, question
from resed.judge.outcome import Measured, Outcome, State
from resed.judge.sources import NumberSource, Summand, reference_name
from resed.paper.claim_fields import Reference
from resed.paper.generation_tests import ClassCounts, ClassSplit, GainByBase, RelativeBound

RULES = {
    "class_counts": "the classes whose interval lies beyond a bound, and those whose interval is "
    "not excluded, give a range of shares: holds if it lies within {within:g} of the stated share, "
    "fails if it lies outside",
    "gain_by_base": "holds if the relative gain of the classes with the lowest scores exceeds that "
    "of the highest by its interval, and by more than that of the control by its interval, fails "
    "if one of them is below by its interval",
    "class_split": "holds if each system is the best one by its intervals in at least {least} "
    "classes, fails if the intervals rule that out for one",
}


def class_counts(test: ClassCounts, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per bound: the number of classes beyond it, by their means."""
    gains = [
        source.relative(test.first, test.second, test.metric, test.split, (label,))
        for label in source.labels
    ]
    known = [gain for gain in gains if gain is not None]
    for bound in test.bounds:
        about = question(test.first, test.second, test.metric, test.split)
        about["label"] = f"{bound.percent:+g} %"
        if not known:
            yield Outcome(State.ABSENT, "classes_beyond", **about)
            continue
        sign = 1 if bound.percent > 0 else -1
        beyond = sum(sign * (gain.value - bound.percent) > 0 for gain in known)
        sure, possible = _range(known, bound, sign)
        others = {"classes": len(known), "sure": sure, "possible": possible}
        others |= {"stated": bound.classes, "stated_of": bound.of}
        state = _counted(bound, sure / len(known), possible / len(known), test.within)
        if not all(gain.settled for gain in known):
            state = State.UNDECIDED
        yield Outcome(
            state,
            "classes_beyond",
            **about,
            number=Measured.exactly(beyond),
            others={name: Measured.exactly(value) for name, value in others.items()},
            tests=len(known),
        )


def _range(gains: Sequence[Measured], bound: RelativeBound, sign: int) -> tuple[int, int]:
    """Numbers of classes that lie beyond the bound by their intervals, and that may lie there."""
    nearest = [gain.low if sign > 0 else gain.high for gain in gains]
    farthest = [gain.high if sign > 0 else gain.low for gain in gains]
    sure = sum(sign * (end - bound.percent) > 0 for end in nearest)
    return sure, sum(sign * (end - bound.percent) > 0 for end in farthest)


def _counted(bound: RelativeBound, low: float, high: float, within: float) -> State:
    stated = bound.classes / bound.of
    if not low <= stated + within or not high >= stated - within:
        return State.FAILS
    if stated - within <= low and high <= stated + within:
        return State.HOLDS
    return State.UNDECIDED


@dataclass(frozen=True)
class _ClassGroup:
    """Classes whose base scores lie between two edges."""

    low: float
    high: float
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """As `0.1 to 0.2`."""
        return f"{self.low:g} to {self.high:g}"


def gain_by_base(test: GainByBase, source: NumberSource) -> Iterator[Outcome]:
    """One outcome: relative gain of the lowest group minus that of the highest, in percent.

    `others` has the relative gain of each group, the same difference of the control, and by how
    much the difference exceeds that of the control.
    """
    about = question(test.first, test.second, test.metric, test.split)
    groups = _groups(test, source)
    if not groups:
        yield Outcome(State.ABSENT, "gain_by_base", **about)
        return
    if len(groups) == 1:
        yield Outcome(State.UNDECIDED, "gain_by_base", **about, lacking="one_group")
        return
    ends = groups[0], groups[-1]
    own = _difference(test.first, test, ends, source)
    control = _difference(test.control, test, ends, source)
    exceeds = None
    if own is not None and control is not None:
        terms = (*own[0], *(Summand(s.system, -s.weight, s.labels) for s in control[0]))
        exceeds = source.combination(terms, test.metric, test.split, own[1] - control[1])
    number = own and source.combination(own[0], test.metric, test.split, own[1])
    others = {
        group.name: source.relative(test.first, test.second, test.metric, test.split, group.labels)
        for group in groups
    }
    if control is not None:
        others["control"] = source.combination(control[0], test.metric, test.split, control[1])
        others["beyond_control"] = exceeds
    others = {name: value for name, value in others.items() if value is not None}
    states = [above(number), above(exceeds)]
    state = State.UNDECIDED
    if number is None:
        state = State.ABSENT
    elif State.FAILS in states:
        state = State.FAILS
    elif set(states) == {State.HOLDS}:
        state = State.HOLDS
    yield Outcome(state, "gain_by_base", **about, number=number, others=others, tests=2)


def _groups(test: GainByBase, source: NumberSource) -> list[_ClassGroup]:
    """The groups that have a class, ascending."""
    scale = source.metrics[test.metric].full_scale
    scores = {
        label: source.score(test.second, test.metric, test.split, label) for label in source.labels
    }
    edges = (0.0, *test.edges, 1.0)
    found = []
    for low, high in pairwise(edges):
        inside = [
            label
            for label, score in scores.items()
            if score is not None
            and (low <= score.value / scale < high or (high == 1.0 and score.value >= scale))
        ]
        found.append(_ClassGroup(low, high, tuple(inside)))
    return [group for group in found if group.labels]


def _difference(
    first: Reference, test: GainByBase, ends: tuple[_ClassGroup, _ClassGroup], source: NumberSource
) -> tuple[tuple[Summand, ...], float] | None:
    """Terms and mean of the relative gain of the lowest group minus that of the highest.

    By the delta method, as `resed.results.combination.relative`. None without a score.
    """
    terms: list[Summand] = []
    mean = 0.0
    for sign, group in zip((1, -1), ends, strict=True):
        sides = [
            source.combination((Summand(system, 1.0, group.labels),), test.metric, test.split)
            for system in (first, test.second)
        ]
        if None in sides or sides[1].value <= 0:
            return None
        ratio, base = sides[0].value / sides[1].value, sides[1].value
        terms.append(Summand(first, sign * 100 / base, group.labels))
        terms.append(Summand(test.second, -sign * 100 * ratio / base, group.labels))
        mean += sign * 100 * (ratio - 1)
    return tuple(terms), mean


def class_split(test: ClassSplit, source: NumberSource) -> Iterator[Outcome]:
    """One outcome per system: the number of classes in which it is best by its intervals."""
    for system in test.systems:
        others = [other for other in test.systems if other != system]
        sure, possible, compared = 0, 0, 0
        highest = 0
        settled = True
        for label in source.labels:
            gains = [
                source.gain(system, other, test.metric, test.split, (label,)) for other in others
            ]
            if None in gains:
                continue
            compared += 1
            settled = settled and all(gain.settled for gain in gains)
            sure += all(gain.low > 0 for gain in gains)
            possible += not any(gain.high < 0 for gain in gains)
            highest += all(gain.value > 0 for gain in gains)
        about = {"metric": test.metric, "split": test.split}
        name = reference_name(system)
        if not compared:
            yield Outcome(State.ABSENT, "best_classes", name, **about)
            continue
        state = State.UNDECIDED
        if settled and sure >= test.least:
            state = State.HOLDS
        elif settled and possible < test.least:
            state = State.FAILS
        counts = {"classes": compared, "possible": possible, "higher": highest}
        yield Outcome(
            state,
            "best_classes",
            name,
            **about,
            number=Measured.exactly(sure),
            others={key: Measured.exactly(value) for key, value in counts.items()},
            tests=compared * len(others),
        )
