"""Read labels of any format: one file, or a folder with one file per sound file.

`a.wav` has the label file `a.txt` (Audacity) or `a.Table.1.selections.txt` (Raven). The name of the
sound file is that of the file beside the labels, or in another folder that is given; otherwise it
is assumed, with a note.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resed.convert.labelled import PER_CLIP, TABLES, Kind, LabelledClips
from resed.errors import AnnotationError, MissingFileError, counted, some
from resed.formats.annotation_text import BYTE_ORDER_MARK, IDENTIFIER, SEPARATORS
from resed.formats.annotations import TAG_COLUMNS, read_events, read_tags
from resed.formats.audacity import CONTINUATION, read_labels
from resed.formats.clip_names import SOUNDS, clip_file
from resed.formats.raven import is_selection_table, read_selections
from resed.formats.regions import NUMBER, Region, region_of
from resed.runtime.files import walk

LONGEST_HEADER = 1 << 16  # bytes of a first line
LABEL_SUFFIX = ".txt"
TABLE_NAME = re.compile(r"(\.Table\.[0-9]+)?(\.BirdNET)?\.selections?(\.table)?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class LabelOptions:
    """How labels are read.

    Attributes:
        kind: the format; None: found by name and content.
        audio: folder of the sound files; None: beside the labels.
        label_column: the column of the labels in tables of Raven; None: found.
        suffix: that of a sound file that is not found.
        deep: also read the folders of a folder; names then contain them, such as site/a.wav.
    """

    kind: Kind | None = None
    audio: Path | None = None
    label_column: str | None = None
    suffix: str = ".wav"
    deep: bool = False


def read_labelled(source: Path, options: LabelOptions = LabelOptions()) -> LabelledClips:
    """Read a file or a folder.

    Raises MissingFileError, or AnnotationError with the place and the cure.
    """
    if not source.exists():
        raise MissingFileError("no such file or folder", place=source, cure="check the path")
    found = LabelledClips()
    if source.is_dir():
        _read_folder(source, options, found)
    else:
        _read_file(source, options.kind or kind_of(source), options, found)
    return found


def kind_of(path: Path) -> Kind:
    """The format of a file, by its suffix or its first line; AnnotationError if it is not clear."""
    if path.suffix.lower() in (".tsv", ".csv"):
        return "csv" if path.suffix.lower() == ".csv" else "tsv"
    kind = first_line_kind(path)
    if kind is None:
        reason = "is empty" if not path.stat().st_size else "begins as no format of labels does"
        raise AnnotationError(
            f"{reason}, so its format is not known", place=path, cure="name it with --from"
        )
    return kind


def first_line_kind(path: Path) -> Kind | None:
    """The format that the first line of a text file shows, or None."""
    with path.open("rb") as handle:
        line = handle.readline(LONGEST_HEADER).decode("utf-8", "replace")
    line = line.removeprefix(BYTE_ORDER_MARK).rstrip("\r\n")
    if is_selection_table([cell.strip().strip('"') for cell in line.split("\t")]):
        return "raven"
    if any(IDENTIFIER in [c.strip().strip('"') for c in line.split(mark)] for mark in SEPARATORS):
        return "tsv"
    first = line.split("\t")[0].strip()
    return "audacity" if NUMBER.fullmatch(first) or first == CONTINUATION else None


def _read_file(
    path: Path, kind: Kind, options: LabelOptions, found: LabelledClips, below: str = ""
) -> None:
    """Add the labels of a file in the folder `below`, relative to that which was given."""
    if kind in TABLES:
        _read_table(path, found)
    elif kind == "audacity":
        _add(found, path, _sound_of(path, path.stem, options, found, below), read_labels(path))
    else:
        table = read_selections(path, options.label_column)
        stem = TABLE_NAME.sub("", path.stem)
        for name, regions in (table or {"": []}).items():
            if name:
                clip = _listed_sound(name, options, below)
            else:
                clip = _sound_of(path, stem, options, found, below)
            _add(found, path, clip, regions, several=True)


def _listed_sound(name: str, options: LabelOptions, below: str) -> str:
    """The sound file of a row of Raven, relative to the folder that was given; see _sounds_of."""
    audio = options.audio
    if audio and not clip_file(audio / below, name).is_file() and clip_file(audio, name).is_file():
        return name
    return _inside(below, name)


def _inside(below: str, name: str) -> str:
    return f"{below}/{name}" if below else name


def _read_table(path: Path, found: LabelledClips) -> None:
    """A file in the columns of DESED: strong or weak labels."""
    with path.open("rb") as handle:
        line = handle.readline(LONGEST_HEADER).decode("utf-8", "replace")
    header = {cell.strip().strip('"') for cell in re.split(r"[\t;,]", line.strip())}
    if TAG_COLUMNS[1] in header and "onset" not in header:
        found.tags = True
        for clip, labels in read_tags(path).items():
            found.clips[clip] = [Region(0.0, 0.0, label) for label in labels]
        return
    for clip, events in read_events(path).items():
        found.clips[clip] = [region_of(event) for event in events]


def _read_folder(folder: Path, options: LabelOptions, found: LabelledClips) -> None:
    paths = list(label_files(folder, options.deep))
    below = {path: _below(path, folder) for path in paths}
    kinds = {path: _kind_in_folder(path, below[path], options) for path in paths}
    used = {path: kind for path, kind in kinds.items() if kind}
    if not used:
        cure = f"give a folder with one {LABEL_SUFFIX} file of Audacity or Raven per sound file"
        raise AnnotationError("contains no labels", place=folder, cure=cure)
    several = {kind: path for path, kind in used.items() if path.stat().st_size}
    if len(several) > 1:
        names = " and ".join(
            f"{_inside(below[path], path.name)} ({kind})" for kind, path in several.items()
        )
        cure = "give one of their folders, put them into folders of their own, or use --from"
        raise AnnotationError(f"contains several formats: {names}", place=folder, cure=cure)
    kind = options.kind or next(iter(several), "audacity")
    if kind in TABLES:
        path = next(iter(used))
        raise AnnotationError(
            "is a folder", place=folder, cure=f"give its file, such as {path.name}"
        )
    for path in used:
        empty = kind == "raven" and not path.stat().st_size
        if empty:
            raise AnnotationError("is empty", place=path, cure="save the table again, or delete it")
        _read_file(path, kind, options, found, below[path])
    skipped = [_inside(below[path], path.name) for path in kinds if path not in used]
    if skipped:
        found.notes.append(f"{counted(len(skipped), 'file')} without labels: {some(skipped)}")


def label_files(folder: Path, deep: bool = False) -> Iterator[Path]:
    """The files of a folder that may be labels of one sound file each, in order of their names.

    Args:
        deep: also those of the folders in it, except hidden ones.
    """
    for place, folders, files in walk(folder, strict=True):
        folders[:] = sorted(name for name in folders if deep and not name.startswith("."))
        for name in sorted(files):
            path = place / name
            hidden = name.startswith(".")
            if path.suffix.lower() == LABEL_SUFFIX and path.is_file() and not hidden:
                yield path


def _below(path: Path, folder: Path) -> str:
    """The folder of a file, relative to that which was given; empty for the latter."""
    relative = path.parent.relative_to(folder).as_posix()
    return "" if relative == "." else relative


def _kind_in_folder(path: Path, below: str, options: LabelOptions) -> Kind | None:
    """The format of a file; None if it has no labels. Empty label tracks are empty files."""
    if options.kind:
        return options.kind
    kind = first_line_kind(path)
    if kind or path.stat().st_size:
        return kind if kind in PER_CLIP else None
    named = Path(path.stem).suffix.lower() in SOUNDS  # a.wav.txt is of a.wav, wherever that is
    return "audacity" if named or _sounds_of(path, path.stem, options, below) else None


def sounds_named(folder: Path, stem: str) -> list[str]:
    """Names of the sound files of a folder that have this name, with or without its suffix."""
    if Path(stem).suffix.lower() in SOUNDS and (folder / stem).is_file():
        return [stem]
    places = [folder / f"{stem}{mark}" for mark in _suffixes()]
    found = {place.stat().st_ino: place.name for place in reversed(places) if place.is_file()}
    return sorted(found.values())  # each once, where the case of letters does not matter


def _suffixes() -> Iterator[str]:
    for suffix in sorted(SOUNDS):
        yield from (suffix, suffix.upper())


def _sounds_of(path: Path, stem: str, options: LabelOptions, below: str) -> list[str]:
    """The sound files of a label file, relative to the folder that was given.

    With --audio, they are in the same folder below it, or else in that folder itself.
    """
    folder = options.audio / below if options.audio else path.parent
    names = [_inside(below, name) for name in sounds_named(folder, stem)]
    return names or (sounds_named(options.audio, stem) if options.audio and below else [])


def _sound_of(
    path: Path, stem: str, options: LabelOptions, found: LabelledClips, below: str
) -> str:
    """The name of the sound file that a label file belongs to."""
    names = _sounds_of(path, stem, options, below)
    if len(names) > 1:
        name = Path(names[0]).name
        cure = f"call the labels {name}{LABEL_SUFFIX}, with the suffix of the sound"
        raise AnnotationError(f"belongs to {' or '.join(names)}", place=path, cure=cure)
    if names:
        return names[0]
    name = stem if Path(stem).suffix.lower() in SOUNDS else stem + options.suffix
    name = _inside(below, name)
    note = f"no sound file beside the labels is found; names are assumed, such as {name}"
    if not any(one.startswith("no sound file") for one in found.notes):
        found.notes.append(note)
    return name


def _add(
    found: LabelledClips, path: Path, clip: str, regions: list[Region], several: bool = False
) -> None:
    """Add the labels of a clip; two tables of Raven may show one, two label tracks may not."""
    if clip in found.clips and not several:
        cure = "keep one of them"
        raise AnnotationError(f"another file has labels of {clip}", place=path, cure=cure)
    found.clips.setdefault(clip, []).extend(regions)
