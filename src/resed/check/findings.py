"""A list of what was found, that grows while the checks go on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from resed.errors import AnnotationError

EXAMPLES = 3
KINDS = 8  # of mistakes in the rows of one file, before the rest is counted only


@dataclass(frozen=True)
class Finding:
    """One line: `wrong` must be mended, a `note` is worth knowing."""

    level: Literal["wrong", "note"]
    text: str


@dataclass
class Findings:
    """All of them in the order in which they were found."""

    found: list[Finding] = field(default_factory=list)

    def wrong(self, text: str) -> None:
        """Add what must be mended."""
        self.found.append(Finding("wrong", text))

    def note(self, text: str) -> None:
        """Add what is worth knowing."""
        self.found.append(Finding("note", text))

    def rows(self, path: object, errors: Iterable[AnnotationError]) -> None:
        """Add the mistakes of a file's rows: equal ones in one line, with the first row."""
        kinds: dict[str, list[str]] = {}
        for error in errors:
            line, _, what = str(error).removeprefix(f"{path} line ").partition(": ")
            kinds.setdefault(what, []).append(line)
        for number, (what, lines) in enumerate(kinds.items()):
            if number == KINDS:
                self.wrong(f"{path}: {len(kinds) - KINDS} more mistakes in rows")
                break
            more = f" (so in {len(lines)} lines)" if len(lines) > 1 else ""
            self.wrong(f"{path} line {lines[0]}: {what}{more}")

    @property
    def mistakes(self) -> int:
        """How many must be mended."""
        return sum(one.level == "wrong" for one in self.found)

    @property
    def notes(self) -> int:
        """How many are worth knowing."""
        return len(self.found) - self.mistakes


def some(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    shown = ", ".join(names[:EXAMPLES])
    more = len(names) - EXAMPLES
    return f"{shown} and {more} more" if more > 0 else shown


def counted(number: int, word: str) -> str:
    """1 clip, 2 clips, 2 classes."""
    if number == 1:
        return f"1 {word}"
    return f"{number} {word}{'es' if word.endswith('s') else 's'}"
