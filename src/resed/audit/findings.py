"""What the audit can find, what each finding does to the results, and what to do about it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from resed.audit.kinds import KINDS
from resed.config.dataset import ROLES

LEVELS = ("refusal", "warning", "note")
EXAMPLES = 5


@dataclass(frozen=True)
class Defect:
    """One thing found: a row of findings.tsv.

    `where` is the line of the annotation file, or "" for what is no line of a file. `count` is how
    many things a row stands for, where it tells of a whole split.
    """

    id: str
    split: str
    filename: str = ""
    where: str = ""
    detail: str = ""
    count: int = 1
    level: str = ""  # empty: that of its kind


@dataclass(frozen=True)
class Finding:
    """All defects of one kind in one split: an entry of audit.json and a row of the page."""

    id: str
    level: str
    split: str
    count: int
    what: str
    effect: str
    cure: str
    examples: list[str]


def gather(defects: Iterable[Defect], versions: Mapping[str, Any]) -> list[Finding]:
    """Findings of all defects, refusals first, then by kind and split.

    versions: split -> published version of its annotations, where bytes or rows are those of one:
    defects of such annotations are everybody's, and told as notes.
    """
    groups: dict[tuple[str, str], list[Defect]] = defaultdict(list)
    for defect in defects:
        groups[defect.id, defect.split].append(defect)
    found = [_finding(group, versions.get(group[0].split)) for group in groups.values()]
    kinds = list(KINDS)
    return sorted(
        found,
        key=lambda one: (LEVELS.index(one.level), kinds.index(one.id), ROLES.index(one.split)),
    )


def _finding(group: Sequence[Defect], version: str | None) -> Finding:
    first = group[0]
    kind = KINDS[first.id]
    level = min((one.level or kind.level for one in group), key=LEVELS.index)
    what = kind.what.format(detail=first.detail)
    if kind.published and version and level != "refusal":
        level, what = "note", f"{what} (as published in {version})"
    examples = [
        " ".join(part for part in (one.filename, one.where and f"line {one.where}") if part)
        + (f": {one.detail}" if one.detail else "")
        for one in group[:EXAMPLES]
        if one.filename or one.where
    ]
    count = sum(one.count for one in group)
    return Finding(first.id, level, first.split, count, what, kind.effect, kind.cure, examples)


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The findings as audit.json holds them."""
    return [asdict(one) for one in findings]


def findings_text(defects: Iterable[Defect]) -> str:
    """findings.tsv: every row of every finding, in the order of kinds, splits and files."""
    kinds = list(KINDS)
    ordered = sorted(defects, key=lambda one: (kinds.index(one.id), ROLES.index(one.split)))
    names = [field.name for field in fields(Defect)][:5]
    lines = ["\t".join("line" if name == "where" else name for name in names)]
    lines += ["\t".join(_cell(getattr(one, name)) for name in names) for one in ordered]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split())  # a name or a message may hold anything
