"""Numbers of published numbers and claims per verdict, with links to them."""

from collections.abc import Mapping
from dataclasses import dataclass

from resed.report.markup import slug
from resed.tabulate.words import MARKS


@dataclass(frozen=True)
class Tally:
    """One verdict.

    Attributes:
        word: the verdict.
        many: its plural.
        count: number of occurrences.
        anchor: id of the part of the page that has this verdict.
    """

    word: str
    many: str
    count: int
    anchor: str

    @property
    def tone(self) -> str:
        """Its colour, a class of style.css."""
        return MARKS[self.word].tone

    @property
    def symbol(self) -> str:
        """Its symbol."""
        return MARKS[self.word].symbol


def tallies(section: str, names: Mapping[str, str], counts: Mapping[str, int]) -> list[Tally]:
    """The verdicts of a section in the order of `names`."""
    return [
        Tally(word, many, counts.get(word, 0), verdict_anchor(section, word))
        for word, many in names.items()
    ]


def verdict_anchor(section: str, word: str) -> str:
    """Id of the rows of `section` with this verdict."""
    return f"{section}-{slug(word)}"
