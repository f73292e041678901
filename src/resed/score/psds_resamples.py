"""PSDS on resamples of the clips, for its intervals.

The detections of a clip do not depend on the other clips, so a resample is the same changes of the
counts (see `resed.score.psds`), each counted as often as its clip was drawn: nothing is detected
or matched again. `resed.stats.bootstrap` draws the same clips for every score and detector.

A class without an event in a resample is left out of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resed.score.class_changes import ClassChanges
from resed.score.psds import Criteria, PsdsCounts
from resed.stats.bootstrap import weight_blocks
from resed.stats.intervals import RESAMPLES

HOUR = 3600.0  # seconds
FAR = 8.0  # standard deviations: thresholds that are too permissive by more are left out
MOST_AT_ONCE = 1 << 22  # changes times resamples: 32 MB
Curve = tuple[np.ndarray, np.ndarray]  # false alarms per hour, shares of events that are found


@dataclass(frozen=True)
class _SortedChanges:
    """Changes of one class from the highest to the lowest threshold.

    Attributes:
        changes: float64 [keys, n].
        clips: the clip of each change [n].
        ends: the last change down to each threshold [m].
    """

    changes: np.ndarray
    clips: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True)
class _Weighted:
    """Events and lengths of some resamples: of each class [resamples, classes], and in hours."""

    clips: np.ndarray  # occurrences of each clip, float64 [resamples, clips]
    events: np.ndarray
    seconds: np.ndarray  # of the events
    hours: np.ndarray


def psds_resamples(counts: PsdsCounts, resamples: int = RESAMPLES) -> dict[str, np.ndarray]:
    """Scenario -> PSDS as a fraction on each resample [resamples]; NaN for one without any event.

    `counts` must have been made with `by_clip`. Thresholds whose false alarms exceed `max_efpr` by
    FAR standard deviations of the resamples are left out, because they count on none of them.
    """
    names = list(next(iter(counts.found.values()), {}))
    events, durations = _by_clip(counts, names)
    seconds = np.array(counts.seconds)
    ready = {
        scenario: [
            _sorted(counts.found[scenario][name], seconds / HOUR * criteria.max_efpr)
            for name in names
        ]
        for scenario, criteria in counts.scenarios.items()
    }
    found = {scenario: np.full(resamples, np.nan) for scenario in counts.scenarios}
    longest = max((len(one.clips) for ones in ready.values() for one in ones), default=0)
    block = max(1, MOST_AT_ONCE // max(1, longest))
    for rows, drawn in weight_blocks(len(seconds), resamples) if names else ():
        for start in range(0, len(drawn), block):
            weights = drawn[start : start + block].astype(np.float64)
            here = _Weighted(
                weights, weights @ events, weights @ durations, weights @ seconds / HOUR
            )
            place = slice(rows.start + start, rows.start + start + len(weights))
            for scenario, criteria in counts.scenarios.items():
                found[scenario][place] = _areas(ready[scenario], here, criteria)
    return found


def _by_clip(counts: PsdsCounts, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Number and seconds of the events [clips, classes]."""
    column = {name: index for index, name in enumerate(names)}
    found = np.zeros((2, len(counts.truth), len(names)))
    for row, events in enumerate(counts.truth.values()):
        for onset, offset, name in events:
            found[:, row, column[name]] += 1, offset - onset
    return found[0], found[1]


