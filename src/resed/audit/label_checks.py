"""The annotations of one split: what they hold, and every defect with its line."""

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resed.audit.findings import Defect
from resed.config.dataset import Dataset
from resed.errors import AnnotationError
from resed.formats.annotations import Event, located_events, read_clips, read_tags
from resed.runtime.files import sha256

NEAR_S = 0.15  # DESED joins events of one class that are less than 150 ms apart
SHORT_S = 0.25  # and made no event shorter
ROUNDING_S = 1e-6
PAST_S = 1e-3  # annotations have milliseconds: what is less past the end is rounding
ALIKE = 10  # rows; fewer may be alike by chance

Located = tuple[int, str, Event | None]  # line, clip, and its event, None where the row has none


@dataclass
class Truth:
    """What a split's annotations say. `classes`: clip -> its classes; {} without labels.

    `content` is the hash of the rows whatever their order, line ends and further decimals; ""
    where some cannot be read. `rows` counts those that are not blank, without the header.
    """

    clips: list[str] = field(default_factory=list)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    events: list[Located] = field(default_factory=list)
    rows: int = 0
    sha256: str = ""
    content: str = ""
    defects: list[Defect] = field(default_factory=list)


def read_truth(dataset: Dataset, root: Path, split: str) -> Truth:
    """Read the annotations of a split. Never raises for what is wrong with them: see `defects`.

    Rows that cannot be read are left out; of a file that is no table nothing is taken.
    """
    place = dataset.splits[split]
    path, truth = root / place.annotations, Truth()
    if not path.is_file():
        truth.defects.append(Defect("annotations_missing", split, detail=place.annotations))
        return truth
    mistakes: list[AnnotationError] = []
    try:
        truth.sha256 = sha256(path)
        if place.labels == "strong":
            truth.events = list(located_events(path, dataset.classes, mistakes.append))
            truth.classes = _classes(truth.events)
        elif place.labels == "weak":
            truth.classes = dict(read_tags(path, dataset.classes, mistakes.append))
        truth.clips = read_clips(path, lambda _: None)
    except AnnotationError as error:  # the header, or no text at all
        mistakes.append(error)
        truth.clips = _names(path)
    except OSError as error:
        mistakes.append(AnnotationError(f"{path}: {error.strerror}; mend its permissions"))
    truth.defects += [_malformed(split, path, mistake) for mistake in mistakes]
    if truth.sha256:
        raw = raw_rows(path)
        truth.rows = len(raw)
        truth.defects += _row_defects(split, place.labels, raw)
    if not mistakes:
        truth.content = _content(truth, place.labels)
    truth.defects += placeholder(dataset, split, truth)
    return truth


