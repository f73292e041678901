"""Consistency of the printed numbers: repeated numbers, numbers in the text, means over classes.

A number that is printed twice, a number in the text, and a mean over classes must agree with the
tables. A disagreement is either a contradiction of the paper, which contradictions.yaml lists by
the key that this module gives, or an error in copying the numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from resed.config.dataset import OVERALL
from resed.paper.numbers import Paper, Stated
from resed.paper.tables import ClassTable, PrintedNumber

ROUNDING = 0.05  # half of the last printed digit
TINY = 1e-6  # rounding error of sums of decimal fractions


@dataclass(frozen=True)
class Discrepancy:
    """Two printed numbers that do not agree. `key` identifies them, `text` describes them."""

    key: str
    text: str


def discrepancies(paper: Paper) -> list[Discrepancy]:
    """All numbers that do not agree, within and between editions."""
    found: list[Discrepancy] = []
    for stated in paper.stated:
        found += _values(paper, stated)
        found += _gains(paper, stated)
    return [*found, *_repeated(paper), *_means(paper)]


def value_of(paper: Paper, expression: str) -> float:
    """Value of `place` or `place - place` in the tables; a difference has one decimal."""
    first, _, second = expression.partition(" - ")
    value = paper.cell(first)
    return round(value - paper.cell(second), 1) if second else value


def gains_of(paper: Paper, stated: Stated) -> dict[tuple[str, str], float]:
    """(metric, split) -> gain in points, for all gains of a stated range that are printed."""
    gains = {}
    chosen = stated.gains
    for metric in (chosen.metrics or paper.metrics) if chosen else ():
        for split in paper.splits:
            sides = (chosen.of, chosen.over)
            first, second = (
                paper.printed(side, metric, split, edition=stated.edition) for side in sides
            )
            if first is not None and second is not None:
                gains[metric, split] = round(first - second, 1)
    return gains


def _values(paper: Paper, stated: Stated) -> Iterator[Discrepancy]:
    for expression, number in stated.values.items():
        computed = value_of(paper, expression)
        if abs(computed - number) > TINY:
            text = f"{stated.place}: the text gives {number:g}, the table {computed:g}"
            yield Discrepancy(f"{stated.edition}.{stated.id}.{expression}", text)


def _gains(paper: Paper, stated: Stated) -> Iterator[Discrepancy]:
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
            listed = ", ".join(f"{gain:g}" for gain in gains)
            text = f"{stated.place}: {name} is {getattr(bounds, name):g}, the gains are {listed}"
            yield Discrepancy(f"{stated.edition}.{stated.id}.{name}", text)


def _repeated(paper: Paper) -> Iterator[Discrepancy]:
    """Compare numbers of one system, metric, split and class that several tables print.

    A number is compared with the first one of its edition, else with the first one of all editions.
    """
    first: dict[tuple[str, ...], PrintedNumber] = {}
    for number in paper.numbers:
        key = (number.system, number.metric, number.split, number.label or "")
        anywhere = first.setdefault(key, number)
        before = first.setdefault((number.edition, *key), anywhere)
        if before.edition != number.edition:
            first[number.edition, *key] = number
        if abs(before.value - number.value) > TINY:
            text = f"{number.place} is {number.value:g}, {before.place} is {before.value:g}"
            yield Discrepancy(number.place, text)


def _means(paper: Paper) -> Iterator[Discrepancy]:
    """Compare overall numbers of class tables with the means over classes, within rounding."""
    for name, table in paper.tables.items():
        if table.layout != "classes":
            continue
        for column in table.columns:
            for index, metric in enumerate(table.metrics):
                mean, printed = class_mean(table, column, metric), table.overall[column][index]
                if mean is None or printed is None:
                    continue
                if abs(mean - printed) > 2 * ROUNDING + TINY:
                    text = f"{name}: the classes of {column} {metric} average {mean:.2f}, "
                    key = f"{name}.mean.{column}.{metric}"
                    yield Discrepancy(key, f"{text}{OVERALL} is {printed:g}")


def class_mean(table: ClassTable, column: str, metric: str) -> float | None:
    """Mean over the classes of one column and metric; None if no class has a number."""
    index = table.metrics.index(metric)
    values = [row[column][index] for row in table.rows.values() if row[column][index] is not None]
    return fmean(values) if values else None
