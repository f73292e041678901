"""Rules for claims about single classes: which gain, which gain more, which are easy or hard."""

from collections.abc import Iterator

from resed.judge.comparisons import above, beyond
from resed.judge.outcome import METRIC_NAMES, Measured, Outcome, State
from resed.judge.sources import Source, named
from resed.paper.legacy_claims import Classes, ClassGain, Extreme
from resed.results.folder import readable

RULES = {
    "classes": "holds if in {share} classes the difference lies above 0 with its whole interval, "
    "not if that cannot be any more",
    "class_gain": "holds if the interval of the gain of these classes lies above that of the "
    "others, not if below",
    "extreme": "holds if the intervals of these classes lie beyond those of all others, not if one "
    "of the others surely is beyond one of them",
}


def classes(test: Classes, source: Source) -> Iterator[Outcome]:
    """One outcome a class and metric, or for `most` one a metric."""
    group = f"{named(test.first)} over {named(test.second)}"
    for metric in test.metrics:
        found = {
            label: source.gain(test.first, test.second, metric, test.split, (label,))
            for label in source.labels
            if label not in test.outside
        }
        if test.share == "most":
            yield _most(found, group, METRIC_NAMES[metric], test.split)
            continue
        for label, gain in found.items():
            state = above(gain)
            if state == "undecided" and gain and gain.exact:
                state = "fails"
            value, mean = (gain.text(), gain.mean) if gain else ("–", None)
            place = f"{group}, {METRIC_NAMES[metric]}"
            yield Outcome(state, place, readable(label), value, test.split, mean)


def _most(found: dict[str, Measured | None], group: str, metric: str, split: str) -> Outcome:
    there = [gain for gain in found.values() if gain is not None]
    if not there:
        return Outcome("absent", group, metric, split=split)
    states = [above(gain) for gain in there]
    gained, lost = states.count("holds"), states.count("fails")
    possible = gained if there[0].exact else len(there) - lost
    state: State = "undecided"
    if gained > len(there) / 2:
        state = "holds"
    elif possible <= len(there) / 2:
        state = "fails"
    value = f"{gained} of {len(there)} classes gain, {lost} lose"
    if not there[0].exact:
        higher = sum(gain.mean > 0 for gain in there)
        value = f"{gained} of {len(there)} classes surely gain, {lost} lose, {higher} have more"
    return Outcome(state, group, metric, value, split)


def class_gain(test: ClassGain, source: Source) -> Iterator[Outcome]:
    """One outcome a metric: macro-averaged gain of these classes against that of the others."""
    others = [label for label in source.labels if label not in test.classes]
    for metric in test.metrics:
        one, two = (
            source.gain(test.first, test.second, metric, test.split, labels) if labels else None
            for labels in (test.classes, others)
        )
        value = f"{one.text()} against {two.text()} of the others" if one and two else "–"
        group = f"{named(test.first)} over {named(test.second)}"
        yield Outcome(beyond(one, two, 1), group, METRIC_NAMES[metric], value, test.split)


def extreme(test: Extreme, source: Source) -> Iterator[Outcome]:
    """One outcome a named class: it lies beyond every class that is not named."""
    scores = {
        label: source.score(test.system, test.metric, test.split, label) for label in source.labels
    }
    others = {label: s for label, s in scores.items() if label not in test.classes and s}
    sign = -1 if test.end == "lowest" else 1
    group = f"{METRIC_NAMES[test.metric]} of {named(test.system)}"
    for label in test.classes:
        own = scores.get(label)
        if own is None or not others:
            yield Outcome("absent", group, readable(label), split=test.split)
            continue
        states = {name: beyond(own, other, sign) for name, other in others.items()}
        state: State = "undecided"
        if "fails" in states.values():
            state = "fails"
        elif set(states.values()) == {"holds"}:
            state = "holds"
        value = own.text(signed=False)
        beaten = [name for name, found in states.items() if found == "fails"]
        if beaten:
            listed = ", ".join(f"{readable(n)} {others[n].text(signed=False)}" for n in beaten)
            value += f" (beyond it: {listed})"
        yield Outcome(state, group, readable(label), value, test.split)
