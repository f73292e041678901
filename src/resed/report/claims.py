"""Claims and contradictions on the page: verdicts, evidence, and links to their sources."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resed.formats.tables import Table
from resed.report.tallies import Tally, tallies
from resed.tabulate.words import CLAIM_VERDICTS


@dataclass(frozen=True)
class Link:
    """A place on the page."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Statement:
    """One claim; `values` is its entry in the data of the table."""

    number: int
    values: Mapping[str, Any]
    links: tuple[Link, ...]

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return claim_anchor(self.values["id"])


@dataclass(frozen=True)
class Group:
    """All claims with one verdict."""

    tally: Tally
    statements: tuple[Statement, ...]


def groups(
    claims: Table,
    ids: Collection[str],
    wanted: Callable[[Mapping[str, Any]], bool] = lambda values: True,
) -> list[Group]:
    """The claims that are `wanted` by verdict, with links to `ids`, the ids of the page."""
    statements = [
        Statement(number, values, _links(values["links"], ids))
        for number, values in enumerate(claims.data["claims"], start=1)
        if wanted(values)
    ]
    counts = Counter(one.values["here"] for one in statements)
    return [
        Group(tally, tuple(one for one in statements if one.values["here"] == tally.word))
        for tally in tallies("claims", CLAIM_VERDICTS, counts)
    ]


def contradictions(table: Table, claims: Table) -> list[dict[str, Any]]:
    """The contradictions, each with links to the claims that it concerns."""
    numbers = {values["id"]: n for n, values in enumerate(claims.data["claims"], start=1)}
    return [
        entry | {"links": [Link(f"claim {numbers[i]}", claim_anchor(i)) for i in entry["claims"]]}
        for entry in table.data["contradictions"]
    ]


def claim_anchor(name: str) -> str:
    """Id of a claim."""
    return f"claim-{name}"


def _links(wanted: Sequence[Mapping[str, Any]], ids: Collection[str]) -> tuple[Link, ...]:
    """Links to the first of their anchors that exists on the page."""
    found = []
    for link in wanted:
        places = [anchor for anchor in link["anchors"] if anchor in ids]
        found += [Link(link["text"], anchor) for anchor in places[:1]]
    return tuple(dict.fromkeys(found))
