"""The records that Snakemake (9.27) keeps of each file that it made, in .snakemake/metadata."""

import base64
import os
from pathlib import Path
from typing import Any

from resed.runtime.json_text import parse_json

LARGEST = 16 << 20  # bytes of one record, which has a few kB


def record_path(output: Path | str, state: Path = Path(".snakemake")) -> Path:
    """The record of an output: its path in base64; long names are split into @folders.

    Examples:
        >>> record_path("results/demo/a").as_posix()
        '.snakemake/metadata/cmVzdWx0cy9kZW1vL2E='
    """
    folder = state / "metadata"
    try:
        longest = os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        longest = 255
    text = base64.urlsafe_b64encode(Path(output).as_posix().encode()).decode()
    step = longest - 1
    parts = [text[start : start + step] for start in range(0, len(text), step)]
    return folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


def is_incomplete(output: Path | str, state: Path = Path(".snakemake")) -> bool:
    """Whether a job is making the file, or was killed while it made it."""
    name = record_path(output, state).relative_to(state / "metadata")
    return (state / "incomplete" / name).exists()


def read_record(output: Path | str) -> dict[str, Any] | None:
    """The record of an output; None if there is none or it is not one of Snakemake.

    The keys `rule` (text), `params` (list of text), `log` (list of text) and `input_checksums`
    (mapping of paths to text) are checked.
    """
    path = record_path(output)
    try:
        if path.stat().st_size > LARGEST:
            return None
        found = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("rule"), str):
        return None
    texts = [found.get(key) for key in ("params", "log")]
    sums = found.get("input_checksums")
    known = all(isinstance(v, list) and all(isinstance(t, str) for t in v) for v in texts)
    known &= isinstance(sums, dict) and all(isinstance(v, str) for v in sums.values())
    return found if known else None
