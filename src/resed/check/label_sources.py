"""Find the sound files and the labels in a folder, for a proposal of a dataset.

A source of labels is one table (TSV or CSV as in DESED), or a folder with one label track of
Audacity or selection table of Raven per sound file. The names of files and folders show which split
it belongs to, as far as they say so.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from resed.config.dataset import Role
from resed.convert import LabelOptions, read_labelled
from resed.convert.labelled import PER_CLIP
from resed.convert.reading import TABLE_NAME, first_line_kind, label_files
from resed.errors import DatasetError, counted, some
from resed.formats.annotation_text import IDENTIFIER, AnnotationText
from resed.formats.annotations import read_clips
from resed.formats.clip_names import SOUNDS, clip_file
from resed.formats.regions import Region
from resed.runtime.files import walk

MOST_FILES = 1_000_000
WORDS: dict[Role, frozenset[str]] = {
    "weak": frozenset({"weak", "weakly"}),
    "unlabeled": frozenset({"unlabeled", "unlabelled"}),
    "strong": frozenset({"strong", "strongly", "train", "training", "synthetic"}),
    "development": frozenset({"dev", "development", "val", "valid", "validation"}),
    "evaluation": frozenset({"eval", "evaluation", "test", "testing"}),
}
GENERAL = frozenset({"train", "training", "synthetic"})  # weak clips may be below train, too
TABLE_SUFFIXES = (".tsv", ".csv", ".txt")


@dataclass
class LabelSource:
    """Labels of some sound files.

    Attributes:
        place: the table, or the folder of the label files.
        clips: name of the sound file -> its labels.
        timed: whether the labels have times; False for weak labels and for lists of clips.
        audio: folder of the sound files.
        role: the split that its name shows, or None.
        whole: whether the place lists exactly these clips, by these names.
    """

    place: Path
    clips: dict[str, list[Region]]
    timed: bool
    audio: Path
    role: Role | None = None
    whole: bool = False


@dataclass
class FolderContent:
    """What a folder contains: sound files by folder, sources of labels, and notes."""

    sounds: dict[Path, list[str]]
    sources: list[LabelSource]
    notes: list[str]


def look_into(folder: Path, label_column: str | None = None) -> FolderContent:
    """Find all sound files and labels below a folder.

    Raises DatasetError for what is not clear, and AnnotationError for labels that cannot be read.
    """
    if not folder.is_dir():
        cure = "give the folder of your sound files and labels"
        raise DatasetError("no such folder", place=folder, cure=cure)
    sounds, tables, labels = _files(folder)
    if not sounds:
        cure = f"give a folder with sound files ({', '.join(sorted(SOUNDS))})"
        raise DatasetError("contains no sound files", place=folder, cure=cure)
    found = FolderContent(sounds, [], [])
    for path in tables:
        if source := _table(path, folder, sounds, found.notes):
            found.sources.append(source)
    for place in labels:
        audio = _audio_of_labels(place, sounds)
        options = LabelOptions(audio=audio, label_column=label_column)
        read = read_labelled(place, options)
        found.notes += [f"{place}: {note}" for note in read.notes]
        source = LabelSource(place, read.clips, True, audio, role_of(place, folder))
        found.sources.append(_existing(source, found.notes))
    if not any(source.clips and source.timed for source in found.sources):
        cure = "add a table with onset, offset and event_label, or label files of Audacity or Raven"
        raise DatasetError("contains no labels with times", place=folder, cure=cure)
    return found


def role_of(path: Path, folder: Path) -> Role | None:
    """The split that the names of a file or of its folders show; the innermost name counts.

    Raises DatasetError for a name that shows two splits.
    """
    inside = path.relative_to(folder)
    for part in (inside.stem, *reversed(inside.parent.parts)):
        words = set(re.split(r"[^a-z]+", part.lower()))
        roles = [role for role, names in WORDS.items() if names & words]
        if len(roles) > 1:  # such as train_weak
            roles = [role for role in roles if (WORDS[role] & words) - GENERAL]
        if len(roles) > 1:
            problem = f"its name shows two splits ({', '.join(roles)})"
            raise DatasetError(problem, place=path, cure="rename it")
        if roles:
            return roles[0]
    return None


def _files(folder: Path) -> tuple[dict[Path, list[str]], list[Path], list[Path]]:
    """Sound files by folder, tables, and folders with one label file per sound file."""
    sounds: dict[Path, list[str]] = defaultdict(list)
    tables, labels, count = [], [], 0
    for place, folders, files in walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        count += len(files)
        if count > MOST_FILES:
            problem, cure = f"more than {MOST_FILES} files", "give the folder of one dataset"
            raise DatasetError(problem, place=folder, cure=cure)
        for name in sorted(name for name in files if not name.startswith(".")):
            suffix = Path(name).suffix.lower()
            if suffix in SOUNDS:
                sounds[place].append(name)
            elif suffix in TABLE_SUFFIXES and _is_table(place / name):
                tables.append(place / name)
        if any(first_line_kind(path) in PER_CLIP for path in label_files(place)):
            labels.append(place)
    return dict(sounds), tables, labels


def _is_table(path: Path) -> bool:
    if not path.is_file():  # a pipe, for example
        return False
    return path.suffix.lower() != ".txt" or first_line_kind(path) == "tsv"


def _table(
    path: Path, folder: Path, sounds: Mapping[Path, list[str]], notes: list[str]
) -> LabelSource | None:
    """The source of a table; None for a table without a column of file names."""
    header = AnnotationText.read(path).header
    if IDENTIFIER not in header:
        notes.append(f"{path} is not used, because it has no column {IDENTIFIER}")
        return None
    if "event_label" in header or "event_labels" in header:
        read = read_labelled(path, LabelOptions(kind="tsv"))
        clips, timed = read.clips, not read.tags
    else:
        clips, timed = {clip: [] for clip in read_clips(path)}, False
    names = {Path(clip).name: labels for clip, labels in clips.items()}
    role, same = role_of(path, folder), list(names) == list(clips)
    audio = _audio_of_table(path, names, role, folder, sounds)
    return _existing(LabelSource(path, names, timed, audio, role, same), notes)


def _audio_of_table(
    path: Path,
    clips: Mapping[str, list[Region]],
    role: Role | None,
    folder: Path,
    sounds: Mapping[Path, list[str]],
) -> Path:
    """The folder with the sound files of a table; that of its split if several have them."""
    wanted = set(clips)
    share = {place: len(wanted & set(names)) for place, names in sounds.items()}
    most = max(share.values())
    if not most:
        cure = "write names with the suffix of the file, such as a.wav"
        problem = (
            f"none of its {counted(len(wanted), 'clip')} is a sound file ({some(list(wanted))})"
        )
        raise DatasetError(problem, place=path, cure=cure)
    best = [place for place, number in share.items() if number == most]
    if len(best) > 1:
        best = [place for place in best if role and role_of(place, folder) == role] or best
    if len(best) > 1:
        names = some([str(place.relative_to(folder)) for place in best])
        cure = "name the table like its folder, or give a folder with one of them"
        raise DatasetError(
            f"its sound files are in several folders ({names})", place=path, cure=cure
        )
    return best[0]


def _audio_of_labels(place: Path, sounds: Mapping[Path, list[str]]) -> Path:
    """The folder with the sound files of a folder of label files."""
    stems = {TABLE_NAME.sub("", path.stem) for path in label_files(place)}
    share = {
        audio: sum(Path(name).stem in stems or name in stems for name in names)
        for audio, names in sounds.items()
    }
    if share.get(place):
        return place
    best = [audio for audio, number in share.items() if number == max(share.values())]
    if not max(share.values()) or len(best) > 1:
        problem = "the sound files of its labels are not found, or in several folders"
        raise DatasetError(problem, place=place, cure="put the labels beside their sound files")
    return best[0]


def _existing(source: LabelSource, notes: list[str]) -> LabelSource:
    """The source without sound files that do not exist, which are noted."""
    missing = [clip for clip in source.clips if not clip_file(source.audio, clip).is_file()]
    if missing:
        total = counted(len(source.clips), "sound file")
        notes.append(
            f"{len(missing)} of {total} of {source.place} are not in {source.audio} and are left "
            f"out: {some(missing)}"
        )
        drop_clips(source, missing)
    return source


def drop_clips(source: LabelSource, clips: Iterable[str]) -> None:
    """Leave clips out of a source."""
    for clip in clips:
        del source.clips[clip]
        source.whole = False


def clips_of(sounds: Mapping[Path, list[str]]) -> Iterator[tuple[Path, str]]:
    """Folder and name of every sound file."""
    for place, names in sounds.items():
        yield from ((place, name) for name in names)
