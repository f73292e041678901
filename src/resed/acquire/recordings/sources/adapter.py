"""The interface of source adapters.

An adapter does not move files into the dataset. It writes them into the folder `incoming` and
reports what it found; `resed.acquire.recordings.placement` checks the files and moves them.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from resed.acquire.recordings.fetch.partial_download import check_space, free_bytes
from resed.acquire.recordings.fetch.state import FOLDER
from resed.acquire.recordings.fetch.transfer import Transfer
from resed.acquire.recordings.sources.download_progress import DownloadProgress
from resed.acquire.recordings.sources.lock_file import LockFile
from resed.config.dataset import Dataset
from resed.errors import ResedError

LONGEST_FLAT = 200  # bytes; file systems allow 255
HIDDEN = FOLDER  # below the root of a dataset: states, unfinished downloads, quarantine
DeliveryState = Literal["present", "gone", "blocked", "corrupt", "failed"]


@dataclass(frozen=True)
class WantedFile:
    """A file that a split lacks.

    Attributes:
        split: the split.
        filename: name of the clip or of the annotation file.
        target: where the file belongs.
        path: `target` relative to the root of the dataset, with slashes.
        annotations: whether it is an annotation file.
    """

    split: str
    filename: str
    target: Path
    path: str
    annotations: bool = False


@dataclass(frozen=True)
class Delivery:
    """The answer of a source for one wanted file.

    Attributes:
        wanted: the file.
        state: present (`path` is the file), gone (the source does not have it), blocked (the source
            refuses access), corrupt (the source has a damaged file) or failed (unknown, ask again).
        detail: the reason, in the same words for the same cause.
        path: the file in `incoming`.
        final: the source would give the same answer again.
    """

    wanted: WantedFile
    state: DeliveryState
    detail: str = ""
    path: Path | None = None
    final: bool = False


@dataclass
class AcquireContext:
    """The objects that all adapters share during a run."""

    dataset: Dataset
    root: Path
    transfer: Transfer
    lock: LockFile
    downloads: int = 4  # at the same time
    report: Callable[[str], None] = print
    progress: DownloadProgress = field(default_factory=DownloadProgress)
    stopping: threading.Event = field(default_factory=threading.Event)
    adapters: dict[str, "SourceAdapter"] = field(default_factory=dict)
    unresponsive: set[str] = field(default_factory=set)  # sources that did not answer in this run

    def incoming(self, source: str, split: str) -> Path:
        """Folder for the files of a split from a source; equal in each run, to resume downloads."""
        return self._folder("incoming", source, split)

    def downloaded(self, source: str) -> Path:
        """Folder for the archives of a source."""
        return self._folder("downloads", source)

    def check_space(self, count: int) -> None:
        """Raise FullDiskError if `count` bytes do not fit below the root."""
        check_space(self._folder(), count, free_bytes)

    def _folder(self, *parts: str) -> Path:
        folder = self.root.joinpath(HIDDEN, *parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class SourceAdapter(Protocol):
    """A source of one kind."""

    def deliver(self, wanted: Sequence[WantedFile]) -> Iterator[Delivery]:
        """Yield the answer for each wanted file as soon as it is known, in any order.

        All files are of one split. Files that the source never lists may be left out.
        """
        ...


def incoming_path(context: AcquireContext, source: str, wanted: WantedFile) -> Path:
    """Where an adapter writes a wanted file."""
    name = wanted.path if wanted.annotations else wanted.filename
    return context.incoming(source, wanted.split) / flat_name(name)


def flat_name(name: str) -> str:
    """A relative path as the name of one file, shortened so that suffixes can be appended."""
    flat = name.replace("/", "+")
    if len(flat.encode()) <= LONGEST_FLAT:
        return flat
    own, suffix = hashlib.sha256(flat.encode()).hexdigest()[:16], PurePosixPath(flat).suffix
    return f"{flat.encode()[: LONGEST_FLAT // 2].decode(errors='ignore')}.{own}{suffix[:16]}"


def problem_of(error: ResedError, name: str) -> str:
    """The problem of a file without local paths: NAME: PROBLEM, or NAME line N: PROBLEM."""
    place = name if error.line is None else f"{name} line {error.line}"
    return " ".join(f"{place}: {error.problem}".split())
