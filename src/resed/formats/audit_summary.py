"""The summary of an audit: audit.json, of which the report, captions and `resed admit` use a part.

The parts that only the page of the audit shows are read as they are.
"""

from pathlib import Path
from typing import Any

from resed.errors import ResultsError
from resed.formats.validation import HASH, PLAIN, Fields, Kind, SourceFile, integer
from resed.runtime.json_text import LARGEST

COUNT = Kind("a number of clips or null", lambda v: v is None or integer().holds(v), True)
SPLIT = Fields(
    {
        "clips": integer(),
        "status": Fields({}, others=integer()),  # status -> clips
        "usable": integer(optional=True),
        "official": COUNT,  # null: any number can be generated
    },
    others=PLAIN,
)
SUMMARY = Fields(
    {
        "go": Kind("true or false", lambda value: isinstance(value, bool), optional=True),
        "manifest_sha256": Kind(HASH.words, HASH.holds, optional=True),
        "splits": Fields({}, others=SPLIT, optional=True),
    },
    others=PLAIN,
)


def read_audit_summary(path: Path | str) -> dict[str, Any]:
    """Read and check audit.json. Raises MissingFileError, or ResultsError with the key."""
    return SourceFile(Path(path), ResultsError, "run resed audit again").json(SUMMARY, LARGEST)
