"""Read the annotations of one split, and check them row by row."""

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resed.audit.findings import Defect
from resed.config.dataset import Dataset
from resed.errors import AnnotationError
from resed.formats.annotation_text import AnnotationText
from resed.formats.annotations import Event, located_events, read_clips, read_tags
from resed.formats.reference import is_cut, is_late
from resed.runtime.files import sha256

NEAR_S = 0.15  # DESED joins events of one class that are less than 150 ms apart
SHORT_S = 0.25  # the shortest event of DESED
ROUNDING_S = 1e-6  # two times that differ by less are equal
PAST_S = 1e-3  # annotations are rounded to milliseconds
FEWEST_ALIKE = 10  # rows; fewer rows can be equal by chance

LocatedEvent = tuple[int, str, Event | None]  # line, clip, and the event; None if the row has none
RawRows = Sequence[tuple[int, dict[str, str]]]  # line and cells by column


@dataclass
class SplitAnnotations:
    """The annotations of a split, as far as they can be read.

    Attributes:
        clips: clip names in the order of the file.
        classes: clip -> its classes; {} for a split without labels.
        events: all rows of strong labels.
        rows: number of rows that are not blank, without the header.
        sha256: hash of the file; "" if it cannot be read.
        rows_sha256: hash of the sorted rows with times in milliseconds; "" if a row is malformed.
        defects: the defects of the file.
    """

    clips: list[str] = field(default_factory=list)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    events: list[LocatedEvent] = field(default_factory=list)
    rows: int = 0
    sha256: str = ""
    rows_sha256: str = ""
    defects: list[Defect] = field(default_factory=list)


def read_annotations(
    path: Path, split: str, labels: str, classes: Sequence[str] | None
) -> SplitAnnotations:
    """Read the annotations of a split. Never raises for a broken file; see `defects`.

    Malformed rows are left out; a file with a malformed header has no rows. `labels` is weak,
    strong or none, and `classes` are the allowed classes (None: all).
    """
    found = SplitAnnotations()
    mistakes: list[AnnotationError] = []
    try:
        found.sha256 = sha256(path)
        if labels == "strong":
            found.events = list(located_events(path, classes, mistakes.append))
            found.classes = _classes(found.events)
        elif labels == "weak":
            found.classes = dict(read_tags(path, classes, mistakes.append))
        # Labelled rows without a clip name are reported above already.
        found.clips = read_clips(path, mistakes.append if labels == "none" else lambda _: None)
    except AnnotationError as error:  # a malformed header, or not a text file
        mistakes.append(error)
        found.clips = _clips_only(path)
    except OSError as error:
        problem, cure = error.strerror or "cannot be opened", "change its permissions"
        mistakes.append(AnnotationError(problem, place=path, cure=cure))
    found.defects += [_malformed(split, path, mistake) for mistake in mistakes]
    if found.sha256:
        raw = _raw_rows(path)
        found.rows = len(raw)
        found.defects += _check_rows(split, labels, raw)
    if not mistakes:
        found.rows_sha256 = _rows_sha256(found, labels)
    return found


