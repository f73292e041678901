"""Claims and contradictions on the page: verdict, evidence, and links to what it rests on."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resed.paper.legacy_claims import (
    Claim,
    ReadingReference,
    Reference,
    StageReference,
    load_claims,
)
from resed.paper.legacy_numbers import WINDOWS, load_versions
from resed.report import anchors
from resed.report.verdict import Tally, claim_anchor
from resed.results.folder import Results, readable
from resed.tabulate.table import Table

CLASSWISE = ("classes", "class_gain", "extreme")  # kinds of tests that rest on single classes
# Kinds that rest on no comparison of scores: titles and ids of what they rest on, best first.
OTHERS = {
    "annotations": (("Windows and durations", "windows"),),
    "confusion": (("Confusions", "confusion"), ("Figures", "figures")),
    "weights": (("Figure 3", "figure3"), ("Figures", "figures")),
    "parameters": (("Settings of the systems", "settings"),),
}


@dataclass(frozen=True)
class Link:
    """Where evidence stands on the page."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Places:
    """The ids of the page, for no link may lead elsewhere, and the systems' names by row."""

    ids: Collection[str]
    names: Mapping[int, str]


@dataclass(frozen=True)
class Statement:
    """One claim, both verdicts and what they rest on."""

    number: int
    anchor: str
    text: str
    place: str
    here: str
    evidence: tuple[str, ...]
    rule: str
    printed: str
    printed_evidence: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Group:
    """All claims with one verdict."""

    tally: Tally
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Contradiction:
    """One contradiction of the paper with itself, and the claims that it bears on."""

    text: str
    place: str
    figures: str
    claims: tuple[Link, ...]


def groups(
    table: Table, tallies: Collection[Tally], results: Results, ids: Collection[str]
) -> tuple[Group, ...]:
    """The claims by verdict; `ids` are those of the page."""
    root = results.config.root
    claims = {claim.id: claim for claim in load_claims(root).claims}
    rows = load_versions(root)["journal"].by_row
    places = Places(ids, {number: printed.system for number, printed in rows.items()})
    statements = [
        _statement(number, record, claims[record["id"]], places)
        for number, record in enumerate(table.records, start=1)
    ]
    return tuple(
        Group(tally, tuple(one for one in statements if one.here == tally.word))
        for tally in tallies
    )


def contradictions(table: Table, claims: Table) -> tuple[Contradiction, ...]:
    """The list with links to the claims."""
    numbers = {record["id"]: number for number, record in enumerate(claims.records, start=1)}
    return tuple(
        Contradiction(
            str(record["text"]),
            _place(record),
            str(record["figures"]),
            tuple(
                Link(f"claim {numbers[name]}", claim_anchor(name))
                for name in str(record["claims"]).split()
                if name in numbers
            ),
        )
        for record in table.records
    )


def _statement(number: int, record: Mapping[str, Any], claim: Claim, places: Places) -> Statement:
    return Statement(
        number,
        claim_anchor(claim.id),
        claim.statement,
        claim.place,
        record["here"],
        _parts(record["here_evidence"]),
        record["rule"],
        record["printed"],
        _parts(record["printed_evidence"]),
        tuple(dict.fromkeys(_links(claim, places))),
    )


def _place(record: Mapping[str, Any]) -> str:
    places = (
        f"{version} {record[version]}" for version in ("journal", "letter") if record[version]
    )
    return "; ".join(places)


def _parts(evidence: Any) -> tuple[str, ...]:
    """A line of evidence as the comparisons that it lists."""
    return tuple(part for part in str(evidence or "").split("; ") if part)


def _links(claim: Claim, places: Places) -> Iterator[Link]:
    test = claim.test
    if test.kind in OTHERS:
        yield next(Link(text, to) for text, to in OTHERS[test.kind] if to in places.ids)
        return
    labels = _labels(test)
    classwise = test.kind in CLASSWISE or bool(labels)
    for pair in [] if classwise else _pairs(test):
        for first, second in (pair, pair[::-1]):
            if (compared := anchors.comparison(first, second)) in places.ids:
                yield Link(f"Comparison of {first} with {second}", compared)
    for reference in _references(test):
        if classwise and reference in WINDOWS.values():
            yield from _classes(labels, places)
        else:
            yield _link(reference, places)


def _labels(test: Any) -> list[str]:
    """Classes that a test names."""
    named_in_gains = [gain.event_label for gain in getattr(test, "gains", ()) if gain.event_label]
    return [*getattr(test, "classes", ()), *getattr(test, "outside", ()), *named_in_gains]


def _classes(labels: Sequence[str], places: Places) -> Iterator[Link]:
    """Rows of Table 3, or the table where no class is named or none of them is here."""
    here = [label for label in labels if anchors.event_class(label) in places.ids]
    for label in here:
        yield Link(f"Table 3: {readable(label)}", anchors.event_class(label))
    if not here:
        yield Link("Table 3", "table3")


def _pairs(test: Any) -> Iterator[tuple[int, int]]:
    """Systems of Table 1 that a test compares."""
    found = list(getattr(test, "pairs", ()))
    if hasattr(test, "first"):
        found.append((test.first, test.second))
    if hasattr(test, "best"):
        found += [(test.best, other) for other in test.others]
    yield from (pair for pair in found if all(isinstance(side, int) for side in pair))


def _references(test: Any) -> Iterator[Reference]:
    """Everything that a test compares."""
    for pair in getattr(test, "pairs", ()):
        yield from pair
    for name in ("first", "second", "best", "system"):
        if hasattr(test, name):
            yield getattr(test, name)
    yield from getattr(test, "others", ())
    yield from getattr(test, "systems", ())


def _link(reference: Reference, places: Places) -> Link:
    if isinstance(reference, int):
        wanted, section = anchors.row(reference), "table1"
        text = f"Table 1: {reference} {places.names.get(reference, '')}".strip()
    elif isinstance(reference, StageReference):
        wanted, section = anchors.stage(reference.tau, reference.gamma, reference.form), "table2"
        text = f"Table 2: {named(reference)}"
    else:
        wanted = anchors.reading(reference.reading)
        section = "sensitivity" if "sensitivity" in places.ids else "readings"
        text = f"Reading: {named(reference)}"
    return Link(text, wanted if wanted in places.ids else section)


def named(reference: Reference) -> str:
    """A reference for people: 6, `τ 15 γ 2`, `9 (filter.none)`."""
    if isinstance(reference, int):
        return str(reference)
    if isinstance(reference, ReadingReference):
        return f"{reference.row} ({reference.reading})"
    gamma = "" if reference.gamma is None else f" γ {reference.gamma:g}"
    form = "" if reference.form == "printed" else " (1-p)^γ"
    return f"τ {reference.tau}{gamma}{form}"
