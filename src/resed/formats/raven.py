"""Selection tables of Raven: tab-separated text with a header line, one row per selection and view.

Columns are found by name: `Begin Time (s)` and `End Time (s)` are required; `Selection`, `View`,
`Channel`, `Low Freq (Hz)`, `High Freq (Hz)`, `Begin File` or `Begin Path`, and `File Offset (s)`
are read, and other measurements are ignored (Raven Pro user's manual, chapter on selection tables).
Rows that show one selection in several views are one region.

`Begin Time (s)` counts from the start of the first of the opened files. If `File Offset (s)` is
there, it is the onset in the file of the row; without it, a table of several files is refused.

The label is in a column that the user named: `Annotation`, else `Common Name`, else the only column
that Raven does not write by itself. A table with several of these is refused, and the caller can
name the column.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resed.errors import MOST_CLASSES, AnnotationError, some
from resed.formats.annotation_text import AnnotationText, OpenQuoteError, content, split
from resed.formats.annotations import CHANGED, LONGEST_S, AnnotationLine, seconds_of, span_of
from resed.formats.regions import (
    DECIMALS,
    Region,
    check_regions,
    frequencies_of,
    label_of,
    number_of,
    times_of,
)
from resed.runtime.files import existing, write_text

BEGIN, END, OFFSET = "Begin Time (s)", "End Time (s)", "File Offset (s)"
LOW, HIGH = "Low Freq (Hz)", "High Freq (Hz)"
FILE, FILE_PATH, SCORE, ANNOTATION = "Begin File", "Begin Path", "Score", "Annotation"
COLUMNS = ("Selection", "View", "Channel", BEGIN, END, LOW, HIGH, FILE, OFFSET, ANNOTATION)
LABEL_COLUMNS = (ANNOTATION, "Common Name")  # the first that is there
SCORES = (SCORE, "Confidence")
# What Raven and detectors write besides measurements, which have a unit, such as (s) or (dB FS).
OWN = frozenset(
    {
        *("Selection", "View", "Channel", "Occupancy", "Score", "Confidence", "Species Code"),
        *(f"{side} {what}" for side in ("Begin", "End") for what in ("File", "Path", "Date")),
        *(f"{side} {what}" for side in ("Begin", "End") for what in ("Clock Time", "Date Time")),
        *("Begin Hour", "End Hour", "Begin Time", "End Time"),
    }
)
LONGEST_NAME = 200  # characters of the name of a column
CURE = "save the selection table in Raven again"
HIGHEST_SHOWN_HZ = 8000.0  # of selections without frequencies: what a file of 16 kHz contains
SUFFIX = ".Table.1.selections.txt"


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table: the cells by column, "" for absent columns."""

    place: AnnotationLine
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def is_selection_table(header: Sequence[str]) -> bool:
    """Whether the cells of a first line are the columns of a selection table."""
    return {BEGIN, END} <= set(header)


def read_selections(path: Path | str, label_column: str | None = None) -> dict[str, list[Region]]:
    """Read a selection table: file -> its regions; the file is "" where the table names none.

    A table without selections gives an empty mapping.

    Args:
        label_column: the column of the labels; by default it is found (see above).

    Raises MissingFileError, or AnnotationError with the line and the cure.
    """
    path = existing(path)
    header, rows = _table(path)
    column = _label_column(path, header, label_column)
    files = {row.place.line: _file_of(row, header) for row in rows}
    if OFFSET not in header and len(names := list(dict.fromkeys(files.values()))) > 1:
        raise AnnotationLine(path, 1).error(
            f"selections of {len(names)} files ({some(names)}), but no column {OFFSET}",
            f"add the measurement {OFFSET} to the table in Raven and save it again",
        )
    found: dict[str, list[Region]] = {}
    seen: dict[tuple[str, str, float, float, str], tuple[str, int]] = {}
    for row in rows:
        name, region = files[row.place.line], _region(row, column)
        regions = found.setdefault(name, [])
        key = name, row["Selection"], region.onset, region.offset, region.label
        view, index = seen.get(key, (row["View"], -1))
        if row["Selection"] and view != row["View"]:
            if regions[index].low_hz is None and regions[index].high_hz is None:
                regions[index] = region  # the view with frequencies is the spectrogram
            continue
        seen[key] = row["View"], len(regions)
        regions.append(region)
    return found


def _table(path: Path) -> tuple[list[str], list[_Row]]:
    text = AnnotationText.read(path)
    first = text.lines.get(1, "").removeprefix("\ufeff").rstrip("\r\n")
    place = AnnotationLine(path, 1)
    is_quoted = first.startswith('"')  # as R writes tables
    header = _cells(first, is_quoted, place)
    missing = [column for column in (BEGIN, END) if column not in header]
    if missing:
        raise place.error(f"column {', '.join(missing)} is missing", CURE)
    if any(len(name) > LONGEST_NAME for name in header):
        raise place.error(f"a column name of more than {LONGEST_NAME} characters", CURE)
    named = [name for name in header if name]
    if repeated := [name for name, count in Counter(named).items() if count > 1]:
        raise place.error(f"duplicate column {repeated[0]}", "keep one of them")
    return header, list(_rows(path, text, header, is_quoted))


