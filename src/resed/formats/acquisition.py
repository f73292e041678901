"""The states of the clips of one split, as recorded by acquire: `.acquire/{split}.tsv`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from resed.errors import ResedError
from resed.formats.text_table import TextTable
from resed.formats.validation import Kind, SourceFile, short_line
from resed.runtime.files import write_tsv
from resed.runtime.json_text import parse_json

FOLDER = ".acquire"
LOCAL = "local"  # not a source: files that are below the root already
STATES = ("present", "gone", "blocked", "corrupt", "failed", "missing")
COLUMNS = ("filename", "state", "source", "bytes", "sha256", "answers")
CURE = "delete it and run resed acquire again, which finds existing clips"


ANSWER = Kind(
    "state, detail and final",
    lambda value: (
        isinstance(value, dict)
        and value.keys() <= {"state", "detail", "final"}
        and value.get("state") in STATES
        and isinstance(value.get("detail", ""), str)
        and isinstance(value.get("final", False), bool)
    ),
)


class StateError(ResedError):
    """The record of acquired clips is damaged, or another run has opened it."""


@dataclass(frozen=True)
class Answer:
    """The answer of a source for a clip that it did not deliver.

    `detail` is the reason. `final` is True if the source would give the same answer again.
    """

    state: str
    detail: str = ""
    final: bool = False

    def __post_init__(self) -> None:
        if self.state not in STATES or type(self.final) is not bool:
            raise ValueError(f"{self} is not an answer")
        detail = " ".join(self.detail.encode("utf-8", "replace").decode().split())
        object.__setattr__(self, "detail", detail)

    def __str__(self) -> str:
        return f"{self.state} ({self.detail})" if self.detail else self.state


@dataclass(frozen=True)
class ClipState:
    """The state of one clip.

    `source` is the source that delivered it. `answers` maps the other sources to their answers, in
    the order of the sources; for a clip that is present, only final answers are kept.
    """

    filename: str
    state: str
    source: str = ""
    bytes: int | None = None
    sha256: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"{self.state} is not a state of a clip")
        text = "".join((self.filename, self.source, self.sha256, *self.answers))
        if not self.filename or set(text) & set("\t\n\r") or not _is_unicode(text):
            raise StateError(
                "empty names and names with tabs, line ends or bytes that are not UTF-8 cannot be "
                "recorded",
                place=repr(self.filename),
                cure="rename it",
            )

    @property
    def reason(self) -> str:
        """The answers in words; "" if there are none."""
        return ", ".join(f"{source}: {answer}" for source, answer in self.answers.items())

    def cells(self) -> list[str]:
        """The cells of the row of this clip, in the order of COLUMNS."""
        size = "" if self.bytes is None else str(self.bytes)
        answers = {source: asdict(answer) for source, answer in self.answers.items()}
        text = json.dumps(answers) if answers else ""
        return [self.filename, self.state, self.source, size, self.sha256, text]

    @classmethod
    def of_cells(cls, cells: Iterable[str]) -> "ClipState":
        """The state in a row of the table. Raises ValueError or StateError for a malformed row."""
        filename, state, source, size, digest, text = cells
        answers = {}
        found = parse_json((text or "{}").encode())
        for name, answer in found.items() if isinstance(found, dict) else [("", None)]:
            if not ANSWER.holds(answer):
                raise ValueError("not the answers of sources")
            answers[name] = Answer(**answer)
        return cls(filename, state, source, int(size) if size else None, digest, answers)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def table_path(root: Path | str, split: str) -> Path:
    """Path of the table of a split."""
    return Path(root) / FOLDER / f"{split}.tsv"


def write_states(path: Path, states: Iterable[ClipState]) -> None:
    """Write the table atomically, one row per clip in the given order."""
    write_tsv(path, COLUMNS, (state.cells() for state in states))


def read_states_table(path: Path) -> dict[str, ClipState]:
    """Read a table: clip name -> state; {} if it does not exist.

    Raises StateError with the line number.
    """
    if not path.is_file():
        return {}
    table = TextTable(SourceFile(path, StateError, CURE), COLUMNS)
    table.names("filename")
    table.unique("filename")
    table.one_of("state", STATES)
    hashes = table.frame["sha256"].str.fullmatch("([0-9a-f]{64})?").astype(bool)
    table.refuse(~hashes, "sha256 is not 64 hexadecimal digits")
    size = table.frame["bytes"].str.fullmatch("[0-9]{0,15}").astype(bool)
    table.refuse(~size, "bytes is not a file size")
    states = {}
    for line, *cells in table.frame.itertuples(name=None):
        try:
            states[cells[0]] = ClipState.of_cells(cells)
        except (ValueError, StateError) as error:
            raise table.source.wrong(short_line(error), line) from None
    return states
