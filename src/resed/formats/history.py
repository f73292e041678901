"""The history of a training: one row per epoch, as CSV."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resed.errors import ResultsError
from resed.formats.validation import SourceFile
from resed.runtime.files import existing, write_text

LOSS_COLUMNS = (
    "loss",
    "loss.weak.teacher",
    "loss.weak.student",
    "loss.strong.teacher",
    "loss.strong.student",
    "loss.consistency.teacher_to_student",
    "loss.consistency.student_to_teacher",
    "loss.consistency.frames",
    "loss.tfd",
    "loss.dfd",
)

COLUMNS = (
    "epoch",
    "step",
    "stage",
    *LOSS_COLUMNS,
    "alpha",
    "beta",
    "consistency",
    "learning_rate",
    "norm.teacher",
    "norm.student",
    "rank.teacher",
    "rank.student",
    "feature_norm.teacher",
    "feature_norm.student",
    "feature_rank.teacher",
    "feature_rank.student",
    "development.tags_f1",
    "development.teacher_tags_f1",
    "development.frame_f1",
    "held_out.tags_f1",
    "held_out.teacher_tags_f1",
    "held_out.frame_f1",
    "held_out.event_f1",
    "held_out_weak.tags_f1",
    "held_out_weak.teacher_tags_f1",
    "clips_per_second",
)


def columns(classes: Sequence[str]) -> list[str]:
    """All columns, including the mean posterior p_t and the mean adaptive weight of each class."""
    return [
        *COLUMNS,
        *(f"posterior.{label}" for label in classes),
        *(f"weight.{label}" for label in classes),
    ]


def write_history(path: Path, rows: Sequence[dict[str, Any]], classes: Sequence[str]) -> None:
    """Write all rows atomically; values that do not apply are empty cells."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns(classes), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _plain(value) for key, value in row.items()})
    write_text(path, buffer.getvalue())


def _plain(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def read_history(path: Path | str) -> dict[str, list[float]]:
    """Read history.csv: column -> one value per epoch, NaN for empty and infinite cells.

    Raises MissingFileError, or ResultsError for a file without epochs, a row of another width, a
    cell that is not a number, or epochs that do not count from 0.
    """
    source = SourceFile(Path(path), ResultsError, "run resed train again")
    try:
        text = existing(source.path, "run resed train").read_text(encoding="utf-8")
        header, *rows = csv.reader(io.StringIO(text), strict=True)
    except (ValueError, csv.Error) as error:
        raise source.wrong(f"not a history ({error})") from None
    if len(set(header)) < len(header) or "epoch" not in header:
        raise source.wrong("the columns must be unique and include epoch", 1)
    if not rows:
        raise source.wrong("contains no epoch")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise source.wrong(f"{len(row)} cells, but the header has {len(header)}", number)
    try:
        columns = {name: [_value(row[i]) for row in rows] for i, name in enumerate(header)}
    except ValueError as error:
        raise source.wrong(f"not a number ({error})") from None
    if columns["epoch"] != list(range(len(rows))):
        raise source.wrong("the epochs do not count from 0")
    return columns


def _value(cell: str) -> float:
    value = float(cell) if cell else math.nan
    return value if math.isfinite(value) else math.nan
