"""Posterior curves in few points: the highest value of each step, so that no peak is lost."""

import numpy as np

POINTS = 125  # at most; 80 ms each for a clip of 10 s


def pooled(values: np.ndarray) -> np.ndarray:
    """The maxima of at most POINTS equal steps: float32 [frames, classes] -> [points, classes]."""
    points = min(POINTS, len(values))
    edges = np.arange(points) * len(values) // points
    return np.maximum.reduceat(np.asarray(values), edges, axis=0)
