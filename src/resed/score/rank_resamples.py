"""Average precision and area under the ROC curve of clip posteriors, per class and on resamples.

`resed.stats.bootstrap` draws the same clips for every score and system, so that differences between
systems can be computed on the same resamples.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from resed.errors import some
from resed.formats.ranking import MEASURES, Ranking
from resed.score.ranking import average_precision, roc_auc
from resed.stats.bootstrap import SEED, weight_blocks
from resed.stats.intervals import RESAMPLES

MOST_AT_ONCE = 1 << 22  # weights: 32 MB
MOST_ABSENT = 10  # classes without a score that a note lists


def ranking(
    scores: np.ndarray,
    tags: Mapping[str, Collection[str]],
    clips: Sequence[str],
    classes: Sequence[str],
    resamples: int = RESAMPLES,
) -> Ranking:
    """The scores of clip posteriors [clips, classes] and those on resamples of the clips.

    A clip that `tags` does not list has no tags. Classes without a tagged clip have no score, and
    classes that every clip has no area under the ROC curve.
    """
    values = np.full((len(MEASURES), len(classes)), np.nan)
    resampled = np.full((*values.shape, resamples), np.nan)
    positives = np.zeros(len(classes), dtype=np.int64)
    for index, label in enumerate(classes):
        true = np.array([label in tags.get(clip, ()) for clip in clips])
        positives[index] = true.sum()
        if not positives[index]:
            continue
        values[0, index] = average_precision(scores[:, index], true)
        if positives[index] < len(clips):
            values[1, index] = roc_auc(scores[:, index], true)
        for place, *found in _resampled(scores[:, index], true, resamples):
            resampled[:, index, place] = found
    digest = hashlib.sha256("\n".join(clips).encode()).hexdigest()
    return Ranking(tuple(classes), positives, values, resampled, len(clips), digest, SEED)


def notes_on(found: Ranking) -> list[str]:
    """Notes on classes without a score."""
    columns = {"ap": "no clip has", "auc": "every clip has"}
    without = {m: np.isnan(row) for m, row in zip(MEASURES, found.values, strict=True)}
    without["auc"] &= ~without["ap"]  # a class without a tagged clip lacks both
    each = {m: [c for c, w in zip(found.classes, without[m], strict=True) if w] for m in MEASURES}
    left_out = {"ap": "left out", "auc": "left out of mAUC"}
    return [
        f"classes that {columns[m]}, {left_out[m]}: {some(names, MOST_ABSENT)}"
        for m, names in each.items()
        if names
    ]


def _resampled(
    scores: np.ndarray, true: np.ndarray, resamples: int
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Both scores of one class on the resamples, block by block."""
    order = np.argsort(-scores, kind="stable")
    ranked, true = scores[order], true[order].astype(np.float64)
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    block = max(1, MOST_AT_ONCE // len(scores))
    for rows, drawn in weight_blocks(len(scores), resamples):
        for start in range(0, len(drawn), block):
            weights = drawn[start : start + block, order].astype(np.float64)
            first = rows.start + start
            yield slice(first, first + len(weights)), *_scores(weights, true, ends)


def _scores(
    weights: np.ndarray, true: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and area under the ROC curve per row of weights [rows, clips].

    The clips are in the order of their scores, and `ends` are the last clips of each score. NaN for
    a row without a tagged clip, and for the area also without any other.
    """
    hits = np.cumsum(weights * true, axis=1)[:, ends]
    all_clips = np.cumsum(weights, axis=1)[:, ends]
    alarms = all_clips - hits
    gained = np.diff(hits, axis=1, prepend=0.0)
    precision = hits / np.maximum(1, all_clips)
    # Of clips with equal scores, half count: the trapezium below the step of the curve.
    below = (hits - gained / 2) * np.diff(alarms, axis=1, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = below.sum(axis=1) / (hits[:, -1] * alarms[:, -1])
        return (precision * gained).sum(axis=1) / hits[:, -1], area
