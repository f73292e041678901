"""Choose one of several trainings on development alone, and write down why."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from resed.errors import ResultsError
from resed.formats.thresholds import read_class_scores


@dataclass(frozen=True)
class ScoredTraining:
    """A training: its name (`SYSTEM/seedN`), its thresholds per class, and its development score.

    Attributes:
        event_macro_f1: mean over the classes of the event-based F1 at these thresholds, as a
            fraction.
    """

    name: str
    thresholds: Path
    event_macro_f1: float


def candidates(files: Mapping[str, Path]) -> list[ScoredTraining]:
    """The candidates, by name and file of thresholds per class, best first.

    Equal scores keep the given order.

    Raises:
        MissingFileError, ResultsError: a file has no thresholds per class, or other classes than
            the first one.
    """
    found, classes = [], None
    for name, path in files.items():
        scores = read_class_scores(path)
        if classes is not None and set(scores) != classes:
            problem = f"has other classes than {next(iter(files.values()))}"
            raise ResultsError(problem, place=path, cure="give trainings on the same dataset")
        classes = set(scores)
        found.append(ScoredTraining(name, path, fmean(scores.values())))
    return sorted(found, key=lambda one: -one.event_macro_f1)


def choice(ordered: list[ScoredTraining]) -> dict[str, Any]:
    """What was chosen, and the scores of all, as JSON values."""
    return {
        "chosen": ordered[0].name,
        "by": "event-based macro F1 on development, with thresholds per class",
        "event_macro_f1": {one.name: one.event_macro_f1 for one in ordered},
    }
