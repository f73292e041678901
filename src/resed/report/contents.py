"""The table of contents."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from resed.paper.numbers import Paper
from resed.report.claims import Group
from resed.report.figures import Section
from resed.report.scorecard import Card


@dataclass(frozen=True)
class Entry:
    """A section and its parts."""

    anchor: str
    title: str
    children: tuple["Entry", ...] = ()


def contents(
    paper: Paper,
    cards: Iterable[Card],
    groups: Iterable[Group],
    figures: Iterable[Section],
    ids: Collection[str],
) -> tuple[Entry, ...]:
    """The sections of the page; `ids` are the ids of the page."""
    entries = [Entry("verdict", "Verdict")]
    for name, edition in paper.editions.items():
        tables = tuple(
            Entry(key, table.title) for key, table in paper.tables.items() if table.edition == name
        )
        entries.append(Entry(f"edition-{name}", edition.name, tables))
    entries += [
        Entry("figures", "Figures", tuple(Entry(f.anchor, f.title) for f in figures)),
        Entry("scorecard", "Scorecard", tuple(Entry(card.anchor, card.title) for card in cards)),
        Entry("claims", "Claims", tuple(_group(group) for group in groups)),
        Entry("comparisons", "Comparisons"),
        Entry("repaired", "Original and repaired labels"),
        Entry("contradictions", "Contradictions"),
        Entry("readings", "Readings"),
        Entry("sensitivity", "Study of the readings"),
        Entry("run", "The run"),
        Entry("settings", "Settings"),
        Entry("not-run", "What was not run"),
    ]
    return tuple(entry for entry in entries if entry.anchor in ids)


def _group(group: Group) -> Entry:
    tally = group.tally
    return Entry(tally.anchor, f"{tally.symbol} {tally.many}: {tally.count}")
