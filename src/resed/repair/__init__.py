"""Repair: strong labels mended by rule into a copy; the original is never touched.

The rules, in this order, on the events of one clip and class:

1. `duplicate`: of rows that are equal, all but the first are taken out.
2. `past_end`: an offset past the clip's end is set to it. The end is the clip's seconds in the
   audit's manifest, else the dataset's clip_seconds. `outside`: an event that begins there is
   taken out.
3. `overlap`: events that overlap become one, from the first onset to the last offset.
4. `gap`: events less than 150 ms apart become one, as DESED's annotators were told to.

A clip keeps a row whatever happens to its events. What repairs.tsv does not name is the original's,
byte for byte: line ends, further columns and decimals. Repairing a repaired file changes nothing.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resed import __version__
from resed.config.dataset import ROLES, Dataset
from resed.errors import DatasetError, ResultsError
from resed.formats.annotations import Event, located_events
from resed.repair.annotation_text import Sheet
from resed.repair.rules import RULES, Change, Span, mend
from resed.runtime.files import existing, sha256, write_json, write_text

GAP_S = 0.15
COLUMNS = ("split", "filename", "lines", "rule", "before", "after")
NO_EVENT = "no event"


@dataclass(frozen=True)
class Repaired:
    """One annotation file mended: its new text, the changes by clip, events before and after."""

    text: str
    changes: tuple[tuple[str, Change], ...]
    events: tuple[int, int]


def repair_dataset(
    dataset: Dataset,
    root: Path,
    out: Path,
    manifest: Path | None = None,
    gap_s: float = GAP_S,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Write mended copies below `out` under their own names, repairs.tsv and, last, repair.json.

    Returns what repair.json holds. Raises AnnotationError or MissingFileError for annotations that
    cannot be read, ResultsError for a manifest that is none, and DatasetError where `out` is where
    the originals lie.
    """
    ends = clip_ends(manifest) if manifest else {}
    splits, rows = {}, ["\t".join(COLUMNS)]
    for split in ROLES:
        place = dataset.splits[split]
        if place.labels != "strong":
            continue
        original, copy = existing(root / place.annotations), out / place.annotations
        if copy.resolve() == original.resolve():
            raise DatasetError(f"{copy}: is the original; give another folder for the copies")
        found = repair_file(
            original, dataset.classes, ends.get(split, {}), dataset.clip_seconds, gap_s
        )
        write_text(copy, found.text)
        for clip, change in found.changes:
            lines = ",".join(map(str, change.lines))
            rows.append("\t".join((split, clip, lines, change.rule, change.before, change.after)))
        splits[split] = _summary(place.annotations, original, copy, found)
    write_text(out / "repairs.tsv", "\n".join(rows) + "\n")
    summary = {
        "dataset": dataset.name,
        "resed": __version__,
        "manifest_sha256": sha256(manifest) if manifest else None,
        "gap_s": gap_s,
        "splits": splits,
    }
    write_json(out / "repair.json", summary)
    report(_in_one_line(summary))
    return summary


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


def _in_one_line(summary: Mapping[str, Any]) -> str:
    parts = []
    for split, found in summary["splits"].items():
        made = ", ".join(f"{count} {rule}" for rule, count in found["repairs"].items() if count)
        parts.append(f"{split} {made or 'nothing to mend'}")
    return f"repair {summary['dataset']}: {'; '.join(parts)}"


def clip_ends(manifest: Path) -> dict[str, dict[str, float]]:
    """Split -> clip -> its seconds, of the clips of a manifest that were decoded.

    Raises ResultsError for a file that is no manifest, MissingFileError.
    """
    ends: dict[str, dict[str, float]] = defaultdict(dict)
    with existing(manifest, "run resed audit").open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE):
            try:
                seconds = float(row["seconds"])
                if seconds > 0:
                    ends[row["split"]][row["filename"]] = seconds
            except (KeyError, TypeError, ValueError):
                raise ResultsError(
                    f"{manifest}: not a manifest (split, filename, seconds); run resed audit again"
                ) from None
    return ends


def clips_of_repairs(path: Path) -> dict[str, dict[str, Counter[str]]]:
    """Read repairs.tsv: split -> clip -> how often each rule changed it.

    Raises ResultsError for a file that is no such log, MissingFileError.
    """
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    with existing(path, "run resed repair").open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ResultsError(f"{path}: columns are not {', '.join(COLUMNS)}; repair again")
        for row in reader:
            found[row["split"]][row["filename"]][row["rule"]] += 1
    return found


def repair_file(
    path: Path,
    classes: Sequence[str] | None,
    ends: Mapping[str, float],
    clip_seconds: float,
    gap_s: float = GAP_S,
) -> Repaired:
    """Mend one file; `ends` holds the seconds of clips, `clip_seconds` those of all others.

    Raises AnnotationError or MissingFileError as `read_events`.
    """
    clips: dict[str, list[tuple[int, Event | None]]] = defaultdict(list)
    for line, filename, event in located_events(path, classes):
        clips[filename].append((line, event))
    sheet = Sheet.of(path)
    before = sum(event is not None for rows in clips.values() for _, event in rows)
    changes, after = [], 0
    for clip, rows in clips.items():
        made, kept = _mend_clip(rows, sheet, ends.get(clip, clip_seconds), gap_s)
        changes += [(clip, change) for change in made]
        after += kept
    changes.sort(key=lambda one: (one[1].lines, RULES.index(one[1].rule)))
    return Repaired(sheet.text(), tuple(changes), (before, after))


def _mend_clip(
    rows: Sequence[tuple[int, Event | None]], sheet: Sheet, end: float, gap_s: float
) -> tuple[list[Change], int]:
    """Write the mended rows of one clip into `sheet`; return the changes and how many events stay.

    A clip that loses all its events keeps its first row, without one.
    """
    by_label: dict[str, list[Span]] = defaultdict(list)
    silent = [line for line, event in rows if event is None]
    for line, event in rows:
        if event is not None:
            texts = sheet.cell(line, "onset"), sheet.cell(line, "offset")
            span = Span((line,), event.event_label, event.onset, event.offset, texts)
            by_label[event.event_label].append(span)
    changes = [Change((line,), "duplicate", NO_EVENT) for line in silent[1:]]
    kept: list[Span] = []
    for spans in by_label.values():
        mended, made = mend(spans, end, gap_s)
        kept += mended
        changes += made
    stay = {span.lines[0] for span in kept} | set(silent[:1])
    if not stay:
        first = rows[0][0]
        stay.add(first)
        sheet.empty(first)
        changes = [replace(one, after=NO_EVENT) if first in one.lines else one for one in changes]
    sheet.put(kept)
    sheet.remove([line for line, _ in rows if line not in stay])
    return changes, len(kept)
