"""Audit: what lies on the disk, clip by clip, before anything is computed from it.

Every clip that the annotations name gets a row in manifest.tsv, whatever is wrong with it; the
SHA-256 of that file stands for "these bytes" in every later result.
"""

import hashlib
import io
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from resed import __version__
from resed.annotations import Event, read_clips, read_events, read_tags
from resed.audio import decode
from resed.audit.page import page
from resed.dataset import ROLES, Dataset
from resed.errors import AudioError, DatasetError
from resed.files import sha256, write_json, write_text
from resed.progress import progress

SILENT_PEAK = 10 ** (-90 / 20)  # full scale = 1: one step of 16-bit sound
NEAR_S = 0.15  # DESED joins events of one class that are less than 150 ms apart
CHUNK = 16


@dataclass(frozen=True)
class ClipAudit:
    """A row of the manifest. rate in Hz, seconds as decoded; 0 where they cannot be known."""

    split: str
    filename: str
    sha256: str
    rate: int
    channels: int
    seconds: float
    status: str
    source: str


def audit_clip(split: str, filename: str, path: Path, source: str) -> ClipAudit:
    """Read one clip whole. Never raises for what is wrong with it: that is its status.

    Status: ok, missing, unreadable (permissions), empty, truncated, undecodable, nonfinite (NaN or
    infinite samples), or silent (no sample above -90 dB of full scale).
    """
    if not path.is_file():
        return ClipAudit(split, filename, "", 0, 0, 0.0, "missing", source)
    try:
        data = path.read_bytes()
    except OSError:
        return ClipAudit(split, filename, "", 0, 0, 0.0, "unreadable", source)
    digest = hashlib.sha256(data).hexdigest()
    rate, channels, duration, status = _inspect(data, str(path))
    return ClipAudit(split, filename, digest, rate, channels, duration, status, source)


def _inspect(data: bytes, name: str) -> tuple[int, int, float, str]:
    try:
        header = soundfile.info(io.BytesIO(data))
        rate, channels = header.samplerate, header.channels
    except (soundfile.LibsndfileError, ValueError):
        rate, channels = 0, 0
    try:
        samples = decode(data, name, rate or 44100)
    except AudioError as error:
        return rate, channels, 0.0, getattr(error, "status", "undecodable")
    silent = float(np.abs(samples).max()) <= SILENT_PEAK
    return rate, channels, round(len(samples) / rate, 4), "silent" if silent else "ok"


