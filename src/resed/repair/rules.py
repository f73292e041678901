"""The repair rules, applied to the events of one clip and class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

RULES = ("duplicate", "past_end", "outside", "overlap", "gap")
TOLERANCE_S = 1e-3  # annotations are rounded to milliseconds
ROUNDING_S = 1e-6  # two times that differ by less are equal


@dataclass(frozen=True)
class EventSpan:
    """An event during repair.

    `lines` are its lines in the original file; `onset` and `offset` are in seconds, and `texts` are
    both as written in the file.
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
    """One application of a rule: lines of the original, and the events before and after."""

    lines: tuple[int, ...]
    rule: str
    before: str
    after: str = ""


def apply_rules(
    spans: Sequence[EventSpan], end: float, gap_s: float
) -> tuple[list[EventSpan], list[Change]]:
    """Apply all rules to the events of one clip and class.

    Args:
        spans: the events.
        end: end of the clip in seconds.
        gap_s: events less than this apart (seconds) are merged.

    Returns:
        The remaining events, sorted by onset, and the changes in the order they were made.
    """
    kept, changes = _distinct(spans)
    kept, cut = _cut(kept, end)
    kept, merged = _merge(kept, "overlap", -ROUNDING_S)
    kept, joined = _merge(kept, "gap", gap_s - ROUNDING_S)
    return kept, [*changes, *cut, *merged, *joined]


def _distinct(spans: Sequence[EventSpan]) -> tuple[list[EventSpan], list[Change]]:
    found: dict[tuple[float, float], EventSpan] = {}
    changes = []
    for span in spans:
        if found.setdefault((span.onset, span.offset), span) is not span:
            changes.append(Change(span.lines, "duplicate", str(span)))
    return list(found.values()), changes


def _cut(spans: Sequence[EventSpan], end: float) -> tuple[list[EventSpan], list[Change]]:
    last = math.floor(end * 1000 + ROUNDING_S) / 1000  # annotations are in milliseconds
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


def _merge(
    spans: Sequence[EventSpan], rule: str, apart: float
) -> tuple[list[EventSpan], list[Change]]:
    """Merge events less than `apart` seconds apart; a negative `apart` requires an overlap."""
    groups: list[list[EventSpan]] = []
    reach = -math.inf  # last offset of the group
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
        one = EventSpan(lines, group[0].label, group[0].onset, last.offset, texts)
        kept.append(one)
        changes.append(Change(lines, rule, "; ".join(map(str, group)), str(one)))
    return kept, changes
