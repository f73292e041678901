"""A progress line for downloads: clips left, rate and time left."""

import sys
import threading
import time
from collections.abc import Callable

from resed.escaping import plain, terminal

EVERY_S = 5.0  # between lines in a log file
EVERY_ON_TERMINAL_S = 0.5


class DownloadProgress:
    """Counts clips and bytes, and prints a line on stderr every few seconds. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty()
        self.start("", 0)

    def start(self, title: str, clips: int) -> None:
        """Reset all counts; `clips` clips are wanted."""
        with self._lock:
            self._title, self._clips = title, clips
            self._done = self._bytes = self._expected = 0
            self._began = self._last = self._clock()

    def expect(self, count: int) -> None:
        """Add bytes that will be received."""
        with self._lock:
            self._expected += count

    def received(self, count: int) -> None:
        """Add bytes that were received."""
        with self._lock:
            self._bytes += count
        self._show()

    def clip_done(self) -> None:
        """Add a clip."""
        with self._lock:
            self._done += 1
        self._show()

    def end(self) -> None:
        """Finish the line on a terminal."""
        if self._terminal and self._last > self._began:
            print(file=sys.stderr)

    def line(self) -> str:
        """Clips left, rate and time left; the time is estimated from the bytes if known."""
        elapsed = max(self._clock() - self._began, 1e-9)
        left = self._clips - self._done
        rate = self._bytes / elapsed
        bytes_left = self._expected - self._bytes
        if bytes_left > 0 and rate > 0:
            remaining = _duration(bytes_left / rate)
        elif self._done and left:
            remaining = _duration(left * elapsed / self._done)
        else:
            remaining = "time left unknown" if left else "done"
        return (
            f"{self._title}: {left} of {self._clips} clips left; {_size(self._bytes)} received, "
            f"{_size(rate)}/s; {remaining}"
        )

    def _show(self) -> None:
        with self._lock:
            now = self._clock()
            if now - self._last < (EVERY_ON_TERMINAL_S if self._terminal else EVERY_S):
                return
            self._last = now
            line = self.line()
        if self._terminal:
            shown = f"\r\x1b[K{plain(line)}"
            print(shown, end="", file=terminal(sys.stderr), flush=True)
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
