"""What became of each clip, kept through kills: a journal while running, a table afterwards.

Below the dataset's root lie `.acquire/{split}.jsonl`, to which every change is appended at once,
and `.acquire/{split}.tsv`, into which the journal is folded when a run ends. The table is sorted
and holds no times, so that a run that was killed and taken up again ends with the same bytes as one
that was not. Write a clip's state down before its file gets its name: a file without a state looks
like one that the user put there.
"""

import errno
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from resed.acquire.recordings.fetch.part import full_disk
from resed.errors import ResedError
from resed.formats.acquisition import (
    COLUMNS,
    CURE,
    FOLDER,
    ClipState,
    StateError,
    read_states_table,
    write_states,
)
from resed.runtime.locks import open_locked

SYNC = 1.0  # seconds: a power cut loses no more than these; a kill loses nothing


class State:
    """The states of one split's clips, open for writing; use `State.open` in a with statement.

    Threads may share one. A second process is refused.
    """

    def __init__(self, folder: Path, split: str, descriptor: int) -> None:
        self.table, self.journal = folder / f"{split}.tsv", folder / f"{split}.jsonl"
        self._descriptor: int | None = descriptor
        self._lock, self._synced = threading.Lock(), 0.0
        self._clips = read_states_table(self.table)
        whole = 0
        for state, end in _read_journal(self.journal):
            self._clips[state.filename], whole = state, end
        os.ftruncate(descriptor, whole)  # the line that a kill tore

    @classmethod
    def open(cls, root: Path | str, split: str) -> "State":
        """Open the record of `split` below the dataset's `root`.

        Raises StateError where another run holds it, or table or journal are damaged.
        """
        folder = Path(root) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(folder / f"{split}.jsonl")
        try:
            return cls(folder, split, descriptor)
        except BaseException:
            if not os.fstat(descriptor).st_size:
                (folder / f"{split}.jsonl").unlink(missing_ok=True)
            os.close(descriptor)
            raise

    def __enter__(self) -> "State":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[ClipState]:
        """All states, sorted by clip name."""
        with self._lock:
            return iter([self._clips[name] for name in sorted(self._clips)])

    def get(self, name: str) -> ClipState | None:
        """The state of a clip, None where nothing is known of it."""
        return self._clips.get(name)

    def set(self, state: ClipState) -> None:
        """Write a clip's state down; it survives a kill from here on."""
        with self._lock:
            if self._clips.get(state.filename) == state:
                return
            line = json.dumps(dict(zip(COLUMNS, state.cells(), strict=True))) + "\n"
            self._append(line.encode())
            if time.monotonic() - self._synced >= SYNC:
                os.fsync(self._descriptor)
                self._synced = time.monotonic()
            self._clips[state.filename] = state

    def _append(self, line: bytes) -> None:
        """All of the line or nothing: FullDiskError where there is no room."""
        end = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(self._descriptor, end)
            raise full_disk(self.journal.parent, error) from None

    def keep(self, names: Iterable[str]) -> None:
        """Forget all clips but these: those that the annotations no longer list."""
        with self._lock:
            self._clips = {name: self._clips[name] for name in names if name in self._clips}

    def close(self) -> None:
        """Fold the journal into the table and let go; a second call does nothing."""
        with self._lock:
            if self._descriptor is None:
                return
            try:
                self._fold()
            finally:
                os.close(self._descriptor)
                self._descriptor = None

    def _fold(self) -> None:
        if self._clips or self.table.exists():
            try:
                write_states(self.table, [self._clips[name] for name in sorted(self._clips)])
            except OSError as error:  # the journal stays
                raise full_disk(self.table.parent, error) from None
        self.journal.unlink(missing_ok=True)  # after the table is whole: it may be read twice


def read_states(root: Path | str, split: str) -> dict[str, ClipState]:
    """What is known of the clips of `split`, by name, a running or killed run's journal included.

    Empty where acquire has not run. Raises StateError where table or journal are damaged.
    """
    folder = Path(root) / FOLDER
    clips = read_states_table(folder / f"{split}.tsv")
    clips.update((state.filename, state) for state, _ in _read_journal(folder / f"{split}.jsonl"))
    return clips


def _read_journal(path: Path) -> Iterator[tuple[ClipState, int]]:
    """Each state in order, with the byte that its line ends at; a torn last line is left out."""
    end = 0
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            return
        try:
            values: dict[str, Any] = json.loads(line)
            state = ClipState.of_cells([values[column] for column in COLUMNS])
        except (ValueError, KeyError, TypeError, AttributeError, ResedError):
            raise StateError("damaged", place=path, line=number, cure=CURE) from None
        end += len(line)
        yield state, end


def _locked(path: Path) -> int:
    """A descriptor of the journal, held by this process alone."""
    descriptor = open_locked(path, flags=os.O_APPEND)
    if descriptor is None:
        cure = "wait until it ends, or end it"
        raise StateError("another resed acquire is running here", place=path, cure=cure)
    return descriptor
