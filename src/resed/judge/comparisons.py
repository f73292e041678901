"""Rules for claims that compare systems: each gives one outcome a pair, metric and split.

Every rule is written once, for printed numbers and for runs: a printed number is an interval
without width. RULES says for people when a claim holds.
"""

from collections.abc import Iterator
from itertools import combinations

from resed.judge.outcome import METRIC_NAMES, Measured, Outcome, State
from resed.judge.sources import Runs, Source, named
from resed.paper.legacy_claims import (
    BestOf,
    Better,
    Margin,
    MetricGain,
    NoGain,
    Pairs,
    Range,
    Reference,
    Sensitive,
    TeacherTags,
)
from resed.paper.legacy_numbers import METRICS
from resed.results.folder import readable

RULES = {
    "better": "holds if every difference lies above 0 with its whole interval, not if one lies "
    "below",
    "margin": "holds if the interval lies above 0 and contains the printed gain, not if it "
    "excludes the printed gain",
    "range": "holds if every interval lies between the bounds, not if one lies outside",
    "no_gain": "holds if every interval ends below a gain of {margin:.1f} points, not if one lies "
    "above 0",
    "best_of": "holds if every difference lies above 0 with its whole interval, not if one lies "
    "below",
    "sensitive": "holds if two of the rows are surely {points:.1f} points apart on every metric, "
    "not if all are surely closer on one",
    "metric_gain": "holds if the interval of that gain is beyond those of the other metrics, not "
    "if it is on the other side of one",
    "teacher_tags": "holds if the interval of teacher minus student lies above 0, not if below",
}


ROUNDED = 0.101  # points: printed numbers are rounded to 0.1, so their difference may be that off


def better(test: Better, source: Source) -> Iterator[Outcome]:
    """One outcome a pair, class, metric and split; a printed tie fails."""
    for group, metric, split, found in _pairs(test, source):
        state = above(found)
        if state == "undecided" and found and found.exact:
            state = "fails"
        yield _outcome(state, group, metric, split, found)


def no_gain(test: NoGain, source: Source) -> Iterator[Outcome]:
    """One outcome a pair, class, metric and split; a gain below `margin` points is none."""
    for group, metric, split, found in _pairs(test, source):
        state: State = "undecided"
        if found is None:
            state = "absent"
        elif found.settled and found.high < test.margin:
            state = "holds"
        elif found.settled and found.low > 0:
            state = "fails"
        yield _outcome(state, group, metric, split, found)


def _pairs(test: Pairs, source: Source) -> Iterator[tuple[str, str, str, Measured | None]]:
    for first, second in test.pairs:
        for label in test.classes or [None]:
            group = _over(first, second) + (f", {readable(label)}" if label else "")
            for metric in test.metrics:
                for split in test.splits:
                    labels = (label,) if label else ()
                    yield group, metric, split, source.gain(first, second, metric, split, labels)


def best_of(test: BestOf, source: Source) -> Iterator[Outcome]:
    """One outcome a rival, metric and split; a printed tie holds."""
    for other in test.others:
        for metric in test.metrics:
            for split in test.splits:
                found = source.gain(test.best, other, metric, split)
                state = above(found)
                if state == "undecided" and found and found.exact:
                    state = "holds"
                yield _outcome(state, _over(test.best, other), metric, split, found)


def margin(test: Margin, source: Source) -> Iterator[Outcome]:
    """One outcome a stated gain."""
    for gain in test.gains:
        label = (gain.event_label,) if gain.event_label else ()
        found = source.gain(test.first, test.second, gain.metric, gain.split, label)
        item = readable(gain.event_label) + " " if gain.event_label else ""
        item += METRIC_NAMES[gain.metric]
        value = f"{found.text()} (stated {gain.points:+.1f})" if found else "–"
        group = _over(test.first, test.second)
        yield Outcome(_margin(found, gain.points), group, item, value, gain.split)


