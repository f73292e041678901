"""True positives, false positives and false negatives per clip and class: counts.tsv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from resed.errors import ResultsError
from resed.formats.metrics import BLOCKS
from resed.formats.text_table import TextTable
from resed.formats.validation import SourceFile
from resed.runtime.files import write_tsv

COLUMNS = ("clip", "metric", "class", "tp", "fp", "fn")
CURE = "run resed score again"
MOST = 10**9  # events of a class in a clip
MOST_CELLS = 40_000_000  # clips times classes, of 24 bytes each: two million clips of 20 classes


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of one system, seed and metric.

    Attributes:
        names: clips that have a row; clips without counts may be left out.
        classes: class labels, sorted.
        values: true positives, false positives, false negatives: int64 [names, classes, 3].
        clips: number of clips that were scored, with or without counts.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    values: np.ndarray
    clips: int

    @classmethod
    def of(cls, clips: Sequence[str], classes: Sequence[str], values: np.ndarray) -> "Counts":
        """Counts in which every scored clip has a row."""
        return cls(tuple(clips), tuple(classes), values, len(clips))

    def f1(self, label: str | None = None) -> float:
        """Macro-averaged F1, or the F1 of one class, as a fraction.

        Classes without any count are left out; 0 if no class is left.
        """
        kept = slice(None) if label is None else [name == label for name in self.classes]
        scores = class_f1(self.values[:, kept].sum(axis=0, dtype=np.int64))
        scores = scores[~np.isnan(scores)]
        return float(np.mean(scores)) if scores.size else 0.0

    def only(self, *labels: str) -> "Counts":
        """The counts of some classes."""
        kept = [i for i, name in enumerate(self.classes) if name in labels]
        names = tuple(self.classes[i] for i in kept)
        return Counts(self.names, names, self.values[:, kept], self.clips)

    def summary(self) -> dict[str, Any]:
        """macro_f1, micro_f1 and, per class, f1, precision, recall, tp, fp, fn; 0/0 is 0."""
        totals = self.values.sum(axis=0, dtype=np.int64)
        return {
            "macro_f1": self.f1(),
            "micro_f1": _rates(*totals.sum(axis=0))["f1"],
            "classes": {label: _rates(*totals[i]) for i, label in enumerate(self.classes)},
        }


def class_f1(counts: np.ndarray) -> np.ndarray:
    """F1 per class from whole numbers [..., 3] (tp, fp, fn): float64 [...], NaN without counts.

    2 TP / (2 TP + FP + FN) is the harmonic mean of precision and recall.
    """
    hits = 2.0 * counts[..., 0]
    below = counts @ np.array([2, 1, 1])
    return np.divide(hits, below, out=np.full(below.shape, np.nan), where=below > 0)


def _rates(tp: int, fp: int, fn: int) -> dict[str, float | int]:
    tp, fp, fn = int(tp), int(fp), int(fn)
    return {
        "f1": 2 * tp / (2 * tp + fp + fn) if tp else 0.0,
        "precision": tp / (tp + fp) if tp else 0.0,
        "recall": tp / (tp + fn) if tp else 0.0,
        "tp": tp,
        "fp": fp,
        "fn": fn,
    }


def write_counts(path: Path | str, counts: Mapping[str, Counts]) -> None:
    """Write counts per clip, metric and class as TSV, atomically; rows of zeros are left out.

    The number of scored clips is in metrics.json.
    """
    rows = (
        (table.names[row], metric, table.classes[column], *table.values[row, column])
        for metric, table in counts.items()
        for row, column in zip(*np.nonzero(table.values.any(axis=-1)), strict=True)
    )
    write_tsv(path, COLUMNS, rows)


def read_counts(path: Path, clips: int) -> dict[str, Counts]:
    """Read counts.tsv: metric -> counts; `clips` is the number of scored clips.

    Raises MissingFileError, or ResultsError for a file that `write_counts` did not write.
    """
    source = SourceFile(Path(path), ResultsError, CURE)
    table = TextTable(source, COLUMNS)
    table.names("clip", "metric", "class")
    table.unique("clip", "metric", "class")
    for column in ("tp", "fp", "fn"):
        table.integers(column, high=MOST)
    table.one_of("metric", BLOCKS)
    found = {}
    for metric, rows in table.frame.groupby("metric", sort=False):
        scored, classes = rows["clip"].nunique(), rows["class"].nunique()
        if scored > clips:
            problem = f"{metric} has counts of {scored} clips, but {clips} were scored"
            raise source.wrong(problem)
        if scored * classes > MOST_CELLS:
            raise source.wrong(f"{scored} clips times {classes} classes; at most {MOST_CELLS}")
        found[metric] = _table(rows, clips)
    return found


def _table(rows: pd.DataFrame, clips: int) -> Counts:
    names, classes = sorted(set(rows["clip"])), sorted(set(rows["class"]))
    values = np.zeros((len(names), len(classes), 3), dtype=np.int64)
    place = pd.Index(names).get_indexer(rows["clip"])
    column = pd.Index(classes).get_indexer(rows["class"])
    values[place, column] = rows[["tp", "fp", "fn"]].to_numpy()
    return Counts(tuple(names), tuple(classes), values, clips)
