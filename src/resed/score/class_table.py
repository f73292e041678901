"""Scores per class as lines for a terminal of 80 columns."""

from collections.abc import Iterator, Mapping
from typing import Any

from resed.escaping import one_line

HEADER = ("class", "events", "found", "event F1", "precision", "recall", "segment F1")
LONGEST_NAME = 24  # of a class; a longer one takes more columns


def class_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Per class: events of the reference, detected events, and scores in percent.

    Precision and recall are those of events. No line without scores of events.
    """
    if "event" not in metrics:
        return
    rows = [HEADER]
    segments = metrics["segment"]["classes"]
    for label, found in metrics["event"]["classes"].items():
        counts = found["tp"] + found["fn"], found["tp"] + found["fp"]
        scores = (found["f1"], found["precision"], found["recall"], segments[label]["f1"])
        rows.append(
            (one_line(label), *map(str, counts), *(f"{100 * value:.1f}" for value in scores))
        )
    width = max(len(row[0]) for row in rows if len(row[0]) <= LONGEST_NAME)
    for name, *cells in rows:
        numbers = (cell.rjust(len(title)) for cell, title in zip(cells, HEADER[1:], strict=True))
        yield "  ".join([name.ljust(width), *numbers])
