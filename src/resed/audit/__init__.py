"""Audit, the doctor: what lies on the disk, clip by clip, and what is wrong with it.

Every clip that the annotations name gets a row in manifest.tsv, whatever is wrong with it; the
SHA-256 of that file stands for "these bytes" in every later result. What is found is told by kind
and split, with what it does to the results and what to do (audit.json, index.html), and row by row
(findings.tsv).
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from resed import __version__
from resed.acquire.clip_reader import clip_reader
from resed.audit.clip_checks import (
    acquired,
    amounts,
    classes,
    official_clips,
    shape,
    unlisted,
    unusable,
)
from resed.audit.clips import ClipAudit, Task, audit_clip, audited, manifest_text
from resed.audit.findings import Defect, Finding, as_json, findings_text, gather
from resed.audit.label_checks import Truth, class_counts, event_defects, oddities, read_truth
from resed.audit.page import page
from resed.audit.published import recognise, version_defects
from resed.audit.recordings import Cut, copied, copies, cuts, shared_recordings
from resed.config.dataset import ROLES, Dataset
from resed.config.run import AuditSettings
from resed.errors import DatasetError, MissingFileError
from resed.runtime.files import sha256, write_json, write_text
from resed.runtime.progress import progress

__all__ = [
    "ClipAudit",
    "Task",
    "audit_clip",
    "audit_dataset",
    "copies",
    "manifest_text",
    "oddities",
    "refusals",
    "summarise",
    "summary_line",
]


@dataclass
class Examined:
    """All that was read of a dataset, by split: annotations, clips, and what acquire recorded."""

    dataset: Dataset
    settings: AuditSettings
    truths: dict[str, Truth] = field(default_factory=dict)
    records: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    rows: dict[str, list[ClipAudit]] = field(default_factory=dict)
    named: dict[str, dict[str, Cut]] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)

    @property
    def all_rows(self) -> list[ClipAudit]:
        """The rows of all splits, in the manifest's order."""
        return list(itertools.chain.from_iterable(self.rows.values()))


def audit_dataset(
    dataset: Dataset,
    root: Path,
    out: Path,
    processes: int = 1,
    report: Callable[[str], None] = print,
    settings: AuditSettings | None = None,
    refuse: bool = True,
) -> dict[str, Any]:
    """Audit all splits; writes manifest.tsv, findings.tsv, index.html and, last, audit.json.

    Returns what audit.json holds. Raises MissingFileError where no annotation file is there at
    all, and, once everything is written, DatasetError where the run may not go on by `settings`
    (not where `refuse` is false: `resed admit` tells it then).
    """
    examined = examine(dataset, root, processes, settings or AuditSettings())
    versions = {split: recognise(dataset, split, truth) for split, truth in examined.truths.items()}
    for split, version in versions.items():
        examined.defects += version_defects(dataset, split, version)
    certain = {s: v["version"] for s, v in versions.items() if v["by"] in {"bytes", "rows"}}
    found = gather(examined.defects, certain)
    write_text(out / "manifest.tsv", manifest_text(examined.all_rows))
    write_text(out / "findings.tsv", findings_text(examined.defects))
    summary = summarise(examined, found, versions, sha256(out / "manifest.tsv"))
    write_text(out / "index.html", page(dataset, summary))
    write_json(out / "audit.json", summary)
    report(summary_line(dataset, summary))
    if refuse and not summary["go"]:
        raise DatasetError(refusals(summary, str(root), out / "index.html"))
    return summary


