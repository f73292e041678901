"""Annotations as in DESED: tab-separated text, a header line, times in seconds.

Strong labels have the columns `filename onset offset event_label`; a row whose other three cells
are empty is a clip without events. Weak labels have `filename event_labels` (comma-separated), and
unlabeled clips `filename`. Other columns are ignored, and the order of columns is free. A UTF-8
byte order mark and CRLF or CR line ends are accepted. All other files are refused, because a
misread label would not be noticed; the error states the file, the line, the problem and the cure.

Events of one class may overlap, and events may end after their clip: published annotations contain
both, and the audit reports them.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from resed.errors import AnnotationError
from resed.formats.annotation_text import AnnotationText
from resed.runtime.files import existing, write_tsv

EVENT_COLUMNS = ("filename", "onset", "offset", "event_label")
TAG_COLUMNS = ("filename", "event_labels")
CLIP_COLUMNS = ("filename",)
COLUMNS = {"strong": EVENT_COLUMNS, "weak": TAG_COLUMNS, "none": CLIP_COLUMNS}  # by labels


@dataclass(frozen=True, slots=True)
class Event:
    """One sound event: clip name, onset and offset in seconds from the clip's start, and class."""

    filename: str
    onset: float
    offset: float
    event_label: str


class AnnotationLine(NamedTuple):
    """A line of an annotation file."""

    path: Path
    line: int

    def error(self, problem: str, cure: str) -> AnnotationError:
        """The error for this line."""
        return AnnotationError(problem, place=self.path, line=self.line, cure=cure)


def _stop(error: AnnotationError) -> None:
    raise error


Refuse = Callable[[AnnotationError], None]  # receives the error of a row that cannot be read


def read_events(
    path: Path | str, classes: Sequence[str] | None = None, refuse: Refuse = _stop
) -> dict[str, list[Event]]:
    """Read strong labels: clip name -> its events in the order of the file, [] if it has none.

    Args:
        path: the TSV file.
        classes: the allowed labels; None allows all.
        refuse: called with the error of each malformed row, which is then skipped; by default the
            error is raised.

    Raises MissingFileError, or AnnotationError with the file, the line and the cure.
    """
    events: dict[str, list[Event]] = {}
    for _, filename, event in located_events(path, classes, refuse):
        clip = events.setdefault(filename, [])
        if event is not None:
            clip.append(event)
    return events


def located_events(
    path: Path | str, classes: Sequence[str] | None = None, refuse: Refuse = _stop
) -> Iterator[tuple[int, str, Event | None]]:
    """Read strong labels row by row: line number, clip, and event (None if the row has none).

    Raises the errors of `read_events`.
    """
    allowed = None if classes is None else frozenset(classes)
    for place, (filename, onset, offset, label) in _rows(path, EVENT_COLUMNS, refuse):
        event = None
        try:
            if onset or offset or label:
                if allowed is None or label not in allowed:
                    _check_label(label, classes, place)
                event = Event(filename, *_span(onset, offset, place), label)
        except AnnotationError as error:
            refuse(error)
            continue
        yield place.line, filename, event


def read_tags(
    path: Path | str, classes: Sequence[str] | None = None, refuse: Refuse = _stop
) -> dict[str, tuple[str, ...]]:
    """Read weak labels: clip name -> its classes, sorted and unique; () if it has none.

    Raises the errors of `read_events`.
    """
    tags: dict[str, tuple[str, ...]] = {}
    for place, (filename, labels) in _rows(path, TAG_COLUMNS, refuse):
        names = [name.strip() for name in labels.split(",")] if labels else []
        try:
            for name in names:
                _check_label(name, classes, place)
            if filename in tags:
                cure = "write all its classes into one row, separated by commas"
                raise place.error(f"clip {filename} has another row", cure)
        except AnnotationError as error:
            refuse(error)
            continue
        tags[filename] = tuple(sorted(set(names)))
    return tags


def read_clips(path: Path | str, refuse: Refuse = _stop) -> list[str]:
    """Read the unique clip names of any annotation file, in the order of the file.

    Only the column `filename` is read. Raises the errors of `read_events`.
    """
    return list(dict.fromkeys(name for _, (name,) in _rows(path, CLIP_COLUMNS, refuse)))


def tags_of(events: Mapping[str, Sequence[Event]]) -> dict[str, tuple[str, ...]]:
    """Clip name -> the classes of its events, sorted and unique."""
    return {
        clip: tuple(sorted({event.event_label for event in items}))
        for clip, items in events.items()
    }