def _classes(events: Iterable[LocatedEvent]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = defaultdict(set)
    for _, clip, event in events:
        found[clip] |= {event.event_label} if event else set()
    return {clip: tuple(sorted(labels)) for clip, labels in found.items()}


def _raw_rows(path: Path) -> RawRows:
    """Line number and cells of each row; none of a file that is too large."""
    try:
        return list(AnnotationText.read(path, replace=True).cells())
    except AnnotationError:
        return []


def _clips_only(path: Path) -> list[str]:
    """Clip names of a file whose labels cannot be read, so that the audio is still audited."""
    try:
        return read_clips(path, lambda _: None)
    except AnnotationError:
        return []


def _malformed(split: str, path: Path, mistake: AnnotationError) -> Defect:
    line = "" if mistake.line is None else str(mistake.line)
    detail = "; ".join(filter(None, [mistake.problem, mistake.cure]))
    return Defect("annotations_malformed", split, path.name, line, detail)


def _check_rows(split: str, labels: str, raw: RawRows) -> Iterator[Defect]:
    seen: dict[str, int] = {}
    for line, cells in raw:
        name = cells.get("filename", "")
        if name.endswith(".jams"):
            yield Defect("jams", split, name, str(line))
        if labels == "weak":
            tags = [tag.strip() for tag in cells.get("event_labels", "").split(",")]
            for tag in sorted({tag for tag in tags if tags.count(tag) > 1}):
                yield Defect("repeated_tag", split, name, str(line), tag)
        if labels == "none" and seen.setdefault(name, line) != line:
            yield Defect("duplicate", split, name, str(line), f"equal to line {seen[name]}")


def check_placeholder(dataset: Dataset, split: str, found: SplitAnnotations) -> Iterator[Defect]:
    """Labels that are all equal, or events most of which have equal times.

    Applies from ten labelled clips, or ten events in two or more clips.
    """
    if dataset.splits[split].labels == "weak":
        sets = Counter(found.classes.values())
        if len(dataset.classes) > 1 and sets.total() >= FEWEST_ALIKE and len(sets) == 1:
            tags = ", ".join(next(iter(sets))) or "no class"
            yield Defect("placeholder", split, detail=f"all {sets.total()} clips have {tags}")
        return
    events = [event for _, _, event in found.events if event]
    if len(events) < FEWEST_ALIKE or len({event.filename for event in events}) < 2:
        return
    ((onset, offset), most), *_ = Counter((e.onset, e.offset) for e in events).most_common(1)
    alike = f"of {len(events)} events last from {onset:g} to {offset:g} s"
    if most == len(events):
        yield Defect("placeholder", split, detail=f"all {alike}")
    elif most > len(events) / 2:
        yield Defect("few_times", split, detail=f"{most} {alike}")


def check_events(
    split: str, events: Iterable[LocatedEvent], ends: Mapping[str, float], clip_seconds: float
) -> Iterator[Defect]:
    """Check the times of the events of a split.

    Args:
        split: name of the split.
        events: all rows of its strong labels.
        ends: length in seconds of each file; other clips last `clip_seconds`.
        clip_seconds: nominal clip length. An offset past the end of a shorter file is a defect of
            the file, an offset past the nominal length one of the annotations.

    An event is compared with the earlier event of its clip and class that ends last. The number of
    overlaps and gaps is thus the number of events that merging removes.
    """
    clips: dict[str, list[tuple[int, Event | None]]] = defaultdict(list)
    for line, clip, event in events:
        clips[clip].append((line, event))
    for clip, rows in clips.items():
        located = [(line, event) for line, event in rows if event]
        empty = [line for line, event in rows if not event]
        if empty:
            kind = "contradiction" if located else "no_events"
            yield Defect(kind, split, clip, str(empty[0]))
            for line in empty[1:]:
                yield Defect("duplicate", split, clip, str(line), f"equal to line {empty[0]}")
        yield from _check_lengths(split, located, ends.get(clip, clip_seconds), clip_seconds)
        yield from _check_neighbours(split, located)
        yield from _check_same_times(split, located)


def _check_lengths(
    split: str, rows: Sequence[tuple[int, Event]], end: float, clip_seconds: float
) -> Iterator[Defect]:
    for line, event in rows:
        yield from _check_late(split, line, event, end, clip_seconds)
        if event.offset > end + PAST_S:
            detail = f"{_text(event)}, the clip ends at {end:g} s"
            kind = "past_file" if event.offset <= clip_seconds + PAST_S else "past_end"
            yield Defect(kind, split, event.filename, str(line), detail)
        if event.offset - event.onset < SHORT_S - ROUNDING_S:
            yield Defect("short_event", split, event.filename, str(line), _text(event))


def _check_late(
    split: str, line: int, event: Event, end: float, clip_seconds: float
) -> Iterator[Defect]:
    """Events of longer files after the part that systems process, or cut at its end."""
    if end <= clip_seconds or event.offset <= clip_seconds:
        return
    detail = f"{_text(event)}, clip_seconds is {clip_seconds:g}"
    if is_late(event, clip_seconds):
        yield Defect("late_event", split, event.filename, str(line), detail)
    elif is_cut(event, clip_seconds):
        yield Defect("cut_event", split, event.filename, str(line), detail)


def _check_neighbours(split: str, rows: Sequence[tuple[int, Event]]) -> Iterator[Defect]:
    seen: dict[Event, int] = {}
    last: dict[str, tuple[int, Event]] = {}  # class -> the event so far that ends last
    for line, event in sorted(rows, key=lambda row: (row[1].onset, row[1].offset)):
        if seen.setdefault(event, line) != line:
            detail = f"{_text(event)}, equal to line {seen[event]}"
            yield Defect("duplicate", split, event.filename, str(line), detail)
            continue
        before, earlier = last.get(event.event_label, (0, None))
        if earlier:
            gap = event.onset - earlier.offset
            detail = f"{_text(event)} after {_text(earlier)} (line {before})"
            if gap < -ROUNDING_S:
                yield Defect("overlap", split, event.filename, str(line), detail)
            elif gap < NEAR_S - ROUNDING_S:
                yield Defect("gap", split, event.filename, str(line), detail)
        if not earlier or event.offset >= earlier.offset:
            last[event.event_label] = line, event


def _check_same_times(split: str, rows: Sequence[tuple[int, Event]]) -> Iterator[Defect]:
    seen: dict[tuple[float, float], tuple[int, Event]] = {}
    for line, event in rows:
        first, other = seen.setdefault((event.onset, event.offset), (line, event))
        if other.event_label != event.event_label:
            detail = f"{_text(event)} and {other.event_label} (line {first})"
            yield Defect("same_times", split, event.filename, str(line), detail)


def _text(event: Event) -> str:
    return f"{event.event_label} {event.onset:.3f}-{event.offset:.3f} s"


def count_event_defects(defects: Iterable[Defect]) -> dict[str, int]:
    """Number of events past the end of their clip, of overlaps and of short gaps."""
    found = Counter(one.id for one in defects)
    return {
        "offsets_past_the_end": found["past_end"] + found["past_file"],
        "overlaps_in_a_class": found["overlap"],
        "gaps_below_150_ms": found["gap"],
    }


def _rows_sha256(found: SplitAnnotations, labels: str) -> str:
    if labels == "strong":
        rows = [
            f"{clip}\t{event.onset:.3f}\t{event.offset:.3f}\t{event.event_label}" if event else clip
            for _, clip, event in found.events
        ]
    elif labels == "weak":
        rows = [f"{clip}\t{','.join(tags)}" for clip, tags in found.classes.items()]
    else:
        rows = found.clips
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def count_classes(
    dataset: Dataset, found: SplitAnnotations, usable: set[str]
) -> dict[str, dict[str, int]]:
    """Class -> the number of listed clips that have it, and of usable ones."""
    listed = Counter(itertools.chain.from_iterable(found.classes.values()))
    there = (tags for clip, tags in found.classes.items() if clip in usable)
    counts = Counter(itertools.chain.from_iterable(there))
    return {label: {"clips": listed[label], "usable": counts[label]} for label in dataset.classes}


def event_counts(found: SplitAnnotations) -> Counter[str]:
    """Class -> number of its events; empty for labels without events."""
    return Counter(event.event_label for _, _, event in found.events if event)
