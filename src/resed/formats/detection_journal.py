"""The journal of an output folder of `resed detect`: what was detected, by which model.

A text file of lines `CRC-32 JSON`. The first line describes the model and its settings. Each other
line is a finished sound file, with its events and the SHA-256 of the files that were made of it, or
has the SHA-256 of tables. Lines are only appended, and synced to the disk before the files that
they describe appear. A last line that a kill cut is removed; other damage is refused.
"""

import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from resed.errors import ResultsError
from resed.formats.annotations import LONGEST_S
from resed.formats.validation import (
    NAME,
    PLAIN,
    TEXT,
    Fields,
    Kind,
    SourceFile,
    integer,
    is_hash,
    is_name,
    is_number,
    list_of,
    number,
)
from resed.runtime.json_text import parse_json
from resed.runtime.locks import open_locked

VERSION = 1
FORMAT = "resed detect journal"
FILE = "journal.jsonl"
CURE = "use another --out"
LONGEST_LINE = 64 << 20  # bytes; 200,000 events have 20 MB
DIGITS = 8  # of the CRC-32 in hex
START = json.dumps({"format": FORMAT})[:-1].encode()  # of the first line
HASH = Kind("a SHA-256 in hex", is_hash)
HASHES = Fields({}, others=HASH)
HEADER = Fields(
    {
        "format": Kind(repr(FORMAT), lambda value: value == FORMAT),
        "version": integer(VERSION, VERSION),
        "model": Fields({"name": NAME, "sha256": HASH}),
        "settings": Fields({}, others=PLAIN),
        "made_by": PLAIN,
    }
)
DETECTED = Fields(
    {
        "file": NAME,
        "path": TEXT,  # folders may have any name
        "size": integer(),
        "modified": integer(-(2**63), 2**63 - 1),  # nanoseconds
        "changed": integer(-(2**63), 2**63 - 1),
        "sha256": HASH,
        "seconds": number(0, LONGEST_S),
        "rate": integer(1),
        "tags": Fields({}, others=number(0, 1)),
        "events": list_of(Kind("onset, offset, label and score", lambda value: _is_event(value))),
        "outputs": HASHES,
    }
)
TABLES = Fields({"tables": HASHES})


@dataclass(frozen=True, slots=True)
class DetectedEvent:
    """An event: times in seconds from the start of its file, class, and a score from 0 to 1."""

    onset: float
    offset: float
    label: str
    score: float


@dataclass(frozen=True)
class FileState:
    """A sound file as it was read; times in nanoseconds. `changed` is the time of its inode."""

    path: str
    size: int
    modified: int
    changed: int
    sha256: str = ""


@dataclass(frozen=True)
class DetectedFile:
    """What was detected in a sound file.

    Attributes:
        file: its name in the tables.
        state: the file as it was read.
        seconds, rate: its length, and its sample rate in Hz.
        tags: class -> highest clip posterior of any window.
        events: sorted by onset.
        outputs: path of each file that was made of it, in the output folder -> SHA-256.
    """

    file: str
    state: FileState
    seconds: float
    rate: int
    tags: dict[str, float]
    events: list[DetectedEvent]
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownFile:
    """A finished sound file of the journal, without its events; `at` and `size` of its line."""

    state: FileState
    outputs: dict[str, str]
    at: int
    size: int


