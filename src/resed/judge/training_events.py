"""Rules for claims about the strong training events and the windows derived from them."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median

import numpy as np

from resed.calibrate.windows import class_window
from resed.config.dataset import EVALUATION
from resed.formats.annotations import read_events
from resed.judge.outcome import Lack, Measured, Outcome, State
from resed.paper.claim_tests import Annotations
from resed.results.folder import Results

RULES = {
    "fewest": "holds if every other class has more events",
    "short": "holds if the mean duration lies below the median of all classes' mean durations",
    "imbalance": "holds if the ratio is at least {bound:g}",
    "spread": "holds if the 90th percentile of duration is at least {bound:g} times the 10th",
    "windows": "holds if the two windows differ by at least {bound:.0%} of the average one; "
    "undecided for a class without a knee, whose windows are equal by definition",
    "closer": "holds if more than {bound:.0%} of the events are closer to it; undecided for a "
    "class without a knee",
    "deviates": "holds if its event-specific duration differs from the median duration of its "
    "evaluation events by a larger share than in the median of the classes; undecided for a class "
    "without a knee",
}
Durations = Mapping[str, np.ndarray]
# holds, the number, what it is judged against; or why there is none
Answer = tuple[bool, float, dict[str, float]] | Lack


def durations(results: Results, split: str = "strong") -> dict[str, np.ndarray] | None:
    """Durations in seconds of the events of each class; None without annotations of events."""
    place = results.config.dataset_file.splits.get(split)
    if place is None or place.labels != "strong":
        return None
    path = results.annotations(split)
    if not path.is_file():
        return None
    lengths: dict[str, list[float]] = {label: [] for label in results.config.dataset_file.classes}
    for events in read_events(path).values():
        for event in events:
            lengths.setdefault(event.event_label, []).append(event.offset - event.onset)
    return {label: np.array(values) for label, values in lengths.items() if values}


def annotations(test: Annotations, results: Results) -> Iterator[Outcome]:
    """One outcome per class; a single one for `imbalance`."""
    found = durations(results)
    if not found:
        yield Outcome(State.ABSENT, test.quantity)
        return
    if len(found) == 1 and test.quantity in ("fewest", "imbalance"):  # no other class
        only = next(iter(found))
        yield Outcome(State.UNDECIDED, test.quantity, label=only, lacking="no_other_class")
        return
    if test.quantity == "imbalance":
        yield _imbalance(found, test)
        return
    for label in test.classes or found:
        if label not in found:
            yield Outcome(State.ABSENT, test.quantity, label=label)
            continue
        answer = QUANTITIES[test.quantity](label, found, test, results)
        if isinstance(answer, str):
            yield Outcome(State.UNDECIDED, test.quantity, label=label, lacking=answer)
        else:
            yield _outcome(test, label, *answer)


def _outcome(
    test: Annotations, label: str, holds: bool, number: float, others: Mapping[str, float]
) -> Outcome:
    exact = {name: Measured.exactly(value) for name, value in others.items()}
    state = State.HOLDS if holds else State.FAILS
    number_of = Measured.exactly(number)
    return Outcome(state, test.quantity, label=label, number=number_of, others=exact)


def _imbalance(found: Durations, test: Annotations) -> Outcome:
    """Ratio of the number of events of the largest class to that of the smallest, and both."""
    counts = {label: len(values) for label, values in found.items()}
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[most] / counts[least]
    both = {most: counts[most], least: counts[least]}
    return _outcome(test, most, ratio >= test.bound, ratio, both)


def _fewest(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    others = {name: len(values) for name, values in found.items() if name != label}
    least = min(others, key=others.__getitem__)
    count = len(found[label])
    return count < others[least], count, {least: others[least]}


def _short(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    middle = float(median(values.mean() for values in found.values()))
    mean = float(found[label].mean())
    return mean < middle, mean, {"median": middle}


def _spread(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    low, high = map(float, np.percentile(found[label], [10, 90]))
    return high >= test.bound * low, high, {"tenth_percentile": low}


def _windows(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    own = _own_seconds(found[label], results)
    if own is None:
        return "no_knee"
    mean = float(found[label].mean())
    share = abs(own - mean) / mean
    return share >= test.bound, own, {"average": mean, "share": share}


def _closer(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    own = _own_seconds(found[label], results)
    if own is None:
        return "no_knee"
    mean = float(found[label].mean())
    share = float(np.mean(np.abs(found[label] - own) < np.abs(found[label] - mean)))
    return share > test.bound, share, {}


def _deviates(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    scored = durations(results, EVALUATION) or {}
    medians = {name: float(np.median(values)) for name, values in scored.items()}
    windows = {name: _own_seconds(values, results) for name, values in found.items()}
    if windows[label] is None:
        return "no_knee"
    if label not in medians:
        return "no_events"
    shares = {
        name: abs(own - medians[name]) / medians[name]
        for name, own in windows.items()
        if own is not None and name in medians
    }
    if len(shares) == 1:
        return "no_other_class"
    own, middle = shares[label], median(shares.values())
    others = {"window": windows[label], "events": medians[label], "median": middle}
    return own > middle, own, others


QUANTITIES: dict[str, Callable[[str, Durations, Annotations, Results], Answer]] = {
    "fewest": _fewest,
    "short": _short,
    "spread": _spread,
    "windows": _windows,
    "closer": _closer,
    "deviates": _deviates,
}


def _own_seconds(values: np.ndarray, results: Results) -> float | None:
    """Event-specific duration in seconds: the window of eq. 7 without eta; None without a knee."""
    settings = results.config.calibrate
    options = {"method": settings.knee, "guard": settings.guard, "quantile": settings.quantile}
    found = class_window("", values, "esp", eta=1.0, options=options)
    return None if found.fallback else found.window_s
