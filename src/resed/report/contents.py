"""The table of contents: what the page has, in its order."""

from collections.abc import Collection
from dataclasses import dataclass

from resed.report.evidence import Group
from resed.report.scorecard import Card


@dataclass(frozen=True)
class Entry:
    """A section and what stands in it."""

    anchor: str
    title: str
    children: tuple["Entry", ...] = ()


TABLES = (
    ("table1", "Table 1: systems"),
    ("sanity", "Reading the baselines"),
    ("table2", "Table 2: two stages, focal loss"),
    ("table3", "Table 3: classes and windows"),
)
LETTER = (
    ("letter_table1", "Table I: systems"),
    ("letter_table2", "Table II: classes and windows"),
    ("letter-figures", "Its figures"),
)
FIGURES = (
    ("figure3", "Figure 3: adaptive weights"),
    ("confusion", "Figures 5, 6: confusions"),
    ("figure7", "Figure 7: durations"),
    ("windows", "Windows of the filters"),
    ("training", "Training curves"),
)
LAST = (("run", "The run"), ("settings", "Settings"), ("not-run", "What was not run"))


def contents(
    cards: Collection[Card], groups: Collection[Group], ids: Collection[str]
) -> tuple[Entry, ...]:
    """Sections of the page; `ids` are those it has."""

    def there(entries: Collection[tuple[str, str]]) -> tuple[Entry, ...]:
        return tuple(Entry(anchor, title) for anchor, title in entries if anchor in ids)

    by_table = [(card.anchor, card.title) for card in cards]
    by_verdict = [
        (group.tally.anchor, f"{group.tally.symbol} {group.tally.many}: {group.tally.count}")
        for group in groups
    ]
    return (
        Entry("verdict", "Verdict"),
        Entry("tables", "Tables 1 to 3", there(TABLES)),
        Entry("letter", "The letter", there(LETTER)),
        Entry("figures", "Figures", there(FIGURES)),
        Entry("scorecard", "Scorecard", there(by_table)),
        Entry("claims", "Claims", there(by_verdict)),
        *there(
            (
                ("comparisons", "Comparisons"),
                ("truths", "Original and repaired truth"),
                ("contradictions", "Contradictions"),
                ("readings", "Readings"),
                ("sensitivity", "What the details are worth"),
                *LAST,
            )
        ),
    )
