"""One entry for both kinds of dataset."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resed.acquire.recordings.fetch.state import StateError
from resed.acquire.recordings.fetch.transfer import FullDiskError, Limits, Transfer
from resed.acquire.recordings.sources.lock import LockFile
from resed.acquire.recordings.sources.plug import Context
from resed.acquire.recordings.sources.settings import AnySource, chosen_sources, sources_of
from resed.acquire.recordings.split import acquire_split
from resed.config.dataset import ROLES, Dataset
from resed.errors import DatasetError, ResedError


@dataclass(frozen=True)
class Fetching:
    """How recordings are fetched: `sources` and `folder` as in `chosen_sources`.

    `dataset_file` is the file whose lock file keeps what listings said; `downloads` at a time.
    """

    dataset_file: Path
    sources: Sequence[str] | None = None
    folder: Path | str | None = None
    hashes: Path | str | None = None
    downloads: int = 4
    again: bool = False
    limits: Limits = field(default_factory=Limits)


def acquire_splits(
    dataset: Dataset,
    root: Path,
    fetching: Fetching,
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
    roles = (split,) if split else ROLES
    if dataset.kind == "recordings":
        return fetch_splits(dataset, root, fetching, roles, report)
    if fetching.sources is not None or fetching.folder is not None:
        raise DatasetError(
            f"--source, --folder: {dataset.name} is rendered, not fetched; leave them out "
            "(recordings for it are given by --soundbank)"
        )
    from resed.acquire.soundscapes.split import (
        render_split,  # scipy: seconds that fetching need not wait
    )

    return {
        role: render_split(
            dataset, root, role, scale, seed, soundbank, processes, report, annotations, keep_audio
        )
        for role in roles
    }


def fetch_splits(
    dataset: Dataset,
    root: Path,
    fetching: Fetching,
    roles: Sequence[str] = ROLES,
    report: Callable[[str], None] = print,
) -> dict[str, dict[str, Any]]:
    """Acquire splits of recordings; split -> record. A split that fails does not stop the others.

    Raises:
        ResedError: of the splits that failed, each in the one line.
    """
    sources = chosen_sources(dataset, fetching.sources, fetching.folder, fetching.hashes)
    stopping = threading.Event()
    transfer = Transfer(fetching.limits, sleep=stopping.wait)
    lock = LockFile(fetching.dataset_file)
    context = Context(dataset, root, transfer, lock, fetching.downloads, report, stopping=stopping)
    try:
        return _each_split(context, sources, roles, fetching.again)
    finally:  # Ctrl-C and errors too: threads that wait for a server end at once
        stopping.set()


def _each_split(
    context: Context, sources: Sequence[AnySource], roles: Sequence[str], again: bool
) -> dict[str, dict[str, Any]]:
    records: dict[str, dict[str, Any]] = {}
    failures: list[ResedError] = []
    for role in roles:
        try:
            records[role] = acquire_split(context, role, sources, again)
        except (FullDiskError, StateError):
            raise
        except ResedError as error:
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise DatasetError(" | ".join(map(str, failures)))
    return records


def listed_sources(dataset: Dataset, lock: LockFile) -> list[str]:
    """A line a source, in the order they are asked: what it is and what it holds. No request."""
    return [_line(source, lock) for source in sources_of(dataset)]


def _line(source: AnySource, lock: LockFile) -> str:
    where = {
        "files": lambda: f"{len(source.files)} files of {source.url}",
        "zenodo": lambda: f"record {source.record}: {', '.join(source.archives)}",
        "huggingface": lambda: source.repository,
        "parquet": lambda: source.repository,
        "youtube": lambda: f"by {source.program}, {source.per_minute:g} videos a minute",
        "folder": lambda: source.path,
    }[source.kind]()
    parts = [f"{source.name} ({source.kind}): {', '.join(source.splits)}", where]
    if lock.get(source.name):
        parts.append(f"locked in {lock.path.name}")
    if source.optional:
        parts.append(f"only with --source {source.name}")
    return "; ".join([*parts, *([source.note] if source.note else [])])
