"""The equations of targets, on arrays whose last axis is that of the classes."""

from collections.abc import Sequence

import numpy as np

OWN = 0.5  # tag posterior from which a class is present in the gate `own`


def mean_of_teachers(posteriors: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
    """Mean of the posteriors of several teachers, weighted by their shares.

    With shares that are all 0, each teacher counts the same.
    """
    weights = np.asarray(shares, np.float64)
    weights = weights / weights.sum() if weights.sum() else np.full(len(weights), 1 / len(weights))
    mean = np.zeros(posteriors[0].shape, np.float32)
    for values, weight in zip(posteriors, weights, strict=True):
        mean += np.float32(weight) * np.asarray(values, np.float32)
    return mean.clip(0, 1)


def mix(labels: np.ndarray, posteriors: np.ndarray, share: float) -> np.ndarray:
    """Eq. 2 of Kumar and Ithapu (2020): share * labels + (1 - share) * posteriors, float32.

    Examples:
        >>> mix(np.array([1, 0]), np.array([0.5, 0.5]), 0.25).tolist()
        [0.625, 0.375]
    """
    posteriors = np.asarray(posteriors, np.float32)
    return (np.float32(share) * labels + np.float32(1 - share) * posteriors).clip(0, 1)


def smooth(frames: np.ndarray, median: int, sigma: float) -> np.ndarray:
    """Posteriors [clips, frames, classes] after a median and a Gaussian filter along the frames.

    Frames are mirrored at the ends of a clip. 0 is no filter.

    Args:
        frames: the posteriors.
        median: window in frames, odd.
        sigma: standard deviation of the Gaussian in frames.
    """
    from scipy.ndimage import gaussian_filter1d, median_filter

    if median > 1:
        frames = median_filter(frames, size=(1, median, 1))
    if sigma:
        frames = gaussian_filter1d(frames, sigma, axis=1)
    return frames.clip(0, 1)


def harden(posteriors: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """1 from the threshold of the class on, 0 below it."""
    return (posteriors >= np.asarray(thresholds, np.float32)).astype(np.float32)


class TwoMeans:
    """Mean posterior of the positive and of the negative labels, and mean distance from them."""

    def __init__(self) -> None:
        self.counts = np.zeros(2, np.int64)  # of negatives and positives
        self.sums = np.zeros(2)

    def add(self, labels: np.ndarray, posteriors: np.ndarray) -> None:
        """Add labels of 0 and 1, and their posteriors."""
        for value in (0, 1):
            chosen = posteriors[labels == value]
            self.counts[value] += chosen.size
            self.sums[value] += chosen.sum(dtype=np.float64)

    def mean(self, value: int) -> float | None:
        """The mean posterior where the label is `value`; None without such labels."""
        if not self.counts[value]:
            return None
        return float(np.clip(self.sums[value] / self.counts[value], 0, 1))

    @property
    def distance(self) -> float:
        """Mean of |posterior - label|."""
        total = self.sums[0] + self.counts[1] - self.sums[1]
        return float(np.clip(total / self.counts.sum(), 0, 1))

    def smoothed(self, labels: np.ndarray) -> np.ndarray:
        """The labels with these two means in place of 0 and 1."""
        low, high = self.mean(0), self.mean(1)
        low, high = 0.0 if low is None else low, 1.0 if high is None else high
        return np.where(labels == 1, np.float32(high), np.float32(low))
