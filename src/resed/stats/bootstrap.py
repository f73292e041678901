"""Bootstrap over clips: F1 of several trainings on the same resamples, and their covariance."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from resed.formats.counts import Counts, class_f1

SEED = 2019  # of the resamples: equal scores give equal intervals
MOST_WEIGHTS = 1 << 24  # that are in memory at once: 64 MB, and 0.3 GB while they are made


def replicates(counts: Sequence[Counts], label: str | None, resamples: int) -> np.ndarray:
    """F1 in percent on the same resamples of the clips: [tables, resamples].

    NaN for a resample without any class, or without the class `label`.
    """
    if len({table.clips for table in counts}) != 1:
        raise ValueError("an interval requires tables of counts with the same number of clips")
    names = _names(tuple(table.names for table in counts))
    return np.array([_replicate(table, names, label, resamples) for table in counts])


@lru_cache(maxsize=64)
def _names(each: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The names of all tables, sorted."""
    return tuple(sorted({name for names in set(each) for name in names}))


@lru_cache(maxsize=4096)
def _replicate(
    table: Counts, names: tuple[str, ...], label: str | None, resamples: int
) -> np.ndarray:
    """F1 in percent on each resample: [resamples]."""
    classes = _resampled(table, names, resamples)
    if label is not None:
        wanted = [i for i, name in enumerate(table.classes) if name == label]
        classes = classes[:, wanted]
    there = np.isfinite(classes)
    total = np.where(there, classes, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return 100 * total / there.sum(axis=1)


@lru_cache(maxsize=2048)
def _resampled(table: Counts, names: tuple[str, ...], resamples: int) -> np.ndarray:
    """F1 of each class on each resample: [resamples, classes], NaN without counts."""
    kept = None  # columns of the weights
    if table.names != names or len(names) < table.clips:
        place = {name: i for i, name in enumerate(names)}
        kept = [place[name] for name in table.names]
    flat = table.values.reshape(len(table.names), 3 * len(table.classes)).astype(np.float32)
    totals = np.empty((resamples, flat.shape[1]))
    for rows, weights in weight_blocks(table.clips, resamples):
        totals[rows] = (weights if kept is None else weights[:, kept]) @ flat  # whole: exact
    return class_f1(totals.reshape(resamples, len(table.classes), 3))


def forget() -> None:
    """Release the resampled scores that are kept for further questions on the same tables."""
    _replicate.cache_clear()
    _resampled.cache_clear()


def weight_blocks(clips: int, resamples: int) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows of `resample_weights` in blocks of at most MOST_WEIGHTS weights."""
    if clips * resamples <= MOST_WEIGHTS:
        yield slice(0, resamples), resample_weights(clips, resamples)
        return
    random, most = np.random.default_rng(SEED), max(1, MOST_WEIGHTS // clips)
    for start in range(0, resamples, most):
        count = min(most, resamples - start)
        yield slice(start, start + count), _drawn(random, clips, count)


@lru_cache(maxsize=8)
def resample_weights(clips: int, resamples: int) -> np.ndarray:
    """Number of occurrences of each clip in each resample: float32 [resamples, clips]."""
    return _drawn(np.random.default_rng(SEED), clips, resamples)


def _drawn(random: np.random.Generator, clips: int, resamples: int) -> np.ndarray:
    """The weights of the next resamples of a generator, which does not depend on the blocks."""
    drawn = random.integers(clips, size=(resamples, clips))
    drawn += clips * np.arange(resamples)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=resamples * clips)
    return weights.reshape(resamples, clips).astype(np.float32)


def mean_off_diagonal(matrix: np.ndarray) -> float:
    """Mean of the off-diagonal elements; the variance if there is a single seed."""
    count = len(matrix)
    if count == 1:
        return float(matrix[0, 0])
    return float(matrix.sum() - np.trace(matrix)) / (count * (count - 1))


def covariance(resampled: np.ndarray) -> np.ndarray:
    """Covariance [rows, rows] over the resamples with a value in all rows; 0 if fewer than two."""
    kept = resampled[:, np.isfinite(resampled).all(axis=0)]
    if kept.shape[1] < 2:
        return np.zeros((len(kept), len(kept)))
    return np.atleast_2d(np.cov(kept))
