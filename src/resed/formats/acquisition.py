"""What acquire recorded of the clips of one split: `.acquire/{split}.tsv` of a dataset's folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from resed.errors import ResedError
from resed.formats.validation import Source, Table
from resed.runtime.files import write_text

FOLDER = ".acquire"
STATES = ("present", "gone", "blocked", "corrupt", "failed", "missing")
COLUMNS = ("filename", "state", "source", "bytes", "sha256", "detail", "gone_at")
CURE = "delete it and run resed acquire again: clips in place are found again"


class StateError(ResedError):
    """The record of acquired clips is damaged, or another run writes it."""


@dataclass(frozen=True)
class ClipState:
    """The state of one clip.

    `detail` is text that is equal in every run, "" where the clip is present. `gone_at` are the
    names of the sources that reported that they do not have the clip, sorted.
    """

    filename: str
    state: str
    source: str = ""
    bytes: int | None = None
    sha256: str = ""
    detail: str = ""
    gone_at: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"{self.state} is not a state of a clip")
        text = "".join((self.filename, self.source, self.sha256, *self.gone_at))
        if not self.filename or set(text) & set("\t\n\r") or not _is_unicode(text):
            raise StateError(
                "empty names and names with tabs, line ends or bytes that are not UTF-8 cannot be "
                "recorded",
                place=repr(self.filename),
                cure="rename it",
            )
        detail = " ".join(self.detail.encode("utf-8", "replace").decode().split())
        object.__setattr__(self, "detail", detail)
        object.__setattr__(self, "gone_at", tuple(sorted(set(self.gone_at))))

    def cells(self) -> list[str]:
        """The cells of its row, in the order of COLUMNS."""
        size = "" if self.bytes is None else str(self.bytes)
        last = ",".join(self.gone_at)
        return [self.filename, self.state, self.source, size, self.sha256, self.detail, last]

    @classmethod
    def of_cells(cls, cells: Iterable[str]) -> "ClipState":
        """The state that a row holds. Raises ValueError or StateError for any other row."""
        filename, state, source, size, digest, detail, gone_at = cells
        asked = tuple(gone_at.split(",")) if gone_at else ()
        return cls(filename, state, source, int(size) if size else None, digest, detail, asked)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def table_path(root: Path | str, split: str) -> Path:
    """Where the table of a split is."""
    return Path(root) / FOLDER / f"{split}.tsv"


def write_states(path: Path, states: Iterable[ClipState]) -> None:
    """Write the table atomically, one row per clip in the given order."""
    rows = ["\t".join(state.cells()) for state in states]
    write_text(path, "\n".join(["\t".join(COLUMNS), *rows]) + "\n")


def read_states_table(path: Path) -> dict[str, ClipState]:
    """Read a table: clip name -> state; {} where there is no table.

    Raises StateError that names the line.
    """
    if not path.is_file():
        return {}
    table = Table(Source(path, StateError, CURE), COLUMNS)
    table.names("filename")
    table.unique("filename")
    table.one_of("state", STATES)
    size = table.frame["bytes"].str.fullmatch("[0-9]{0,15}").astype(bool)
    table.refuse(~size, "bytes is not a size")
    rows = table.frame.itertuples(index=False, name=None)
    return {row[0]: ClipState.of_cells(row) for row in rows}
