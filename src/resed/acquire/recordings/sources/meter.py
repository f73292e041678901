"""A progress line for clips that come from afar: what is left, how fast, how long."""

import sys
import threading
import time
from collections.abc import Callable

EVERY = 5.0  # seconds between lines in a log
EVERY_ON_TERMINAL = 0.5


class Meter:
    """Counts clips and bytes; prints a line on stderr every few seconds. Safe from any thread."""

    def __init__(self, what: str = "", clips: int = 0, clock: Callable[[], float] = time.monotonic):
        self._what, self._clips, self._clock = what, clips, clock
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty()
        self._done = self._bytes = self._expected = 0
        self._began = self._last = clock()

    def start(self, what: str, clips: int) -> None:
        """Begin anew: so many clips are wanted."""
        with self._lock:
            self._what, self._clips = what, clips
            self._done = self._bytes = self._expected = 0
            self._began = self._last = self._clock()

    def expect(self, count: int) -> None:
        """So many more bytes are to come."""
        with self._lock:
            self._expected += count

    def received(self, count: int) -> None:
        """So many bytes came."""
        with self._lock:
            self._bytes += count
        self._show()

    def settled(self, count: int = 1) -> None:
        """So many clips are there."""
        with self._lock:
            self._done += count
        self._show()

    def end(self) -> None:
        """Leave the terminal's line."""
        if self._terminal and self._last > self._began:
            print(file=sys.stderr)

    def line(self) -> str:
        """What is left, the rate and the time left; by bytes where they are known."""
        elapsed = max(self._clock() - self._began, 1e-9)
        left = self._clips - self._done
        rate = self._bytes / elapsed
        to_come = self._expected - self._bytes
        if to_come > 0 and rate > 0:
            remaining = _duration(to_come / rate)
        elif self._done and left:
            remaining = _duration(left * elapsed / self._done)
        else:
            remaining = "time left not known" if left else "done"
        return (
            f"{self._what}: {left} of {self._clips} clips left; {_size(self._bytes)} received, "
            f"{_size(rate)}/s; {remaining}"
        )

    def _show(self) -> None:
        with self._lock:
            now = self._clock()
            if now - self._last < (EVERY_ON_TERMINAL if self._terminal else EVERY):
                return
            self._last = now
            line = self.line()
        if self._terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def _size(count: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} bytes"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s left"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min left"
    return f"{seconds / 3600:.1f} h left"
