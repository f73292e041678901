"""Scores of clip posteriors that depend on their order alone."""

import numpy as np


def macro_average_precision(posteriors: np.ndarray, reference: np.ndarray) -> float:
    """Mean over classes of the average precision of tags [clips, classes].

    A class without a positive clip is left out; 0 if there is none.
    """
    from sklearn.metrics import average_precision_score

    found = [
        average_precision_score(reference[:, number], posteriors[:, number])
        for number in range(reference.shape[1])
        if reference[:, number].any()
    ]
    return float(np.mean(found)) if found else 0.0
