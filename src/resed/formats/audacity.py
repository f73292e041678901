r"""Label tracks of Audacity: one text file per sound file, without a header.

A line is `onset<TAB>offset<TAB>label`, in seconds with six decimals; equal times are a point label.
A label with a frequency range has a second line `\<TAB>low<TAB>high` in Hz, where -1 is undefined.
This is what File > Export Other > Export Labels writes and File > Import > Labels reads (Audacity
manual, "Importing and Exporting Labels"). As Audacity does, the reader accepts lines
`onset<TAB>label` for points, and ignores further lines that begin with a backslash. A fourth cell
with a number is a score, as some detectors write it. Other files are refused.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from resed.formats.annotation_text import BYTE_ORDER_MARK, AnnotationText
from resed.formats.annotations import AnnotationLine, seconds_of
from resed.formats.regions import (
    NUMBER,
    Region,
    check_regions,
    frequencies_of,
    label_of,
    number_of,
    times_of,
)
from resed.runtime.files import existing, write_text

CONTINUATION = "\\"  # begins the lines that belong to the label above
UNDEFINED_HZ = -1.0
SUFFIX = ".txt"
CURE = "export the labels from Audacity: onset, offset and label, separated by tabs"
Lines = Sequence[tuple[int, str]]


def read_labels(path: Path | str) -> list[Region]:
    """Read a label track: its labels in the order of the file; [] for an empty file.

    Raises MissingFileError, or AnnotationError with the line and the cure.
    """
    path = existing(path)
    regions = []
    for lines in _blocks(path):
        number, first = lines[0]
        place = AnnotationLine(path, number)
        cells = first.split("\t")
        onset = seconds_of(cells[0].strip(), "onset", place)
        if len(cells) > 1 and NUMBER.fullmatch(cells[1].strip()):
            offset = seconds_of(cells.pop(1).strip(), "offset", place)
        else:
            offset = onset
        if onset > offset:
            raise place.error(f"onset {onset:g} is after offset {offset:g}", "correct the times")
        if not 2 <= len(cells) <= 3:
            raise place.error(f"{len(cells) + 1} cells separated by tabs", CURE)
        score = number_of(cells[2].strip(), "the fourth cell", place) if len(cells) == 3 else None
        low, high = _frequencies(path, lines[1:])
        regions.append(Region(onset, offset, label_of(cells[1], place), low, high, score))
    return regions


def _blocks(path: Path) -> Iterator[Lines]:
    """The lines of each label with their numbers: its own, and those that continue it."""
    block: list[tuple[int, str]] = []
    for number, raw in AnnotationText.read(path).lines.items():
        line = (raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw).rstrip("\r\n")
        if not line.strip():
            continue
        if not line.startswith(CONTINUATION):
            if block:
                yield block
            block = []
        elif not block:
            raise AnnotationLine(path, number).error("a frequency range without a label", CURE)
        block.append((number, line))
    if block:
        yield block


def _frequencies(path: Path, lines: Lines) -> tuple[float | None, float | None]:
    """Low and high of the first line that continues a label; later formats may have more."""
    if not lines:
        return None, None
    number, line = lines[0]
    place = AnnotationLine(path, number)
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != 3 or cells[0] != CONTINUATION or not all(cells):
        problem = "not a backslash and two frequencies, separated by tabs"
        raise place.error(problem, CURE)
    return frequencies_of(cells[1], cells[2], place, undefined=(UNDEFINED_HZ,))


def write_labels(path: Path | str, regions: Iterable[Region]) -> None:
    """Write a label track atomically, in the given order; without regions, an empty file.

    Raises AnnotationError for a label that `read_labels` or Audacity would read otherwise.
    """
    write_text(path, labels_text(regions, path))


def labels_text(regions: Iterable[Region], path: Path | str = "") -> str:
    """The content of a label track; `path` names it in errors. Scores are not written."""
    regions = list(regions)
    check_regions(path, regions, points=True)
    lines = []
    for region in regions:
        lines.append("\t".join((*times_of(region), region.label)))
        if region.low_hz is not None or region.high_hz is not None:
            bounds = (
                UNDEFINED_HZ if one is None else one for one in (region.low_hz, region.high_hz)
            )
            lines.append("\t".join((CONTINUATION, *(f"{bound:.6f}" for bound in bounds))))
    return "".join(f"{line}\n" for line in lines)
