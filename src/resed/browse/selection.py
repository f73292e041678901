"""Choose the clips of the clip browser, so that each class, system and kind of event has its share.

A stratum is, for example, "clips of evaluation in which this system missed this class". The stratum
with the fewest chosen clips gives the next one, drawn at random from those that are left; a clip
counts for all its strata. Rare errors are thus as likely to be found as common ones, and numbers of
the chosen clips are no estimate for all clips.
"""

import numpy as np


def ranking(strata: np.ndarray, seed: int) -> list[int]:
    """All clips in the order in which they are chosen; equal arguments give an equal order.

    Args:
        strata: bool [clips, strata]: whether a clip belongs to a stratum. Clips of none are last.
    """
    generator = np.random.default_rng(seed)
    clips, count = strata.shape
    order = generator.permutation(clips)
    mixed = strata[order][:, generator.permutation(count)]
    left, taken = np.ones(clips, dtype=bool), np.zeros(count, dtype=np.int64)
    sizes = mixed.sum(axis=0)
    chosen: list[int] = []
    while (sizes > 0).any():
        stratum = int(np.argmin(np.where(sizes > 0, taken, np.iinfo(np.int64).max)))
        clip = int(np.argmax(left & mixed[:, stratum]))
        chosen.append(clip)
        left[clip] = False
        taken += mixed[clip]
        sizes -= mixed[clip]
    chosen += np.flatnonzero(left).tolist()
    return order[chosen].tolist()
