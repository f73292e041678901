"""Checks of the clips of one split: availability, format, number and classes."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from resed.audit.clip_audit import ClipAudit
from resed.audit.findings import Defect
from resed.audit.shared_recordings import Excerpt
from resed.config.dataset import Dataset
from resed.config.stages import AuditSettings
from resed.escaping import plain
from resed.formats.acquisition import ClipState, StateError, read_states_table, table_path
from resed.formats.clip_names import clip_file, composed

LENGTH_TOLERANCE_S = 0.1  # codecs cut at frame boundaries
LOW_RATE = 32000  # Hz
MOST_CLIPPED = 0.001  # share of samples
MOST_PEAK = 2.0  # full scale is 1; decoders of compressed sound exceed it slightly
LEAST_KEPT = 0.02  # times 1 / channels: 20 dB below a mix of two equal channels
MOST_OFFSET = 0.05  # of full scale


def read_acquire_record(root: Path, split: str) -> tuple[dict[str, ClipState], list[Defect]]:
    """The table that acquire wrote for a split: clip -> its state; {} if there is none."""
    path = table_path(root, split)
    defects = []
    if path.with_suffix(".jsonl").is_file():
        defects.append(Defect("acquire_unfinished", split, path.with_suffix(".jsonl").name))
    try:
        return read_states_table(path), defects
    except (OSError, StateError):
        return {}, [*defects, Defect("acquire_record", split, detail=f".acquire/{path.name}")]


def check_usable(rows: Sequence[ClipAudit], record: Mapping[str, ClipState]) -> Iterator[Defect]:
    """Clips with another status than ok, with the reason."""
    for row in rows:
        if row.status in ("ok", "leak"):
            continue
        known = record.get(row.filename)
        why = known.reason or known.state if known else ""
        absent = row.status in ("missing", "rejected")
        detail = row.detail or (f"acquire: {why}" if absent and why else "")
        yield Defect(row.status, row.split, row.filename, detail=detail)


def check_format(
    dataset: Dataset, rows: Sequence[ClipAudit], excerpts: Mapping[str, Excerpt]
) -> Iterator[Defect]:
    """Usable clips of unusual length, rate, number of channels or level."""
    ok = [row for row in rows if row.status == "ok"]
    for row in ok:
        yield from _check_length(row, dataset.clip_seconds, excerpts.get(row.filename))
        if row.rate < LOW_RATE:
            yield Defect("low_rate", row.split, row.filename, detail=f"{row.rate} Hz")
        if row.unfinalised:
            detail = f"read to its end, {row.seconds:g} s"
            yield Defect("unfinalised", row.split, row.filename, detail=detail)
        yield from _check_level(row)
    rates = Counter(row.rate for row in ok)
    channels = Counter(row.channels for row in ok if row.channels > 1)
    if len(rates) > 1:
        yield _counted("rates", ok[0].split, rates, "Hz")
    if channels:
        yield _counted("channels", ok[0].split, channels, "channels")


def _check_level(row: ClipAudit) -> Iterator[Defect]:
    if row.peak > MOST_PEAK:
        over = f"peak {row.peak:.4g}, {20 * math.log10(row.peak):.0f} dB above full scale"
        yield Defect("over", row.split, row.filename, detail=over)
    elif row.clipped > MOST_CLIPPED:
        share = f"{100 * row.clipped:.1f} % of the samples"
        yield Defect("clipped", row.split, row.filename, detail=share)
    if row.channels > 1 and row.kept < LEAST_KEPT / row.channels:
        less = f"the average of the channels has {-10 * math.log10(row.kept):.0f} dB less power"
        yield Defect("opposed", row.split, row.filename, detail=less)
    if abs(row.offset) > MOST_OFFSET:
        yield Defect("offset", row.split, row.filename, detail=f"mean {row.offset:.3g}")


def _check_length(row: ClipAudit, whole: float, excerpt: Excerpt | None) -> Iterator[Defect]:
    expected = min(whole, excerpt.seconds if excerpt and excerpt.seconds else whole)
    detail = f"{row.seconds:g} s"
    if row.seconds < expected - LENGTH_TOLERANCE_S:
        yield Defect("short", row.split, row.filename, detail=f"{detail} of {expected:g} s")
    elif row.seconds < whole - LENGTH_TOLERANCE_S:
        yield Defect("brief", row.split, row.filename, detail=detail)
    elif row.seconds > whole + LENGTH_TOLERANCE_S:
        yield Defect("long", row.split, row.filename, detail=detail)


def _counted(kind: str, split: str, counts: Counter[int], unit: str) -> Defect:
    detail = ", ".join(f"{number} with {value} {unit}" for value, number in sorted(counts.items()))
    return Defect(kind, split, detail=detail, count=counts.total())


def check_unlisted(dataset: Dataset, root: Path, split: str, listed: set[str]) -> Iterator[Defect]:
    """Files in the audio folder of a split that are not in `listed`."""
    folder = root / dataset.splits[split].audio
    if not folder.is_dir():
        return
    files = sorted(folder.iterdir())
    missing = {_normalised(name): name for name in listed - {path.name for path in files}}
    found = {clip_file(folder, name).name for name in listed}
    parents = {name.partition("/")[0] for name in listed if "/" in name}
    for path in files:
        if path.name in found or path.name in parents:
            continue
        kind = "hidden" if path.name.startswith(".") else "unlisted"
        other = missing.get(_normalised(path.name))
        detail = f"another spelling of {other}, which is missing" if other else ""
        yield Defect(kind, split, plain(path.name), detail=detail or ("a folder" * path.is_dir()))


def _normalised(name: str) -> str:
    """A file name with composed Unicode characters, in lower case."""
    return composed(name).casefold()


def check_numbers(
    dataset: Dataset, split: str, rows: Sequence[ClipAudit], settings: AuditSettings
) -> Iterator[Defect]:
    """Compare the number of clips with the official number and with the paper's."""
    place, usable = dataset.splits[split], sum(row.status == "ok" for row in rows)
    official, least = official_clips(dataset, split, len(rows)), settings.least_of(split)
    if usable < least * official:
        share = f"{100 * usable / official:.1f} %, audit.least is {100 * least:g} %"
        detail = f"{usable} of {official} ({share})"
        yield Defect("too_few", split, detail=detail, count=official - usable)
    if rows and len(rows) != official:
        detail = f"{len(rows)} listed, {official} official"
        yield Defect("unlike_official", split, detail=detail, count=abs(official - len(rows)))
    if place.paper and dataset.kind == "recordings" and usable != place.paper:
        detail = f"{usable} usable, {place.paper} in the paper"
        yield Defect("unlike_paper", split, detail=detail, count=abs(place.paper - usable))