def examine(dataset: Dataset, root: Path, processes: int, settings: AuditSettings) -> Examined:
    """Read annotations and clips, and gather all defects but those of versions."""
    seen = Examined(dataset, settings)
    paths = [root / dataset.splits[split].annotations for split in ROLES]
    if not any(path.is_file() for path in paths):
        raise MissingFileError(f"{paths[0]}: no such file; check --root, or run resed acquire")
    for split in ROLES:
        seen.truths[split] = read_truth(dataset, root, split)
        seen.records[split], defects = acquired(root, split)
        seen.defects += [*seen.truths[split].defects, *defects]
    _read_clips(seen, root, processes)
    seen.named = cuts(dataset, {split: truth.clips for split, truth in seen.truths.items()})
    leaks = settings.leaks
    shared = [*shared_recordings(seen.named, leaks), *copied(seen.all_rows, leaks)]
    seen.defects += shared
    if leaks == "drop":
        _drop(seen, shared)
    for split in ROLES:
        seen.defects += _split_defects(seen, root, split)
    if not any(row.status == "ok" for row in seen.all_rows):
        detail = f"0 of {len(seen.all_rows)}"
        seen.defects.append(Defect("no_clip", ROLES[0], detail=detail))
    return seen


def _read_clips(seen: Examined, root: Path, processes: int) -> None:
    dataset = seen.dataset
    usual = "rendered" if dataset.kind == "soundscapes" else "local"
    tasks, readers = [], {}
    for split in ROLES:
        readers[split] = clip_reader(dataset, root, split)
        seen.rows[split] = []
        for clip in sorted(seen.truths[split].clips):
            known = seen.records[split].get(clip, {})
            tasks.append(Task(split, clip, known.get("source") or usual, known.get("sha256") or ""))
    with progress(len(tasks), f"audit {dataset.name}") as advance:
        for row in audited(tasks, readers, processes):
            seen.rows[row.split].append(row)
            advance(1)


def _drop(seen: Examined, shared: Iterable[Defect]) -> None:
    """Leave the training clips that leak out of the run."""
    leaking = {(one.split, one.filename) for one in shared if one.id in {"leak", "leak_bytes"}}
    for split, rows in seen.rows.items():
        seen.rows[split] = [
            replace(row, status="leak")
            if row.status == "ok" and (split, row.filename) in leaking
            else row
            for row in rows
        ]


def _split_defects(seen: Examined, root: Path, split: str) -> list[Defect]:
    dataset, rows, truth = seen.dataset, seen.rows[split], seen.truths[split]
    ends = {row.filename: row.seconds for row in rows if row.seconds > 0}
    folder = dataset.splits[split].audio
    listed = {
        clip
        for other, its in seen.truths.items()
        if dataset.splits[other].audio == folder
        for clip in its.clips
    }
    found = [
        *unusable(rows, seen.records[split]),
        *shape(dataset, rows, seen.named[split]),
        *unlisted(dataset, root, split, listed),
        *amounts(dataset, split, rows, seen.settings),
        *event_defects(split, truth.events, ends, dataset.clip_seconds),
    ]
    if dataset.splits[split].labels != "none" and truth.clips:
        enough = not any(one.id == "too_few" for one in found)
        counts = class_counts(dataset, truth, _usable(rows))
        found += classes(split, counts, seen.settings.least[split], enough)
    return found


def _usable(rows: Iterable[ClipAudit]) -> set[str]:
    return {row.filename for row in rows if row.status == "ok"}


def summarise(
    seen: Examined,
    found: Sequence[Finding],
    versions: Mapping[str, Mapping[str, Any]],
    manifest_sha256: str,
) -> dict[str, Any]:
    """What audit.json holds: whether the run may go on, counts a split, findings, problems."""
    rows = seen.all_rows
    splits = {split: _split_summary(seen, split) for split in ROLES}
    for split, version in versions.items():
        splits[split]["version"] = dict(version)
    return {
        "dataset": seen.dataset.name,
        "resed": __version__,
        "manifest_sha256": manifest_sha256,
        "go": not any(one.level == "refusal" for one in found),
        "settings": seen.settings.model_dump(mode="json"),
        "clips": len(rows),
        "ok": sum(row.status == "ok" for row in rows),
        "splits": splits,
        "findings": as_json(found),
        "copies": copies(rows),
        "problems": [
            {"split": row.split, "filename": row.filename, "status": row.status}
            for row in rows
            if row.status != "ok"
        ],
    }