def _rows(path: Path, text: AnnotationText, header: list[str], is_quoted: bool) -> Iterator[_Row]:
    for number, line in text.lines.items():
        if number == 1 or not line.strip():
            continue
        place = AnnotationLine(path, number)
        cells = _cells(line.rstrip("\r\n"), is_quoted, place)
        if len(cells) != len(header) and any(cells[len(header) :]):
            problem = f"{len(cells)} columns, but the header has {len(header)}"
            raise place.error(problem, "separate columns by tabs")
        yield _Row(place, dict(zip(header, cells, strict=False)))


def _cells(line: str, is_quoted: bool, place: AnnotationLine) -> list[str]:
    if not is_quoted:
        return [cell.strip() for cell in line.split("\t")]
    try:
        return [content(cell) for cell in split(line, "\t")]
    except OpenQuoteError:
        raise place.error("a quoted cell does not end", "end the cell with a quote") from None


def _is_measured(name: str) -> bool:
    """Whether Raven or a detector writes a column by itself."""
    unit = name.endswith(")") and " (" in name
    return unit or name in OWN or "Entropy" in name or name.startswith("Inband Power")


def _label_column(path: Path, header: Sequence[str], wanted: str | None) -> str:
    place = AnnotationLine(path, 1)
    free = [name for name in header if name and not _is_measured(name)]
    if wanted is not None:
        if wanted not in header:
            columns = some(free or list(header), MOST_CLASSES)
            raise place.error(f"no column {wanted}", f"name one of {columns}")
        return wanted
    known = [name for name in LABEL_COLUMNS if name in header]
    if known or len(free) == 1:
        return (known or free)[0]
    if not free:
        cure = f"add a column {ANNOTATION} in Raven"
        raise place.error("no column with the labels of the selections", cure)
    problem = f"several columns may contain the labels ({some(free, MOST_CLASSES)})"
    raise place.error(problem, "name one with --label-column")


def _file_of(row: _Row, header: Sequence[str]) -> str:
    """The name of the file of a row, without folders of any system; "" if no column has it."""
    column = FILE if FILE in header else FILE_PATH
    if column not in header:
        return ""
    name = re.split(r"[/\\]", row[column])[-1].strip()
    if not name or name in (".", ".."):
        raise row.place.error(f"{column} names no file", CURE)
    return name


def _region(row: _Row, label_column: str) -> Region:
    onset, offset = span_of(row[BEGIN], row[END], row.place)
    if row[OFFSET]:
        length = offset - onset
        onset = seconds_of(row[OFFSET], OFFSET, row.place)
        offset = round(onset + length, 9)  # no digits that the subtraction added
        if offset > LONGEST_S:
            raise row.place.error(f"the offset is above {LONGEST_S:.0f} seconds", CURE)
    elif OFFSET in row.cells:
        raise row.place.error(f"{OFFSET} is empty", CURE)
    score = next((row[name] for name in SCORES if row[name]), "")
    return Region(
        onset,
        offset,
        label_of(row[label_column], row.place),
        *frequencies_of(row[LOW], row[HIGH], row.place),
        number_of(score, "the score", row.place) if score else None,
    )


def write_selections(
    path: Path | str,
    clips: Mapping[str, Sequence[Region]],
    seconds: Mapping[str, float] | None = None,
    high_hz: float = HIGHEST_SHOWN_HZ,
) -> None:
    """Write a selection table atomically: the regions of one or several sound files.

    Args:
        clips: name of each sound file -> its regions. Files without regions have no row.
        seconds: length of each sound file; required for several, because Raven counts times from
            the start of the first one.
        high_hz: upper bound of selections without frequencies; the lower bound is 0.

    Raises AnnotationError for a region that `read_selections` or Raven would read otherwise.
    """
    write_text(path, selections_text(clips, seconds, high_hz, path))


def selections_text(
    clips: Mapping[str, Sequence[Region]],
    seconds: Mapping[str, float] | None = None,
    high_hz: float = HIGHEST_SHOWN_HZ,
    path: Path | str = "",
) -> str:
    """The content of a selection table; `path` names it in errors."""
    if len(clips) > 1 and seconds is None:
        cure = "write one table per file"
        raise AnnotationError("several files of unknown length", place=path, cure=cure)
    scored = any(region.score is not None for regions in clips.values() for region in regions)
    lines, start, count = [[*COLUMNS, SCORE] if scored else [*COLUMNS]], 0.0, 0
    for name, regions in clips.items():
        if not name or CHANGED.search(name) or re.search(r"[/\\]", name):
            cure = "rename the file; a name must not contain slashes, tabs or outer spaces"
            raise AnnotationError(
                f"the file name {name!r} cannot be written", place=path, cure=cure
            )
        check_regions(path, regions, points=False)
        for region in regions:
            count += 1
            onset, _ = times_of(region)
            low, high = _bounds(region, high_hz)
            shifted = Region(start + region.onset, start + region.offset, region.label)
            row = [str(count), "Spectrogram 1", "1", *times_of(shifted), low, high]
            row += [name, onset, region.label]
            if scored:
                row.append("" if region.score is None else f"{region.score:.{DECIMALS}f}")
            lines.append(row)
        start += seconds[name] if seconds is not None else 0.0
    return "".join("\t".join(line) + "\n" for line in lines)


def _bounds(region: Region, high_hz: float) -> tuple[str, str]:
    low = 0.0 if region.low_hz is None else region.low_hz
    high = max(high_hz, low) if region.high_hz is None else region.high_hz
    return f"{low:.3f}", f"{high:.3f}"