def _margin(found: Measured | None, points: float) -> State:
    if found is None:
        return "absent"
    if found.exact:
        return "holds" if abs(found.mean - points) <= ROUNDED else "fails"
    if not found.settled:
        return "undecided"
    if not found.low <= points <= found.high:
        return "fails"
    return "holds" if found.low > 0 else "undecided"


def within(test: Range, source: Source) -> Iterator[Outcome]:
    """One outcome a metric and split."""
    high = float("inf") if test.high is None else test.high
    for metric in test.metrics:
        for split in test.splits:
            found = source.gain(test.first, test.second, metric, split)
            state: State = "undecided"
            if found is None:
                state = "absent"
            elif found.settled and test.low <= found.low and found.high <= high:
                state = "holds"
            elif found.settled and (found.high < test.low or found.low > high):
                state = "fails"
            yield _outcome(state, _over(test.first, test.second), metric, split, found)


def sensitive(test: Sensitive, source: Source) -> Iterator[Outcome]:
    """One outcome a metric and split: the pair of rows that lies furthest apart."""
    group = "largest difference"
    for metric in test.metrics:
        for split in test.splits:
            pairs = list(combinations(test.systems, 2))
            gains = {pair: source.gain(*pair, metric, split) for pair in pairs}
            there = {pair: gain for pair, gain in gains.items() if gain is not None}
            if not there:
                yield Outcome("absent", group, METRIC_NAMES[metric], split=split)
                continue
            pair = max(there, key=lambda pair: abs(there[pair].mean))
            state = _apart(list(there.values()), test.points, len(there) == len(gains))
            value = f"{there[pair].text()} ({_over(*pair)})"
            yield Outcome(state, group, METRIC_NAMES[metric], value, split)


def _apart(gains: list[Measured], points: float, complete: bool) -> State:
    if any(g.settled and (g.low >= points or g.high <= -points) for g in gains):
        return "holds"
    if complete and all(g.settled and -points < g.low and g.high < points for g in gains):
        return "fails"
    return "undecided"


def metric_gain(test: MetricGain, source: Source) -> Iterator[Outcome]:
    """One outcome a split and other metric."""
    sign = 1 if test.end == "largest" else -1
    group = f"{_over(test.first, test.second)}, {METRIC_NAMES[test.metric]} against the others"
    for other in METRICS:
        if other == test.metric:
            continue
        for split in test.splits:
            one, two = (
                source.gain(test.first, test.second, metric, split)
                for metric in (test.metric, other)
            )
            state = beyond(one, two, sign)
            value = f"{one.text()} against {two.text()}" if one and two else "–"
            yield Outcome(state, group, METRIC_NAMES[other], value, split)


def teacher_tags(test: TeacherTags, source: Source) -> Iterator[Outcome]:
    """One outcome a split; the paper prints nothing on it."""
    for split in test.splits:
        runs = isinstance(source, Runs)
        found = source.teacher_gain(test.system, split) if runs else None
        yield _outcome(above(found), "raw tags, teacher minus student", "tags", split, found)


def above(found: Measured | None) -> State:
    """Whether a gain lies above 0 (holds) or below (fails) with its whole interval."""
    if found is None:
        return "absent"
    if found.settled and found.low > 0:
        return "holds"
    return "fails" if found.settled and found.high < 0 else "undecided"


def beyond(one: Measured | None, two: Measured | None, sign: int) -> State:
    """Whether the first lies above the second (`sign` 1) or below it (-1), intervals apart."""
    if one is None or two is None:
        return "absent"
    if one.exact:
        return "holds" if sign * (one.mean - two.mean) >= 0 else "fails"
    if not (one.settled and two.settled):
        return "undecided"
    over, under = one.low > two.high, one.high < two.low
    if over or under:
        return "holds" if over == (sign > 0) else "fails"
    return "undecided"


def _over(first: Reference, second: Reference) -> str:
    return f"{named(first)} over {named(second)}"


def _outcome(state: State, group: str, metric: str, split: str, found: Measured | None) -> Outcome:
    value, gain = (found.text(), found.mean) if found else ("–", None)
    return Outcome(state, group, METRIC_NAMES[metric], value, split, gain)
