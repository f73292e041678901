"""Find the sound files and the labels in a folder, for a proposal of a dataset.

A source of labels is one table (TSV or CSV as in DESED), or a folder with one label track of
Audacity or selection table of Raven per sound file. The names of files and folders show which split
it belongs to, as far as they say so.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from resed.check.sound_places import SoundPlaces
from resed.config.dataset import Role
from resed.convert import LabelOptions, read_labelled
from resed.convert.labelled import PER_CLIP
from resed.convert.reading import TABLE_NAME, first_line_kind, label_files
from resed.errors import DatasetError, counted, some
from resed.formats.annotation_text import IDENTIFIER, AnnotationText
from resed.formats.annotations import read_clips
from resed.formats.audio_errors import ffmpeg_command
from resed.formats.clip_names import OTHER_SOUNDS, SOUNDS
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
        audio: folder of the sound files, or a place of gathered files.
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

    sounds: SoundPlaces
    sources: list[LabelSource]
    notes: list[str]


def look_into(folder: Path, label_column: str | None = None) -> FolderContent:
    """Find all sound files and labels below a folder.

    Raises DatasetError for what is not clear, and AnnotationError for labels that cannot be read.
    """
    if not folder.is_dir():
        cure = "give the folder of your sound files and labels"
        raise DatasetError("no such folder", place=folder, cure=cure)
    names, tables, labels, other = _files(folder)
    if not names:
        cure = f"give a folder with sound files ({', '.join(sorted(SOUNDS))})"
        if other:
            cure = f"convert its sound files, such as {ffmpeg_command(str(other[0]))}"
        raise DatasetError("contains no sound files", place=folder, cure=cure)
    found = FolderContent(SoundPlaces(names), [], [])
    if other:
        number = counted(len(other), "sound file")
        converted = ffmpeg_command(other[0].name)
        found.notes.append(
            f"{number} cannot be read as they are and are left out; convert them: {converted}"
        )
    unused: list[str] = []
    for path in tables:
        if source := _table(path, folder, found):
            found.sources.append(source)
        else:
            unused.append(f"{path} is not used, because it has no column {IDENTIFIER}")
    found.notes += unused
    for place in labels:
        audio = _audio_of_labels(place, names)
        options = LabelOptions(audio=audio, label_column=label_column)
        read = read_labelled(place, options)
        found.notes += [f"{place}: {note}" for note in read.notes]
        source = LabelSource(place, read.clips, True, audio, role_of(place, folder))
        found.sources.append(_existing(source, found))
    _join_folders(found)
    if not any(source.clips and source.timed for source in found.sources):
        cure = "add a table with onset, offset and event_label, or label files of Audacity or Raven"
        problem = "; ".join(["contains no labels with times", *unused])
        raise DatasetError(problem, place=folder, cure=cure)
    return found


def _join_folders(found: FolderContent) -> None:
    """Make the folders of label files that show the same split one source of labels."""
    by_role: dict[Role | None, list[LabelSource]] = defaultdict(list)
    for source in found.sources:
        if source.place.is_dir():
            by_role[source.role].append(source)
    for role, several in by_role.items():
        files = [
            (found.sounds.file(source.audio, clip), labels)
            for source in several
            for clip, labels in source.clips.items()
        ]
        if len(several) < 2 or not files or len({path for path, _ in files}) < len(files):
            continue  # labels of the same sound file in two folders are refused later
        folders = list(dict.fromkeys(source.audio for source in several))
        beside = [place / name for place in folders for name in found.sounds.names[place]]
        audio, names = found.sounds.gather(beside)
        clips = {names[path]: labels for path, labels in files}
        found.sources = [one for one in found.sources if not any(one is old for old in several)]
        found.sources.append(LabelSource(audio, clips, True, audio, role))
        places = some([str(source.place) for source in several])
        found.notes.append(f"the folders {places} are one split, in which their files are links")


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


def _files(folder: Path) -> tuple[dict[Path, list[str]], list[Path], list[Path], list[Path]]:
    """Sound files by folder, tables, folders with one label file per sound file, other sound."""
    sounds: dict[Path, list[str]] = defaultdict(list)
    tables, labels, other, count = [], [], [], 0
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
            elif suffix in OTHER_SOUNDS:
                other.append(place / name)
            elif suffix in TABLE_SUFFIXES and _is_table(place / name):
                tables.append(place / name)
        if any(first_line_kind(path) in PER_CLIP for path in label_files(place)):
            labels.append(place)
    return dict(sounds), tables, labels, other


def _is_table(path: Path) -> bool:
    if not path.is_file():  # a pipe, for example
        return False
    return path.suffix.lower() != ".txt" or first_line_kind(path) == "tsv"


def _table(path: Path, folder: Path, found: FolderContent) -> LabelSource | None:
    """The source of a table; None for a table without a column of file names."""
    header = AnnotationText.read(path).header
    if IDENTIFIER not in header:
        return None
    if "event_label" in header or "event_labels" in header:
        read = read_labelled(path, LabelOptions(kind="tsv"))
        clips, timed = read.clips, not read.tags
    else:
        clips, timed = {clip: [] for clip in read_clips(path)}, False
    role = role_of(path, folder)
    preferred = [place for place in found.sounds.names if role and role_of(place, folder) == role]
    audio, names = found.sounds.of_table(path, clips, preferred)
    used: dict[str, list[Region]] = defaultdict(list)
    for clip, labels in clips.items():
        used[names[clip]] += labels
    if any(PurePath(clip).name != name and Path(clip).suffix == "" for clip, name in names.items()):
        found.notes.append(f"names in {path} have no suffix; those of the sound files are used")
    if audio in found.sounds.gathered:
        problem = f"the sound files of {path} are in several folders"
        found.notes.append(f"{problem}; in the split, they are links in one folder")
    same = list(used) == list(clips) and audio not in found.sounds.gathered
    return _existing(LabelSource(path, dict(used), timed, audio, role, same), found)


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


def _existing(source: LabelSource, found: FolderContent) -> LabelSource:
    """The source without sound files that do not exist, which are noted."""
    file = found.sounds.file
    missing = [clip for clip in source.clips if not file(source.audio, clip).is_file()]
    if missing:
        total = counted(len(source.clips), "sound file")
        found.notes.append(
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
