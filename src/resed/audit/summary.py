"""The content of audit.json, and the one-line messages made from it."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from resed import __version__
from resed.audit.annotation_checks import SplitAnnotations, count_classes, count_event_defects
from resed.audit.clip_checks import official_clips
from resed.audit.examination import Examination
from resed.audit.findings import Defect, Finding
from resed.audit.shared_recordings import copies_across_splits
from resed.config.dataset import Dataset
from resed.errors import DatasetError

REASONS = 3  # refusals in one message


def summarise(
    seen: Examination, findings: Sequence[Finding], manifest_sha256: str
) -> dict[str, Any]:
    """The content of audit.json: whether the run is accepted, counts per split, findings."""
    rows = seen.all_rows
    return {
        "dataset": seen.dataset.name,
        "resed": __version__,
        "manifest_sha256": manifest_sha256,
        "go": not any(one.level == "refusal" for one in findings),
        "settings": seen.settings.model_dump(mode="json"),
        "clips": len(rows),
        "ok": sum(row.status == "ok" for row in rows),
        "splits": {split: summarise_split(seen, split) for split in seen.dataset.roles},
        "findings": [asdict(one) for one in findings],
        "copies": copies_across_splits(rows, seen.dataset.audio_folders),
        "problems": [
            {"split": row.split, "filename": row.filename, "status": row.status}
            for row in rows
            if row.status != "ok"
        ],
    }


def summarise_split(seen: Examination, split: str) -> dict[str, Any]:
    """Counts of one split."""
    dataset, rows, found = seen.dataset, seen.rows[split], seen.annotations[split]
    place = dataset.splits[split]
    ok = [row for row in rows if row.status == "ok"]
    usable = {row.filename for row in ok}
    return {
        "clips": len(rows),
        "usable": len(ok),
        "official": official_clips(dataset, split, len(rows)),
        "paper": place.paper,
        "least": seen.settings.least_of(split),
        "status": dict(sorted(Counter(row.status for row in rows).items())),
        "hours": round(sum(row.seconds for row in ok) / 3600, 4),
        "seconds": _range(row.seconds for row in ok),
        "rates": dict(Counter(str(row.rate) for row in ok)),
        "channels": dict(Counter(str(row.channels) for row in ok)),
        "classes": count_classes(dataset, found, usable) if place.labels != "none" else {},
        "annotations": _annotation_counts(dataset, place.labels, found, seen.event_defects[split]),
        "version": dict(seen.versions[split]),
    }


def _range(values: Iterable[float]) -> dict[str, float]:
    values = sorted(values)
    if not values:
        return {}
    return {"shortest": values[0], "median": values[len(values) // 2], "longest": values[-1]}


def _annotation_counts(
    dataset: Dataset, labels: str, found: SplitAnnotations, event_defects: Sequence[Defect]
) -> dict[str, Any]:
    """Events or clips per class, and the number of event defects."""
    if labels == "none":
        return {}
    if labels == "weak":
        count = Counter(itertools.chain.from_iterable(found.classes.values()))
        return {"clips_of_class": {label: count[label] for label in dataset.classes}}
    events = [event for _, _, event in found.events if event]
    count = Counter(event.event_label for event in events)
    clips = {clip for _, clip, _ in found.events}
    return {
        "events": count.total(),
        "events_of_class": {label: count[label] for label in dataset.classes},
        "clips_without_events": len(clips - {event.filename for event in events}),
        **count_event_defects(event_defects),
    }


def summary_line(summary: Mapping[str, Any]) -> str:
    """The result of the audit in one line."""
    count = Counter(problem["status"] for problem in summary["problems"])
    statuses = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
    levels = Counter(one["level"] for one in summary["findings"])
    found = ", ".join(f"{n} {level}s" if n > 1 else f"1 {level}" for level, n in levels.items())
    copies = f"{len(summary['copies'])} copied across splits" if summary["copies"] else ""
    parts = [
        f"{summary['ok']} of {summary['clips']} clips ok",
        statuses,
        copies,
        found or "no findings",
        "accepted" if summary["go"] else "refused",
        f"manifest {summary['manifest_sha256'][:12]}",
    ]
    return f"audit {summary['dataset']}: {'; '.join(filter(None, parts))}"


def refusal(summary: Mapping[str, Any], place: str, page: Path) -> DatasetError:
    """The error for a refused audit, with the first reasons."""
    refused = [one for one in summary["findings"] if one["level"] == "refusal"]
    cure = f"see {page}"
    if any(one["id"] == "no_clip" for one in refused):
        return DatasetError(f"none of {summary['clips']} clips is usable", place=place, cure=cure)
    reasons = refusal_reasons(summary, examples=True)
    return DatasetError(f"the audit refuses this dataset: {reasons}", place=place, cure=cure)


def refusal_reasons(summary: Mapping[str, Any], examples: bool = False) -> str:
    """The first reasons for a refusal, in words; "" if the audit accepts the dataset."""
    refused = [one for one in summary["findings"] if one["level"] == "refusal"]
    parts = []
    for one in refused[:REASONS]:
        example = f" ({one['examples'][0]})" if examples and one["examples"] else ""
        parts.append(f"{one['split']}: {one['what'][0].lower()}{one['what'][1:]}{example}")
    more = [f"{len(refused) - REASONS} more"] if len(refused) > REASONS else []
    return ", ".join([*parts, *more])
