"""What was found, in at most five lines of plain text, for a terminal."""

from collections.abc import Iterator, Sequence

import pandas as pd

from resed.report.claims import Group
from resed.report.first_screen import basis
from resed.report.overview import Overview, SystemPoints
from resed.results.folder import Results
from resed.tabulate.layout import STALE

SHOWN = 2  # claims per line
MARKUP = str.maketrans("", "", "*`")


def summary(
    results: Results, found: Overview | None, per_class: pd.DataFrame, judged: Sequence[Group]
) -> str:
    """The best system, the classes that it detects, what holds, what does not, and how sure it is.

    Args:
        found: the picture of the systems; None if no system was scored.
        per_class: frame of the table of that name.
        judged: the tested claims by verdict.
    """
    lines = [*_systems(results, found, per_class)] if found else []
    claims = sum(len(group.statements) for group in judged)
    by_word = {group.tally.word: group for group in judged}
    for word, text in (("holds", "hold here"), ("does not hold", "do not hold here")):
        if (group := by_word.get(word)) and group.statements:
            lines.append(_claims(group, f"of {claims} claims of {results.paper.name} {text}"))
    undecided = by_word.get("undecided")
    count = undecided.tally.count if undecided else 0
    text = f"{count} claim{' is' if count == 1 else 's are'} undecided. " if undecided else ""
    note = f" {STALE} by other code of resed." if STALE in "".join(lines) else ""
    return "\n".join([*lines, text + basis(results) + note]) + "\n"


def _systems(results: Results, found: Overview, per_class: pd.DataFrame) -> Iterator[str]:
    best, blind = found.best(blind=False), found.best(blind=True)
    if best is None:
        return
    metric = found.metrics[0]
    percent = " %" if metric.unit == "percent" else ""
    line = f"{best.title}: highest {metric.title} on {found.split}, {_score(best, percent)}"
    if blind is not None:
        line += f"; without hearing the clips ({blind.title}): {_score(blind, percent)}"
    yield f"{line}."
    if metric.block != "event":  # a tagger
        return
    rows = per_class[
        (per_class["title"] == best.title)
        & (per_class["split"] == found.split)
        & (per_class["metric"] == "event")
    ]
    missed = rows.loc[~(rows["value"] > 0), "label_title"]
    text = f"It detects events of {len(rows) - len(missed)} of {len(rows)} classes"
    yield f"{text}; not of {', '.join(missed)}." if len(missed) else f"{text}."


def _score(row: SystemPoints, percent: str) -> str:
    point = row.points[0]
    return f"{point.text}{percent} {point.interval}".strip() if point else "not scored"


def _claims(group: Group, text: str) -> str:
    """The number of claims of a verdict, and the first of them."""
    first = [one.values["statement"].translate(MARKUP).rstrip(".") for one in group.statements]
    more = f"; and {len(first) - SHOWN} more" if len(first) > SHOWN else ""
    return f"{len(first)} {text}: {'; '.join(first[:SHOWN])}{more}."