def official_clips(dataset: Dataset, split: str, listed: int) -> int:
    """The official number of clips; for soundscapes, which have any scale, the number rendered."""
    return listed if dataset.kind == "soundscapes" else dataset.splits[split].clips


def check_classes(
    split: str, counts: Mapping[str, Mapping[str, int]], least: float, enough: bool
) -> Iterator[Defect]:
    """Classes without an example and, if the split has `enough` clips, classes with too few.

    `counts` holds listed and usable clips per class, `least` the share that must be usable.
    """
    absent = [label for label, count in counts.items() if not count["clips"]]
    if absent:
        yield Defect("class_absent", split, detail=", ".join(absent), count=len(absent))
    few = [
        f"{label} {count['usable']} of {count['clips']}"
        for label, count in counts.items()
        if count["usable"] < least * count["clips"]
    ]
    if few and enough:
        yield Defect("class_depleted", split, detail=", ".join(few), count=len(few))


def check_single(
    split: str, counts: Mapping[str, Mapping[str, int]], events: Mapping[str, int]
) -> Iterator[Defect]:
    """Classes with a single listed clip; `events` holds the events per class, of strong labels."""
    alone = [
        f"{label} (1 event)" if events.get(label) == 1 else f"{label} (1 clip)"
        for label, count in counts.items()
        if count["clips"] == 1
    ]
    if alone:
        yield Defect("class_single", split, detail=", ".join(alone), count=len(alone))
