"""Examine a dataset: all annotations, all clips, all splits, and the defects found."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from resed.acquire.clip_reader import clip_reader
from resed.audit.annotation_checks import (
    SplitAnnotations,
    check_events,
    check_placeholder,
    count_classes,
    event_counts,
    read_annotations,
)
from resed.audit.annotation_versions import check_version, recognise_version
from resed.audit.clip_audit import ClipAudit, ClipToAudit, audited
from resed.audit.clip_checks import (
    check_classes,
    check_format,
    check_numbers,
    check_single,
    check_unlisted,
    check_usable,
    read_acquire_record,
)
from resed.audit.findings import Defect
from resed.audit.shared_recordings import (
    Excerpt,
    check_copies,
    check_recordings,
    find_excerpts,
)
from resed.config.dataset import SCORED_ROLES, Dataset
from resed.config.stages import AuditSettings
from resed.errors import MissingFileError
from resed.formats.acquisition import LOCAL, ClipState
from resed.runtime.progress import progress


@dataclass
class Examination:
    """The annotations and clips of a dataset by split, and their defects."""

    dataset: Dataset
    root: Path
    settings: AuditSettings
    annotations: dict[str, SplitAnnotations] = field(default_factory=dict)
    acquired: dict[str, dict[str, ClipState]] = field(default_factory=dict)
    rows: dict[str, list[ClipAudit]] = field(default_factory=dict)
    excerpts: dict[str, dict[str, Excerpt]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    event_defects: dict[str, list[Defect]] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)

    @property
    def all_rows(self) -> list[ClipAudit]:
        """The rows of all splits, in the order of the manifest."""
        return [row for rows in self.rows.values() for row in rows]


def examine(dataset: Dataset, root: Path, processes: int, settings: AuditSettings) -> Examination:
    """Read the annotations and the clips, and collect all defects."""
    seen = Examination(dataset, root, settings)
    paths = [root / dataset.splits[split].annotations for split in dataset.roles]
    if not any(path.is_file() for path in paths):
        cure = "check --root, or run resed acquire"
        raise MissingFileError("no such file", place=paths[0], cure=cure)
    for split in dataset.roles:
        seen.annotations[split] = _annotations(dataset, root, split)
        seen.acquired[split], defects = read_acquire_record(root, split)
        seen.defects += [*seen.annotations[split].defects, *defects]
    _read_clips(seen, processes)
    _check_leaks(seen)
    for split in dataset.roles:
        seen.defects += _check_split(seen, split)
    if not any(row.status == "ok" for row in seen.all_rows):
        seen.defects.append(
            Defect("no_clip", dataset.roles[0], detail=f"0 of {len(seen.all_rows)}")
        )
    for split, found in seen.annotations.items():
        seen.versions[split] = recognise_version(dataset, split, found)
        seen.defects += check_version(dataset, split, seen.versions[split])
    return seen


def _annotations(dataset: Dataset, root: Path, split: str) -> SplitAnnotations:
    place = dataset.splits[split]
    path = root / place.annotations
    if not path.is_file():
        missing = Defect("annotations_missing", split, detail=place.annotations)
        return SplitAnnotations(defects=[missing])
    found = read_annotations(path, split, place.labels, dataset.classes)
    found.defects += check_placeholder(dataset, split, found)
    return found


def _read_clips(seen: Examination, processes: int) -> None:
    dataset, clips, readers = seen.dataset, [], {}
    usual = "rendered" if dataset.kind == "soundscapes" else "local"
    for split in dataset.roles:
        readers[split] = clip_reader(dataset, seen.root, split)
        seen.rows[split] = []
        for name in sorted(seen.annotations[split].clips):
            known = seen.acquired[split].get(name, ClipState(name, "missing"))
            source, digest = known.source or usual, known.sha256
            clips.append(ClipToAudit(split, name, source, digest))
    with progress(len(clips), f"audit {dataset.name}") as advance:
        for row in audited(clips, readers, processes):
            known = seen.acquired[row.split].get(row.filename)
            seen.rows[row.split].append(_rejected(row, known) if known else row)
            advance(1)


def _rejected(row: ClipAudit, known: ClipState) -> ClipAudit:
    """Another status for a missing clip that a source delivered, but acquire put aside."""
    answers = [answer for source, answer in known.answers.items() if source != LOCAL]
    damaged = any(answer.state == "corrupt" for answer in answers)
    return replace(row, status="rejected") if row.status == "missing" and damaged else row


def _check_leaks(seen: Examination) -> None:
    """Find shared recordings and copies; with `leaks: drop`, exclude the training clips."""
    leaks = seen.settings.leaks
    clips = {split: found.clips for split, found in seen.annotations.items()}
    seen.excerpts = find_excerpts(seen.dataset, clips)
    copies = check_copies(seen.all_rows, leaks, seen.dataset.audio_folders)
    found = [*check_recordings(seen.excerpts, leaks), *copies]
    seen.defects += found
    if leaks == "drop":
        leaking = {(one.split, one.filename) for one in found if one.id in {"leak", "leak_bytes"}}
        for split, rows in seen.rows.items():
            seen.rows[split] = [
                replace(row, status="leak")
                if row.status == "ok" and (split, row.filename) in leaking
                else row
                for row in rows
            ]


def _check_split(seen: Examination, split: str) -> Iterable[Defect]:
    dataset, rows, annotations = seen.dataset, seen.rows[split], seen.annotations[split]
    ends = {row.filename: row.seconds for row in rows if row.seconds > 0}
    folder = dataset.splits[split].audio
    listed = {
        clip
        for other, found in seen.annotations.items()
        if dataset.splits[other].audio == folder
        for clip in found.clips
    }
    events = check_events(split, annotations.events, ends, dataset.clip_seconds)
    level = "refusal" if _refuses_late(seen, split) else ""
    seen.event_defects[split] = [
        replace(one, level=level) if one.id == "late_event" else one for one in events
    ]
    found = [
        *check_usable(rows, seen.acquired[split]),
        *check_format(dataset, rows, seen.excerpts[split]),
        *check_unlisted(dataset, seen.root, split, listed),
        *check_numbers(dataset, split, rows, seen.settings),
        *seen.event_defects[split],
    ]
    if dataset.splits[split].labels != "none" and annotations.clips:
        enough = not any(one.id == "too_few" for one in found)
        usable = {row.filename for row in rows if row.status == "ok"}
        counts = count_classes(dataset, annotations, usable)
        found += check_classes(split, counts, seen.settings.least_of(split), enough)
        found += check_single(split, counts, event_counts(annotations))
    return found


def _refuses_late(seen: Examination, split: str) -> bool:
    return seen.settings.late_events == "refuse" and split in SCORED_ROLES
