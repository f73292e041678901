"""A table before it is CSV, Markdown or HTML."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resed.results import departures, short_hash
from resed.tabulate.book import Score, ScoreBook

NONE = "–"


@dataclass(frozen=True)
class Line:
    """A row for people: its cells, or a heading over the rows below it where `heading` is set."""

    cells: tuple[str, ...] = ()
    heading: str = ""


@dataclass(frozen=True)
class Table:
    """A table in both forms.

    `caption` holds sentences; `columns` and `lines` are what people read (percent, one decimal);
    `records` are what programs read (percent, full precision), one mapping a row, same keys.
    """

    title: str
    caption: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    records: tuple[dict[str, Any], ...]
    words: int = 2  # how many columns, from the left, hold words

    def markdown(self) -> str:
        """GitHub-flavoured Markdown."""
        count = len(self.columns)
        rows = [self.columns, ("---",) * self.words + ("---:",) * (count - self.words)]
        for line in self.lines:
            empty = ("",) * (count - 2)
            rows.append(line.cells or ("", f"**{line.heading}**", *empty))
        body = "\n".join("| " + " | ".join(map(_escape, row)) + " |" for row in rows)
        notes = "\n".join(f"- {sentence}" for sentence in self.caption)
        return f"# {self.title}\n\n{notes}\n\n{body}\n"

    def csv(self) -> str:
        """Comma-separated values with a header; an empty cell where there is no value."""
        handle = io.StringIO()
        writer = csv.DictWriter(handle, list(self.records[0]), lineterminator="\n")
        writer.writeheader()
        for record in self.records:
            writer.writerow({key: _cell(value) for key, value in record.items()})
        return handle.getvalue()


def pair(scores: Sequence[Score | None]) -> str:
    """Scores for people: '43.1 / 40.9', or with several seeds '43.1 ± 0.8 / 40.9 ± 1.1'."""
    return " / ".join(map(one, scores)) if any(scores) else NONE


def one(score: Score | None) -> str:
    """One score for people: mean over seeds, and the standard deviation where there are several."""
    if score is None:
        return NONE
    spread = "" if score.deviation is None else f" ± {score.deviation:.1f}"
    return f"{score.mean:.1f}{spread}"


def printed(values: Sequence[float | None]) -> str:
    """The paper's numbers as it prints them."""
    if all(value is None for value in values):
        return NONE
    return " / ".join(NONE if value is None else f"{value:.1f}" for value in values)


def provenance(book: ScoreBook) -> tuple[str, ...]:
    """What every table says about the ground its numbers stand on."""
    config, paper = book.results.config, book.results.paper
    reasons = departures(book.results)
    clips = ", ".join(f"{count} {split}" for split, count in book.clips.items())
    of_paper = ", ".join(f"{paper.clips[split]} {split}" for split in book.clips)
    seeds = (
        "1 seed, so no spread is known"
        if config.seeds == 1
        else f"mean ± standard deviation of {config.seeds} seeds"
    )
    lines = [
        f"Dataset: {book.results.dataset}; clips scored: {clips} (paper: {of_paper}).",
        f"Manifest: {short_hash(book.manifest)}. Trained systems: {seeds}.",
    ]
    if reasons:
        lines.insert(0, f"**Not the paper's numbers**: {'; '.join(reasons)}.")
    return tuple(lines)


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.12g}" if isinstance(value, float) else str(value)
