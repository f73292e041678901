"""The training that `resed choose` chose on development: a JSON file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resed.errors import ResultsError
from resed.formats.validation import NAME, Fields, SourceFile, integer, number
from resed.runtime.files import write_json

FORMAT = 1
FIELDS = Fields(
    {
        "format": integer(FORMAT, FORMAT),
        "chosen": NAME,
        "by": NAME,
        "event_macro_f1": Fields({}, others=number(0, 1)),  # of all candidates
    }
)


def write_choice(path: Path | str, chosen: Mapping[str, Any]) -> None:
    """Write what was chosen and the scores of all candidates, atomically."""
    write_json(path, {"format": FORMAT, **chosen})


def read_choice(path: Path | str) -> dict[str, Any]:
    """Read and check the file. Raises MissingFileError, or ResultsError for invalid content."""
    source = SourceFile(Path(path), ResultsError, "run resed choose again")
    values = source.json(FIELDS)
    if values["chosen"] not in values["event_macro_f1"]:
        raise source.wrong("chosen is none of event_macro_f1")
    if values["event_macro_f1"][values["chosen"]] < max(values["event_macro_f1"].values()):
        raise source.wrong("chosen has not the highest event_macro_f1")
    return values
