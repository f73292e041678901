"""Findings on the clips of one split: what is there, and what it sounds like on paper."""

import csv
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from resed.audit.clips import ClipAudit
from resed.audit.findings import Defect
from resed.audit.recordings import Cut
from resed.config.dataset import Dataset
from resed.config.run import AuditSettings

UNUSABLE = (
    *("missing", "outside", "unreadable", "empty", "truncated", "undecodable", "nonfinite"),
    *("silent", "altered"),
)
LENGTH_S = 0.1  # clips are cut at frames of a codec
LOW_RATE = 32000  # Hz
CLIPPED = 0.001  # share of samples


def acquired(root: Path, split: str) -> tuple[dict[str, dict[str, str]], list[Defect]]:
    """What acquire wrote down of a split's clips: clip -> its row; {} where there is no record."""
    path = root / ".acquire" / f"{split}.tsv"
    rows: dict[str, dict[str, str]] = {}
    defects = []
    if path.with_suffix(".jsonl").is_file():
        defects.append(Defect("acquire_unfinished", split, path.with_suffix(".jsonl").name))
    if not path.is_file():
        return rows, defects
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE):
                rows[row["filename"]] = {
                    key: row[key] or "" for key in ("state", "source", "sha256")
                }
                rows[row["filename"]]["detail"] = row.get("detail") or ""
    except (OSError, KeyError, ValueError, csv.Error):
        return {}, [*defects, Defect("acquire_record", split, detail=f".acquire/{path.name}")]
    return rows, defects


def unusable(
    rows: Sequence[ClipAudit], record: Mapping[str, Mapping[str, str]]
) -> Iterator[Defect]:
    """Clips with a status other than ok, and why."""
    for row in rows:
        if row.status not in UNUSABLE:
            continue
        known = record.get(row.filename, {})
        why = " ".join(part for part in (known.get("state"), known.get("detail")) if part)
        detail = row.detail or (f"acquire: {why}" if row.status == "missing" and why else "")
        yield Defect(row.status, row.split, row.filename, detail=detail)


def shape(
    dataset: Dataset, rows: Sequence[ClipAudit], named: Mapping[str, Cut]
) -> Iterator[Defect]:
    """Clips of odd length, rate, channels or level, of those that are used."""
    ok = [row for row in rows if row.status == "ok"]
    for row in ok:
        yield from _length(row, dataset.clip_seconds, named.get(row.filename))
        if row.rate < LOW_RATE:
            yield Defect("low_rate", row.split, row.filename, detail=f"{row.rate} Hz")
        if row.clipped > CLIPPED:
            share = f"{100 * row.clipped:.1f} % of the samples"
            yield Defect("clipped", row.split, row.filename, detail=share)
    yield from _mixture("rates", ok, "rate", "Hz", least=2)
    yield from _mixture("channels", [row for row in ok if row.channels > 1], "channels", "channels")


def _length(row: ClipAudit, whole: float, cut: Cut | None) -> Iterator[Defect]:
    named = cut.seconds if cut and cut.seconds else whole
    detail = f"{row.seconds:g} s"
    if row.seconds < min(whole, named) - LENGTH_S:
        detail += f" of {min(whole, named):g} s"
        yield Defect("short", row.split, row.filename, detail=detail)
    elif row.seconds < whole - LENGTH_S:
        yield Defect("brief", row.split, row.filename, detail=detail)
    elif row.seconds > whole + LENGTH_S:
        yield Defect("long", row.split, row.filename, detail=detail)


def _mixture(
    kind: str, rows: Sequence[ClipAudit], name: str, unit: str, least: int = 1
) -> Iterator[Defect]:
    counts = Counter(getattr(row, name) for row in rows)
    if len(counts) >= least:
        parts = [f"{number} with {value} {unit}" for value, number in sorted(counts.items())]
        yield Defect(kind, rows[0].split, detail=", ".join(parts), count=len(rows))


def unlisted(dataset: Dataset, root: Path, split: str, listed: set[str]) -> Iterator[Defect]:
    """Files in the split's folder that no annotations of that folder list."""
    folder = root / dataset.splits[split].audio
    if not folder.is_dir():
        return
    there = sorted(folder.iterdir())
    near = {_spelling(name): name for name in listed - {path.name for path in there}}
    parents = {name.partition("/")[0] for name in listed if "/" in name}
    for path in there:
        if path.name in listed or path.name in parents:
            continue
        kind = "hidden" if path.name.startswith(".") else "unlisted"
        other = near.get(_spelling(path.name))
        detail = f"another spelling of {other}, which is missing" if other else ""
        yield Defect(kind, split, path.name, detail=detail or ("a folder" * path.is_dir()))


def _spelling(name: str) -> str:
    """Names that a person would call the same: accents in one piece or two, large or small."""
    return unicodedata.normalize("NFC", name).casefold()


def amounts(
    dataset: Dataset, split: str, rows: Sequence[ClipAudit], settings: AuditSettings
) -> Iterator[Defect]:
    """How many clips are there: of the official ones, and beside the paper's."""
    place, usable = dataset.splits[split], sum(row.status == "ok" for row in rows)
    official, least = official_clips(dataset, split, len(rows)), settings.least[split]
    if usable < least * official:
        share = f"{100 * usable / official:.1f} %, the least is {100 * least:g} %"
        detail = f"{usable} of {official} ({share})"
        yield Defect("too_few", split, detail=detail, count=official - usable)
    if rows and len(rows) != official:
        detail = f"{len(rows)} listed, officially {official}"
        yield Defect("unlike_official", split, detail=detail, count=abs(official - len(rows)))
    if place.paper and dataset.kind == "recordings" and usable != place.paper:
        detail = f"{usable} usable, the paper had {place.paper}"
        yield Defect("unlike_paper", split, detail=detail, count=abs(place.paper - usable))


def official_clips(dataset: Dataset, split: str, listed: int) -> int:
    """N: the official count; of soundscapes, which are made at any scale, those that were made."""
    return listed if dataset.kind == "soundscapes" else dataset.splits[split].clips


def classes(
    split: str, counts: Mapping[str, Mapping[str, int]], least: float, enough: bool
) -> Iterator[Defect]:
    """Classes without an example, and, where the split has `enough` clips, those that have not."""
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
