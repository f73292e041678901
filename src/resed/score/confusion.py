"""Confusion matrices of clips with several tags (Figures 5 and 6 of Liang et al.).

The paper does not define how a clip with several tags counts. There are three options;
docs/readings.md gives the reasons for the first.

- spread: a true tag that was found counts on the diagonal; a missed tag is spread in equal shares
  over the false tags of the clip, or counts as "none" if the clip has no false tag.
- cooccurrence: a true tag counts once for every tag found in the clip, or as "none" if none was
  found. Even a perfect tagger has counts off the diagonal.
- single: only clips with exactly one tag, against the class of the highest clip posterior.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from resed.errors import ResultsError

Tags = Mapping[str, Collection[str]]


def spread(reference: Tags, estimated: Tags, classes: Sequence[str]) -> np.ndarray:
    """Counts float64 [classes, classes + 1]: true class by found class, the last column none."""
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
    """Counts float64 [classes, classes + 1]: true class by each class found in the same clip."""
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
    """Counts float64 [classes, classes + 1] over clips with one tag; the last column is zero.

    Args:
        scores: clip posteriors [clips, classes].

    Raises:
        ResultsError: a clip of the reference has no posterior.
    """
    row = {clip: index for index, clip in enumerate(clips)}
    counts = np.zeros((len(classes), len(classes) + 1))
    for clip, true in reference.items():
        if len(true) != 1:
            continue
        if clip not in row:
            cure = "run resed predict on this split again"
            raise ResultsError(f"clip {clip} has no posterior", cure=cure)
        (label,) = true
        counts[classes.index(label), int(scores[row[clip]].argmax())] += 1
    return counts


def normalise_rows(counts: np.ndarray) -> np.ndarray:
    """Shares of each true class: rows sum to 1; NaN in the row of a class without clips."""
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
