"""Class-balanced sampling, as in the code of PANNs (Kong et al., 2020).

A queue holds all classes in a random order, again and again; each draw takes the next class and the
next clip of it, from an endless sequence of random orders of its clips. Draw n is a function of the
seed and n, so that a resumed training needs no state.
"""

import numpy as np
from torch import Tensor

CLASSES, CLIPS = 10, 20  # added to the stream of a role, so that no random order is used twice


class ClassQueue:
    """Draws of clips of one role, each class equally often; classes without a clip are left out.

    A clip with several classes is drawn for each of them.
    """

    def __init__(self, tags: Tensor, seed: int, stream: int):
        """Clips by the classes of `tags` [clips, classes], where they are above 0.5."""
        clips, classes = (tags.cpu() > 0.5).nonzero(as_tuple=True)
        order = np.argsort(classes.numpy(), kind="stable")
        labels, starts = np.unique(classes.numpy()[order], return_index=True)
        members = np.split(clips.numpy()[order], starts[1:]) if len(labels) else []
        self._members = dict(zip(labels.tolist(), members, strict=True))
        self._labels = labels
        self._seed, self._stream = seed, stream
        self._orders: dict[int, tuple[tuple[int, ...], np.ndarray]] = {}

    def __len__(self) -> int:
        """Number of classes that have a clip."""
        return len(self._labels)

    def take(self, positions: np.ndarray, epoch: tuple[int, ...] = ()) -> np.ndarray:
        """The clips of the draws `positions`, counted from 0 within `epoch`."""
        turns, places = np.divmod(positions, len(self))
        picked = np.empty(len(positions), dtype=np.int64)
        for turn in np.unique(turns):
            here = turns == turn
            queue = self._permuted(CLASSES, len(self), (*epoch, int(turn)))
            for number, label in zip(here.nonzero()[0], queue[places[here]], strict=True):
                picked[number] = self._clip(int(self._labels[label]), int(turn), epoch)
        return picked

    def _clip(self, label: int, draw: int, epoch: tuple[int, ...]) -> int:
        """The clip of draw `draw` of a class: each turn of the queue has one draw of it."""
        members = self._members[label]
        turn, place = divmod(draw, len(members))
        key = (*epoch, label, turn)
        known = self._orders.get(label)
        if known is None or known[0] != key:
            known = key, self._permuted(CLIPS, len(members), key)
            self._orders[label] = known
        return int(members[known[1][place]])

    def _permuted(self, kind: int, count: int, key: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng([self._seed, kind + self._stream, *key]).permutation(count)
