"""What every plug takes and gives: a source of clips is asked by one call, and can be tested alone.

A plug never places a file: it brings bytes into `Context.incoming` and says what it found. What is
there is checked and put in its place by `resed.acquire.recordings.placement`.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from resed.acquire.recordings.fetch.part import check_room, free_bytes
from resed.acquire.recordings.fetch.state import FOLDER
from resed.acquire.recordings.fetch.transfer import Transfer
from resed.acquire.recordings.sources.lock import LockFile
from resed.acquire.recordings.sources.meter import Meter
from resed.config.dataset import Dataset

HIDDEN = FOLDER  # below a dataset's root: states, unfinished downloads, quarantine
DeliveryState = Literal["present", "gone", "blocked", "corrupt", "failed"]


@dataclass(frozen=True)
class Wanted:
    """A file that a split lacks. `path` is its place below the dataset's root, with slashes."""

    split: str
    filename: str  # a clip's name, or that of an annotation file
    target: Path
    path: str
    annotations: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a source said of a wanted file.

    present: `path` holds the bytes. gone: the source does not have it. blocked: the source refuses
    to give it. corrupt: what it gives is damaged. failed: not known, to be asked again.
    `final`: asking this source again can bring nothing else.
    """

    wanted: Wanted
    state: DeliveryState
    detail: str = ""  # the same words for the same cause, without times and counts
    path: Path | None = None
    final: bool = False


@dataclass
class Context:
    """What plugs share in one run."""

    dataset: Dataset
    root: Path
    transfer: Transfer
    lock: LockFile
    downloads: int = 4
    report: Callable[[str], None] = print
    meter: Meter = field(default_factory=Meter)
    stopping: threading.Event = field(default_factory=threading.Event)
    plugs: dict[str, "Plug"] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)  # sources that did not answer in this run

    def incoming(self, source: str, split: str) -> Path:
        """Folder for what a source brings of a split; the same in every run, so that it resumes."""
        return self._folder("incoming", source, split)

    def archives(self, source: str) -> Path:
        """Folder for a source's archives, for as long as they are needed."""
        return self._folder("downloads", source)

    def check_room(self, count: int) -> None:
        """FullDiskError where so many bytes more do not fit below the root."""
        check_room(self._folder(), count, free_bytes)

    def _folder(self, *parts: str) -> Path:
        folder = self.root.joinpath(HIDDEN, *parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Plug(Protocol):
    """A source of one kind."""

    def deliver(self, wanted: Sequence[Wanted]) -> Iterator[Outcome]:
        """Say of wanted files what became of them, as soon as it is known, in any order.

        All are of one split. Nothing is said of a file that the source was never meant to have.
        """
        ...


def incoming_path(context: Context, source: str, wanted: Wanted) -> Path:
    """Where a wanted file's bytes are brought first."""
    name = wanted.path if wanted.annotations else wanted.filename
    return context.incoming(source, wanted.split) / flat(name)


def flat(name: str) -> str:
    """A name with folders in it as the name of one file."""
    return name.replace("/", "+")
