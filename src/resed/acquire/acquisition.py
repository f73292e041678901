"""One entry for both kinds of dataset."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from resed.acquire.recordings import LOCAL, check_split
from resed.acquire.soundscapes import render_split
from resed.dataset import ROLES, Dataset
from resed.errors import DatasetError


def acquire_splits(
    dataset: Dataset,
    root: Path,
    source: str | None = None,
    split: str | None = None,
    scale: float = 1.0,
    seed: int = 2019,
    soundbank: Path | str | None = None,
    processes: int = 1,
    report: Callable[[str], None] = print,
    annotations: Path | str | None = None,
    keep_audio: bool = True,
) -> dict[str, dict[str, Any]]:
    """Acquire one split or all; split -> record. `scale`, `seed`, ... are for soundscapes only.

    Raises:
        DatasetError: unknown split or source, or what the kind of dataset needs is not there.
    """
    if split is not None and split not in ROLES:
        raise DatasetError(f"--split {split}: no such split; choose from {', '.join(ROLES)}")
    known = (LOCAL,) if dataset.kind == "recordings" else ("rendered",)
    if source is not None and source not in known:
        urls = {str(e.get("name")): e.get("url") for e in dataset.sources}
        where = f" (fetch it yourself from {urls[source]})" if source in urls else ""
        raise DatasetError(
            f"--source {source}: cannot be fetched{where}; leave --source out, or give {known[0]}"
        )
    records = {}
    for role in (split,) if split else ROLES:
        if dataset.kind == "recordings":
            records[role] = check_split(dataset, root, role, report)
        else:
            records[role] = render_split(
                dataset,
                root,
                role,
                scale,
                seed,
                soundbank,
                processes,
                report,
                annotations,
                keep_audio,
            )
    return records
