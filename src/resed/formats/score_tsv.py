"""Frame scores of a detector: one TSV file per clip, in the layout of sed_scores_eval.

The columns are `onset` and `offset` of each frame in seconds, and one column per class. The offset
of a frame is the onset of the next one. `a.wav` has the file `a.tsv`, as in sed_scores_eval; the
file of a clip may also be called `a.wav.tsv`, end with `.csv`, and be separated by commas. Scores
are finite numbers of any scale; -inf is a class that is not detected at any threshold.
"""

import math
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resed.errors import ScoreError, some
from resed.formats.annotation_text import OpenQuoteError, content, quoted, split
from resed.formats.annotations import LONGEST_S
from resed.formats.text_table import text_lines
from resed.formats.validation import SourceFile, is_name, short
from resed.runtime.files import atomic_path, walk

TIMES = ("onset", "offset")
SUFFIX = ".tsv"
SUFFIXES = (SUFFIX, ".csv")
MOST_CLASSES = 10_000
MOST_SCORES = 1 << 26  # frames times classes of a clip: 0.5 GB; 12 hours of 50 frames/s, 30 classes
DECIMALS = 6  # of seconds
CURE = "write onset, offset and one column per class, as sed_scores_eval does"


@dataclass(frozen=True)
class ClipScores:
    """Scores of one clip.

    Attributes:
        times: float64 [frames + 1], the onsets of the frames and the offset of the last one.
        values: float64 [frames, classes].
        classes: labels, in the order of the columns.
    """

    times: np.ndarray
    values: np.ndarray
    classes: tuple[str, ...]


def read_scores(path: Path | str) -> ClipScores:
    """Read the scores of a clip.

    Raises MissingFileError, or ScoreError with the line and the cure.
    """
    source = SourceFile(Path(path), ScoreError, CURE)
    lines = text_lines(source)
    first = next(lines, "").rstrip("\r\n")
    separator = "\t" if "\t" in first else ","
    header = _cells(first, separator)
    classes = _classes(source, header)
    numbers, number = array("d"), 1
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        cells = _cells(line.rstrip("\r\n"), separator)
        if len(cells) != len(header):
            raise source.wrong(f"{len(cells)} cells, but the header has {len(header)}", number)
        try:
            row = array("d", map(float, cells))
        except ValueError:
            raise source.wrong(_misread(header, cells), number) from None
        if "_" in line or not _is_frame(row):  # Python reads 1_0 as 10
            raise source.wrong(_misread(header, cells), number)
        if numbers and numbers[1 - len(header)] != row[0]:
            before = numbers[1 - len(header)]
            problem = f"onset {row[0]:g} is not the offset of the frame before, {before:g}"
            raise source.wrong(problem, number)
        if len(numbers) > MOST_SCORES:
            raise source.wrong(f"more than {MOST_SCORES} scores", number)
        numbers.extend(row)
    if not numbers:
        raise source.wrong("no frames", number)
    table = np.frombuffer(numbers).reshape(-1, len(header))
    return ClipScores(np.append(table[:, 0], table[-1, 1]), table[:, 2:], classes)


def _cells(line: str, separator: str) -> list[str]:
    """The cells of a line; those in quotes, as R writes them, are read as their content."""
    if '"' not in line:
        return line.split(separator)
    try:
        return [content(cell) for cell in split(line, separator)]
    except OpenQuoteError:
        return line.split(separator)


def _classes(source: SourceFile, header: Sequence[str]) -> tuple[str, ...]:
    classes = tuple(header[2:])
    if tuple(header[:2]) != TIMES or not classes:
        raise source.wrong("the columns must be onset, offset, and one per class", 1)
    if len(classes) > MOST_CLASSES:
        raise source.wrong(f"{len(classes)} classes; at most {MOST_CLASSES} are read", 1)
    bad = next((name for name in classes if not is_name(name) or name != name.strip()), None)
    if bad is not None:
        raise source.wrong(f"the class {short(bad)} is empty, or has spaces at its ends", 1)
    if len(set(classes)) < len(classes):
        raise source.wrong("a class has two columns", 1)
    return classes


def _is_frame(row: array) -> bool:
    """Whether the times of a row are in order, and its scores are numbers or -inf."""
    if not 0 <= row[0] < row[1] <= LONGEST_S:
        return False
    return all(value < math.inf for value in row)  # false for NaN


def _misread(header: Sequence[str], cells: Sequence[str]) -> str:
    """What is wrong with a row: the first cell that is not a number, or its times."""
    for name, cell in zip(header, cells, strict=True):
        try:
            value = math.nan if "_" in cell else float(cell)
        except ValueError:
            value = math.nan
        if math.isnan(value) or value == math.inf:
            return f"{short(name)} is {short(cell.strip())}, not a finite number"
    return f"the times must be 0 <= onset < offset <= {LONGEST_S:.0f} seconds"


