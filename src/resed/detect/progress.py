"""Progress over sound files: files done, hours of sound per minute, time left."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from resed.errors import counted
from resed.runtime.progress import status_line

MINUTE, HOUR = 60.0, 3600.0  # seconds


class AudioProgress:
    """Progress over files of known sizes in bytes; made by `audio_progress`.

    The time left is estimated from bytes, because the length of a file is known after reading it.
    """

    def __init__(self, sizes: Sequence[int], show) -> None:
        self._sizes, self._show, self._begin = sizes, show, time.monotonic()
        self._done = 0  # files
        self._seconds = 0.0  # of sound that was read
        self._read = 0.0  # bytes that were read
        self._share = 0.0  # of the current file

    def advance(self, seconds: float, share: float) -> None:
        """Count seconds of sound that were read; `share` of the current file is done."""
        self._seconds += seconds
        self._read += max(0.0, share - self._share) * self._sizes[self._done]
        self._share = max(self._share, share)
        self._show(self.text)

    def next_file(self) -> None:
        """Count the current file as done."""
        self._done, self._share = self._done + 1, 0.0
        self._show(self.text)

    def text(self) -> str:
        """The line, such as: 12 of 200 files, 0.9 hours of sound per minute, 3 min left."""
        elapsed = max(time.monotonic() - self._begin, 1e-9)
        parts = [f"{self._done} of {counted(len(self._sizes), 'file')}"]
        if self._seconds:
            rate = (self._seconds / HOUR) / (elapsed / MINUTE)
            parts.append(f"{rate:.2g} hours of sound per minute")
        if self._read:
            rest = self._sizes[self._done :]
            left = sum(rest) - (self._share * rest[0] if rest else 0.0)
            parts.append(f"{_duration(elapsed * left / self._read)} left")
        return ", ".join(parts)


@contextmanager
def audio_progress(sizes: Sequence[int]) -> Iterator[AudioProgress]:
    """Show the progress over files of these sizes in bytes on stderr."""
    with status_line("detect") as show:
        yield AudioProgress(sizes, show)


def _duration(seconds: float) -> str:
    """45 s, 12 min, or 3.5 h."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"
