"""The verdict at the top: how many numbers and claims came out how, and where they stand."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resed.report.symbols import MARKS, slug
from resed.tabulate.claims import MANY
from resed.tabulate.scorecard import VERDICTS
from resed.tabulate.table import Table


@dataclass(frozen=True)
class Tally:
    """One verdict: its word, its name for many, how often it stands, and the id of its rows."""

    word: str
    many: str
    count: int
    anchor: str
    tone: str
    symbol: str


@dataclass(frozen=True)
class Verdict:
    """Counts of the claims and of the published numbers; statements of claims that are decided."""

    claims: tuple[Tally, ...]
    numbers: tuple[Tally, ...]
    decided: Mapping[str, tuple[tuple[str, str], ...]]  # word: (statement, id) each


def verdict(claims: Table, scorecard: Table) -> Verdict:
    """Count what the two tables hold."""
    decided = {
        word: tuple(
            (str(record["statement"]), claim_anchor(str(record["id"])))
            for record in claims.records
            if record["here"] == word
        )
        for word in ("holds", "does not hold")
    }
    return Verdict(
        tallies("claims", MANY, (record["here"] for record in claims.records)),
        tallies("scorecard", VERDICTS, (record["verdict"] for record in scorecard.records)),
        decided,
    )


def tallies(section: str, names: Mapping[str, str], words: Iterable[Any]) -> tuple[Tally, ...]:
    """How often each word of `names` stands, those that never do included."""
    counts = Counter(words)
    return tuple(
        Tally(
            word, many, counts[word], verdict_anchor(section, word), MARKS[word][1], MARKS[word][0]
        )
        for word, many in names.items()
    )


def ground(seeds: str) -> str:
    """What the intervals behind the verdicts cover; `seeds` in words (Config.seeds_in_words)."""
    if seeds == "1 seed":
        return (
            "One seed a system: intervals cover clips alone, and what compares separately trained "
            "systems stays undecided."
        )
    return f"Intervals cover clips and seeds ({seeds} a system; clips alone where there is one)."


def verdict_anchor(section: str, word: str) -> str:
    """Id of the rows of `section` with this verdict."""
    return f"{section}-{slug(word)}"


def claim_anchor(name: str) -> str:
    """Id of a claim."""
    return f"claim-{name}"
