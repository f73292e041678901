"""Annotations as in DESED: tab-separated text, a header line, times in seconds.

Files with semicolons or commas instead of tabs, and cells in double quotes, are read as
spreadsheets and `csv` write them (see resed.formats.annotation_text).

Strong labels have the columns `filename onset offset event_label`; a row whose other three cells
are empty is a clip without events. Weak labels have `filename event_labels` (comma-separated), and
unlabeled clips `filename`. Other columns are ignored, and the order of columns is free. A UTF-8
byte order mark and CRLF or CR line ends are accepted. All other files are refused, because a
misread label would not be noticed; the error states the file, the line, the problem and the cure.
Times above LONGEST_S are refused: they are in another unit, or count from another moment than the
start of the clip.

Events of one class may overlap, and events may end after their clip: published annotations contain
both, and the audit reports them.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from resed.errors import AnnotationError, some
from resed.formats.annotation_text import SEPARATORS, AnnotationText, quoted
from resed.formats.class_names import unknown_class
from resed.runtime.files import existing, tsv_writer

EVENT_COLUMNS = ("filename", "onset", "offset", "event_label")
TAG_COLUMNS = ("filename", "event_labels")
CLIP_COLUMNS = ("filename",)
COLUMNS = {"strong": EVENT_COLUMNS, "weak": TAG_COLUMNS, "none": CLIP_COLUMNS}  # by labels
LONGEST_S = 1e6  # the largest onset or offset, about 11 days
DECIMALS = 3  # of times in annotations, as in DESED
CHANGED = re.compile(r"[\t\n\r\0]|\A\s|\s\Z")  # in cells that a reader would split or strip
DECIMAL_COMMA = re.compile(r"[0-9]{1,20},[0-9]{1,20}")
MOST_COLUMNS = 10  # of a header that an error lists
NAME = 255  # characters of a clip name that an error shows
SHOWN = 40  # characters of a cell that an error shows


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
                event = Event(filename, *span_of(onset, offset, place), label)
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
                raise place.error(f"clip {_shown(filename, NAME)} has another row", cure)
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


def write_events(
    path: Path | str, events: Mapping[str, Sequence[Event]], decimals: int = DECIMALS
) -> None:
    """Write strong labels atomically, in the given order.

    Events that would be rounded to zero length get the shortest length that `decimals` can write,
    so that the file can be read.

    Raises AnnotationError for events that `read_events` would refuse.
    """
    with annotation_writer(path, EVENT_COLUMNS) as write:
        write(event_rows(path, events, decimals))


def event_rows(
    path: Path | str, events: Mapping[str, Sequence[Event]], decimals: int = DECIMALS
) -> Iterator[tuple[str, ...]]:
    """The rows that `write_events` writes; a clip without events has one row."""
    scale = 10**decimals
    for clip, items in events.items():
        if not items:
            yield clip, "", "", ""
        for event in items:
            onset, offset = event.onset, event.offset
            if not (0 <= onset < offset <= LONGEST_S and event.event_label):
                cure = f"an event needs a label and 0 <= onset < offset <= {LONGEST_S:.0f} seconds"
                raise AnnotationError(f"{event} cannot be written", place=path, cure=cure)
            first = round(onset * scale)
            last = max(round(offset * scale), first + 1)
            times = (f"{time / scale:.{decimals}f}" for time in (first, last))
            yield clip, *times, event.event_label


def write_tags(path: Path | str, tags: Mapping[str, Iterable[str]]) -> None:
    """Write weak labels atomically: one row per clip in the given order."""
    with annotation_writer(path, TAG_COLUMNS) as write:
        write(tag_rows(tags))


def tag_rows(tags: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """The rows that `write_tags` writes; AnnotationError for a label that a list would change."""
    for clip, labels in tags.items():
        text = ",".join(row := [*labels])
        if "" in row or (row and [label.strip() for label in text.split(",")] != row):
            cure = "labels must not be empty, contain commas, or begin or end with a space"
            raise AnnotationError(f"the labels {row} of {clip} cannot be written", cure=cure)
        yield clip, text


def write_clips(path: Path | str, clips: Iterable[str]) -> None:
    """Write clip names atomically, as for unlabeled clips."""
    with annotation_writer(path, CLIP_COLUMNS) as write:
        write((clip,) for clip in clips)


@contextmanager
def annotation_writer(
    path: Path | str, columns: Sequence[str]
) -> Iterator[Callable[[Iterable[Sequence[str]]], None]]:
    """Write an annotation file atomically; yield a function that writes rows of `columns`.

    The function raises AnnotationError for a row that could not be read back.
    """
    with tsv_writer(path, columns) as write:

        def write_rows(rows: Iterable[Sequence[str]]) -> None:
            for row in rows:
                if clip_name_of(row[0]) != row[0] or not row[0] or any(map(CHANGED.search, row)):
                    cure = "names must not be empty, contain tabs, or begin or end with a space"
                    raise AnnotationError(f"{row} cannot be written", place=path, cure=cure)
                write(map(quoted, row))

        yield write_rows


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

    def open_quote(line: int) -> None:
        cure = "end the cell with a quote; a quote within a cell is doubled"
        refuse(AnnotationLine(path, line).error("a quoted cell does not end", cure))

    for number, row in text.rows(open_quote):
        place = AnnotationLine(path, number)
        try:
            cells = _fit(row, text, place)
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
    missing = [column for column in columns if column not in header]
    if missing:
        found = some([_shown(name) for name in header], MOST_COLUMNS)
        problem = f"column {', '.join(missing)} is missing (found: {found})"
        raise place.error(problem, f"the first line must name the columns {first}")
    repeated = [column for column in columns if header.count(column) > 1]
    if repeated:
        raise place.error(f"duplicate column {', '.join(repeated)}", "keep one of them")


def _shown(text: str, longest: int = SHOWN) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _fit(cells: list[str], text: AnnotationText, place: AnnotationLine) -> list[str]:
    """Pad a row without its trailing empty cells; refuse rows of any other width."""
    width = len(text.header)
    if len(cells) == width:
        return cells
    if len(cells) < width and (len(cells) > 1 or not set(",;\t").intersection(cells[0])):
        return cells + [""] * (width - len(cells))
    if len(cells) > width and not any(cells[width:]):
        return cells[:width]
    problem = f"{len(cells)} columns, but the header has {width}"
    raise place.error(problem, f"separate columns by {SEPARATORS[text.separator]}")


def _check_label(label: str, classes: Sequence[str] | None, place: AnnotationLine) -> None:
    if not label:
        cure = "name the class, or leave only the filename in the row"
        raise place.error("the label is empty", cure)
    if classes is None or label in classes:
        return
    problem, cure = unknown_class(label, classes)
    raise place.error(problem, cure)


def span_of(onset: str, offset: str, place: AnnotationLine) -> tuple[float, float]:
    """Onset and offset in seconds, in this order; AnnotationError for other text."""
    start, end = seconds_of(onset, "onset", place), seconds_of(offset, "offset", place)
    if start >= end:
        cure = "correct the times or delete the row"
        problem = f"onset {_shown(onset)} is not before offset {_shown(offset)}"
        raise place.error(problem, cure)
    return start, end


def seconds_of(text: str, column: str, place: AnnotationLine) -> float:
    """Seconds from 0 to LONGEST_S; AnnotationError for other text."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    shown = _shown(text)
    if DECIMAL_COMMA.fullmatch(text):
        raise place.error(f"{column} {shown!r} has a decimal comma", "write a point, as in 1.234")
    if not math.isfinite(value) or "_" in text:
        cure = "write seconds as a decimal number such as 1.234"
        raise place.error(f"{column} {shown!r} is not a number", cure)
    cure = "times are seconds from the start of the clip"
    if value < 0:
        raise place.error(f"{column} {shown} is negative", cure)
    if value > LONGEST_S:
        raise place.error(f"{column} {shown} is above {LONGEST_S:.0f} seconds", cure)
    return value
