"""Rules for claims about the strong training events and the windows made of them."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median

import numpy as np

from resed.calibrate.windows import class_window
from resed.formats.annotations import read_events
from resed.judge.outcome import Outcome, State
from resed.paper.legacy_claims import Annotations
from resed.results.folder import Results, readable

RULES = {
    "fewest": "holds if no other class has as few events",
    "short": "holds if the mean duration lies below the median of the classes' means",
    "imbalance": "holds from {bound:g} times on",
    "spread": "holds if the 90th percentile of duration is at least {bound:g} times the 10th",
    "windows": "holds if the two windows differ by at least {bound:.0%} of the average one",
    "closer": "holds if more than {bound:.0%} of the events are closer to it",
}
Durations = Mapping[str, np.ndarray]
Answer = tuple[bool, str]


def durations(results: Results, split: str = "strong") -> dict[str, np.ndarray] | None:
    """Seconds of the events of each class of a split; None where its annotations are not here."""
    path = results.annotations(split)
    if not path.is_file():
        return None
    lengths: dict[str, list[float]] = {label: [] for label in results.config.dataset_file.classes}
    for events in read_events(path).values():
        for event in events:
            lengths.setdefault(event.event_label, []).append(event.offset - event.onset)
    return {label: np.array(values) for label, values in lengths.items() if values}


def annotations(test: Annotations, results: Results) -> Iterator[Outcome]:
    """One outcome a class, or one in all for `imbalance`."""
    found = durations(results)
    group = "strong training events"
    if not found:
        yield Outcome("absent", group, test.quantity)
        return
    if test.quantity == "imbalance":
        counts = {label: len(values) for label, values in found.items()}
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        ratio = counts[most] / counts[least]
        value = f"{counts[most]} against {readable(least)} {counts[least]}, {ratio:.1f} times"
        if len(counts) == 1:
            yield Outcome("undecided", group, readable(most), "there is no other class")
            return
        yield Outcome(_state(ratio >= test.bound), group, readable(most), value)
        return
    for label in test.classes or found:
        if label not in found:
            yield Outcome("absent", group, readable(label))
            continue
        holds, value = QUANTITIES[test.quantity](label, found, test, results)
        yield Outcome(_state(holds), group, readable(label), value)


def _fewest(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    others = {name: len(values) for name, values in found.items() if name != label}
    least = min(others, key=others.__getitem__)
    count = len(found[label])
    return count < others[least], f"{count} events, {readable(least)} has {others[least]}"


def _short(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    middle = median(values.mean() for values in found.values())
    mean = found[label].mean()
    return bool(mean < middle), f"{mean:.2f} s (median of the classes {middle:.2f})"


def _spread(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    low, high = np.percentile(found[label], [10, 90])
    return bool(high >= test.bound * low), f"{low:.2f} to {high:.2f} s"


def _windows(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    mean, own = _seconds(found[label], results)
    share = abs(own - mean) / mean
    return share >= test.bound, f"{own:.2f} s, average {mean:.2f} s ({share:.0%})"


def _closer(label: str, found: Durations, test: Annotations, results: Results) -> Answer:
    mean, own = _seconds(found[label], results)
    share = float(np.mean(np.abs(found[label] - own) < np.abs(found[label] - mean)))
    return share > test.bound, f"{share:.0%}"


QUANTITIES: dict[str, Callable[[str, Durations, Annotations, Results], Answer]] = {
    "fewest": _fewest,
    "short": _short,
    "spread": _spread,
    "windows": _windows,
    "closer": _closer,
}


def _seconds(values: np.ndarray, results: Results) -> tuple[float, float]:
    """Average and event-specific duration in seconds: the windows of eq. 7 without eta."""
    settings = results.config.calibrate
    options = {"method": settings.knee, "guard": settings.guard, "quantile": settings.quantile}
    both = [class_window("", values, method, 1.0, options) for method in ("average", "esp")]
    return both[0].window_s, both[1].window_s


def _state(holds: bool) -> State:
    return "holds" if holds else "fails"
