"""PSDS, the polyphonic sound detection score (Bilen et al. 2020), in two scenarios.

The area under the curve of true positives over false alarms an hour, up to 100, over every
threshold there is; sed_scores_eval counts it exactly (Ebbers et al. 2022). Scenarios 1 (when
exactly) and 2 (that it is there, and is not something else) are those of the DCASE challenge,
Task 4, from 2021 on.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

Truth = dict[str, list[tuple[float, float, str]]]  # clip -> onset, offset (seconds), label


@dataclass(frozen=True)
class Criteria:
    """When PSDS counts a detection, and what it costs; names and values as in Bilen et al. 2020.

    The three thresholds are shares of a detection's (dtc, cttc) or an event's length (gtc);
    max_efpr is false alarms an hour. Without cttc there are no cross triggers.
    """

    dtc_threshold: float
    gtc_threshold: float
    cttc_threshold: float | None = None
    alpha_ct: float = 0.0
    alpha_st: float = 1.0
    max_efpr: float = 100.0


SCENARIOS = {"psds1": Criteria(0.7, 0.7), "psds2": Criteria(0.1, 0.1, 0.3, 0.5)}


def psds(
    scores: np.ndarray, truth: Truth, classes: Sequence[str], seconds_per_frame: float
) -> dict[str, float | None]:
    """PSDS1 and PSDS2 of scores [clips, frames, classes]; `truth` names the clips, in their order.

    Classes without an event in `truth` are left out; None where none is left.
    """
    heard = {label for events in truth.values() for *_, label in events}
    columns = [index for index, label in enumerate(classes) if label in heard]
    if not columns:
        return dict.fromkeys(SCENARIOS)
    names = {classes[column]: str(column) for column in columns}  # labels may be any text
    coded = {clip: [(on, off, names[label]) for on, off, label in truth[clip]] for clip in truth}
    stamps = np.arange(scores.shape[1] + 1) * seconds_per_frame
    scenarios = SCENARIOS
    if len(columns) == 1:  # no other class that could be triggered
        scenarios = {k: replace(v, cttc_threshold=None, alpha_ct=0.0) for k, v in SCENARIOS.items()}
    deltas: dict[str, dict[str, Any]] = {scenario: {} for scenario in scenarios}
    for row, (clip, events) in enumerate(coded.items()):
        times = {name: _times(events, name) for name in names.values()}
        curves = {str(column): _curve(scores[row, :, column], stamps) for column in columns}
        for scenario, criteria in scenarios.items():
            deltas[scenario][clip] = {
                name: _changes(curve, name, times, criteria) for name, curve in curves.items()
            }
    durations = dict.fromkeys(coded, float(stamps[-1]))
    area = sed_scores_eval().intersection_based.psds
    return {
        scenario: float(
            area(None, coded, durations, deltas=deltas[scenario], **asdict(criteria))[0]
        )
        for scenario, criteria in scenarios.items()
    }


def sed_scores_eval() -> ModuleType:
    """Import sed_scores_eval late (it takes seconds) and without warnings about pkg_resources."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sed_scores_eval as module
        import sed_scores_eval.clip_based
        import sed_scores_eval.intersection_based
    return module


def _times(events: Sequence[tuple[float, float, str]], name: str) -> np.ndarray:
    """Onsets and offsets [2, events] of one class, seconds."""
    return np.array([(on, off) for on, off, label in events if label == name]).reshape(-1, 2).T


def _curve(row: np.ndarray, stamps: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Scores [n] of a row [frames] from low to high; onsets and offsets at each, seconds [n, m].

    None where nothing can ever be detected. Frames of one score count as one, which is exact and,
    after a median filter, much quicker.
    """
    if row.max() == -np.inf:
        return None
    starts = np.concatenate([[0], np.flatnonzero(row[1:] != row[:-1]) + 1])
    edges = np.append(starts, len(row))
    curves = sed_scores_eval().base_modules.cy_detection.onset_offset_curves
    return curves(row[starts], stamps[edges])


def _changes(
    curve: tuple[np.ndarray, ...] | None,
    name: str,
    times: Mapping[str, np.ndarray],
    criteria: Criteria,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What sed_scores_eval calls deltas: scores [n] and how much each count changes there.

    Its own loop spends most of its time on classes that the gate shut; they change nothing. One
    score is kept even then, for it cannot take a class that is silent in every clip.
    """
    others = [] if criteria.cttc_threshold is None else [other for other in times if other != name]
    keys = ["tps", "fps", *(f"cts\\{other}" for other in others)]
    if curve is None:
        return np.array([-np.inf]), dict.fromkeys(keys, np.zeros(1, dtype=np.int64))
    scores, onsets, offsets = curve
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
    counts = np.stack([found["tps"], found["fps"], *crossed])
    changes = -np.diff(counts, append=0)
    kept = changes.any(axis=0)
    kept[0] = True
    return scores[kept], dict(zip(keys, changes[:, kept], strict=True))
