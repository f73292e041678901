"""The scorecard on the page: every published number, a card a table of the paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from resed.paper.legacy_numbers import OVERALL
from resed.report.symbols import cell, mark, slug
from resed.report.verdict import Tally, tallies
from resed.results.folder import Results, readable
from resed.tabulate.provenance import qualified
from resed.tabulate.scorecard import METRICS, VERDICTS, WINDOW_NAMES
from resed.tabulate.table import NONE, Table

# Tables of the page that show these numbers beside ours.
SHOWN = {
    ("journal", "table1"): "table1",
    ("journal", "table2"): "table2",
    ("journal", "table3"): "table3",
    ("letter", "table1"): "letter_table1",
    ("letter", "table3"): "letter_table2",
}
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Number:
    """One published number, ours beside it, and the verdict."""

    id: str
    title: str
    metric: str
    split: str
    verdict: Markup
    tone: str  # class of the row: the verdict's word
    published: str
    ours: Markup
    difference: str
    reading: str


@dataclass(frozen=True)
class Card:
    """The numbers of one table. `shown` is the table of the page that has them too."""

    anchor: str
    title: str
    shown: str
    counts: tuple[Tally, ...]
    numbers: tuple[Number, ...]


def cards(table: Table, results: Results) -> tuple[Card, ...]:
    """The scorecard's records, in the paper's order."""
    made = []
    for (version, name), members in groupby(table.records, lambda r: (r["version"], r["table"])):
        records = list(members)
        made.append(
            Card(
                f"scorecard-{version}-{slug(name)}",
                f"{version.capitalize()}, {name}",
                SHOWN[version, _kind(records[0])],
                tallies("scorecard", VERDICTS, (record["verdict"] for record in records)),
                tuple(_number(record, results) for record in records),
            )
        )
    return tuple(made)


def qualification(results: Results) -> str:
    """What each verdict must be read with: `other data`, or nothing on the paper's own."""
    return qualified("", results).strip(" ()")


def _number(record: Record, results: Results) -> Number:
    difference = record["difference"]
    identity, title = _row(record)
    return Number(
        identity,
        title,
        METRICS[record["metric"]],
        record["split"],
        mark(record["verdict"]),
        slug(record["verdict"]),
        f"{record['published']:.1f}",
        _ours(record),
        NONE if difference is None else f"{difference:+z.1f}",
        record["reading"],
    )


def _ours(record: Record) -> Markup:
    if record["ours"] is None:
        return Markup(NONE)
    return cell(f"{record['ours']:.1f} [{record['low']:.1f}, {record['high']:.1f}]")


def _kind(record: Record) -> str:
    return str(record["place"]).partition(".")[0]


def _row(record: Record) -> tuple[str, str]:
    """The paper's number of a row, which Table 1 alone has, and its name for people."""
    kind = _kind(record)
    if kind != "table3":
        return (record["id"] if kind == "table1" else ""), record["title"]
    window = record["title"].rpartition(", ")[2]
    label = record["id"] if record["id"] == OVERALL else readable(record["id"])
    return "", f"{label}, {WINDOW_NAMES[window]} windows"
