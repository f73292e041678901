"""PSDS, the polyphonic sound detection score (Bilen et al. 2020), in two scenarios.

The area under the curve of true positives over false alarms per hour, up to 100, over all
thresholds; sed_scores_eval computes it exactly (Ebbers et al. 2022). The scenarios are those of
DCASE Task 4 since 2021: 1 rewards exact times, 2 rewards the right class and punishes cross
triggers.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from resed.runtime.progress import progress
from resed.score.class_changes import ClassChanges

MOST_AT_ONCE = 1 << 24  # frames times events times thresholds that are counted at once: 0.3 GB
ReferenceEvents = dict[str, list[tuple[float, float, str]]]  # clip -> onset, offset (s), label


@dataclass(frozen=True)
class Criteria:
    """Parameters of PSDS, named as in Bilen et al. 2020.

    Attributes:
        dtc_threshold: share of a detection that must lie within events of its class.
        gtc_threshold: share of an event that detections must cover.
        cttc_threshold: share of a detection within events of another class that makes it a cross
            trigger; None: no cross triggers.
        alpha_ct: cost of cross triggers.
        alpha_st: cost of the deviation between classes.
        max_efpr: highest number of false alarms per hour.
    """

    dtc_threshold: float
    gtc_threshold: float
    cttc_threshold: float | None = None
    alpha_ct: float = 0.0
    alpha_st: float = 1.0
    max_efpr: float = 100.0


SCENARIOS = {"psds1": Criteria(0.7, 0.7), "psds2": Criteria(0.1, 0.1, 0.3, 0.5)}


@dataclass(frozen=True)
class PsdsCounts:
    """What PSDS is computed from: counts by score, reference events, lengths of the clips.

    Attributes:
        found: scenario -> class -> the changes of its counts; classes have numbers as names.
        truth: clip -> its events, with the numbers of their classes.
        seconds: length of each clip.
        scenarios: the criteria that are used.
    """

    found: Mapping[str, Mapping[str, ClassChanges]]
    truth: ReferenceEvents
    seconds: Sequence[float]
    scenarios: Mapping[str, Criteria]

    def values(self) -> dict[str, float | None]:
        """Scenario -> PSDS as a fraction; None if no class has an event."""
        total = sum(self.seconds)
        return {
            name: _area(self.found[name], self.truth, total, criteria) if self.found[name] else None
            for name, criteria in self.scenarios.items()
        }


def psds(
    scores: Iterable[np.ndarray],
    truth: ReferenceEvents,
    classes: Sequence[str],
    seconds_per_frame: float,
    seconds: float | None = None,
) -> dict[str, float | None]:
    """PSDS1 and PSDS2 as fractions, of scores [frames, classes] of each clip (see `count`)."""
    return count(framed(scores, seconds_per_frame), truth, classes, seconds=seconds).values()


def framed(
    scores: Iterable[np.ndarray], seconds_per_frame: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores of clips with the times of their frames."""
    stamps = np.zeros(1)
    for row in scores:
        if len(stamps) != len(row) + 1:
            stamps = np.arange(len(row) + 1) * seconds_per_frame
        yield row, stamps


def count(
    scores: Iterable[tuple[np.ndarray, np.ndarray]],
    truth: ReferenceEvents,
    classes: Sequence[str],
    by_clip: bool = False,
    seconds: float | None = None,
) -> PsdsCounts:
    """Count what PSDS is computed from.

    The scores may come clip by clip. What is kept of each are the scores at which a count changes.
    If the length of all clips is known, those beyond the highest number of false alarms are merged
    (see `ClassChanges.merge`); all others can be points of the curve. On noise without gate (100
    frames, 10 classes) the peak was 6.3 MB for 200 clips and 5.2 MB for 2,000, instead of 22 and
    201 MB.

    Args:
        scores: scores [frames, classes] of each clip, and the times [frames + 1] of its frames.
        truth: reference events of the clips, in the order of `scores`. Classes without an event are
            left out.
        by_clip: whether the clip of each change is kept, for `resed.score.psds_resamples`; then
            nothing is merged, because a resample may have fewer false alarms.
        seconds: length of all clips together, if it is known.

    Raises:
        ValueError: the clips are longer than `seconds`.
    """
    heard = {label for events in truth.values() for *_, label in events}
    columns = [index for index, label in enumerate(classes) if label in heard]
    names = {classes[column]: str(column) for column in columns}  # any text may be a label
    coded = {clip: [(on, off, names[label]) for on, off, label in truth[clip]] for clip in truth}
    scenarios = SCENARIOS
    if len(columns) == 1:  # cross triggers need another class
        scenarios = {k: replace(v, cttc_threshold=None, alpha_ct=0.0) for k, v in SCENARIOS.items()}
    known = None if by_clip else seconds
    found = {
        scenario: {
            name: ClassChanges(_keys(name, names.values(), c), _most_fps(c, known))
            for name in names.values()
        }
        for scenario, c in scenarios.items()
    }
    lengths = []
    with progress(len(coded), "clips of PSDS") as advance:
        for (row, stamps), (clip, events) in zip(scores, enumerate(coded.values()), strict=True):
            times = {name: _times(events, name) for name in names.values()}
            for column in columns:
                changes = _changes(row[:, column], stamps, str(column), times, scenarios)
                for scenario, change in changes.items():
                    found[scenario][str(column)].add(*change, clip if by_clip else None)
            lengths.append(float(stamps[-1]))
            advance(1)
    if seconds is not None and sum(lengths) > seconds * (1 + 1e-9):
        raise ValueError(f"the clips have {sum(lengths)} s, not {seconds} s")
    return PsdsCounts(found, coded, lengths, scenarios)


