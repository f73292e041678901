"""The states of the clips of a split, as a journal during a run and as a table afterwards.

Each change is appended to `.acquire/{split}.jsonl` below the root of the dataset, and merged into
`.acquire/{split}.tsv` when the run ends. The table is sorted and has no times, so that a killed and
resumed run ends with the same bytes as an uninterrupted one. The state of a clip must be written
before its file is moved into place, because a file without a state is treated as the user's.
"""

import errno
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from resed.acquire.recordings.fetch.partial_download import full_disk
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
from resed.runtime.json_text import parse_json
from resed.runtime.locks import open_locked

LONGEST_LINE = 1 << 20  # bytes of a state in the journal
SYNC_S = 1.0  # between two fsyncs; a power failure loses no more (a kill loses nothing)


class ClipStates:
    """The states of the clips of one split, for writing; use `ClipStates.open` in a with statement.

    Thread-safe. A second process is refused.
    """

    def __init__(self, folder: Path, split: str, descriptor: int) -> None:
        self.table, self.journal = folder / f"{split}.tsv", folder / f"{split}.jsonl"
        self._descriptor: int | None = descriptor
        self._lock, self._synced = threading.Lock(), 0.0
        self._clips = read_states_table(self.table)
        complete = 0
        for state, end in _read_journal(self.journal):
            self._clips[state.filename], complete = state, end
        os.ftruncate(descriptor, complete)  # removes an incomplete line

    @classmethod
    def open(cls, root: Path | str, split: str) -> "ClipStates":
        """Open the states of a split.

        Raises StateError if another run has opened them, or the table or the journal is damaged.
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

    def __enter__(self) -> "ClipStates":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[ClipState]:
        """All states, sorted by clip name."""
        with self._lock:
            return iter([self._clips[name] for name in sorted(self._clips)])

    def get(self, name: str) -> ClipState | None:
        """The state of a clip; None if it has none."""
        return self._clips.get(name)

    def set(self, state: ClipState) -> None:
        """Write the state of a clip; it is not lost if the process is killed afterwards."""
        with self._lock:
            if self._clips.get(state.filename) == state:
                return
            line = json.dumps(dict(zip(COLUMNS, state.cells(), strict=True))) + "\n"
            self._append(line.encode())
            if time.monotonic() - self._synced >= SYNC_S:
                os.fsync(self._descriptor)
                self._synced = time.monotonic()
            self._clips[state.filename] = state

    def _append(self, line: bytes) -> None:
        """Append a complete line, or raise FullDiskError."""
        end = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(self._descriptor, end)
            raise full_disk(self.journal.parent, error) from None

    def keep(self, names: Iterable[str]) -> None:
        """Remove the states of all other clips, which the annotations no longer list."""
        with self._lock:
            self._clips = {name: self._clips[name] for name in names if name in self._clips}

    def close(self) -> None:
        """Merge the journal into the table, and release the lock."""
        with self._lock:
            if self._descriptor is None:
                return
            try:
                self._merge()
            finally:
                os.close(self._descriptor)
                self._descriptor = None

    def _merge(self) -> None:
        if self._clips or self.table.exists():
            try:
                write_states(self.table, [self._clips[name] for name in sorted(self._clips)])
            except OSError as error:  # the journal is kept
                raise full_disk(self.table.parent, error) from None
        self.journal.unlink(missing_ok=True)  # after the table: reading both is harmless


class ReadOnlyStates:
    """States of a root that is not writable: changes are not stored."""

    def __init__(self, states: dict[str, ClipState]):
        self._states = states
        self.get = states.get

    def __enter__(self) -> "ReadOnlyStates":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def set(self, state: ClipState) -> None:
        """See `ClipStates.set`."""
        self._states[state.filename] = state

    def keep(self, names: Iterable[str]) -> None:
        """See `ClipStates.keep`."""


def read_states(root: Path | str, split: str) -> dict[str, ClipState]:
    """Clip name -> state, including the journal of a running or killed run.

    {} if acquire has not run. Raises StateError if the table or the journal is damaged.
    """
    folder = Path(root) / FOLDER
    clips = read_states_table(folder / f"{split}.tsv")
    clips.update((state.filename, state) for state, _ in _read_journal(folder / f"{split}.jsonl"))
    return clips


def _read_journal(path: Path) -> Iterator[tuple[ClipState, int]]:
    """Each state with the end of its line in bytes; an incomplete last line is ignored."""
    end = 0
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            return
        try:
            values: dict[str, Any] = parse_json(line, LONGEST_LINE)
            state = ClipState.of_cells([values[column] for column in COLUMNS])
        except (ValueError, KeyError, TypeError, AttributeError, ResedError):
            raise StateError("damaged", place=path, line=number, cure=CURE) from None
        end += len(line)
        yield state, end


def _locked(path: Path) -> int:
    """Open the journal with an exclusive lock; return its descriptor."""
    descriptor = open_locked(path, flags=os.O_APPEND)
    if descriptor is None:
        cure = "wait until it ends, or stop it"
        raise StateError("another resed acquire is running here", place=path, cure=cure)
    return descriptor
