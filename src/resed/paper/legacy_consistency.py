"""What the printed numbers say of one another: differences in the text, repeated cells, means.

The tables of two versions and the sentences about them constrain each other. Whatever does not
agree is either a contradiction of the paper (config/papers/liang_contradictions.yaml lists them,
with the keys that this module gives) or a number copied wrongly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

from resed.paper.legacy_numbers import (
    CLASS_METRICS,
    METRICS,
    OVERALL,
    SPLITS,
    WINDOWS,
    Paper,
    Stated,
)

ROUNDING = 0.05  # half of the last printed digit
TINY = 1e-6  # of sums of decimal fractions


@dataclass(frozen=True)
class Discrepancy:
    """Two printed numbers that do not agree. `key` is stable, `text` is for people."""

    key: str
    text: str


def discrepancies(papers: Mapping[str, Paper]) -> list[Discrepancy]:
    """All that does not agree within and between the versions (`load_versions`)."""
    found: list[Discrepancy] = []
    for version, paper in papers.items():
        for stated in paper.stated:
            found += _values(version, paper, stated)
            found += _gains(version, paper, stated)
        found += _repeated(version, paper)
        found += _means(version, paper)
    return [*found, *_versions(papers)]


def value_of(paper: Paper, expression: str) -> float:
    """`place` or `place - place` of a stated number, from the tables; one decimal."""
    first, _, second = expression.partition(" - ")
    value = paper.cell(first)
    return round(value - paper.cell(second), 1) if second else value


def gains_of(paper: Paper, stated: Stated) -> dict[tuple[str, str], float]:
    """(metric, split) -> gain in points that a stated range is about, where both are printed."""
    gains = {}
    chosen = stated.gains
    for metric in chosen.metrics if chosen else ():
        for split in SPLITS:
            places = [f"table1.{row}.{metric}.{split}" for row in (chosen.of, chosen.over)]
            values = [paper.number(place) for place in places]
            if None not in values:
                gains[metric, split] = round(values[0] - values[1], 1)
    return gains


def _values(version: str, paper: Paper, stated: Stated) -> Iterator[Discrepancy]:
    for expression, number in stated.values.items():
        computed = value_of(paper, expression)
        if abs(computed - number) > TINY:
            yield Discrepancy(
                f"{version}.{stated.id}.{expression}",
                f"{stated.place} says {number:g}, the table {computed:g}",
            )


def _gains(version: str, paper: Paper, stated: Stated) -> Iterator[Discrepancy]:
    if stated.gains is None:
        return
    gains, bounds = gains_of(paper, stated).values(), stated.gains
    checks = {
        "lowest": bounds.lowest is None or abs(min(gains) - bounds.lowest) <= TINY,
        "highest": bounds.highest is None or abs(max(gains) - bounds.highest) <= TINY,
        "more_than": bounds.more_than is None or min(gains) > bounds.more_than,
    }
    for name, agrees in checks.items():
        if not agrees:
            yield Discrepancy(
                f"{version}.{stated.id}.{name}",
                f"{stated.place} gives {name} {getattr(bounds, name):g}; the gains are "
                f"{', '.join(f'{gain:g}' for gain in gains)}",
            )


def _repeated(version: str, paper: Paper) -> Iterator[Discrepancy]:
    """Table 2 repeats systems 6 and 8, and the ends of Table 3 repeat systems 8 and 9."""
    pairs = []
    if paper.table2:
        for key, row in (("200", 6), ("15-2", 8)):
            for metric in METRICS:
                for split in SPLITS:
                    pairs.append((f"table2.{key}.{metric}.{split}", f"{row}.{metric}.{split}"))
    for window, row in WINDOWS.items():
        for metric in CLASS_METRICS:
            pairs.append((f"table3.{OVERALL}.{window}.{metric}", f"{row}.{metric}.evaluation"))
    for place, other in pairs:
        first, second = paper.cell(place), paper.cell(f"table1.{other}")
        if abs(first - second) > TINY:
            text = f"{place} is {first:g}, table1.{other} is {second:g}"
            yield Discrepancy(f"{version}.{place}", text)


def _means(version: str, paper: Paper) -> Iterator[Discrepancy]:
    """The ends of Table 3 against the means of its classes: rounding of both sides allowed."""
    for window in WINDOWS:
        for metric in CLASS_METRICS:
            mean = class_mean(paper, window, metric)
            printed = paper.cell(f"table3.{OVERALL}.{window}.{metric}")
            if abs(mean - printed) > 2 * ROUNDING + TINY:
                text = (
                    f"the classes of {window} {metric} average {mean:.2f}, printed is {printed:g}"
                )
                yield Discrepancy(f"{version}.table3.mean.{window}.{metric}", text)


def class_mean(paper: Paper, window: str, metric: str) -> float:
    """Mean over the classes of a column of Table 3."""
    return fmean(paper.cell(f"table3.{label}.{window}.{metric}") for label in paper.table3.rows)


def _versions(papers: Mapping[str, Paper]) -> Iterator[Discrepancy]:
    """Cells that both versions print."""
    journal, letter = papers["journal"], papers["letter"]
    for cell in letter.cells():
        other = journal.number(cell.place)
        if other is None or abs(other - cell.value) > TINY:
            text = f"{cell.place} is {cell.value:g} in the letter, {other} in the journal"
            yield Discrepancy(f"versions.{cell.place}", text)
    for split, clips in letter.clips.items():
        if journal.clips.get(split) != clips:
            yield Discrepancy(f"versions.clips.{split}", f"clips of {split} differ: {clips}")