def _most_fps(criteria: Criteria, seconds: float | None) -> float:
    """False positives of all clips above which no threshold counts; one more than on the curve."""
    return np.inf if seconds is None else criteria.max_efpr * seconds / 3600 + 1


def _area(
    found: Mapping[str, ClassChanges],
    truth: ReferenceEvents,
    seconds: float,
    criteria: Criteria,
) -> float:
    """PSDS by the functions of sed_scores_eval; the counts of one class at a time are in memory."""
    sed_scores_eval()
    from sed_scores_eval.base_modules.ground_truth import event_counts_and_durations
    from sed_scores_eval.base_modules.statistics import _intermediate_statistics_from_deltas
    from sed_scores_eval.intersection_based.psds import (
        _single_class_roc_from_intermediate_statistics,
        multi_class_psd_roc_from_single_class_psd_rocs,
        psds_from_psd_roc,
    )

    events, durations = event_counts_and_durations(truth, event_classes=list(found))
    curves = {}
    for name, changes in found.items():
        scores, counts = _intermediate_statistics_from_deltas(*changes.deltas())
        others = {other: durations[other] for other in found if other != name}
        curves[name] = _single_class_roc_from_intermediate_statistics(
            (scores, {**counts, "n_ref": events[name], "t_ref_other": others}),
            dataset_duration=seconds,
            alpha_ct=criteria.alpha_ct,
            max_efpr=criteria.max_efpr,
        )
    rates = multi_class_psd_roc_from_single_class_psd_rocs(
        curves, alpha_st=criteria.alpha_st, max_efpr=criteria.max_efpr
    )
    return float(psds_from_psd_roc(*rates, criteria.max_efpr))


def sed_scores_eval() -> ModuleType:
    """Import sed_scores_eval lazily, because it takes seconds, without pkg_resources warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sed_scores_eval as module
        import sed_scores_eval.clip_based
        import sed_scores_eval.intersection_based
    return module


def _times(events: Sequence[tuple[float, float, str]], name: str) -> np.ndarray:
    """Onsets and offsets [2, events] of one class, seconds."""
    return np.array([(on, off) for on, off, label in events if label == name]).reshape(-1, 2).T


def _keys(name: str, names: Iterable[str], criteria: Criteria) -> list[str]:
    """The counts of a class, as sed_scores_eval names them."""
    crossed = [] if criteria.cttc_threshold is None else [other for other in names if other != name]
    return ["tps", "fps", *(f"cts\\{other}" for other in crossed)]


def _changes(
    row: np.ndarray,
    stamps: np.ndarray,
    name: str,
    times: Mapping[str, np.ndarray],
    scenarios: Mapping[str, Criteria],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scenario -> scores [n] of one row [frames] at which a count changes, changes [keys, n].

    Neighbouring frames with equal scores are joined, which changes no result and is much faster
    after a median filter. Many thresholds are counted in blocks, so that memory grows with the
    frames and not with their square. The loop of sed_scores_eval spends most of its time on classes
    with a closed gate, which change no count.
    """
    if row.max() == -np.inf:
        return {}
    starts = np.concatenate([[0], np.flatnonzero(row[1:] != row[:-1]) + 1])
    joined, edges = row[starts], stamps[np.append(starts, len(row))]
    thresholds = np.unique(joined)
    events = 1 + sum(value.shape[1] for value in times.values())
    block = max(1, MOST_AT_ONCE // (len(joined) * events))
    curves = sed_scores_eval().base_modules.cy_detection.onset_offset_curves
    counts: dict[str, list[np.ndarray]] = {scenario: [] for scenario in scenarios}
    for start in range(0, len(thresholds), block):
        curve = curves(joined, edges, thresholds[start : start + block])
        for scenario, criteria in scenarios.items():
            counts[scenario].append(_counts(curve, name, times, criteria))
    found = {}
    for scenario, parts in counts.items():
        changes = -np.diff(np.concatenate(parts, axis=1), append=0)
        kept = changes.any(axis=0)
        small = np.int16 if np.abs(changes).max() < 1 << 15 else np.int32
        found[scenario] = thresholds[kept], changes[:, kept].astype(small)
    return found


def _counts(
    curve: tuple[np.ndarray, ...],
    name: str,
    times: Mapping[str, np.ndarray],
    criteria: Criteria,
) -> np.ndarray:
    """The counts of a class [keys, thresholds], as `_keys` names them."""
    others = [] if criteria.cttc_threshold is None else [other for other in times if other != name]
    _, onsets, offsets = curve
    there = {other: times[other] for other in others if times[other].size}
    module = sed_scores_eval().intersection_based.intermediate_statistics
    found = module.statistics_fn(
        onsets,
        offsets,
        *times[name],
        {other: value[0] for other, value in there.items()},
        {other: value[1] for other, value in there.items()},
        criteria.dtc_threshold,
        criteria.gtc_threshold,
        criteria.cttc_threshold,
    )
    none = np.zeros_like(found["tps"])
    crossed = [found["cts"][other] if other in there else none for other in others]
    return np.stack([found["tps"], found["fps"], *crossed])
