"""The frame threshold that `resed threshold` chose on development: a JSON file."""

from pathlib import Path

from resed.errors import ResultsError
from resed.runtime.files import read_json


def read_threshold(path: Path | str) -> float:
    """The threshold, from 0 to 1. Raises ResultsError if the file holds none, MissingFileError."""
    value = read_json(path)
    threshold = value.get("threshold") if isinstance(value, dict) else None
    is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not is_number or not 0 <= threshold <= 1:
        cure = "run resed threshold again"
        raise ResultsError("holds no threshold from 0 to 1", place=path, cure=cure)
    return float(threshold)
