"""A comparison as tables for a terminal, or as plain lines for a file."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from resed.errors import counted
from resed.escaping import one_line, terminal
from resed.formats.comparison import ComparedDifference, ComparedScore, Comparison

if TYPE_CHECKING:
    from rich.table import Table

TITLES = {
    "event": "event F1",
    "segment": "segment F1",
    "tags": "tag F1",
    "psds1": "PSDS1",
    "psds2": "PSDS2",
    "map": "mAP",
}
NONE = "–"
STYLES = {"better": "green", "worse": "red", "no difference shown": "dim"}
WIDEST = 10_000  # columns of a file, in which no line is broken


def print_comparison(comparison: Comparison, stream: TextIO | None = None) -> None:
    """Print the scores, the differences and the notes."""
    from rich.console import Console

    stream = stream or sys.stdout
    tty = stream.isatty()
    size = {} if tty else {"width": WIDEST, "color_system": None}
    console = Console(file=terminal(stream) if tty else stream, highlight=False, **size)
    for table in (_scores(comparison), _differences(comparison)):
        table.box, table.collapse_padding = (table.box, True) if tty else (None, False)
        if table.row_count and tty:
            console.print(table)
        elif table.row_count:
            with console.capture() as text:
                console.print(table)
            stream.writelines(f"{line.rstrip()}\n" for line in [*text.get().splitlines(), ""])
    for line in lines_below(comparison):
        console.print(one_line(line), markup=False, soft_wrap=True)


def lines_below(comparison: Comparison) -> Iterator[str]:
    """Sentences on the numbers, then the notes."""
    yield (
        f"{counted(comparison.clips, 'clip')}; in percent, [95 % interval over clips, and over "
        "seeds where a detector has several files]."
    )
    tests = sum(len(pair.metrics) for pair in comparison.pairs)
    if tests:
        yield (
            "Differences are first minus second on the same clips; p and verdict are corrected "
            f"for {counted(tests, 'difference')} (Holm)."
        )
    yield from (f"note: {note}" for note in comparison.notes)


def _scores(comparison: Comparison) -> "Table":
    metrics = _metrics(comparison)
    rows = [
        [
            one.name,
            str(len(one.events)),
            *(_score(one.metrics.get(metric)) for metric in metrics),
        ]
        for one in comparison.detectors
    ]
    return _table(
        ["detector", "files", *(TITLES[metric] for metric in metrics)], rows, len(metrics) + 2
    )


def _differences(comparison: Comparison) -> "Table":
    rows = [
        [
            pair.first,
            pair.second,
            TITLES[metric],
            _change(found),
            f"{found.p_holm:.3f}" if found.p_holm >= 0.001 else "< 0.001",
            _verdict(found),
        ]
        for pair in comparison.pairs
        for metric, found in pair.metrics.items()
    ]
    styles = [STYLES[found.verdict] for pair in comparison.pairs for found in pair.metrics.values()]
    header = ["first", "second", "metric", "difference", "p", "verdict"]
    return _table(header, rows, 2, styles)


def _metrics(comparison: Comparison) -> list[str]:
    given = {metric for one in comparison.detectors for metric in one.metrics}
    return [metric for metric in TITLES if metric in given]


def _table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    folded: int,
    styles: Sequence[str] = (),
) -> "Table":
    """A table whose first `folded` columns may be broken into lines, the last one in a style."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, title in enumerate(header):
        table.add_column(title, overflow="fold", no_wrap=index >= folded)
    for index, row in enumerate(rows):
        style = styles[index] if styles else ""
        cells = [Text(one_line(cell)) for cell in row]
        if cells and styles:
            cells[-1].stylize(style)
        table.add_row(*cells)
    return table


def _score(found: ComparedScore | None) -> str:
    if found is None:
        return NONE
    return _with_interval(f"{100 * found.value:.1f}", found.low, found.high, "")


def _change(found: ComparedDifference) -> str:
    return _with_interval(f"{100 * found.difference:+z.1f}", found.low, found.high, "+z")


def _with_interval(text: str, low: float | None, high: float | None, sign: str) -> str:
    if low is None or high is None:
        return f"{text} (no interval)"
    return f"{text} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def _verdict(found: ComparedDifference) -> str:
    return {"better": "first better", "worse": "second better"}.get(found.verdict, found.verdict)
