"""One frame threshold for all classes, chosen on development. The paper uses 0.5.

Frame posteriors of weakly supervised students are under-confident: the threshold alone changes
event-based F1 by a factor of two. sed_eval would take a minute for the grid; sorted searches and
one sparse matching give the same counts in a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resed.decode.events import active_frames, gated, regions, windows_in_frames
from resed.errors import ScoreError
from resed.formats.annotations import Event
from resed.formats.counts import class_f1
from resed.formats.posteriors import Posteriors
from resed.formats.windows import Window
from resed.score.f1 import Rules
from resed.settings import DecodeSettings

GRID = (
    *(0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.18),
    *(0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6),
)


@dataclass(frozen=True)
class EventArray:
    """Events as arrays [events]: index of the clip and the class, onset and offset in seconds."""

    clip: np.ndarray
    label: np.ndarray
    onset: np.ndarray
    offset: np.ndarray


def choose_threshold(
    posteriors: Posteriors,
    windows: Mapping[str, Window],
    reference: Mapping[str, Sequence[Event]],
    settings: DecodeSettings,
    *,
    grid: Sequence[float] = GRID,
) -> dict[str, Any]:
    """Choose the threshold of `grid` with the best event-based macro F1; if equal, the highest.

    Returns:
        threshold, grid, and event_macro_f1 of each threshold as a fraction.

    Raises:
        ScoreError: a clip of `posteriors` has no reference.
    """
    unknown = [clip for clip in posteriors.clips if clip not in reference]
    if unknown:
        raise ScoreError(
            f"clip {unknown[0]} has posteriors but no reference ({len(unknown)} such)",
            cure="use the posteriors and the annotations of the same split",
        )
    true, classes = event_array(reference, posteriors.clips, posteriors.classes)
    frames = windows_in_frames(windows, posteriors, settings)
    scores, allowed = gated(posteriors, settings)
    spf = posteriors.seconds_per_frame
    results = []
    for threshold in grid:
        active = active_frames(scores, allowed, frames, threshold, method=settings.filter)
        clip, label, start, end = regions(active)
        found = EventArray(clip, label, np.round(start * spf, 3), np.round(end * spf, 3))
        results.append(macro_f1(true, found, len(classes)))
    best = max(range(len(grid)), key=lambda i: (results[i], grid[i]))
    return {"threshold": grid[best], "grid": list(grid), "event_macro_f1": results}


def event_array(
    events: Mapping[str, Sequence[Event]], clips: Sequence[str], classes: Sequence[str]
) -> tuple[EventArray, list[str]]:
    """Events of `clips` as arrays, and `classes` followed by the other labels of these events."""
    flat = [(row, event) for row, clip in enumerate(clips) for event in events[clip]]
    labels = list(dict.fromkeys([*classes, *(event.event_label for _, event in flat)]))
    column = {label: index for index, label in enumerate(labels)}
    array = EventArray(
        np.array([row for row, _ in flat], dtype=np.int64),
        np.array([column[event.event_label] for _, event in flat], dtype=np.int64),
        np.array([event.onset for _, event in flat], dtype=np.float64),
        np.array([event.offset for _, event in flat], dtype=np.float64),
    )
    return array, labels


def true_positives(
    true: EventArray, found: EventArray, classes: int, rules: Rules = Rules()
) -> np.ndarray:
    """Matched events per class, int [classes]: a maximum one-to-one matching, as in sed_eval."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if not len(true.clip) or not len(found.clip):
        return np.zeros(classes, dtype=np.int64)
    # Events of one clip and class get a time range of their own, so that one sorted search finds
    # the candidates of a match; the exact conditions are then tested on the original times.
    stretch = 1 + max(true.onset.max(), found.onset.max()) + 2 * rules.collar
    key = (true.clip * classes + true.label) * stretch + true.onset
    probe = (found.clip * classes + found.label) * stretch + found.onset
    order = np.argsort(key, kind="stable")
    slack = rules.collar + 1e-3
    first = np.searchsorted(key[order], probe - slack)
    count = np.searchsorted(key[order], probe + slack) - first
    guess = np.repeat(np.arange(len(probe)), count)
    within = np.arange(len(guess)) - np.repeat(np.cumsum(count) - count, count)
    match = order[np.repeat(first, count) + within]
    length = true.offset[match] - true.onset[match]
    allowed = np.maximum(rules.collar, rules.offset_fraction * length)
    hit = np.abs(true.onset[match] - found.onset[guess]) <= rules.collar
    hit &= np.abs(true.offset[match] - found.offset[guess]) <= allowed
    shape = (len(key), len(probe))
    graph = csr_array((np.ones(hit.sum(), np.int8), (match[hit], guess[hit])), shape=shape)
    partner = maximum_bipartite_matching(graph, perm_type="column")
    return np.bincount(true.label[partner >= 0], minlength=classes)


def macro_f1(true: EventArray, found: EventArray, classes: int, rules: Rules = Rules()) -> float:
    """Event-based macro F1 over the classes that occur on either side, as in `resed score`."""
    hits = true_positives(true, found, classes, rules)
    misses = np.bincount(true.label, minlength=classes) - hits
    false = np.bincount(found.label, minlength=classes) - hits
    scores = class_f1(np.stack([hits, false, misses], axis=-1))
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else 0.0