def audit_dataset(
    dataset: Dataset,
    root: Path,
    out: Path,
    processes: int = 1,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Audit all splits; writes manifest.tsv, index.html and, last, audit.json into `out`.

    Returns what audit.json holds. Raises AnnotationError or MissingFileError for annotations that
    cannot be read, and DatasetError where no clip at all is usable.
    """
    source = "rendered" if dataset.kind == "soundscapes" else "local"
    tasks = []
    for split in ROLES:
        place = dataset.splits[split]
        clips = read_clips(root / place.annotations)
        tasks += [(split, clip, root / place.audio / clip, source) for clip in sorted(clips)]
    rows = []
    with progress(len(tasks), f"audit {dataset.name}") as advance:
        for row in _audited(tasks, processes):
            rows.append(row)
            advance(1)
    write_text(out / "manifest.tsv", manifest_text(rows))
    summary = summarise(dataset, root, rows, sha256(out / "manifest.tsv"))
    write_text(out / "index.html", page(dataset, summary))
    write_json(out / "audit.json", summary)
    report(summary_line(dataset, summary))
    if not any(row.status == "ok" for row in rows):
        raise DatasetError(f"{root}: no usable clip of {len(rows)}; see {out / 'index.html'}")
    return summary


def _audited(tasks: Sequence[tuple], processes: int) -> Iterable[ClipAudit]:
    if processes == 1:
        yield from itertools.starmap(audit_clip, tasks)
        return
    try:
        with ProcessPoolExecutor(processes) as pool:
            yield from pool.map(audit_clip, *zip(*tasks, strict=True), chunksize=CHUNK)
    except BrokenProcessPool:
        raise DatasetError(
            "audit: a process was ended from outside (out of memory?); give fewer --processes"
        ) from None


def manifest_text(rows: Iterable[ClipAudit]) -> str:
    """The manifest as tab-separated text."""
    lines = ["\t".join(field.name for field in fields(ClipAudit))]
    lines += ["\t".join(map(str, astuple(row))) for row in rows]
    return "\n".join(lines) + "\n"


def summarise(
    dataset: Dataset, root: Path, rows: Sequence[ClipAudit], manifest_sha256: str
) -> dict[str, Any]:
    """What audit.json holds: counts a split, problems, copies across splits."""
    splits = {}
    for split in ROLES:
        own = [row for row in rows if row.split == split]
        ok = [row for row in own if row.status == "ok"]
        splits[split] = {
            "clips": len(own),
            "status": dict(sorted(Counter(row.status for row in own).items())),
            "hours": round(sum(row.seconds for row in ok) / 3600, 4),
            "seconds": _spread(row.seconds for row in ok),
            "rates": dict(Counter(str(row.rate) for row in ok)),
            "channels": dict(Counter(str(row.channels) for row in ok)),
            "annotations": annotation_counts(dataset, root, split, ok),
        }
    return {
        "dataset": dataset.name,
        "resed": __version__,
        "manifest_sha256": manifest_sha256,
        "clips": len(rows),
        "ok": sum(row.status == "ok" for row in rows),
        "splits": splits,
        "copies": copies(rows),
        "problems": [
            {"split": row.split, "filename": row.filename, "status": row.status}
            for row in rows
            if row.status != "ok"
        ],
    }


def _spread(values: Iterable[float]) -> dict[str, float]:
    values = sorted(values)
    if not values:
        return {}
    return {"shortest": values[0], "median": values[len(values) // 2], "longest": values[-1]}


def copies(rows: Sequence[ClipAudit]) -> list[list[str]]:
    """Groups of "split/filename" with equal bytes in more than one split: a leak, if real."""
    groups: dict[str, list[ClipAudit]] = defaultdict(list)
    for row in rows:
        if row.status == "ok":
            groups[row.sha256].append(row)
    return [
        [f"{row.split}/{row.filename}" for row in group]
        for group in groups.values()
        if len({row.split for row in group}) > 1
    ]


def annotation_counts(
    dataset: Dataset, root: Path, split: str, rows: Sequence[ClipAudit]
) -> dict[str, Any]:
    """What the annotations of a split hold: events or clips a class, and what looks odd."""
    place = dataset.splits[split]
    path = root / place.annotations
    if place.labels == "none":
        return {}
    if place.labels == "weak":
        tags = read_tags(path, dataset.classes)
        count = Counter(itertools.chain.from_iterable(tags.values()))
        return {"clips_of_class": {label: count[label] for label in dataset.classes}}
    events = read_events(path, dataset.classes)
    count = Counter(event.event_label for clip in events.values() for event in clip)
    return {
        "events": count.total(),
        "events_of_class": {label: count[label] for label in dataset.classes},
        "clips_without_events": sum(not clip for clip in events.values()),
        **oddities(events, {row.filename: row.seconds for row in rows}),
    }


def oddities(
    events: Mapping[str, Sequence[Event]], duration: Mapping[str, float]
) -> dict[str, int]:
    """How many offsets lie past the clip's end (by over 1 ms), and how many pairs of successive
    events of one class overlap, or are less than 150 ms apart."""
    past = overlapping = near = 0
    for clip, items in events.items():
        past += sum(event.offset > duration.get(clip, np.inf) + 1e-3 for event in items)
        ordered = sorted(items, key=lambda event: (event.event_label, event.onset))
        for one, other in itertools.pairwise(ordered):
            gap = other.onset - one.offset
            if one.event_label == other.event_label:
                overlapping += gap < -1e-6
                near += -1e-6 <= gap < NEAR_S - 1e-6
    return {
        "offsets_past_the_end": int(past),
        "overlaps_in_a_class": int(overlapping),
        "gaps_below_150_ms": int(near),
    }


def summary_line(dataset: Dataset, summary: Mapping[str, Any]) -> str:
    """All in one line: no list of warnings that are normal."""
    count = Counter(problem["status"] for problem in summary["problems"])
    wrong = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
    copied = f"; {len(summary['copies'])} copied across splits" if summary["copies"] else ""
    return (
        f"audit {dataset.name}: {summary['ok']} of {summary['clips']} clips ok"
        f"{'; ' + wrong if wrong else ''}{copied}; manifest {summary['manifest_sha256'][:12]}"
    )
