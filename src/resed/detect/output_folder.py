"""The output folder of `resed detect`: its journal, its tables, and files that nobody loses.

A file of the folder is replaced only if it is one that resed wrote there, unchanged: its SHA-256 is
in the journal, which is written first. New files are made in a hidden folder and then renamed.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resed.decode.events import DECIMALS
from resed.errors import OverwriteError, ResedError, ResultsError
from resed.formats.annotation_text import quoted
from resed.formats.annotations import EVENT_COLUMNS
from resed.formats.checkpoint import first_difference
from resed.formats.detection_journal import (
    FILE,
    DetectedFile,
    DetectionJournal,
    open_journal,
)
from resed.runtime.checksums import digest
from resed.runtime.files import tsv_writer, write_tsv

EVENTS, FAILURES = "events.tsv", "failures.tsv"
COLUMNS = (*EVENT_COLUMNS, "score")
STAGING = ".resed-detect"  # folder of unfinished files
MOVE = "move it away, or use another --out"


class OutputFolder:
    """An output folder that is open for writing; made by `open_output`."""

    def __init__(self, path: Path, journal: DetectionJournal) -> None:
        self.path, self.journal = path, journal
        self.staging = path / STAGING

    def stage(self, name: str) -> Path:
        """A path in the hidden folder for a file that `publish` then renames."""
        place = self.staging / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).is_file()

    def refuse_foreign(self, name: str) -> None:
        """Raise OverwriteError if a file of this name is there that is not as resed wrote it."""
        place = self.path / name
        for parent in place.parents[: len(Path(name).parts) - 1]:
            if os.path.lexists(parent) and not parent.is_dir():
                raise OverwriteError("is where a folder is required", place=parent, cure=MOVE)
        if not os.path.lexists(place):
            return
        known = self.journal.own.get(name, ())
        if place.is_symlink() or not place.is_file():
            raise OverwriteError("is not a file that resed wrote", place=place, cure=MOVE)
        if digest(place) not in known:
            problem = "was changed after resed wrote it" if known else "was not written by resed"
            raise OverwriteError(problem, place=place, cure=MOVE)

    def publish(self, name: str) -> None:
        """Rename a staged file to its place."""
        place = self.path / name
        self.refuse_foreign(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self.stage(name), place)

    def publish_file(self, found: DetectedFile, names: Mapping[str, str]) -> None:
        """Record a detected file with its staged outputs (format -> name), and rename them.

        Scores that it had under another name are removed: they would be those of two files.
        """
        for name in names.values():
            self.refuse_foreign(name)
        before = self.journal.files.get(found.file)
        outputs = {name: digest(self.stage(name)) for name in names.values()}
        self.journal.add(
            DetectedFile(
                found.file, found.state, found.seconds, found.rate, found.tags, found.events,
                {**found.outputs, **outputs},
            )
        )  # fmt: skip
        for name in names.values():
            self.publish(name)
        for name in before.outputs if before and "scores" in names else ():
            if name.startswith("scores/") and name != names["scores"]:
                self._remove(name)

    def _remove(self, name: str) -> None:
        """Remove a file that is as resed wrote it, and that is of no other sound file."""
        place = self.path / name
        if any(name in known.outputs for known in self.journal.files.values()):
            return
        is_own = place.is_file() and not place.is_symlink()
        if is_own and digest(place) in self.journal.own.get(name, ()):
            place.unlink()

    def write_tables(self, failures: Mapping[str, ResedError]) -> int:
        """Write events.tsv, of all files of the journal, and failures.tsv; returns the events.

        Files that failed now have no rows, whatever the journal knows of them.
        """
        names = sorted(set(self.journal.files) - set(failures))
        count = 0
        with tsv_writer(self.stage(EVENTS), COLUMNS) as write:
            for name in names:
                found = self.journal.read(name)
                count += len(found.events)
                for row in _rows(found):
                    write(map(quoted, row))
        clean = [
            (quoted(_name(name)), _cell(error.problem), _cell(error.cure))
            for name, error in sorted(failures.items())
        ]
        write_tsv(self.stage(FAILURES), ("filename", "problem", "cure"), clean)
        self.journal.add_tables({name: digest(self.stage(name)) for name in (EVENTS, FAILURES)})
        for name in (EVENTS, FAILURES):
            self.publish(name)
        return count


def _rows(found: DetectedFile) -> Iterator[tuple[str, ...]]:
    """The rows of a file in events.tsv; one without event if it has none."""
    if not found.events:
        yield found.file, "", "", "", ""
    scale = 10**DECIMALS
    for one in found.events:
        first = round(one.onset * scale)
        last = max(round(one.offset * scale), first + 1)
        times = (f"{time / scale:.{DECIMALS}f}" for time in (first, last))
        yield found.file, *times, one.label, f"{one.score:.4f}"


def _name(name: str) -> str:
    """A name that may not fit into a table, with escapes; others stay as they are."""
    for letter, escape in (("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        name = name.replace(letter, escape)
    return name.encode("utf-8", "backslashreplace").decode()


def _cell(text: str) -> str:
    """Text without what would end a cell or is no UTF-8."""
    return " ".join(text.split()).encode("utf-8", "backslashreplace").decode()


@contextmanager
def open_output(
    path: Path, settings: Mapping[str, Any], model: Mapping[str, str], made_by: object
) -> Iterator[OutputFolder]:
    """Open or create an output folder; no other process can write into it meanwhile.

    Raises ResultsError if its journal is of another model or of other settings, in use, or damaged;
    OverwriteError if it has tables that are not of resed.
    """
    if os.path.lexists(path) and not path.is_dir():
        raise OverwriteError("is not a folder", place=path, cure="use another --out")
    path.mkdir(parents=True, exist_ok=True)
    for name in (EVENTS, FAILURES):
        if os.path.lexists(path / name) and not os.path.lexists(path / FILE):
            raise OverwriteError("was not written by resed", place=path / name, cure=MOVE)
    with open_journal(path / FILE) as journal:
        staging, is_new = path / STAGING, journal.header is None
        # Only resed's own folder is emptied: not one that was there before the journal.
        if os.path.lexists(staging) and (is_new or staging.is_symlink() or not staging.is_dir()):
            raise OverwriteError("was not written by resed", place=staging, cure=MOVE)
        if is_new:
            journal.begin(model, settings, made_by)
        else:
            _refuse_other(path, journal, model, settings)
        folder = OutputFolder(path, journal)
        for name in (EVENTS, FAILURES):
            folder.refuse_foreign(name)
        if staging.is_dir():
            shutil.rmtree(staging)  # of a process that was killed
        try:
            yield folder
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _refuse_other(
    path: Path, journal: DetectionJournal, model: Mapping[str, str], settings: Mapping[str, Any]
) -> None:
    assert journal.header is not None
    cure = "use another --out"
    if journal.header["model"]["sha256"] != model["sha256"]:
        problem = f"has events of another model, {journal.header['model']['name']}"
        raise ResultsError(problem, place=path, cure=cure)
    if found := first_difference(journal.header["settings"], dict(settings)):
        raise ResultsError(f"has events of other settings ({found})", place=path, cure=cure)