def _classes(events: Sequence[Located]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = defaultdict(set)
    for _, clip, event in events:
        found[clip] |= {event.event_label} if event else set()
    return {clip: tuple(sorted(labels)) for clip, labels in found.items()}


def _names(path: Path) -> list[str]:
    """Clip names of a file whose labels cannot be read: their audio is still worth a look."""
    try:
        return read_clips(path, lambda _: None)
    except AnnotationError:
        return []


def _malformed(split: str, path: Path, mistake: AnnotationError) -> Defect:
    place, _, rest = str(mistake).removeprefix(str(path)).partition(": ")
    line = place.removeprefix(" line ").strip()
    return Defect("annotations_malformed", split, path.name, line, rest)


def raw_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line and cells by column of each row that is not blank, as they stand in the file."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = [cell.strip() for cell in lines[0].split("\t")]
    return [
        (number, dict(zip(header, map(str.strip, line.split("\t")), strict=False)))
        for number, line in enumerate(lines[1:], start=2)
        if line.strip()
    ]


def _row_defects(
    split: str, labels: str, raw: Sequence[tuple[int, dict[str, str]]]
) -> Iterator[Defect]:
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
            yield Defect("duplicate", split, name, str(line), f"as line {seen[name]}")


def placeholder(dataset: Dataset, split: str, truth: Truth) -> Iterator[Defect]:
    """Truth of which all rows, or most, are alike: at least ten rows, and more than one clip."""
    if dataset.splits[split].labels == "weak":
        sets = Counter(truth.classes.values())
        if len(dataset.classes) > 1 and sets.total() >= ALIKE and len(sets) == 1:
            tags = ", ".join(next(iter(sets))) or "no tag"
            yield Defect("placeholder", split, detail=f"all {sets.total()} clips have {tags}")
        return
    events = [event for _, _, event in truth.events if event]
    if len(events) < ALIKE or len({event.filename for event in events}) < 2:
        return
    ((onset, offset), most), *_ = Counter((e.onset, e.offset) for e in events).most_common(1)
    alike = f"of {len(events)} events last from {onset:g} to {offset:g} s"
    if most == len(events):
        yield Defect("placeholder", split, detail=f"all {alike}")
    elif most > len(events) / 2:
        yield Defect("few_times", split, detail=f"{most} {alike}")


def event_defects(
    split: str, events: Sequence[Located], ends: Mapping[str, float], clip_seconds: float
) -> Iterator[Defect]:
    """Defects of events in time; ends: clip -> its seconds, `clip_seconds` those of a whole clip
    and of all others. Past the end of a file that is no whole clip is another matter than past
    that of any.

    An event overlaps, or is near, the longest-lasting event before it of its clip and class: so
    many overlaps, so many events fewer once they are merged.
    """
    clips: dict[str, list[tuple[int, Event | None]]] = defaultdict(list)
    for line, clip, event in events:
        clips[clip].append((line, event))
    for clip, rows in clips.items():
        there = [(line, event) for line, event in rows if event]
        empty = [line for line, event in rows if not event]
        if empty:
            kind = "contradiction" if there else "no_events"
            yield Defect(kind, split, clip, str(empty[0]))
            yield from (
                Defect("duplicate", split, clip, str(line), f"as line {empty[0]}")
                for line in empty[1:]
            )
        yield from _length_defects(split, there, ends.get(clip, clip_seconds), clip_seconds)
        yield from _neighbour_defects(split, there)
        yield from _same_times(split, there)


def _length_defects(
    split: str, rows: Sequence[tuple[int, Event]], end: float, clip_seconds: float
) -> Iterator[Defect]:
    for line, event in rows:
        if event.offset > end + PAST_S:
            detail = f"{_text(event)}, the clip ends at {end:g} s"
            kind = "past_file" if event.offset <= clip_seconds + PAST_S else "past_end"
            yield Defect(kind, split, event.filename, str(line), detail)
        if event.offset - event.onset < SHORT_S - ROUNDING_S:
            yield Defect("short_event", split, event.filename, str(line), _text(event))


def _neighbour_defects(split: str, rows: Sequence[tuple[int, Event]]) -> Iterator[Defect]:
    seen: dict[Event, int] = {}
    reach: dict[str, tuple[int, Event]] = {}  # class -> the event so far that lasts longest
    for line, event in sorted(rows, key=lambda row: (row[1].onset, row[1].offset)):
        if seen.setdefault(event, line) != line:
            detail = f"{_text(event)}, as line {seen[event]}"
            yield Defect("duplicate", split, event.filename, str(line), detail)
            continue
        before, earlier = reach.get(event.event_label, (0, None))
        if earlier:
            gap = event.onset - earlier.offset
            detail = f"{_text(event)} after {_text(earlier)} (line {before})"
            if gap < -ROUNDING_S:
                yield Defect("overlap", split, event.filename, str(line), detail)
            elif gap < NEAR_S - ROUNDING_S:
                yield Defect("gap", split, event.filename, str(line), detail)
        if not earlier or event.offset >= earlier.offset:
            reach[event.event_label] = line, event


def _same_times(split: str, rows: Sequence[tuple[int, Event]]) -> Iterator[Defect]:
    seen: dict[tuple[float, float], tuple[int, Event]] = {}
    for line, event in rows:
        first, other = seen.setdefault((event.onset, event.offset), (line, event))
        if other.event_label != event.event_label:
            detail = f"{_text(event)} as {other.event_label} (line {first})"
            yield Defect("same_times", split, event.filename, str(line), detail)


def _text(event: Event) -> str:
    return f"{event.event_label} {event.onset:.3f}-{event.offset:.3f} s"


def oddities(
    events: Mapping[str, Sequence[Event]], duration: Mapping[str, float]
) -> dict[str, int]:
    """How many events end past their clip (by over 1 ms), overlap one of their class, or follow
    one by less than 150 ms; a clip without a duration (seconds) has no end."""
    located = [(n, clip, event) for clip, items in events.items() for n, event in enumerate(items)]
    found = Counter(one.id for one in event_defects("", located, duration, float("inf")))
    return {
        "offsets_past_the_end": found["past_end"] + found["past_file"],
        "overlaps_in_a_class": found["overlap"],
        "gaps_below_150_ms": found["gap"],
    }


def _content(truth: Truth, labels: str) -> str:
    if labels == "strong":
        rows = [
            f"{clip}\t{event.onset:.3f}\t{event.offset:.3f}\t{event.event_label}" if event else clip
            for _, clip, event in truth.events
        ]
    elif labels == "weak":
        rows = [f"{clip}\t{','.join(tags)}" for clip, tags in truth.classes.items()]
    else:
        rows = truth.clips
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def class_counts(dataset: Dataset, truth: Truth, usable: set[str]) -> dict[str, dict[str, int]]:
    """Class -> how many clips have it, and how many of those are usable."""
    listed = Counter(itertools.chain.from_iterable(truth.classes.values()))
    here = Counter(
        itertools.chain.from_iterable(
            tags for clip, tags in truth.classes.items() if clip in usable
        )
    )
    return {label: {"clips": listed[label], "usable": here[label]} for label in dataset.classes}
