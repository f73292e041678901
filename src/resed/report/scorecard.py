"""The scorecard on the page: one card per table of the paper, one line per printed number."""

from dataclasses import dataclass

from resed.report.page_table import PageTable
from resed.report.tallies import Tally, tallies
from resed.tabulate.layout import Line
from resed.tabulate.words import NUMBER_VERDICTS


@dataclass(frozen=True)
class Card:
    """The numbers of one table of the paper.

    Attributes:
        anchor: id of the card.
        title: edition and table.
        table: name of the table that shows the same numbers row by row; "" if none does.
        counts: number of occurrences of each verdict.
        lines: lines of the scorecard, each with its verdict.
    """

    anchor: str
    title: str
    table: str
    counts: list[Tally]
    lines: list[tuple[Line, str]]


def cards(scorecard: PageTable, only: str = "") -> list[Card]:
    """The cards in the order of the paper; `only`: the lines with this verdict."""
    return [
        Card(
            f"scorecard-{name}",
            group["title"],
            group["table"],
            tallies("scorecard", NUMBER_VERDICTS, group["counts"]),
            [
                (line, word)
                for line, word in scorecard.under(group["heading"])
                if word == only or not only
            ],
        )
        for name, group in scorecard.table.data["groups"].items()
    ]
