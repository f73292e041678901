"""Confusion matrices of clips that hold several tags (Figures 5 and 6 of Liang et al.).

The paper does not say how it counts a clip with several tags. Three ways are offered;
docs/readings.md argues for the first.

- spread: a tag that was found counts on the diagonal; a missed tag is spread in equal shares over
  the clip's false tags, or counts as "none" where the clip has no false tag.
- cooccurrence: a true tag counts once for every tag found in the clip, or as "none" where none was.
  Even a perfect tagger is off the diagonal here.
- single: only clips with exactly one tag, against the class of the highest clip posterior.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from resed.errors import ResultsError

Tags = Mapping[str, Collection[str]]


def spread(reference: Tags, estimated: Tags, classes: Sequence[str]) -> np.ndarray:
    """Counts float64 [classes, classes + 1], true class by found class; the last column is none."""
    column = {label: index for index, label in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes) + 1))
    for clip, true in reference.items():
        found = set(estimated.get(clip, ()))
        false = sorted(found.difference(true))
        for label in true:
            if label in found:
                counts[column[label], column[label]] += 1
            elif false:
                for other in false:
                    counts[column[label], column[other]] += 1 / len(false)
            else:
                counts[column[label], -1] += 1
    return counts


def cooccurrence(reference: Tags, estimated: Tags, classes: Sequence[str]) -> np.ndarray:
    """Counts float64 [classes, classes + 1], true class by each class found in the same clip."""
    column = {label: index for index, label in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes) + 1))
    for clip, true in reference.items():
        found = set(estimated.get(clip, ()))
        for label in true:
            for other in found:
                counts[column[label], column[other]] += 1
            if not found:
                counts[column[label], -1] += 1
    return counts


def single(
    reference: Tags, scores: np.ndarray, clips: Sequence[str], classes: Sequence[str]
) -> np.ndarray:
    """Counts float64 [classes, classes + 1] over clips with one tag; the last column stays empty.

    `scores` are clip posteriors [clips, classes]. Raises ResultsError for a clip without a row.
    """
    row = {clip: index for index, clip in enumerate(clips)}
    counts = np.zeros((len(classes), len(classes) + 1))
    for clip, true in reference.items():
        if len(true) != 1:
            continue
        if clip not in row:
            raise ResultsError(
                f"clip {clip} has no posterior; run resed predict on this split again"
            )
        (label,) = true
        counts[classes.index(label), int(scores[row[clip]].argmax())] += 1
    return counts


def normalise_rows(counts: np.ndarray) -> np.ndarray:
    """Shares of each true class, summing to 1 a row; NaN in a row without any clip."""
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