def _split_summary(seen: Examined, split: str) -> dict[str, Any]:
    dataset, rows, truth = seen.dataset, seen.rows[split], seen.truths[split]
    place = dataset.splits[split]
    ok = [row for row in rows if row.status == "ok"]
    labelled = place.labels != "none"
    return {
        "clips": len(rows),
        "usable": len(ok),
        "official": official_clips(dataset, split, len(rows)),
        "paper": place.paper,
        "least": seen.settings.least[split],
        "status": dict(sorted(Counter(row.status for row in rows).items())),
        "hours": round(sum(row.seconds for row in ok) / 3600, 4),
        "seconds": _spread(row.seconds for row in ok),
        "rates": dict(Counter(str(row.rate) for row in ok)),
        "channels": dict(Counter(str(row.channels) for row in ok)),
        "classes": class_counts(dataset, truth, _usable(rows)) if labelled else {},
        "annotations": annotation_counts(dataset, truth, split, rows),
    }


def _spread(values: Iterable[float]) -> dict[str, float]:
    values = sorted(values)
    if not values:
        return {}
    return {"shortest": values[0], "median": values[len(values) // 2], "longest": values[-1]}


def annotation_counts(
    dataset: Dataset, truth: Truth, split: str, rows: Sequence[ClipAudit]
) -> dict[str, Any]:
    """What the annotations of a split hold: events or clips a class, and what looks odd."""
    labels = dataset.splits[split].labels
    if labels == "none":
        return {}
    if labels == "weak":
        count = Counter(itertools.chain.from_iterable(truth.classes.values()))
        return {"clips_of_class": {label: count[label] for label in dataset.classes}}
    events = [event for _, _, event in truth.events if event]
    count = Counter(event.event_label for event in events)
    clips = {clip: [] for _, clip, _ in truth.events}
    for event in events:
        clips[event.filename].append(event)
    ends = dict.fromkeys(clips, dataset.clip_seconds)
    ends |= {row.filename: row.seconds for row in rows if row.seconds > 0}
    return {
        "events": count.total(),
        "events_of_class": {label: count[label] for label in dataset.classes},
        "clips_without_events": sum(not items for items in clips.values()),
        **oddities(clips, ends),
    }


def summary_line(dataset: Dataset, summary: Mapping[str, Any]) -> str:
    """All in one line: no list of warnings that are normal."""
    count = Counter(problem["status"] for problem in summary["problems"])
    wrong = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
    levels = Counter(one["level"] for one in summary["findings"])
    found = ", ".join(f"{n} {level}s" if n > 1 else f"1 {level}" for level, n in levels.items())
    copied_ = f"; {len(summary['copies'])} copied across splits" if summary["copies"] else ""
    return (
        f"audit {dataset.name}: {summary['ok']} of {summary['clips']} clips ok"
        f"{'; ' + wrong if wrong else ''}{copied_}; {found or 'nothing found'}; "
        f"{'may go on' if summary['go'] else 'may not go on'}; "
        f"manifest {summary['manifest_sha256'][:12]}"
    )


SHOWN = 3


def refusals(summary: Mapping[str, Any], place: str, page_path: Path) -> str:
    """Why the run may not go on, in one line that begins with `place`."""
    refused = [one for one in summary["findings"] if one["level"] == "refusal"]
    if any(one["id"] == "no_clip" for one in refused):
        return f"{place}: no usable clip of {summary['clips']}; see {page_path}"
    parts = [
        f"{one['split']}: {one['what'][0].lower()}{one['what'][1:]}"
        + (f" ({one['examples'][0]})" if one["examples"] else "")
        for one in refused[:SHOWN]
    ]
    more = f", and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
    return f"{place}: may not go on: {'; '.join(parts)}{more}; what to do stands in {page_path}"