def write_scores(
    path: Path | str, times: Sequence[float], values: np.ndarray, classes: Sequence[str]
) -> None:
    """Write the scores of a clip atomically; float32 values are read back exactly.

    Args:
        times: the onsets of the frames and the offset of the last one, in seconds [frames + 1].
        values: scores [frames, classes].

    Raises ScoreError for content that `read_scores` would refuse.
    """
    with score_writer(path, classes) as write:
        write(times, values)


@contextmanager
def score_writer(
    path: Path | str, classes: Sequence[str]
) -> Iterator[Callable[[Sequence[float], np.ndarray], None]]:
    """Write the scores of a clip atomically, block by block, as `write_scores`.

    Yields a function of times [frames + 1] and values [frames, classes] of the next frames.
    """
    source = SourceFile(Path(path), ScoreError, "rename the class")
    header = [*TIMES, *classes]
    _classes(source, header)
    line = "\t".join(["%s", "%s", *["%.9g"] * len(classes)]) + "\n"
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="\n") as handle,
    ):

        def write(times: Sequence[float], values: np.ndarray) -> None:
            if np.isnan(values).any() or (values == np.inf).any():
                raise source.wrong("scores that are not finite cannot be written")
            stamps = [f"{time:.{DECIMALS}f}" for time in times]
            rows = zip(stamps, stamps[1:], np.asarray(values, np.float64).tolist(), strict=False)
            handle.writelines(line % (on, off, *row) for on, off, row in rows)

        handle.write("\t".join(map(quoted, header)) + "\n")
        yield write


def file_name(clip: str) -> str:
    """The name of the file of a clip: `a.tsv` for `a.wav`.

    Raises ScoreError for a clip whose name leads into another folder.
    """
    name = stem(clip) + SUFFIX
    if Path(clip).name != clip or "\\" in clip or "\0" in clip or not stem(clip):
        cure = "rename the clip; its name must be that of a file, without folders"
        raise ScoreError("no file can have its name", place=clip, cure=cure)
    return name


def file_names(clips: Iterable[str]) -> dict[str, str]:
    """Clip -> name of its file; ScoreError if two clips have the same."""
    names: dict[str, str] = {}
    owners: dict[str, str] = {}
    for clip in clips:
        names[clip] = name = file_name(clip)
        if name in owners and owners[name] != clip:
            problem = f"the scores of {owners[name]} and of {clip} would be in one file, {name}"
            raise ScoreError(problem, cure="rename one of the clips")
        owners[name] = clip
    return names


def stem(clip: str) -> str:
    """The name of a clip without its suffix, as sed_scores_eval has it."""
    folder, mark, name = clip.rpartition("/")
    return folder + mark + name.rsplit(".", 1)[0]


def files_by_name(folder: Path) -> dict[str, Path]:
    """Name without suffix -> file, for each score file of a folder, in order of their names.

    A file in a folder of the folder has a name such as `site/a`; hidden folders are left out.

    Raises ScoreError for a folder without score files, and for two files of one name.
    """
    cure = "give a folder with one TSV per clip"
    if not folder.is_dir():
        raise ScoreError("no such folder", place=folder, cure=cure)
    found: dict[str, Path] = {}
    for place, folders, files in walk(folder, strict=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = place / name
            if path.suffix.lower() not in SUFFIXES or name.startswith("."):
                continue
            clip = path.relative_to(folder).with_name(path.stem).as_posix()
            if clip in found:
                problem = f"{found[clip].name} and {path.name} have the same clip"
                raise ScoreError(problem, place=folder, cure="keep one of them")
            found[clip] = path
    if not found:
        raise ScoreError("contains no score files", place=folder, cure=cure)
    return found


def files_of_clips(
    files: Mapping[str, Path], clips: Collection[str], folder: Path
) -> dict[str, Path]:
    """Clip -> its file among `files_by_name`.

    Raises ScoreError for clips without a file, and for two clips with the same one.
    """
    found: dict[str, Path] = {}
    missing = []
    candidates = {
        clip: [name for name in dict.fromkeys((stem(clip), clip)) if name in files]
        for clip in clips
    }
    sure = {names[0]: clip for clip, names in candidates.items() if len(names) == 1}
    for clip, names in candidates.items():
        if len(names) > 1 and sure.get(stem(clip), clip) != clip:
            names = [clip]  # the file without suffix is that of another clip
        if not names:
            missing.append(clip)
        elif len(names) > 1:
            both = " and ".join(files[name].name for name in names)
            raise ScoreError(f"{clip} has two files, {both}", place=folder, cure="keep one")
        else:
            found[clip] = files[names[0]]
    if missing:
        problem = f"{len(missing)} of {len(clips)} clips have no score file ({some(missing)})"
        cure = f"write {stem(missing[0])}{SUFFIX}, or name the clips to score with --clips"
        raise ScoreError(problem, place=folder, cure=cure)
    owners: dict[Path, str] = {}
    for clip, path in found.items():
        if path in owners:
            problem = f"{path.name} is the file of two clips, {owners[path]} and {clip}"
            raise ScoreError(problem, place=folder, cure="call them NAME.SUFFIX.tsv each")
        owners[path] = clip
    return found
