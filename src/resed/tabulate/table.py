"""A table before it is CSV, Markdown or HTML."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from resed.results.folder import SPLITS, departures
from resed.stats.intervals import BOTH, CLIPS, Interval
from resed.tabulate.score_reader import ScoreBook

NONE = "–"
NOT_RUN = "not run"


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
        header = list(self.records[0] if self.records else self.columns)
        writer = csv.DictWriter(handle, header, lineterminator="\n")
        writer.writeheader()
        for record in self.records:
            writer.writerow({key: _cell(value) for key, value in record.items()})
        return handle.getvalue()


def ours(found: Interval | None, none: str = NONE) -> str:
    """Our mean and its interval for people: `43.1 [40.9, 45.3]`."""
    if found is None:
        return none
    return f"{found.mean:.1f} [{found.low:.1f}, {found.high:.1f}]"


def gain(found: Interval | None, none: str = NONE) -> str:
    """A difference in points and its interval for people: `+1.2 [-0.3, +2.7]`."""
    if found is None:
        return none
    return f"{found.mean:+z.1f} [{found.low:+z.1f}, {found.high:+z.1f}]"


def printed(value: float | None) -> str:
    """A number as the paper prints it."""
    return NONE if value is None else f"{value:.1f}"


def fields(key: str, found: Interval | None) -> dict[str, float | None]:
    """An interval for programs: `key`, `key_low`, `key_high`, and the spread of seeds."""
    return {
        key: found.mean if found else None,
        f"{key}_low": found.low if found else None,
        f"{key}_high": found.high if found else None,
        f"{key}_deviation": found.deviation if found else None,
    }


def basis(book: ScoreBook, seeds: int) -> dict[str, Any]:
    """What every record says of the ground its numbers stand on; no seed: it was not run."""
    covers = (BOTH if seeds > 1 else CLIPS) if seeds else None
    clips = {f"clips_{split}": book.clips.get(split) for split in SPLITS}
    own = {
        "seeds": seeds,
        "interval_covers": covers,
        "dataset": book.results.config.dataset_file.name,
    }
    return own | clips | {"manifest_sha256": book.manifest}


def provenance(book: ScoreBook) -> tuple[str, ...]:
    """What every table says about the ground its numbers stand on."""
    paper = book.results.paper
    reasons = departures(book.results)
    clips = ", ".join(f"{count} {split}" for split, count in book.clips.items())
    of_paper = ", ".join(f"{paper.clips[split]} {split}" for split in book.clips)
    scored = f"clips scored: {clips} (paper: {of_paper})" if clips else "nothing was scored"
    lines = [
        f"Dataset: {book.results.dataset}; {scored}.",
        certainty(book.results.config.seeds_in_words),
    ]
    if reasons:
        lines.insert(0, f"**Not the paper's numbers**: {'; '.join(reasons)}.")
    return tuple(lines)


def certainty(seeds: str) -> str:
    """What the brackets of a table hold; `seeds` in words (Config.seeds_in_words)."""
    if seeds == "1 seed":
        return (
            "Trained systems: 1 seed. In brackets the 95 % interval over clips only: another "
            "training of the same system may well lie outside."
        )
    return (
        f"Trained systems: means of {seeds}, in brackets the 95 % interval over clips and seeds; "
        "over clips alone where there is one seed."
    )


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.12g}" if isinstance(value, float) else str(value)
