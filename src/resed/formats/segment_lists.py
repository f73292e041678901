"""Published lists in the form of AudioSet: segments of videos with tags, and the classes.

A list of segments has comment lines, which begin with #, and then one row per segment:

    # Segments csv created Sun Mar  5 10:54:31 2017
    # num_ytids=22160, num_segs=22160, num_unique_labels=527, num_positive_labels=52882
    # YTID, start_seconds, end_seconds, positive_labels
    --PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"

The list of the classes has the columns index, mid and display_name. The form is that of the files
of AudioSet (Gemmeke et al., 2017) and of the folder metadata of the code of PANNs (Kong et al.,
2020), which names the clip of a video Y{YTID}.wav.

Lists are read line by line, so that memory does not grow with their length.
"""

import csv
import heapq
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from resed.errors import AnnotationError
from resed.escaping import one_line
from resed.formats.annotation_text import BYTE_ORDER_MARK, LONGEST_LINE
from resed.runtime.files import existing

CLASS_COLUMNS = ["index", "mid", "display_name"]
MOST_ROWS = 100_000  # of the list of the classes
ROW = re.compile(rb'([A-Za-z0-9_-]{11}), *(\d+(?:\.\d*)?), *(\d+(?:\.\d*)?), *"([^"]*)"', re.ASCII)
MID = re.compile(r"/[a-z]/\w+", re.ASCII)
ROWS = re.compile(rb"#.*\bnum_segs=(\d+)")
FORM = 'write rows as in the published lists: YTID, start, end, "mid,mid"'
SHOWN = 40  # characters of a row that an error shows


class Segment(NamedTuple):
    """A row of a list of segments: its line, the name of the video, and its classes."""

    line: int
    video: str
    labels: tuple[str, ...]

    @property
    def clip(self) -> str:
        """The name of the clip: an identifier may begin with a hyphen, a file name should not."""
        return f"Y{self.video}.wav"


def read_class_list(path: Path | str, classes: Sequence[str]) -> dict[str, str]:
    """Identifier (mid) -> class, of a list of the classes of a dataset, in their order.

    A comma in a display name is ` - ` in the name of a class, because commas separate tags.

    Raises MissingFileError, or AnnotationError with the line of a row that is malformed or of
    another class than the dataset file has there.
    """
    path, found = existing(path), dict[str, str]()
    rows = csv.reader(line.decode() for _, line in _lines(path))
    try:
        for number, row in enumerate(rows):
            if number == 0 and row != CLASS_COLUMNS:
                raise _wrong(path, 1, "no header", f"begin it with {','.join(CLASS_COLUMNS)}")
            if number == 0 or not row:
                continue
            _add_class(found, row, classes, path, rows.line_num)
    except (csv.Error, UnicodeDecodeError):
        cure = "use class_labels_indices.csv as it is published"
        raise _wrong(path, rows.line_num, "not a row of UTF-8 text", cure) from None
    if len(found) < len(classes):
        problem = f"has {len(found)} classes, the dataset file has {len(classes)}"
        raise AnnotationError(problem, place=path, cure="use the list with all of these classes")
    return found


def _add_class(
    found: dict[str, str], row: Sequence[str], classes: Sequence[str], path: Path, line: int
) -> None:
    place = len(found)
    if len(row) != len(CLASS_COLUMNS) or row[0] != str(place) or not MID.fullmatch(row[1]):
        problem = f"not row {place} of the classes: {one_line(','.join(row), SHOWN)}"
        raise _wrong(path, line, problem, f"write {place}, an identifier such as /m/09x0r, a name")
    if row[1] in found:
        raise _wrong(path, line, f"{row[1]} has another row", "keep one of them")
    name = re.sub(r"\s*,\s*", " - ", row[2].strip())
    if place >= len(classes) or name != classes[place]:
        there = classes[place] if place < len(classes) else "no further class"
        problem = f"the class {one_line(name, SHOWN)!r}, where the dataset file has {there!r}"
        raise _wrong(path, line, problem, "use the classes of the list, in its order")
    found[row[1]] = name