def _sorted(changes: ClassChanges, allowed: np.ndarray) -> _SortedChanges:
    """The changes of a class at the thresholds that can count on a resample.

    Args:
        allowed: number of false alarms per clip at `max_efpr`.
    """
    scores, values, clips = changes.joined()
    order = np.argsort(-scores, kind="stable")
    scores, values, clips = scores[order], values[:, order].astype(np.float64), clips[order]
    if not len(scores):
        return _SortedChanges(values, clips, np.zeros(0, np.int64))
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    kept = ends[_can_count(values[1], clips, allowed)[ends]]
    # Changes between two of these thresholds are summed by clip.
    group = np.searchsorted(kept, np.arange(len(scores)))
    group, values, clips = (part[..., group < len(kept)] for part in (group, values, clips))
    keys, place = np.unique(group * len(allowed) + clips, return_inverse=True)
    summed = np.zeros((len(values), len(keys)))
    for one, total in zip(values, summed, strict=True):
        total += np.bincount(place, one, minlength=len(keys))
    last = np.searchsorted(keys // len(allowed), np.arange(len(kept)), "right") - 1
    return _SortedChanges(summed, keys % len(allowed), last)


def _can_count(alarms: np.ndarray, clips: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Whether the false alarms after each change may be few enough on a resample: bool [n].

    Few enough is: the sum over clips of occurrences times (false alarms - allowed) is not above 0.
    Its mean is the sum over all clips, and its variance that of the multinomial occurrences.
    """
    by_clip = np.argsort(clips, kind="stable")
    ordered, owners = alarms[by_clip], clips[by_clip]
    before = np.cumsum(ordered) - ordered  # of this clip, after the first of each is subtracted
    first = np.searchsorted(owners, owners)
    excess = before - before[first] - allowed[owners]
    gains = np.empty(len(alarms))
    gains[by_clip] = ordered * (2 * excess + ordered)
    total = np.cumsum(alarms) - allowed.sum()
    squares = np.cumsum(gains) + (allowed**2).sum()
    variance = np.maximum(0.0, squares - total**2 / len(allowed))
    return total <= FAR * np.sqrt(variance)


def _areas(ready: Sequence[_SortedChanges], here: _Weighted, criteria: Criteria) -> np.ndarray:
    """PSDS on some resamples [resamples]."""
    curves = [_rates(one, index, here, criteria) for index, one in enumerate(ready)]
    found = np.full(len(here.hours), np.nan)
    for row in range(len(found)):
        each = [
            _steps(rates[row], shares[row], criteria.max_efpr)
            for index, (rates, shares) in enumerate(curves)
            if here.events[row, index]
        ]
        if each:
            found[row] = _area(each, criteria)
    return found


def _rates(one: _SortedChanges, index: int, here: _Weighted, criteria: Criteria) -> Curve:
    """False alarms per hour and shares of events found: [resamples, thresholds] of one class."""
    weights = here.clips[:, one.clips]
    with np.errstate(divide="ignore"):
        factors = 1 / here.hours[:, None]
        if criteria.alpha_ct:
            others = np.arange(here.events.shape[1]) != index
            there = here.events[:, others] > 0
            mean = HOUR * criteria.alpha_ct / np.maximum(1, there.sum(axis=1, keepdims=True))
            crossed = np.where(there, mean / here.seconds[:, others], 0.0)
            factors = np.concatenate([factors, crossed], axis=1)
    alarms = np.cumsum(weights * (factors @ one.changes[1 : 1 + factors.shape[1]]), axis=1)
    hits = np.cumsum(weights * one.changes[0], axis=1)
    events = np.maximum(1, here.events[:, index : index + 1])
    return alarms[:, one.ends], hits[:, one.ends] / events


def _steps(rates: np.ndarray, shares: np.ndarray, max_efpr: float) -> Curve:
    """The points of a curve at which the share rises, from 0 false alarms on."""
    kept = np.flatnonzero((rates <= max_efpr) & (shares > 0))
    rates, shares = rates[kept], shares[kept]
    order = np.lexsort((shares, rates))
    rates, shares = rates[order], np.maximum.accumulate(shares[order])
    rises = np.flatnonzero(np.diff(shares, prepend=0.0) > 0)
    return np.append(0.0, rates[rises]), np.append(0.0, shares[rises])


def _area(curves: Sequence[Curve], criteria: Criteria) -> float:
    """The area below mean minus deviation of the curves of all classes (Bilen et al. 2020)."""
    grid = np.unique(np.concatenate([rates for rates, _ in curves]))
    each = [shares[np.searchsorted(rates, grid, "right") - 1] for rates, shares in curves]
    height = np.mean(each, axis=0) - criteria.alpha_st * np.std(each, axis=0)
    widths = np.diff(np.append(grid, criteria.max_efpr))
    return float(np.maximum(height, 0) @ widths / criteria.max_efpr)
