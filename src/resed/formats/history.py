"""The history of a training: one row an epoch, as CSV."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    "held_out.tags_f1",
    "held_out.teacher_tags_f1",
    "held_out.frame_f1",
    "held_out.event_f1",
    "held_out_weak.tags_f1",
    "held_out_weak.teacher_tags_f1",
    "clips_per_second",
)


def columns(classes: Sequence[str]) -> list[str]:
    """All columns; a class has its mean posterior p_t and its mean adaptive weight (Figure 3)."""
    return [
        *COLUMNS,
        *(f"posterior.{label}" for label in classes),
        *(f"weight.{label}" for label in classes),
    ]


def write_history(path: Path, rows: Sequence[dict[str, Any]], classes: Sequence[str]) -> None:
    """Write all rows anew, atomically; a value that does not apply is empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns(classes), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _plain(value) for key, value in row.items()})
    write_text(path, buffer.getvalue())


def _plain(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
