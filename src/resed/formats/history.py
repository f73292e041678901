"""The history of a training: one row per epoch, as CSV."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resed.errors import ResultsError
from resed.formats.text_table import DECIMAL, TextTable
from resed.formats.validation import SourceFile, short, short_line
from resed.runtime.files import write_text

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
    "development.tags_map",
    "held_out.tags_f1",
    "held_out.teacher_tags_f1",
    "held_out.frame_f1",
    "held_out.tags_map",
    "held_out.event_f1",
    "held_out_weak.tags_f1",
    "held_out_weak.teacher_tags_f1",
    "held_out_weak.tags_map",
    "weak.tags_f1",
    "weak.teacher_tags_f1",
    "weak.tags_map",
    "clips_per_second",
)


# Written only if a row has them
OF_SOME = (
    "development.tags_map",
    "held_out.tags_map",
    "held_out_weak.tags_map",
    "weak.tags_f1",
    "weak.teacher_tags_f1",
    "weak.tags_map",
)
CLASS_COLUMNS = ("posterior.", "weight.")  # followed by a class label
MOST_EPOCHS = 1_000_000


def columns(classes: Sequence[str]) -> list[str]:
    """All columns, including the mean posterior p_t and the mean adaptive weight of each class."""
    return [
        *COLUMNS,
        *(f"{prefix}{label}" for prefix in CLASS_COLUMNS for label in classes),
    ]


def write_history(path: Path, rows: Sequence[dict[str, Any]], classes: Sequence[str]) -> None:
    """Write all rows atomically; values that do not apply are empty cells."""
    buffer = io.StringIO()
    unused = {name for name in OF_SOME if not any(name in row for row in rows)}
    names = [name for name in columns(classes) if name not in unused]
    writer = csv.DictWriter(buffer, names, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _plain(value) for key, value in row.items()})
    write_text(path, buffer.getvalue())


def _plain(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def read_history(path: Path | str) -> dict[str, list[float]]:
    """Read history.csv: column -> one value per epoch, NaN for empty and infinite cells.

    Columns may be missing, as in files of older versions.

    Raises MissingFileError, or ResultsError for a file without epochs, an unknown column, a row of
    another width, a cell that is not a number or out of range, or epochs that do not count from 0.
    """
    source = SourceFile(Path(path), ResultsError, "run resed train again")
    frame = TextTable(source, None, separator=",").frame
    if "epoch" not in frame:
        raise source.wrong("the columns must be unique and include epoch", 1)
    for name in frame:
        if name not in COLUMNS and not name.startswith(CLASS_COLUMNS):
            raise source.wrong(f"unknown column {short_line(name)}", 1)
    if not 0 < len(frame) <= MOST_EPOCHS:
        raise source.wrong("contains no epoch" if frame.empty else f"over {MOST_EPOCHS} epochs")
    found = {}
    for name in frame:
        low, high = _range(name)
        found[name] = [_value(source, *cell, low, high) for cell in frame[name].items()]
    if found["epoch"] != list(range(len(frame))):
        raise source.wrong("the epochs do not count from 0")
    return found


def _range(column: str) -> tuple[float, float]:
    """The lowest and the highest value of a column."""
    if column.startswith("posterior.") or column.endswith(("_f1", "_map")):
        return 0.0, 1.0
    if column.startswith("loss"):
        return -math.inf, math.inf
    return 0.0, math.inf


def _value(source: SourceFile, line: int, cell: str, low: float, high: float) -> float:
    if cell in ("", "nan", "inf", "-inf"):  # as written for a value that does not exist
        return math.nan
    value = float(cell) if DECIMAL.fullmatch(cell) else math.inf
    if not math.isfinite(value):
        raise source.wrong(f"not a number ({short(cell)})", line)
    if not low <= value <= high:
        limits = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
        raise source.wrong(f"{short(cell)} is not a number {limits}", line)
    return value
