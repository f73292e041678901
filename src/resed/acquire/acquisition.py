"""Acquire the splits of a dataset of either kind."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resed.acquire.recordings.acquire_split import acquire_split
from resed.acquire.recordings.fetch.errors import FullDiskError
from resed.acquire.recordings.fetch.transfer import Limits, Transfer
from resed.acquire.recordings.sources.adapter import AcquireContext
from resed.acquire.recordings.sources.lock_file import LockFile
from resed.acquire.recordings.sources.settings import AnySource, chosen_sources, sources_of
from resed.config.dataset import Dataset
from resed.errors import DatasetError, ResedError
from resed.formats.acquisition import StateError


@dataclass(frozen=True)
class FetchOptions:
    """How recordings are acquired.

    Attributes:
        dataset_file: path of the dataset file; the lock file is in the same folder.
        sources: names of sources; see `chosen_sources`, also for `folder` and `hashes`.
        folder: a folder or archive of the user.
        hashes: a manifest of the files in `folder`.
        downloads: number of downloads at the same time.
        again: also request clips that a source did not have in an earlier run.
        limits: timeouts and retries.
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
    fetching: FetchOptions,
    split: str | None = None,
    *,
    report: Callable[[str], None] = print,
    **rendering: Any,
) -> dict[str, dict[str, Any]]:
    """Acquire one split, or all of them; return their records by split.

    `rendering` holds the keyword arguments of `render_split`, and is used for soundscapes only.

    Raises DatasetError for an unknown split or source, and the errors of `fetch_splits` and
    `render_split`.
    """
    if split is not None and split not in dataset.splits:
        cure = f"use one of {', '.join(dataset.roles)}"
        raise DatasetError("unknown split", place=f"--split {split}", cure=cure)
    roles = (split,) if split else dataset.roles
    if dataset.kind == "recordings":
        return fetch_splits(dataset, root, fetching, roles, report=report)
    if fetching.sources is not None or fetching.folder is not None:
        raise DatasetError(
            f"{dataset.name} is rendered and has no sources",
            place="--source, --folder",
            cure="omit them (use --soundbank for isolated recordings)",
        )
    from resed.acquire.soundscapes.render_split import render_split  # scipy: slow to import

    return {role: render_split(dataset, root, role, report=report, **rendering) for role in roles}


def fetch_splits(
    dataset: Dataset,
    root: Path,
    fetching: FetchOptions,
    roles: Sequence[str],
    *,
    report: Callable[[str], None] = print,
) -> dict[str, dict[str, Any]]:
    """Acquire splits of recordings; return their records by split.

    All splits are tried. Raises the error of the split that failed, or a DatasetError with the
    errors of all such splits.
    """
    sources = chosen_sources(dataset, fetching.sources, fetching.folder, fetching.hashes)
    stopping = threading.Event()
    context = AcquireContext(
        dataset,
        root,
        Transfer(fetching.limits, sleep=stopping.wait),
        LockFile(fetching.dataset_file),
        downloads=fetching.downloads,
        report=report,
        stopping=stopping,
    )
    records: dict[str, dict[str, Any]] = {}
    failures: list[ResedError] = []
    try:
        for role in roles:
            try:
                records[role] = acquire_split(context, role, sources, fetching.again)
            except (FullDiskError, StateError):
                raise
            except ResedError as error:
                failures.append(error)
    finally:
        stopping.set()  # ends threads that wait for a server, also after Ctrl-C
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise DatasetError(" | ".join(map(str, failures)))
    return records


def listed_sources(dataset: Dataset, lock: LockFile) -> list[str]:
    """One line about each source, in their order; nothing is requested."""
    return [_source_line(source, lock) for source in sources_of(dataset)]


def _source_line(source: AnySource, lock: LockFile) -> str:
    where = {
        "files": lambda: f"{len(source.files)} files of {source.url}",
        "zenodo": lambda: f"record {source.record}: {', '.join(source.archives)}",
        "huggingface": lambda: source.repository,
        "parquet": lambda: source.repository,
        "youtube": lambda: f"with {source.program}, {source.per_minute:g} videos per minute",
        "folder": lambda: source.path,
    }[source.kind]()
    parts = [f"{source.name} ({source.kind}): {', '.join(source.splits)}", where]
    if lock.get(source.name):
        parts.append(f"locked in {lock.path.name}")
    if source.optional:
        parts.append(f"used only with --source {source.name}")
    return "; ".join([*parts, *([source.note] if source.note else [])])
