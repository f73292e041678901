"""PSDS, the polyphonic sound detection score (Bilen et al. 2020), in two scenarios.

The area under the curve of true positives over false alarms per hour, up to 100, over all
thresholds; sed_scores_eval computes it exactly (Ebbers et al. 2022). The scenarios are those of
DCASE Task 4 since 2021: 1 rewards exact times, 2 rewards the right class and punishes cross
triggers.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

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


def psds(
    scores: np.ndarray, truth: ReferenceEvents, classes: Sequence[str], seconds_per_frame: float
) -> dict[str, float | None]:
    """PSDS1 and PSDS2 of scores [clips, frames, classes], as fractions.

    Args:
        truth: reference events of the clips, in the order of `scores`. Classes without an event are
            left out.

    Returns:
        Scenario -> PSDS; None if no class has an event.
    """
    heard = {label for events in truth.values() for *_, label in events}
    columns = [index for index, label in enumerate(classes) if label in heard]
    if not columns:
        return dict.fromkeys(SCENARIOS)
    names = {classes[column]: str(column) for column in columns}  # any text may be a label
    coded = {clip: [(on, off, names[label]) for on, off, label in truth[clip]] for clip in truth}
    stamps = np.arange(scores.shape[1] + 1) * seconds_per_frame
    scenarios = SCENARIOS
    if len(columns) == 1:  # cross triggers need another class
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


def _curve(row: np.ndarray, stamps: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Scores [n] of one row [frames], ascending, and the onsets and offsets [n, m] in seconds.

    None if nothing can be detected at any threshold. Neighbouring frames with equal scores are
    joined, which changes no result and is much faster after a median filter.
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
    """The deltas of sed_scores_eval: scores [n], and the change of each count at each score.

    The loop of sed_scores_eval spends most of its time on classes with a closed gate, which change
    no count. One score is kept for them, because it does not accept a class that is silent in all
    clips.
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
