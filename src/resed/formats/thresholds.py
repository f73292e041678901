"""The frame threshold that `resed threshold` chose on development: a JSON file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resed.errors import ResultsError
from resed.formats.validation import Fields, SourceFile, list_of, number
from resed.runtime.files import write_json

SHARE = number(0, 1)
FIELDS = Fields(
    {
        "threshold": SHARE,
        "grid": list_of(SHARE, least=1, optional=True),
        "event_macro_f1": list_of(SHARE, least=1, optional=True),  # of each threshold of the grid
    }
)
CURE = "run resed threshold again"


def write_threshold(path: Path | str, chosen: Mapping[str, Any]) -> None:
    """Write the threshold, the grid that was searched and the macro F1 of each of its values."""
    write_json(path, chosen)


def read_threshold(path: Path | str) -> float:
    """The threshold, from 0 to 1. Raises MissingFileError, or ResultsError for invalid content."""
    source = SourceFile(Path(path), ResultsError, CURE)
    values = source.json(FIELDS)
    if len(values.get("grid", ())) != len(values.get("event_macro_f1", ())):
        raise source.wrong("grid and event_macro_f1 have different lengths")
    return float(values["threshold"])
