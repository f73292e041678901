"""Windows of the median filters: one row per class, tab-separated, in seconds."""

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from resed.errors import ResultsError
from resed.runtime.files import existing, write_text


@dataclass(frozen=True, slots=True)
class Window:
    """A row of WINDOWS.tsv. Seconds throughout; None where there is no such value.

    `method` is the one asked for; `fallback` says, if not "", why another value was taken.
    """

    event_label: str
    events: int
    mean_s: float | None
    window_s: float
    method: str
    knee_index: int | None
    knee_s: float | None
    fallback: str


COLUMNS = tuple(field.name for field in fields(Window))


def write_windows(path: Path | str, windows: Iterable[Window]) -> None:
    """Write WINDOWS.tsv atomically; seconds with six decimals, no value as an empty cell."""
    rows = ["\t".join(COLUMNS)]
    for window in windows:
        cells = ["" if cell is None else cell for cell in astuple(window)]
        rows.append("\t".join(f"{c:.6f}" if isinstance(c, float) else str(c) for c in cells))
    write_text(path, "\n".join(rows) + "\n")


def read_windows(path: Path | str) -> dict[str, Window]:
    """Read WINDOWS.tsv: label -> row. Raises ResultsError that names the line and the cure."""
    lines = existing(path, "run resed calibrate").read_text(encoding="utf-8-sig").splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise ResultsError(
            f"{path} line 1: the columns must be {', '.join(COLUMNS)}; make it by resed calibrate"
        )
    windows = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        try:
            label, events, mean, seconds, method, index, at, fallback = line.split("\t")
            window = Window(
                label,
                int(events),
                float(mean) if mean else None,
                float(seconds),
                method,
                int(index) if index else None,
                float(at) if at else None,
                fallback,
            )
        except ValueError:
            window = None
        if window is None or not 0 <= window.window_s < math.inf or window.event_label in windows:
            raise ResultsError(f"{path} line {number}: not a window; make it by resed calibrate")
        windows[label] = window
    return windows
