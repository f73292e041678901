"""Decoded windows of a recording of any length, joined where they meet.

A recording that is not longer than a clip is one window, decoded as `resed predict` and `resed
decode` do. A longer one is cut into windows without gap, the last of which ends with the recording;
each is decoded for itself, by the gate, thresholds and median filters that were chosen for clips. A
window is sure of all events that its edges do not cut. A bridge, a window over the seam of two
windows, decides how far the others reach; see `repair`.

Measured with a CRNN of ten classes (80 ms per cell) on 200 clips of 10 s that were joined. Where
windows coincide with clips, 97 % of the events that no edge cuts stay as in the clips; with a
mean over windows of half overlap, weighted by the distance to their edges, 70 to 76 %. Where they
begin 1.4, 3.7 or 6.6 s after the clips, macro event-F1 is 38.0 % with bridges, 33.1 % without them,
and 36.1 % with the weighted mean. Without a gate it is 39.5, 36.1 and 41.7 %: the weighted mean is
better there, but its events depend on where the windows begin.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Literal

import numpy as np

from resed.detect.detector import ModelDetector
from resed.extract.logmel import clip_features, past_the_end
from resed.extract.streaming import feature_blocks
from resed.runtime.ahead import ahead
from resed.settings import FeatureSettings

TAIL_S = 0.1  # codecs lengthen a clip by up to this; such a recording is still one clip
FADE = 1 / 8  # of a window: how far from a seam the scores of the bridge count

Kind = Literal["window", "bridge", "last"]


@dataclass(frozen=True)
class DecodedCells:
    """Consecutive cells, that is frames of the posteriors.

    Attributes:
        start: number of the first one in the recording.
        active: bool [cells, classes], decoded.
        frames: float32 [cells, classes], frame posteriors before gate, threshold and filters.
    """

    start: int
    active: np.ndarray
    frames: np.ndarray

    @property
    def stop(self) -> int:
        """Number of the cell after the last one."""
        return self.start + len(self.active)

    def since(self, start: int) -> "DecodedCells":
        """The cells from `start` on."""
        rows = slice(start - self.start, None)
        return DecodedCells(start, self.active[rows], self.frames[rows])

    def until(self, stop: int) -> "DecodedCells":
        """The cells before `stop`."""
        rows = slice(stop - self.start)
        return DecodedCells(self.start, self.active[rows], self.frames[rows])


class WindowedRecording:
    """A recording that is processed once, in parts, within constant memory.

    Attributes:
        tags: highest clip posterior of each class in any window, float32 [classes], known after the
            last part.
    """

    def __init__(
        self,
        detector: ModelDetector,
        waves: Iterable[np.ndarray],
        watch: Callable[[np.ndarray], None] = lambda features: None,
    ) -> None:
        """A recording of which `waves` are consecutive parts, mono at `detector.rate`.

        `watch` receives the features, float32 [frames, n_mels], as they are computed.
        """
        self._detector, self._waves, self._watch = detector, iter(waves), watch
        self._samples = 0
        self.tags = np.zeros(len(detector.trained.classes), np.float32)

    @property
    def seconds(self) -> float:
        """Length of what was read so far."""
        return self._samples / self._detector.rate

    def parts(self) -> Iterator[DecodedCells]:
        """All cells, in order. Raises the errors of `waves`."""
        before: DecodedCells | None = None
        bridge: DecodedCells | None = None
        for kind, found in self._decoded():
            if kind == "bridge":
                bridge = found
                continue
            if before is not None:
                if kind == "last":  # it is a bridge itself where none fits into the recording
                    bridge = bridge or found
                    found = found.since(before.stop)
                if bridge is not None:
                    before, found = repair(before, found, bridge)
                yield before
            before, bridge = found, None
        if before is not None:
            yield before.until(self._cells())

    def _cells(self) -> int:
        """Number of cells that begin before the end of what was read so far."""
        detector = self._detector
        frames = -(-self._samples // detector.trained.features.hop)
        return -(-frames // detector.cell_frames)

    def _decoded(self) -> Iterator[tuple[Kind, DecodedCells]]:
        windows = self._windows()
        if self._detector.ahead:
            windows = ahead(windows, self._detector.ahead)
        while batch := list(islice(windows, self._detector.batch)):
            found = self._detector.decoded([features for _, _, features in batch])
            self.tags = np.maximum(self.tags, found.tags.max(axis=0))
            for (kind, start, _), active, frames in zip(
                batch, found.active, found.frames, strict=True
            ):
                yield kind, DecodedCells(start, active, frames)

    def _windows(self) -> Iterator[tuple[Kind, int, np.ndarray]]:
        """Kind, first cell, and features [frames, n_mels] of each window, in order of the cells."""
        settings = self._detector.trained.features
        most = settings.frames * settings.hop + round(TAIL_S * settings.sample_rate)
        waves = map(self._counted, self._waves)
        first: list[np.ndarray] = []
        while self._samples <= most and (wave := next(waves, None)) is not None:
            first.append(wave)
        start = np.concatenate([*first, np.empty(0, np.float32)])
        if self._samples > most:
            blocks = feature_blocks(chain([start], waves), settings)
            yield from _cut(self._watched(blocks), self._detector)
        elif start.size:
            features = clip_features(start, settings)
            self._watch(features[: -(-start.size // settings.hop)])
            yield "window", 0, features

    def _counted(self, wave: np.ndarray) -> np.ndarray:
        self._samples += len(wave)
        return wave

    def _watched(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self._watch(block)
            yield block


def _starts(detector: ModelDetector) -> Iterator[tuple[Kind, int]]:
    """Windows one after the other, and the bridges between them, in order: kind, first cell."""
    start = 0
    while True:
        yield "window", start
        if detector.overlap:
            yield "bridge", start + detector.cells // 2
        start += detector.cells


def _cut(
    blocks: Iterable[np.ndarray], detector: ModelDetector
) -> Iterator[tuple[Kind, int, np.ndarray]]:
    """Windows of the features of a recording that is longer than one."""
    settings, step, cells = detector.trained.features, detector.cell_frames, detector.cells
    rows, first = np.empty((0, settings.n_mels), np.float32), 0
    starts = _starts(detector)
    kind, start = next(starts)
    end = 0  # of the windows so far, in cells
    for block in blocks:
        rows = np.concatenate([rows, block])
        while len(rows) >= start * step - first + settings.frames:
            yield kind, start, rows[start * step - first :][: settings.frames]
            end = start + cells if kind == "window" else end
            kind, start = next(starts)
        # the last window begins at the end of the one before, or less than a window earlier
        done = max(0, (end - cells) * step - first)
        rows, first = rows[done:], first + done
    total = -(-(first + len(rows)) // step)
    rows = np.concatenate([rows, _past_the_end(settings, settings.frames)])
    while start + cells <= total:  # of which only context is missing
        yield kind, start, rows[start * step - first :][: settings.frames]
        end = start + cells if kind == "window" else end
        kind, start = next(starts)
    if end < total:
        start = total - cells
        yield "last", start, rows[start * step - first :][: settings.frames]


def _past_the_end(settings: FeatureSettings, count: int) -> np.ndarray:
    """Features of frames after the end, as `clip_features` pads: [count, n_mels]."""
    value = past_the_end(settings)
    return np.full((count, settings.n_mels), value, np.float32)


def repair(
    before: DecodedCells, after: DecodedCells, bridge: DecodedCells
) -> tuple[DecodedCells, DecodedCells]:
    """Two windows that meet at a seam, repaired by the bridge over it, class by class.

    Events that touch the seam on both sides are one. An event that touches it on one side is
    continued on the other as far as in the bridge. If none touches it, an event of the bridge that
    crosses it is added. The frame posteriors pass from one window through the bridge to the other.
    """
    seam = after.start
    left, right = before.active.copy(), after.active.copy()
    middle, at = bridge.active, seam - bridge.start
    cut = left[-1] != right[0]  # touches on one side
    for column in np.flatnonzero(cut | (~left[-1] & middle[at - 1] & middle[at])):
        row = middle[:, column]
        if not left[-1, column]:
            start = _run_start(row, at)
            left[len(left) - (at - start) :, column] = True
        if not right[0, column]:
            right[: _run_stop(row, at) - at, column] = True
    frames = _faded(before.frames, after.frames, bridge, seam)
    return (
        replace(before, active=left, frames=frames[0]),
        replace(after, active=right, frames=frames[1]),
    )


def _run_start(row: np.ndarray, at: int) -> int:
    """First cell of the run of active cells that ends before cell `at`; `at` if there is none."""
    idle = np.flatnonzero(~row[:at])
    return int(idle[-1]) + 1 if len(idle) else 0


def _run_stop(row: np.ndarray, at: int) -> int:
    """Cell after the run of active cells that begins at cell `at`; `at` if there is none."""
    idle = np.flatnonzero(~row[at:])
    return at + int(idle[0]) if len(idle) else len(row)


def _faded(
    left: np.ndarray, right: np.ndarray, bridge: DecodedCells, seam: int
) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors of two windows, near the seam replaced by those of the bridge, gradually."""
    at = seam - bridge.start
    width = max(1, int(len(bridge.frames) * FADE))
    reach = min(width, at, len(left)), min(width, len(bridge.frames) - at, len(right))
    left, right = left.copy(), right.copy()
    for side, count, part in (
        (left[::-1], reach[0], bridge.frames[:at][::-1]),
        (right, reach[1], bridge.frames[at:]),
    ):
        own = ((np.arange(count, dtype=np.float32) + np.float32(0.5)) / width)[:, None]
        side[:count] += (part[:count] - side[:count]) * (1 - own)
    return left, right