def write_events(path: Path | str, events: Mapping[str, Sequence[Event]]) -> None:
    """Write strong labels atomically, times with three decimals, in the given order.

    Events that would be rounded to zero length get one millisecond, so that the file can be read.
    Raises AnnotationError for events that `read_events` would refuse.
    """
    rows = []
    for clip, items in events.items():
        if not items:
            rows.append((clip, "", "", ""))
        for event in items:
            onset, offset = event.onset, event.offset
            if not (math.isfinite(offset) and 0 <= onset < offset and event.event_label):
                cure = "an event needs a label and 0 <= onset < offset in seconds"
                raise AnnotationError(f"{event} cannot be written", place=path, cure=cure)
            first = round(onset * 1000)
            last = max(round(offset * 1000), first + 1)
            rows.append((clip, f"{first / 1000:.3f}", f"{last / 1000:.3f}", event.event_label))
    _write(path, EVENT_COLUMNS, rows)


def write_tags(path: Path | str, tags: Mapping[str, Iterable[str]]) -> None:
    """Write weak labels atomically: one row per clip in the given order."""
    _write(path, TAG_COLUMNS, ((clip, ",".join(labels)) for clip, labels in tags.items()))


def write_clips(path: Path | str, clips: Iterable[str]) -> None:
    """Write clip names atomically, as for unlabeled clips."""
    _write(path, CLIP_COLUMNS, ((clip,) for clip in clips))


def _write(path: Path | str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    rows = list(rows)
    for row in rows:
        if not row[0] or any("\t" in cell or "\n" in cell or "\r" in cell for cell in row):
            cure = "names must not be empty or contain tabs"
            raise AnnotationError(f"{row} cannot be written", place=path, cure=cure)
    write_tsv(path, columns, rows)


def clip_name_of(filename: str) -> str:
    """The clip of a row; some releases name the .jams file of scaper instead."""
    return filename.removesuffix(".jams") + ".wav" * filename.endswith(".jams")


def _rows(
    path: Path | str, columns: Sequence[str], refuse: Refuse
) -> Iterator[tuple[AnnotationLine, list[str]]]:
    """Yield the line and the cells of `columns` of each row that is not blank."""
    path = existing(path)
    text = AnnotationText.read(path)
    _check_header(path, text.header, columns)
    where = [text.header.index(column) for column in columns]
    for number, row in text.rows():
        place = AnnotationLine(path, number)
        try:
            cells = _fit(row, len(text.header), place)
            picked = [cells[index] for index in where]
            if not picked[0]:
                raise place.error("the filename is empty", "name the clip or delete the row")
        except AnnotationError as error:
            refuse(error)
            continue
        picked[0] = clip_name_of(picked[0])
        yield place, picked


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    place, first = AnnotationLine(path, 1), ", ".join(columns)
    if not any(header):
        cure = f"the first line must name the columns {first}, separated by tabs"
        raise place.error("no header", cure)
    for separator, name in ((",", "commas"), (";", "semicolons")):
        if len(header) == 1 and separator in header[0]:
            raise place.error(f"columns are separated by {name}", "separate columns by tabs")
    missing = [column for column in columns if column not in header]
    if missing:
        problem = f"column {', '.join(missing)} is missing (found: {', '.join(header)})"
        raise place.error(problem, f"the first line must name the columns {first}")
    repeated = [column for column in columns if header.count(column) > 1]
    if repeated:
        raise place.error(f"duplicate column {', '.join(repeated)}", "keep one of them")


def _fit(cells: list[str], width: int, place: AnnotationLine) -> list[str]:
    """Pad a row without its trailing empty cells; refuse rows of any other width."""
    if len(cells) == width:
        return cells
    if len(cells) < width and (len(cells) > 1 or "," not in cells[0]):
        return cells + [""] * (width - len(cells))
    if len(cells) > width and not any(cells[width:]):
        return cells[:width]
    problem = f"{len(cells)} columns, but the header has {width}"
    raise place.error(problem, "separate columns by tabs")


def _check_label(label: str, classes: Sequence[str] | None, place: AnnotationLine) -> None:
    if not label:
        cure = "name the class, or leave only the filename in the row"
        raise place.error("the label is empty", cure)
    if classes is None or label in classes:
        return
    near = difflib.get_close_matches(label, classes, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the classes are {', '.join(classes)}"
    raise place.error(f"unknown class {label!r}", hint)


def _span(onset: str, offset: str, place: AnnotationLine) -> tuple[float, float]:
    start, end = _seconds(onset, "onset", place), _seconds(offset, "offset", place)
    if start >= end:
        cure = "correct the times or delete the row"
        raise place.error(f"onset {onset} is not before offset {offset}", cure)
    return start, end


def _seconds(text: str, column: str, place: AnnotationLine) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        cure = "write seconds as a decimal number such as 1.234"
        raise place.error(f"{column} {text!r} is not a number", cure)
    if value < 0:
        cure = "times are seconds from the start of the clip"
        raise place.error(f"{column} {text} is negative", cure)
    return value
