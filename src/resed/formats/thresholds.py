"""The frame thresholds that `resed threshold` chose on development: JSON files.

A file has one threshold for all classes, or with the key `classes` also one per class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resed.errors import MOST_CLASSES, ResultsError, some
from resed.formats.validation import NAME, Fields, Kind, SourceFile, integer, list_of, number
from resed.runtime.files import write_json

FORMAT = 1
SHARE = number(0, 1)
FEW_EVENTS = "few events"
FALLBACK = Kind(f"'' or {FEW_EVENTS!r}", lambda value: value in ("", FEW_EVENTS))
FIELDS = Fields(
    {
        "format": integer(FORMAT, FORMAT, optional=True),  # only with classes
        "threshold": SHARE,
        "grid": list_of(SHARE, least=1, optional=True),
        "event_macro_f1": list_of(SHARE, least=1, optional=True),  # of each threshold of the grid
        "class_threshold_events": integer(1, optional=True),
        "classes": Fields(
            {},
            others=Fields(
                {
                    "threshold": SHARE,
                    "events": integer(),  # on development
                    "event_f1": SHARE,  # at this threshold
                    "fallback": FALLBACK,  # why it is the common threshold, or ""
                }
            ),
            optional=True,
        ),
    }
)
CURE = "run resed threshold again"
CLASS_KEYS = ("format", "class_threshold_events", "classes")  # all or none of them


@dataclass(frozen=True)
class Thresholds:
    """Frame thresholds: `common` for all classes, and those of `classes` where there are any.

    Examples:
        >>> Thresholds(0.3).of(["Cat", "Dog"])
        [0.3, 0.3]
        >>> Thresholds(0.3, {"Dog": 0.1, "Cat": 0.2}).of(["Cat", "Dog"])
        [0.2, 0.1]
    """

    common: float
    classes: Mapping[str, float] = field(default_factory=dict)

    def of(self, classes: Sequence[str]) -> list[float]:
        """The threshold of each of `classes`. Raises ResultsError if they are of other classes."""
        if not self.classes:
            return [self.common] * len(classes)
        if set(self.classes) != set(classes):
            raise ResultsError(
                f"the thresholds are for {some(list(self.classes), MOST_CLASSES)}, the posteriors "
                f"for {some(list(classes), MOST_CLASSES)}",
                cure="run resed threshold --per-class on posteriors of the same system",
            )
        return [self.classes[label] for label in classes]

    def __str__(self) -> str:
        """The threshold, or the range of those per class."""
        if not self.classes:
            return f"{self.common:g}"
        low, high = min(self.classes.values()), max(self.classes.values())
        return f"{low:g} to {high:g}, per class" if low < high else f"{low:g}, per class"


def write_thresholds(path: Path | str, chosen: Mapping[str, Any]) -> None:
    """Write the thresholds, the grid that was searched and the macro F1 of each of its values."""
    write_json(path, chosen)


def read_thresholds(path: Path | str) -> Thresholds:
    """The thresholds, from 0 to 1. Raises MissingFileError, or ResultsError for invalid content."""
    source = SourceFile(Path(path), ResultsError, CURE)
    values = source.json(FIELDS)
    if len(values.get("grid", ())) != len(values.get("event_macro_f1", ())):
        raise source.wrong("grid and event_macro_f1 have different lengths")
    missing = [key for key in CLASS_KEYS if key not in values]
    if missing and len(missing) < len(CLASS_KEYS):
        raise source.wrong(f"{missing[0]} is missing")
    classes = values.get("classes", {})
    for label in classes:
        source.check(label, NAME, "a class")
    if "classes" in values and not classes:
        raise source.wrong("classes must not be empty")
    return Thresholds(
        float(values["threshold"]),
        {label: float(one["threshold"]) for label, one in classes.items()},
    )


def read_class_scores(path: Path | str) -> dict[str, float]:
    """Class -> its event-based F1 on development, at its threshold.

    Raises as `read_thresholds`, and ResultsError for a file without thresholds per class.
    """
    if not read_thresholds(path).classes:
        cure = "make it with resed threshold --per-class"
        raise ResultsError("has no thresholds per class", place=path, cure=cure)
    values = SourceFile(Path(path), ResultsError, CURE).json(FIELDS)
    return {label: float(one["event_f1"]) for label, one in values["classes"].items()}
