"""The files of a run that a restore left out, because only the evidence was fetched.

results/{dataset}/.left_out.json lists them. They keep their checksum records, so that they are
neither missing nor a reason to make tables again.
"""

import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from resed.errors import counted
from resed.runtime.files import parse_json, write_text

FILE = ".left_out.json"  # hidden: not a result, and not shared
LARGEST = 16 << 20  # bytes
WORDS = {
    "extract": "feature store",
    "train": "checkpoint",
    "predict": "file of posteriors",
    "score": "ranking of the study",
    "distil": "file of targets",
    "report": "clip without its sound",
}


def read(results: Path) -> frozenset[str]:
    """The files that were left out, relative to results/{dataset}; empty without a valid list."""
    path = results / FILE
    try:
        if path.stat().st_size > LARGEST:
            return frozenset()
        names = parse_json(path)["files"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()  # the files then count as missing
    if not isinstance(names, list):
        return frozenset()
    return frozenset(name for name in names if isinstance(name, str))


def write(results: Path, names: Collection[str]) -> None:
    """Write the list; without names, remove it."""
    if not names:
        (results / FILE).unlink(missing_ok=True)
        return
    content = {"tier": "evidence", "files": sorted(names)}
    write_text(results / FILE, json.dumps(content, indent=1) + "\n")


def in_words(names: Collection[str]) -> str:
    """The number of files of each kind.

    Examples:
        >>> in_words(["train/pts/seed0/checkpoint.pt", "extract/default/weak.store"])
        '1 feature store, 1 checkpoint'
    """
    counts = Counter(Path(name).parts[0] for name in names)
    order = [*WORDS, *sorted(counts.keys() - WORDS.keys())]
    return ", ".join(
        _counted(counts[kind], WORDS.get(kind, kind)) for kind in order if counts[kind]
    )


def _counted(number: int, words: str) -> str:
    first, _, rest = words.partition(" ")
    if rest.startswith(("of ", "without ")):
        return f"{counted(number, first)} {rest.replace('its', 'their') if number > 1 else rest}"
    return counted(number, words)
