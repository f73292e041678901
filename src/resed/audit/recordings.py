"""Clips that come from one recording, or are one file, by split: what leaks into the test."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from resed.audit.clips import ClipAudit
from resed.audit.findings import Defect
from resed.config.dataset import TRAINING_ROLES, Dataset

LEAK_LEVELS = {"report": "warning", "drop": "note", "refuse": "refusal"}


@dataclass(frozen=True)
class Cut:
    """A clip and the recording it was cut from; start and end in its seconds, if the name tells."""

    split: str
    filename: str
    recording: str
    start: float | None
    end: float | None

    @property
    def seconds(self) -> float | None:
        """Its length by its name."""
        return None if self.start is None or self.end is None else self.end - self.start

    def __str__(self) -> str:
        return f"{self.split}/{self.filename}"


def cuts(dataset: Dataset, clips: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Cut]]:
    """Split -> clip -> its cut, of all clips whose name tells their recording."""
    if dataset.recording is None:
        return {split: {} for split in clips}
    pattern = re.compile(dataset.recording)
    found: dict[str, dict[str, Cut]] = {}
    for split, names in clips.items():
        found[split] = {}
        for name in names:
            if match := pattern.match(name):
                part = match.groupdict()
                start, end = _seconds(part.get("start")), _seconds(part.get("end"))
                found[split][name] = Cut(split, name, part["id"], start, end)
    return found


def _seconds(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def shared_recordings(found: Mapping[str, Mapping[str, Cut]], leaks: str) -> Iterator[Defect]:
    """Recordings with clips in more than one place; leaks: report, drop or refuse."""
    groups: dict[str, list[Cut]] = defaultdict(list)
    for clips in found.values():
        for cut in clips.values():
            groups[cut.recording].append(cut)
    for group in groups.values():
        tested = [cut for cut in group if cut.split not in TRAINING_ROLES]
        for cut in group if len(group) > 1 else ():
            yield from _shared(cut, group, tested, LEAK_LEVELS[leaks])


def _shared(cut: Cut, group: Sequence[Cut], tested: Sequence[Cut], level: str) -> Iterator[Defect]:
    if cut.split in TRAINING_ROLES:
        if tested:
            yield _defect("leak", cut, tested[0], level)
    elif cut.split == "development":
        for other in tested:
            if other.split == "evaluation":
                yield _defect("shared_tests", cut, other)
                break
    before = [other for other in group if other.split == cut.split]
    if cut is not before[0]:
        yield _defect("same_recording", cut, before[0])


def _defect(kind: str, cut: Cut, other: Cut, level: str = "") -> Defect:
    if cut.seconds is None or other.seconds is None:
        when = "where in it is not known"
    elif cut.start < other.end and other.start < cut.end:
        whole = (cut.start, cut.end) == (other.start, other.end)
        when = f"the same seconds, {cut.start:g}-{cut.end:g}" if whole else "seconds in common"
    else:
        when = f"{cut.start:g}-{cut.end:g} s, there {other.start:g}-{other.end:g} s"
    return Defect(kind, cut.split, cut.filename, detail=f"{other} ({when})", level=level)


def copies(rows: Sequence[ClipAudit]) -> list[list[str]]:
    """Groups of "split/filename" with equal bytes in more than one split: a leak, if real."""
    return [
        [f"{row.split}/{row.filename}" for row in group]
        for group in _equal(rows)
        if len({row.split for row in group}) > 1
    ]


def copied(rows: Sequence[ClipAudit], leaks: str) -> Iterator[Defect]:
    """Clips of equal bytes; leaks: report, drop or refuse."""
    for group in _equal(rows):
        tested = [row for row in group if row.split not in TRAINING_ROLES]
        for position, row in enumerate(group):
            others = tested if row.split in TRAINING_ROLES else []
            kind, level = "leak_bytes", LEAK_LEVELS[leaks]
            if not others:
                kind, level = "copies", ""
                others = [one for one in group[:position] if one.split == row.split]
                if row.split in TRAINING_ROLES:
                    others = group[:position]
                elif row.split == "development" and not others:
                    kind, others = "shared_tests", [o for o in tested if o.split == "evaluation"]
            if others:
                detail = f"same bytes as {others[0].split}/{others[0].filename}"
                yield Defect(kind, row.split, row.filename, detail=detail, level=level)


def _equal(rows: Sequence[ClipAudit]) -> list[list[ClipAudit]]:
    groups: dict[str, list[ClipAudit]] = defaultdict(list)
    for row in rows:
        if row.status in {"ok", "leak"}:
            groups[row.sha256].append(row)
    return [group for group in groups.values() if len(group) > 1]
