"""The counts that PSDS is computed from, as changes by score, collected clip by clip."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

PARTS_JOINED = 256
MOST_CHANGES = 1 << 13  # of a class, before those that cannot count are merged
ChangesOfClips = tuple[np.ndarray, np.ndarray, np.ndarray]  # scores, changes, and their clips


@dataclass
class ClassChanges:
    """The changes of the counts of one class at each score, collected clip by clip.

    Attributes:
        keys: the counts: tps, fps, and the cross triggers with each other class.
        most_fps: number of false positives of all clips above which no threshold counts.
        parts: scores [n], changes int16 or int32 [keys, n] and clips [n] of some clips.
        size: number of changes.
        limit: number of changes above which they are merged.
    """

    keys: list[str]
    most_fps: float = np.inf
    parts: list[ChangesOfClips] = field(default_factory=list)
    size: int = 0
    limit: int = field(default_factory=lambda: MOST_CHANGES)

    def add(self, scores: np.ndarray, changes: np.ndarray, clip: int | None = None) -> None:
        """Add a clip; small arrays are joined from time to time, because each takes 100 bytes."""
        if not scores.size:
            return
        clips = np.full(0 if clip is None else len(scores), clip or 0, np.int32)
        self.parts.append((scores, changes, clips))
        self.size += len(scores)
        if self.size > self.limit and clip is None and self.most_fps < np.inf:
            self.merge()
        elif len(self.parts[-PARTS_JOINED:]) == PARTS_JOINED and all(
            len(part) < PARTS_JOINED for part, *_ in self.parts[-PARTS_JOINED:]
        ):
            joined = self._joined(self.parts[-PARTS_JOINED:])
            self.parts[-PARTS_JOINED:] = [joined]

    def merge(self) -> None:
        """Merge the changes at neighbouring thresholds with more than `most_fps` false positives.

        A later clip adds false positives or none, so that these thresholds stay beyond the end of
        the curve. Their changes are added to the highest of them: every other count stays as it is,
        and theirs stay above `most_fps`.
        """
        scores, changes, clips = self.joined()
        order = np.argsort(scores, kind="stable")
        scores, changes = scores[order], changes[:, order]
        above = np.cumsum(changes[self.keys.index("fps"), ::-1], dtype=np.int64)[::-1]
        beyond = above[np.searchsorted(scores, scores)] > self.most_fps
        first = np.flatnonzero(~(beyond & np.concatenate([[False], beyond[:-1]])))
        last = np.append(first[1:], len(scores)) - 1
        merged = np.add.reduceat(changes, first, axis=1, dtype=np.int32)
        self.parts = [(scores[last], merged, clips)]
        self.size = len(last)
        self.limit = max(MOST_CHANGES, 2 * self.size)

    @staticmethod
    def _joined(parts: Sequence[ChangesOfClips]) -> ChangesOfClips:
        scores, changes, clips = zip(*parts, strict=True)
        return np.concatenate(scores), np.concatenate(changes, axis=1), np.concatenate(clips)

    def joined(self) -> ChangesOfClips:
        """Scores [n], changes [keys, n], and the clips [n] if they were given."""
        none = np.zeros(0, np.float32), np.zeros((len(self.keys), 0), np.int16)
        return self._joined([(*none, np.zeros(0, np.int32)), *self.parts])

    def deltas(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The deltas of sed_scores_eval; at least one score, because it requires one."""
        scores, changes, _ = self.joined()
        scores, changes = np.append(np.float32(-np.inf), scores), np.pad(changes, ((0, 0), (1, 0)))
        return scores, dict(zip(self.keys, changes, strict=True))
