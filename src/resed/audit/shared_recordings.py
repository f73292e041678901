"""Clips that were cut from one recording, or have equal bytes: leaks between splits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from resed.audit.clip_audit import ClipAudit
from resed.audit.findings import Defect
from resed.config.dataset import TRAINING_ROLES, Dataset

LEAK_LEVELS = {"report": "warning", "drop": "note", "refuse": "refusal"}  # by audit.leaks


@dataclass(frozen=True)
class Excerpt:
    """A clip and the recording that it was cut from.

    `start` and `end` are in seconds of the recording; None if the name does not contain them.
    """

    split: str
    filename: str
    recording: str
    start: float | None
    end: float | None

    @property
    def seconds(self) -> float | None:
        """Length according to the name."""
        return None if self.start is None or self.end is None else self.end - self.start

    def __str__(self) -> str:
        return f"{self.split}/{self.filename}"


def find_excerpts(
    dataset: Dataset, clips: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Excerpt]]:
    """Split -> clip -> its excerpt, for the clips whose names match `dataset.recording`."""
    found: dict[str, dict[str, Excerpt]] = {split: {} for split in clips}
    pattern = dataset.pattern
    if pattern is None:
        return found
    for split, names in clips.items():
        for name in names:
            if part := pattern.match(name):
                found[split][name] = Excerpt(split, name, part.id, part.start, part.end)
    return found


def check_recordings(found: Mapping[str, Mapping[str, Excerpt]], leaks: str) -> Iterator[Defect]:
    """Recordings with several clips; `leaks` is the setting report, drop or refuse."""
    groups: dict[str, list[Excerpt]] = defaultdict(list)
    for clips in found.values():
        for excerpt in clips.values():
            groups[excerpt.recording].append(excerpt)
    for group in groups.values():
        tested = [one for one in group if one.split not in TRAINING_ROLES]
        for excerpt in group if len(group) > 1 else ():
            yield from _check_excerpt(excerpt, group, tested, LEAK_LEVELS[leaks])


def _check_excerpt(
    excerpt: Excerpt, group: Sequence[Excerpt], tested: Sequence[Excerpt], level: str
) -> Iterator[Defect]:
    evaluated = [one for one in tested if one.split == "evaluation"]
    if excerpt.split in TRAINING_ROLES and tested:
        yield _shared("leak", excerpt, tested[0], level)
    elif excerpt.split == "development" and evaluated:
        yield _shared("shared_tests", excerpt, evaluated[0])
    first = next(one for one in group if one.split == excerpt.split)
    if excerpt is not first:
        yield _shared("same_recording", excerpt, first)


def _shared(kind: str, one: Excerpt, other: Excerpt, level: str = "") -> Defect:
    if one.seconds is None or other.seconds is None:
        when = "times unknown"
    elif one.start < other.end and other.start < one.end:
        equal = (one.start, one.end) == (other.start, other.end)
        when = f"the same seconds, {one.start:g}-{one.end:g}" if equal else "overlapping seconds"
    else:
        when = f"{one.start:g}-{one.end:g} s here, {other.start:g}-{other.end:g} s there"
    return Defect(kind, one.split, one.filename, detail=f"{other} ({when})", level=level)


def copies_across_splits(
    rows: Iterable[ClipAudit], folders: Mapping[str, str] | None = None
) -> list[list[str]]:
    """Groups of "split/filename" with equal bytes in more than one split.

    `folders` maps a split to the folder of its audio; one file that several splits list is no copy.
    """
    return [
        [f"{row.split}/{row.filename}" for row in group]
        for group in _equal(rows)
        if len({row.split for row in group}) > 1
        and len({_file(row, folders or {}) for row in group}) > 1
    ]


def _file(row: ClipAudit, folders: Mapping[str, str]) -> tuple[str, str]:
    return folders.get(row.split, row.split), row.filename


def check_copies(
    rows: Iterable[ClipAudit], leaks: str, folders: Mapping[str, str] | None = None
) -> Iterator[Defect]:
    """Clips with equal bytes; `leaks` is the setting report, drop or refuse.

    `folders` maps a split to the folder of its audio. One file that two training splits list is not
    a copy, but listed twice.
    """
    for group in _equal(rows):
        for position, row in enumerate(group):
            kind, other = _copied(row, group[:position], group)
            if other and kind == "copies" and row.split != other.split:
                same = _file(row, folders or {}) == _file(other, folders or {})
                kind = "listed_twice" if same else kind
            if other:
                detail = f"same bytes as {other.split}/{other.filename}"
                level = LEAK_LEVELS[leaks] if kind == "leak_bytes" else ""
                yield Defect(kind, row.split, row.filename, detail=detail, level=level)


def _copied(
    row: ClipAudit, before: Sequence[ClipAudit], group: Sequence[ClipAudit]
) -> tuple[str, ClipAudit | None]:
    """The kind of defect that a copy is, and the other copy; None if it is the first."""
    tested = [one for one in group if one.split not in TRAINING_ROLES]
    same_split = [one for one in before if one.split == row.split]
    if row.split in TRAINING_ROLES:
        kind, others = ("leak_bytes", tested) if tested else ("copies", before)
    elif row.split == "development" and not same_split:
        kind, others = "shared_tests", [one for one in tested if one.split == "evaluation"]
    else:
        kind, others = "copies", same_split
    return kind, next(iter(others), None)


def _equal(rows: Iterable[ClipAudit]) -> list[list[ClipAudit]]:
    groups: dict[str, list[ClipAudit]] = defaultdict(list)
    for row in rows:
        if row.status in {"ok", "leak"}:
            groups[row.sha256].append(row)
    return [group for group in groups.values() if len(group) > 1]
