"""The rules of repair on the events of one clip and class, without any file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

RULES = ("duplicate", "past_end", "outside", "overlap", "gap")
TOLERANCE_S = 1e-3  # annotations have milliseconds: what is less past the end is rounding
ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Span:
    """An event on its way: `lines` are those of the original, `texts` its onset and offset there.

    onset and offset in seconds.
    """

    lines: tuple[int, ...]
    label: str
    onset: float
    offset: float
    texts: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.texts[0]} {self.texts[1]} {self.label}"


@dataclass(frozen=True)
class Change:
    """One rule applied once: lines of the original, and what stood and stands there."""

    lines: tuple[int, ...]
    rule: str
    before: str
    after: str = ""


def mend(spans: Sequence[Span], end: float, gap_s: float) -> tuple[list[Span], list[Change]]:
    """Apply all rules to the events of one clip and class; `end` is the clip's, all in seconds.

    Returns the events that stay, by onset, and the changes in the order they were made.
    """
    kept, changes = _distinct(spans)
    kept, cut = _cut(kept, end)
    kept, merged = _unite(kept, "overlap", -ROUNDING_S)
    kept, joined = _unite(kept, "gap", gap_s - ROUNDING_S)
    return kept, [*changes, *cut, *merged, *joined]


def _distinct(spans: Sequence[Span]) -> tuple[list[Span], list[Change]]:
    found: dict[tuple[float, float], Span] = {}
    changes = []
    for span in spans:
        if found.setdefault((span.onset, span.offset), span) is not span:
            changes.append(Change(span.lines, "duplicate", str(span)))
    return list(found.values()), changes


def _cut(spans: Sequence[Span], end: float) -> tuple[list[Span], list[Change]]:
    last = math.floor(end * 1000 + ROUNDING_S) / 1000  # with the milliseconds of annotations
    kept, changes = [], []
    for span in spans:
        if span.offset <= end + TOLERANCE_S:
            kept.append(span)
        elif span.onset >= last:
            changes.append(Change(span.lines, "outside", str(span)))
        else:
            kept.append(replace(span, offset=last, texts=(span.texts[0], f"{last:.3f}")))
            changes.append(Change(span.lines, "past_end", str(span), str(kept[-1])))
    return kept, changes


def _unite(spans: Sequence[Span], rule: str, apart: float) -> tuple[list[Span], list[Change]]:
    """Make one of events less than `apart` seconds apart (negative: that overlap); chains too."""
    groups: list[list[Span]] = []
    reach = -math.inf  # the last offset of the group
    for span in sorted(spans, key=lambda one: (one.onset, one.offset)):
        if groups and span.onset - reach < apart:
            groups[-1].append(span)
            reach = max(reach, span.offset)
        else:
            groups.append([span])
            reach = span.offset
    kept, changes = [], []
    for group in groups:
        if len(group) == 1:
            kept += group
            continue
        last = max(group, key=lambda one: one.offset)
        lines = tuple(sorted(line for one in group for line in one.lines))
        texts = group[0].texts[0], last.texts[1]
        one = Span(lines, group[0].label, group[0].onset, last.offset, texts)
        kept.append(one)
        changes.append(Change(lines, rule, "; ".join(map(str, group)), str(one)))
    return kept, changes
