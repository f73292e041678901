"""Errors and notes that `resed check` collects."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from resed.audit.findings import Defect
from resed.errors import ResedError

MOST_KINDS = 8  # different mistakes listed per annotation file


@dataclass(frozen=True)
class CheckMessage:
    """One line of output: an error must be corrected, a note is for information."""

    level: Literal["error", "note"]
    text: str


@dataclass
class CheckMessages:
    """All messages, in the order in which they were found."""

    found: list[CheckMessage] = field(default_factory=list)

    def error(self, problem: str, *, place: object = "", cure: str = "") -> None:
        """Add an error."""
        self.add(ResedError(problem, place=place, cure=cure))

    def note(self, problem: str, *, place: object = "", cure: str = "") -> None:
        """Add a note."""
        text = str(ResedError(problem, place=place, cure=cure))
        self.found.append(CheckMessage("note", text))

    def add(self, error: ResedError) -> None:
        """Add an error that was raised."""
        self.found.append(CheckMessage("error", str(error)))

    def malformed_rows(self, path: object, defects: Iterable[Defect]) -> None:
        """Add the malformed rows of an annotation file, one line per kind of mistake."""
        lines: dict[str, list[str]] = defaultdict(list)
        for defect in defects:
            lines[defect.detail].append(defect.line)
        for mistake, found in list(lines.items())[:MOST_KINDS]:
            more = f" (in {len(found)} lines)" if len(found) > 1 else ""
            self.error(f"{mistake}{more}", place=f"{path} line {found[0]}" if found[0] else path)
        if len(lines) > MOST_KINDS:
            self.error(f"{len(lines) - MOST_KINDS} more kinds of malformed rows", place=path)

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(one.level == "error" for one in self.found)

    @property
    def notes(self) -> int:
        """Number of notes."""
        return len(self.found) - self.errors