class DetectionJournal:
    """An open journal; made by `open_journal`.

    Attributes:
        files: name -> the last line about that file.
        own: path in the output folder -> SHA-256 that files made by resed had there.
    """

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        self.files: dict[str, KnownFile] = {}
        self.own: dict[str, set[str]] = {}
        self._names: dict[str, str] = {}  # path of a sound file -> its name
        self._source, self._handle = SourceFile(path, ResultsError, CURE), handle
        self.header: dict[str, Any] | None = None
        self._read()

    def _read(self) -> None:
        self._handle.seek(0)
        at, number = 0, 0
        while line := self._handle.readline(LONGEST_LINE + 1):
            number += 1
            if not line.endswith(b"\n"):
                if len(line) > LONGEST_LINE:
                    raise self._source.wrong(f"a line of more than {LONGEST_LINE} bytes", number)
                if number == 1 and not line[DIGITS + 1 :].startswith(START):
                    raise self._source.wrong("not a journal of resed detect")
                self._handle.truncate(at)  # cut by a kill
                break
            self._take(self._parsed(line, number), at, len(line))
            at += len(line)

    def _parsed(self, line: bytes, number: int | None) -> dict[str, Any]:
        """The content of a line, validated."""
        crc, _, text = line.rstrip(b"\n").partition(b" ")
        if crc != f"{zlib.crc32(text):0{DIGITS}x}".encode():
            raise self._source.wrong("damaged, or not a journal of resed detect", number)
        try:
            value = parse_json(text, LONGEST_LINE)
        except ValueError as error:
            raise self._source.wrong(f"not valid JSON ({error})", number) from None
        kind = TABLES if isinstance(value, dict) and "tables" in value else DETECTED
        return self._source.check(value, HEADER if number == 1 else kind)

    def _take(self, value: dict[str, Any], at: int, size: int) -> None:
        if self.header is None:
            self.header = value
            return
        for path, digest in value.get("tables", value.get("outputs", {})).items():
            self.own.setdefault(path, set()).add(digest)
        if "file" in value:
            state = FileState(**{name: value[name] for name in FileState.__dataclass_fields__})
            before = self._names.get(state.path, value["file"])
            known = self.files.get(before)
            if before != value["file"] and known and known.state.path == state.path:
                del self.files[before]  # the same file under another name
            self._names[state.path] = value["file"]
            self.files[value["file"]] = KnownFile(state, value["outputs"], at, size)

    def _append(self, value: dict[str, Any]) -> None:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
        line = f"{zlib.crc32(text):0{DIGITS}x} ".encode() + text + b"\n"
        checked = self._parsed(line, 1 if self.header is None else None)
        at = self._handle.seek(0, io.SEEK_END)
        self._handle.write(line)
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._take(checked, at, len(line))

    def begin(self, model: Mapping[str, Any], settings: Mapping[str, Any], made_by: Any) -> None:
        """Write the first line of a new journal."""
        self._append(
            {
                "format": FORMAT,
                "version": VERSION,
                "model": dict(model),
                "settings": dict(settings),
                "made_by": made_by,
            }
        )

    def add(self, found: DetectedFile) -> None:
        """Append a finished sound file. Raises ResultsError if it could not be read back."""
        values = {name: value for name, value in vars(found).items() if name != "state"}
        events = [[one.onset, one.offset, one.label, one.score] for one in found.events]
        self._append({**values, **asdict(found.state), "events": events})

    def add_tables(self, digests: Mapping[str, str]) -> None:
        """Append the SHA-256 of tables that are about to be written, by path."""
        self._append({"tables": dict(digests)})

    def read(self, name: str) -> DetectedFile:
        """What was detected in a file. Raises KeyError for one that is not in the journal."""
        known = self.files[name]
        self._handle.seek(known.at)
        value = self._parsed(self._handle.read(known.size), None)
        return DetectedFile(
            value["file"],
            known.state,
            value["seconds"],
            value["rate"],
            value["tags"],
            [DetectedEvent(*event) for event in value["events"]],
            value["outputs"],
        )


@contextmanager
def open_journal(path: Path) -> Iterator[DetectionJournal]:
    """Open a journal, or create an empty one; no other process can use it meanwhile.

    Raises ResultsError if it is in use, damaged, or of another format.
    """
    descriptor = open_locked(path)
    if descriptor is None:
        cure = "wait for it, or use another --out"
        raise ResultsError("another resed detect is writing here", place=path.parent, cure=cure)
    with os.fdopen(descriptor, "rb+") as handle:
        yield DetectionJournal(path, handle)


def _is_event(value: Any) -> bool:
    """Whether this is a list of onset, offset, label and score."""
    if not isinstance(value, list) or len(value) != 4:
        return False
    onset, offset, label, score = value
    times = all(map(is_number, (onset, offset, score)))
    return times and 0 <= onset < offset <= LONGEST_S and is_name(label) and 0 <= score <= 1
