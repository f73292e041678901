"""The table of contents."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from resed.paper.numbers import Paper
from resed.report.claims import Group
from resed.report.figures import Section
from resed.report.scorecard import Card


@dataclass(frozen=True)
class ContentsEntry:
    """A section and its parts."""

    anchor: str
    title: str
    children: tuple["ContentsEntry", ...] = ()


def contents(
    paper: Paper,
    cards: Iterable[Card],
    groups: Iterable[Group],
    figures: Iterable[Section],
    ids: Collection[str],
) -> tuple[ContentsEntry, ...]:
    """The sections of the page; `ids` are the ids of the page."""
    entries = [ContentsEntry("verdict", "Verdict")]
    for name, edition in paper.editions.items():
        tables = tuple(
            ContentsEntry(key, table.title)
            for key, table in paper.tables.items()
            if table.edition == name
        )
        entries.append(ContentsEntry(f"edition-{name}", edition.name, tables))
    entries += [
        ContentsEntry(
            "figures", "Figures", tuple(ContentsEntry(f.anchor, f.title) for f in figures)
        ),
        ContentsEntry(
            "scorecard",
            "Scorecard",
            tuple(ContentsEntry(card.anchor, card.title) for card in cards),
        ),
        ContentsEntry("claims", "Claims", tuple(_group(group) for group in groups)),
        ContentsEntry("comparisons", "Comparisons"),
        ContentsEntry("repaired", "Original and repaired labels"),
        ContentsEntry("contradictions", "Contradictions"),
        ContentsEntry("readings", "Readings"),
        ContentsEntry("sensitivity", "Study of the readings"),
        ContentsEntry("run", "The run"),
        ContentsEntry("settings", "Settings"),
        ContentsEntry("not-run", "What was not run"),
    ]
    return tuple(entry for entry in entries if entry.anchor in ids)


def _group(group: Group) -> ContentsEntry:
    tally = group.tally
    return ContentsEntry(tally.anchor, f"{tally.symbol} {tally.many}: {tally.count}")
