"""Scores of clip posteriors that depend on their order alone."""

import numpy as np


def macro_average_precision(posteriors: np.ndarray, reference: np.ndarray) -> float:
    """Mean over classes of the average precision of tags [clips, classes].

    A class without a positive clip is left out; 0 if there is none.
    """
    found = [
        average_precision(posteriors[:, number], reference[:, number])
        for number in range(reference.shape[1])
        if reference[:, number].any()
    ]
    return float(np.mean(found)) if found else 0.0


def average_precision(posteriors: np.ndarray, reference: np.ndarray) -> float:
    """Sum of precision times step of recall over all thresholds; equal posteriors are one step.

    At least one clip is positive. The value is that of scikit-learn, which would be imported for
    this alone.

    Examples:
        >>> round(average_precision(np.array([0.9, 0.8, 0.1]), np.array([1, 0, 1])), 4)
        0.8333
    """
    order = np.argsort(-posteriors, kind="stable")
    ranked = posteriors[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of each threshold
    found = np.cumsum(reference[order] > 0)[last]
    steps = np.diff(found, prepend=0) / found[-1]
    return float(np.sum(steps * found / (last + 1)))


def roc_auc(posteriors: np.ndarray, reference: np.ndarray) -> float:
    """Area under the ROC curve: the share of pairs of a positive and another clip in order.

    A pair with equal posteriors counts half. At least one clip is positive, and one is not. The
    value is that of scikit-learn.

    Examples:
        >>> roc_auc(np.array([0.9, 0.8, 0.8, 0.1]), np.array([1, 0, 1, 0]))
        0.875
    """
    positive = reference > 0
    _, place, counts = np.unique(posteriors, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # equal posteriors share their mean rank
    found = int(positive.sum())
    total = float(ranks[positive].sum()) - found * (found + 1) / 2
    return total / (found * (len(posteriors) - found))