def segments(path: Path | str, names: Mapping[str, str]) -> Iterator[Segment]:
    """The rows of a list of segments, read line by line.

    Args:
        path: the list.
        names: identifier -> class, as of `read_class_list`.

    Raises MissingFileError, or AnnotationError with the file, the line and the cure: a row of
    another form, times that are not those of a segment, an unknown class, or another number of rows
    than a comment line states.
    """
    path, count, stated = existing(path), 0, None
    for number, line in _lines(path):
        row = line.strip()
        if not row:
            continue
        if row.startswith(b"#"):
            declared = ROWS.match(row)
            stated = int(declared[1]) if declared else stated
            continue
        yield _segment(row, names, path, number)
        count += 1
    if stated is not None and count != stated:
        problem = f"has {count} rows, its comment line states num_segs={stated}"
        cure = "copy the whole list again; if you removed rows, correct the comment line"
        raise AnnotationError(problem, place=path, cure=cure)


def _segment(row: bytes, names: Mapping[str, str], path: Path, line: int) -> Segment:
    found = ROW.fullmatch(row)
    if not found:
        shown = one_line(row.decode(errors="replace"), SHOWN)
        raise _wrong(path, line, f"not a segment: {shown}", FORM)
    video, start, end, mids = found.groups()
    if float(start) >= float(end):
        problem = f"start {start.decode()} is not before end {end.decode()}"
        raise _wrong(path, line, problem, "correct the times or delete the row")
    labels = []
    for mid in mids.decode(errors="replace").split(","):
        name = names.get(mid.strip())
        if name is None:
            shown = one_line(mid, SHOWN)
            problem = f"unknown class {shown}" if shown else "a segment without a class"
            raise _wrong(path, line, problem, "use the list of the classes of the same version")
        labels.append(name)
    return Segment(line, video.decode(), tuple(dict.fromkeys(labels)))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbers and content of lines; AnnotationError for a line that is too long."""
    with path.open("rb") as handle:
        for number, line in enumerate(iter(lambda: handle.readline(LONGEST_LINE + 1), b""), 1):
            if len(line) > LONGEST_LINE:
                raise _wrong(path, number, f"more than {LONGEST_LINE} characters", FORM)
            yield number, line.removeprefix(BYTE_ORDER_MARK.encode()) if number == 1 else line


def drawn(videos: Iterable[str], clips: int, seed: int) -> set[str]:
    """The `clips` videos with the lowest SHA-256 of `{seed} {video}`; all if there are fewer.

    The draw does not depend on the order of the videos. A video that is added or removed changes it
    by one at most.

    Examples:
        >>> drawn("abcd", 2, 0) == drawn("dcba", 2, 0)
        True
    """
    keyed = ((sha256(f"{seed} {video}".encode()).digest(), video) for video in videos)
    return {video for _, video in heapq.nsmallest(clips, keyed)}


class Repetitions:
    """The videos of all rows so far, with 8 bytes each, to find those that have two rows."""

    def __init__(self) -> None:
        self._keys = array("Q")

    def add(self, video: str) -> None:
        """Remember the video of a row."""
        self._keys.append(_key(video))

    def refuse(self, lists: Iterable[Path], names: Mapping[str, str]) -> None:
        """Raise AnnotationError for the first row of a video that has an earlier one.

        The lists are read again if two keys are equal.
        """
        keys, counts = np.unique(np.frombuffer(self._keys, np.uint64), return_counts=True)
        twice = set(keys[counts > 1].tolist())
        seen: dict[str, tuple[Path, int]] = {}
        for path in lists if twice else ():
            for row in segments(path, names):
                if _key(row.video) not in twice:
                    continue
                if row.video in seen:
                    first, line = seen[row.video]
                    problem = f"video {row.video} has another row (line {line} of {first.name})"
                    raise _wrong(path, row.line, problem, "delete one of them")
                seen[row.video] = path, row.line


def _key(video: str) -> int:
    return int.from_bytes(blake2b(video.encode(), digest_size=8).digest(), "little")


def _wrong(path: Path, line: int, problem: str, cure: str) -> AnnotationError:
    return AnnotationError(problem, place=path, line=line, cure=cure)
