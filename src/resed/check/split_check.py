"""Check one split: its annotation file row by row, and the folder of its audio."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from resed.audit.annotation_checks import read_annotations
from resed.check.dataset_file import DatasetDescription
from resed.check.messages import CheckMessages
from resed.config.dataset import SplitFile
from resed.config.stages import AuditSettings
from resed.errors import counted, some
from resed.formats.acquired_audio import in_its_place
from resed.formats.annotations import COLUMNS, Event
from resed.formats.audio import probe
from resed.formats.audio_errors import UndecodableAudioError
from resed.formats.clip_names import clip_file, composed
from resed.formats.reference import is_late
from resed.runtime.files import walk

PAST_S = 0.02  # offsets past the end by less are rounding


@dataclass
class SplitContent:
    """Clips, classes and events of a split, and the clips that exist: their files and lengths."""

    names: list[str] = field(default_factory=list)
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    folder: Path | None = None  # of the audio
    found: set[str] = field(default_factory=set)  # names of the files in the folder
    late: int = 0  # events that begin after clip_seconds, in longer files


def check_split(
    description: DatasetDescription, role: str, root: Path, messages: CheckMessages
) -> SplitContent:
    """Check one split below `root`."""
    place = description.splits[role]
    content = _check_annotations(description, role, root / place.annotations, messages)
    if not content.names:
        return content
    if place.clips != len(content.names):
        few = len(content.names) < AuditSettings().least_of(role) * place.clips
        (messages.error if few else messages.note)(
            f"{place.clips}, but the annotations list {len(content.names)} clips",
            place=f"{description.path}.splits.{role}.clips",
            cure=f"set clips: {len(content.names)}",
        )
    folder = root / place.audio
    if not folder.is_dir():
        cure = f"create it and copy the {role} clips into it"
        messages.error("no such folder", place=folder, cure=cure)
        return content
    _check_files(content, folder, messages)
    _check_lengths_of_clips(description, content, folder, messages)
    return content


def _check_annotations(
    description: DatasetDescription, role: str, path: Path, messages: CheckMessages
) -> SplitContent:
    place = description.splits[role]
    if not path.is_file():
        messages.error("no such file", place=path, cure=_cure_of_missing(path, role, place))
        return SplitContent()
    found = read_annotations(path, role, place.labels, description.classes or None)
    malformed = [one for one in found.defects if one.id == "annotations_malformed"]
    messages.malformed_rows(path, malformed)
    for name in (name for name in found.clips if Path(name).name != name):
        messages.error(f"{name} is a path", place=path, cure="write only the name of the file")
    if not found.clips and not malformed:
        messages.error("no clips", place=path, cure="write one row per clip below the header")
    events = [event for _, _, event in found.events if event]
    return SplitContent(found.clips, found.classes, events)


def _cure_of_missing(path: Path, role: str, place: SplitFile) -> str:
    others = [other.name for other in path.parent.glob("*")]
    close = difflib.get_close_matches(path.name, others, n=1, cutoff=0.8)
    hint = f" (there is {close[0]})" if close else ""
    columns = ", ".join(COLUMNS[place.labels])
    return f"write the {role} annotations as tab-separated text with the columns {columns}{hint}"


def _check_files(content: SplitContent, folder: Path, messages: CheckMessages) -> None:
    """Compare the listed clips with the files in the folder."""
    files = {path.name: path for path in folder.iterdir() if path.is_file()}
    places = {name: clip_file(folder, name) for name in content.names}
    content.files = {name: path for name, path in places.items() if path.name in files}
    missing = [name for name in content.names if name not in content.files]
    if missing:
        listed = counted(len(content.names), "listed clip")
        messages.error(
            f"{len(missing)} of {listed} missing ({some(missing)})",
            place=folder,
            cure=_cure_of_missing_clip(missing, folder, files),
        )
    content.folder, content.found = folder, set(files)


def _cure_of_missing_clip(missing: list[str], folder: Path, files: dict[str, Path]) -> str:
    for name in missing:
        if there := in_its_place(clip_file(folder, name)):
            return f"{name} is {there}: put the sound file in its place"
    name = missing[0]
    for other in files:
        if composed(other) == composed(name):
            return f"there is {other}, with other Unicode characters: copy its name into the table"
        if composed(other).lower() == composed(name).lower():
            return f"there is {other}: names are case-sensitive"
        if Path(other).stem == Path(name).stem or other == name.removesuffix(".wav"):
            return f"there is {other}: write names with the suffix of the file"
    deeper = next(_files_named(Path(name).name, folder), None)
    if deeper:
        return f"there is {deeper.relative_to(folder)}: move the clips into the folder itself"
    return "copy them into the folder, or delete their rows"


def _files_named(name: str, folder: Path) -> Iterator[Path]:
    """Files with a name in a folder and its folders."""
    for place, _, files in walk(folder):
        yield from (place / file for file in sorted(files) if composed(file) == composed(name))


def _check_lengths_of_clips(
    description: DatasetDescription, content: SplitContent, folder: Path, messages: CheckMessages
) -> None:
    """Read the structure of each clip, and compare its length with the events."""
    seconds, broken, cure = content.seconds, [], "replace them, or delete their rows"
    for name, path in content.files.items():
        try:
            seconds[name] = probe(path).seconds
        except Exception as error:  # of any kind: one clip must not end the check
            broken.append(f"{name} ({getattr(error, 'status', 'unreadable')})")
            if isinstance(error, UndecodableAudioError):
                cure = f"{error.cure}; then correct the names in the annotations"
    if broken:
        messages.error(
            f"{counted(len(broken), 'clip')} cannot be read: {some(broken)}",
            place=folder,
            cure=cure,
        )
    _check_late(description, content, folder, messages)
    past = [
        f"{event.filename} {event.event_label} ends at {event.offset:g} s of {end:.4g} s"
        for event in content.events
        if event.offset > (end := seconds.get(event.filename, float("inf"))) + PAST_S
    ]
    if past:
        messages.note(
            f"{counted(len(past), 'event')} past the end of the clip ({some(past)})",
            place=folder,
            cure="correct the times, or use resed repair",
        )


def _check_late(
    description: DatasetDescription, content: SplitContent, folder: Path, messages: CheckMessages
) -> None:
    """Note events that no system can find, because only the first clip_seconds are processed."""
    whole = description.clip_seconds
    late = [
        f"{event.filename} {event.event_label} at {event.onset:g} s"
        for event in content.events
        if is_late(event, whole) and content.seconds.get(event.filename, 0) > whole
    ]
    content.late = len(late)
    if late:
        number = f"{len(late)} of {counted(len(content.events), 'event')}"
        messages.note(
            f"{number} begin after clip_seconds, which is {whole:g} ({some(late)}); no system can "
            "find them (see audit.late_events in the config)",
            place=folder,
            cure="cut these files into clips with their own annotations, or raise clip_seconds",
        )
