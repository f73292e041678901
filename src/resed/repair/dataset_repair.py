"""Repair all strong annotation files of a dataset."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resed import __version__
from resed.config.dataset import Dataset
from resed.errors import DatasetError, ResedError
from resed.formats.annotation_text import AnnotationText
from resed.formats.annotations import Event, located_events
from resed.formats.manifest import read_manifest
from resed.formats.repairs import read_repair_summary, write_repair_summary, write_repairs
from resed.repair.rules import RULES, Change, EventSpan, apply_rules
from resed.runtime.files import existing, sha256, write_text

GAP_S = 0.15
NO_EVENT = "no event"


@dataclass(frozen=True)
class Repaired:
    """A repaired annotation file: its text, the changes with their clips, event counts."""

    text: str
    changes: tuple[tuple[str, Change], ...]
    events: tuple[int, int]  # before and after


def repair_dataset(
    dataset: Dataset,
    root: Path,
    out: Path,
    *,
    manifest: Path | None = None,
    gap_s: float = GAP_S,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Repair the strong annotations of a dataset.

    Args:
        out: folder for the copies, repairs.tsv and, written last, repair.json.
        manifest: manifest of the audit, with the length of each clip.
        gap_s: events of a class less than this apart (seconds) are merged.

    Returns:
        The content of repair.json.

    Raises:
        MissingFileError, AnnotationError: annotations do not exist or are malformed.
        DatasetError: `manifest` is not a manifest, or `out` is the folder of the originals,
            or has annotations that no repair wrote.
    """
    ends = clip_ends(manifest) if manifest else {}
    splits, rows, written = {}, [], _written(out)
    for split in dataset.roles:
        place = dataset.splits[split]
        if place.labels != "strong":
            continue
        original, copy = existing(root / place.annotations), out / place.annotations
        if copy.resolve() == original.resolve():
            cure = "use another --out for the copies"
            raise DatasetError("the copy would replace the original", place=copy, cure=cure)
        found = repair_file(
            original,
            dataset.classes,
            ends=ends.get(split, {}),
            clip_seconds=dataset.clip_seconds,
            gap_s=gap_s,
        )
        _refuse_foreign(copy, found.text, written)
        write_text(copy, found.text)
        for clip, change in found.changes:
            lines = ",".join(map(str, change.lines))
            rows.append((split, clip, lines, change.rule, change.before, change.after))
        splits[split] = _summary(place.annotations, original, copy, found)
    write_repairs(out / "repairs.tsv", rows)
    summary = {
        "dataset": dataset.name,
        "resed": __version__,
        "manifest_sha256": sha256(manifest) if manifest else None,
        "gap_s": gap_s,
        "splits": splits,
    }
    write_repair_summary(out / "repair.json", summary)
    report(_summary_line(summary))
    return summary


def _written(out: Path) -> set[str]:
    """SHA-256 of the copies that an earlier repair wrote into a folder."""
    try:
        splits = read_repair_summary(out / "repair.json")["splits"]
    except ResedError:
        return set()
    return {split["repaired_sha256"] for split in splits.values()}


def _refuse_foreign(copy: Path, text: str, written: set[str]) -> None:
    """Raise DatasetError if another file than a copy of an earlier repair would be replaced."""
    found = copy.read_bytes() if copy.is_file() else text.encode()
    if found != text.encode() and hashlib.sha256(found).hexdigest() not in written:
        cure = "use another --out, or move the file away"
        raise DatasetError("the file was not written by repair", place=copy, cure=cure)


def _summary(name: str, original: Path, copy: Path, found: Repaired) -> dict[str, Any]:
    counts = Counter(change.rule for _, change in found.changes)
    return {
        "annotations": name,
        "original_sha256": sha256(original),
        "repaired_sha256": sha256(copy),
        "events": found.events[0],
        "events_repaired": found.events[1],
        "repairs": {rule: counts[rule] for rule in RULES},
    }


def _summary_line(summary: Mapping[str, Any]) -> str:
    parts = []
    for split, found in summary["splits"].items():
        made = ", ".join(f"{count} {rule}" for rule, count in found["repairs"].items() if count)
        parts.append(f"{split} {made or 'no changes'}")
    return f"repair {summary['dataset']}: {'; '.join(parts)}"


def clip_ends(manifest: Path) -> dict[str, dict[str, float]]:
    """Split -> clip -> its length in seconds, for the decoded clips of a manifest.

    Raises DatasetError if the file is not a manifest, and MissingFileError.
    """
    rows = read_manifest(manifest)
    ends: dict[str, dict[str, float]] = {}
    for split, clips in rows[rows["seconds"] > 0].groupby("split", sort=False):
        ends[split] = dict(zip(clips["filename"], clips["seconds"], strict=True))
    return ends


def repair_file(
    path: Path,
    classes: Sequence[str] | None,
    *,
    ends: Mapping[str, float],
    clip_seconds: float,
    gap_s: float = GAP_S,
) -> Repaired:
    """Repair one file; clips that are not in `ends` last `clip_seconds`.

    Raises the errors of `read_events`.
    """
    clips: dict[str, list[tuple[int, Event | None]]] = defaultdict(list)
    for line, filename, event in located_events(path, classes):
        clips[filename].append((line, event))
    text = AnnotationText.read(path)
    before = sum(event is not None for rows in clips.values() for _, event in rows)
    changes, after = [], 0
    for clip, rows in clips.items():
        made, kept = _repair_clip(rows, text, ends.get(clip, clip_seconds), gap_s)
        changes += [(clip, change) for change in made]
        after += kept
    changes.sort(key=lambda one: (one[1].lines, RULES.index(one[1].rule)))
    return Repaired(text.text(), tuple(changes), (before, after))


def _repair_clip(
    rows: Sequence[tuple[int, Event | None]], text: AnnotationText, end: float, gap_s: float
) -> tuple[list[Change], int]:
    """Repair one clip in `text`; return the changes and the number of remaining events.

    A clip that loses all its events keeps its first row without an event.
    """
    by_label: dict[str, list[EventSpan]] = defaultdict(list)
    silent = [line for line, event in rows if event is None]
    for line, event in rows:
        if event is not None:
            texts = text.cell(line, "onset"), text.cell(line, "offset")
            span = EventSpan((line,), event.event_label, event.onset, event.offset, texts)
            by_label[event.event_label].append(span)
    changes = [Change((line,), "duplicate", NO_EVENT) for line in silent[1:]]
    kept: list[EventSpan] = []
    for spans in by_label.values():
        repaired, made = apply_rules(spans, end, gap_s)
        kept += repaired
        changes += made
    stay = {span.lines[0] for span in kept} | set(silent[:1])
    if not stay:
        first = rows[0][0]
        stay.add(first)
        text.write(first, dict.fromkeys(("onset", "offset", "event_label"), ""))
        changes = [replace(one, after=NO_EVENT) if first in one.lines else one for one in changes]
    for span in kept:  # the times of a merged event are written into the first of its lines
        text.write(span.lines[0], {"onset": span.texts[0], "offset": span.texts[1]})
    text.remove([line for line, _ in rows if line not in stay])
    return changes, len(kept)
