"""Defects found by the audit, and their groups by kind and split."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from resed.audit.finding_kinds import FINDING_KINDS, FindingKind
from resed.config.dataset import ROLES
from resed.formats.spreadsheet import neutral
from resed.runtime.files import write_tsv

LEVELS = ("refusal", "warning", "note")
EXAMPLES = 5


@dataclass(frozen=True)
class Defect:
    """One row of findings.tsv.

    Attributes:
        id: key of FINDING_KINDS.
        split: the split that it belongs to.
        filename: the clip or file; empty for a defect of the whole split.
        line: line of the annotation file; empty if the defect is not in one line.
        detail: numbers and names, in words.
        count: number of clips, classes or rows with the defect.
        level: overrides the level of the kind; empty: the level of the kind.
    """

    id: str
    split: str
    filename: str = ""
    line: str = ""
    detail: str = ""
    count: int = 1
    level: str = ""


@dataclass(frozen=True)
class Finding:
    """All defects of one kind in one split: an entry of audit.json and of the page.

    `what` is the title with `detail` and `published_in`, the published version of the annotations
    that has the same defects ("" if there is none).
    """

    id: str
    level: str
    split: str
    count: int
    what: str
    detail: str
    published_in: str
    effect: str
    cure: str
    examples: list[str]


def group_defects(
    defects: Iterable[Defect],
    versions: Mapping[str, str],
    kinds: Mapping[str, FindingKind] = FINDING_KINDS,
) -> list[Finding]:
    """Group defects into findings, sorted by level, kind and split.

    `versions` maps a split to the published version of its annotations, if their bytes or rows
    match one. Defects of published annotations are notes: every user of the dataset has them.
    `kinds` are the kinds in their words for the dataset.
    """
    groups: dict[tuple[str, str], list[Defect]] = defaultdict(list)
    for defect in defects:
        groups[defect.id, defect.split].append(defect)
    found = [
        _finding(group, kinds[group[0].id], versions.get(group[0].split, ""))
        for group in groups.values()
    ]
    return sorted(found, key=lambda one: (LEVELS.index(one.level), *_order(one)))


def _order(one: Defect | Finding) -> tuple[int, int]:
    return list(FINDING_KINDS).index(one.id), ROLES.index(one.split)


def _finding(group: Sequence[Defect], kind: FindingKind, version: str) -> Finding:
    first = group[0]
    level = min((one.level or kind.level for one in group), key=LEVELS.index)
    detail = first.detail if kind.whole_split else ""
    what = f"{kind.title}: {detail}" if detail else kind.title
    published = version if kind.published and level != "refusal" else ""
    if published:
        level, what = "note", f"{what} (as published in {published})"
    return Finding(
        id=first.id,
        level=level,
        split=first.split,
        count=sum(one.count for one in group),
        what=what,
        detail=detail,
        published_in=published,
        effect=kind.effect,
        cure=kind.cure,
        examples=[_example(one) for one in group[:EXAMPLES] if one.filename or one.line],
    )


def _example(defect: Defect) -> str:
    place = [defect.filename, f"line {defect.line}" if defect.line else ""]
    return ": ".join(filter(None, [" ".join(filter(None, place)), defect.detail]))


def write_findings(path: Path, defects: Iterable[Defect]) -> None:
    """Write findings.tsv: one row per defect, sorted by kind and split."""
    names = [field.name for field in fields(Defect)][:5]
    cells = ([getattr(one, name) for name in names] for one in sorted(defects, key=_order))
    # Without tabs and without formulas: people open this file in a spreadsheet.
    write_tsv(path, names, ([neutral(" ".join(cell.split())) for cell in row] for row in cells))
