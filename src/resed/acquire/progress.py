"""A progress line on standard error: rate and remaining time, and a few plain lines in a log."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

EVERY_S = 10.0  # between lines of a log; a terminal's one line is redrawn five times a second


class Progress:
    """Counts `advance()` up to `total`; at the end says how many in what time."""

    def __init__(
        self,
        title: str,
        total: int,
        unit: str,
        report: Callable[[str], None] | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self.title, self.total, self.unit, self.report = title, total, unit, report
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty()
        self.done = 0

    def __enter__(self) -> "Progress":
        self.started = self.shown = time.monotonic()
        return self

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more, and show it if it is time to."""
        self.done += steps
        now = time.monotonic()
        if now - self.shown >= (0.2 if self.terminal else EVERY_S):
            self.shown = now
            self._show(now - self.started)

    def _show(self, elapsed: float) -> None:
        rate = self.done / elapsed
        left = (self.total - self.done) / rate
        text = (
            f"{self.title}: {self.done} of {self.total} {self.unit}, "
            f"{rate:.1f} a second, {_clock(left)} left"
        )
        ends = ("\r", "\x1b[K") if self.terminal else ("", "\n")
        print(ends[0] + text, end=ends[1], file=self.stream, flush=True)

    def __exit__(self, kind: object, *rest: object) -> None:
        if self.terminal:
            print("\r\x1b[K", end="", file=self.stream, flush=True)
        if kind is None and self.report:
            elapsed = max(time.monotonic() - self.started, 1e-9)
            self.report(
                f"{self.title}: {self.done} {self.unit} in {_clock(elapsed)} "
                f"({self.done / elapsed:.1f} a second)"
            )


def _clock(duration: float) -> str:
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
