"""Scores of one system, seed and split: metrics.json, all values as fractions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resed.errors import ResultsError
from resed.formats.validation import (
    ANY,
    HASH,
    MADE_BY,
    PLAIN,
    TEXT,
    Fields,
    Kind,
    SourceFile,
    integer,
    list_of,
    number,
)
from resed.runtime.files import write_json

FORMAT = 1
SHARE = number(0, 1)
RATES = Fields(
    {
        **dict.fromkeys(("f1", "precision", "recall"), SHARE),
        **{count: integer() for count in ("tp", "fp", "fn")},
    }
)
BLOCK = Fields({"macro_f1": SHARE, "micro_f1": SHARE, "classes": Fields({}, others=RATES)})
BLOCKS = ("event", "segment", "tags", "tags_raw", "tags_teacher")
SCORES = (
    *("psds1", "psds2", "psds1_ungated", "psds2_ungated"),  # ungated: absent in older files
    *("tags_map", "tags_map_teacher"),
)
_OPTIONAL = Fields(BLOCK.keys, optional=True)
_SCORE = Kind("a finite number from 0 to 1 or null", lambda v: v is None or SHARE.holds(v), True)
_PLAIN = Fields({}, others=PLAIN, optional=True)
FREE = ("psds1", "psds2", "map", "mauc")  # of a folder of score TSVs; older files lack mauc
_INTERVAL = Kind(
    "null or two numbers from 0 to 1",
    lambda v: v is None or (isinstance(v, list) and len(v) == 2 and all(map(SHARE.holds, v))),
)
_LATER = Kind(_INTERVAL.words, _INTERVAL.holds, True)
_RANKED = Kind(_SCORE.words, _SCORE.holds)  # of a class; null if it has none
_CLASS = Fields({"ap": _RANKED, "auc": _RANKED, "positives": integer()})
RANKING = Fields(
    {
        **dict.fromkeys(("map", "mauc", "map_by_priors"), _RANKED),
        "classes": Fields(
            {}, others=Fields({"ap": _RANKED, "auc": _RANKED, "positives": integer()})
        ),
        "notes": list_of(TEXT),
    },
    optional=True,
)
FIELDS = Fields(
    {
        "format": integer(FORMAT, FORMAT, optional=True),  # absent in files of resed 0.1
        "clips": integer(),
        "made_by": MADE_BY,
        "event": BLOCK,
        "segment": BLOCK,
        **dict.fromkeys(BLOCKS[2:], _OPTIONAL),
        "manifest_sha256": Kind(HASH.words, HASH.holds, optional=True),
        "settings": _PLAIN,  # the rules of scoring
        "versions": Fields({}, others=TEXT, optional=True),  # of packages
        **dict.fromkeys(FREE, _SCORE),
        "scores": Fields(
            {
                "intervals": Fields(dict.fromkeys(FREE, _INTERVAL) | {"mauc": _LATER}),
                "settings": _PLAIN,
                "notes": list_of(TEXT),
            },
            optional=True,
        ),
        "ranking": RANKING,  # of clip posteriors (resed.formats.ranking)
        "threshold_free": Fields(
            {
                **dict.fromkeys(SCORES, _SCORE),
                "settings": _PLAIN,
                "notes": Fields({}, others=TEXT, optional=True),
            },
            optional=True,
        ),
    },
)
# Of score TSVs alone, or of tags alone.
WITHOUT_EVENTS = Fields(FIELDS.keys | {"event": _OPTIONAL, "segment": _OPTIONAL})


def write_metrics(path: Path | str, metrics: Mapping[str, Any]) -> None:
    """Write the scores, including the format version, atomically."""
    write_json(path, metrics)


def read_metrics(path: Path | str, cure: str = "run resed score again") -> dict[str, Any]:
    """Read and check metrics.json.

    Scores of score TSVs or tags alone have no blocks `event` and `segment`.

    Raises MissingFileError, or ResultsError with the key that is missing, of a wrong type or out of
    range.
    """
    source = SourceFile(Path(path), ResultsError, cure)
    values = source.json(Fields({}, others=ANY))
    alone = values.keys() & {"scores", "tags"} and not values.keys() & {"event", "segment"}
    return source.check(values, WITHOUT_EVENTS if alone else FIELDS)
