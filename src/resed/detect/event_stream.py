"""Events of decoded cells that arrive in parts."""

from dataclasses import dataclass

import numpy as np

from resed.decode.events import DECIMALS
from resed.decode.filters import regions
from resed.detect.detector import ModelDetector
from resed.detect.windows import DecodedCells
from resed.errors import ResultsError
from resed.formats.detection_journal import DetectedEvent

MOST_EVENTS = 200_000  # of a file; more are noise


@dataclass
class _OpenEvent:
    """An event that has not ended: first cell, number of cells, sum of their posteriors."""

    start: int
    cells: int
    total: float


class EventStream:
    """Events of cells that arrive in order; their score is the mean of the frame posteriors."""

    def __init__(self, detector: ModelDetector) -> None:
        labels = detector.trained.classes
        self._columns = [labels.index(name) for name in detector.classes]
        self._labels, self._seconds = detector.classes, detector.trained.seconds_per_frame
        self._open: dict[int, _OpenEvent] = {}
        self._found: list[tuple[float, int, float, float]] = []  # onset, column, offset, score

    def add(self, cells: DecodedCells) -> None:
        """Add the next cells. Raises ResultsError for more than MOST_EVENTS events."""
        active = cells.active[:, self._columns]
        scores = cells.frames[:, self._columns].cumsum(axis=0, dtype=np.float64)
        sums = np.concatenate([np.zeros((1, len(self._columns))), scores])
        for column in [column for column in self._open if not active[0, column]]:
            self._close(column)
        for _, column, start, stop in zip(*regions(active[None]), strict=True):
            size, total = int(stop - start), float(sums[stop, column] - sums[start, column])
            if start == 0 and column in self._open:
                event = self._open[column]
                event.cells, event.total = event.cells + size, event.total + total
            else:
                self._open[column] = _OpenEvent(cells.start + int(start), size, total)
            if stop < len(active):
                self._close(column)

    def events(self, seconds: float) -> list[DetectedEvent]:
        """All events of a recording of this length, sorted by onset; to be called at the end.

        Events that begin after the end (in the padding of a short recording) are left out, and no
        event ends after it.
        """
        for column in list(self._open):
            self._close(column)
        found = sorted(self._found, key=lambda one: one[:2])
        return [
            DetectedEvent(onset, min(offset, seconds), self._labels[column], score)
            for onset, column, offset, score in found
            if round(onset, DECIMALS) < round(min(offset, seconds), DECIMALS)
        ]

    def _close(self, column: int) -> None:
        event = self._open.pop(column)
        onset = float(event.start * self._seconds)
        offset = float((event.start + event.cells) * self._seconds)
        score = min(max(event.total / event.cells, 0.0), 1.0)
        self._found.append((onset, int(column), offset, score))
        if len(self._found) > MOST_EVENTS:
            problem = f"more than {MOST_EVENTS} events in one file"
            raise ResultsError(problem, cure="use a higher --threshold")
