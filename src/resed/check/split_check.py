"""Check one split: its annotation file row by row, and the folder of its audio."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from resed.audit.annotation_checks import read_annotations
from resed.check.dataset_file import DatasetDescription
from resed.check.messages import CheckMessages
from resed.config.dataset import SplitFile
from resed.config.stages import AuditSettings
from resed.errors import AudioError, counted, some
from resed.formats.annotations import COLUMNS, Event
from resed.formats.audio import probe

LENGTH_TOLERANCE_S = 0.05  # encoders add a few milliseconds
PAST_S = 0.02  # offsets past the end by less are rounding


@dataclass
class SplitContent:
    """Clips, classes and events of a split, and the files of the clips that exist."""

    names: list[str] = field(default_factory=list)
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)


def check_split(
    description: DatasetDescription, role: str, root: Path, messages: CheckMessages
) -> SplitContent:
    """Check one split below `root`."""
    place = description.splits[role]
    content = _check_annotations(description, role, root / place.annotations, messages)
    if not content.names:
        return content
    if place.clips != len(content.names):
        few = len(content.names) < AuditSettings().least[role] * place.clips
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
    _check_headers(description, content, folder, messages)
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
    content.files = {name: files[name] for name in content.names if name in files}
    missing = [name for name in content.names if name not in files]
    if missing:
        listed = counted(len(content.names), "listed clip")
        messages.error(
            f"{len(missing)} of {listed} missing ({some(missing)})",
            place=folder,
            cure=_cure_of_missing_clip(missing[0], folder, files),
        )
    unlisted = sorted(set(files) - set(content.names))
    if unlisted:
        number = counted(len(unlisted), "file")
        messages.note(f"{number} not listed in the annotations ({some(unlisted)})", place=folder)


def _cure_of_missing_clip(name: str, folder: Path, files: dict[str, Path]) -> str:
    for other in files:
        if other.lower() == name.lower():
            return f"there is {other}: names are case-sensitive"
        if Path(other).stem == Path(name).stem or other == name.removesuffix(".wav"):
            return f"there is {other}: write names with the suffix of the file"
    deeper = next((path for path in folder.rglob(name) if path.is_file()), None)
    if deeper:
        return f"there is {deeper.relative_to(folder)}: move the clips into the folder itself"
    return "copy them into the folder, or delete their rows"


def _check_headers(
    description: DatasetDescription, content: SplitContent, folder: Path, messages: CheckMessages
) -> None:
    """Read the header of each clip; compare its length with the events and with clip_seconds."""
    seconds, broken = {}, []
    for name, path in content.files.items():
        try:
            seconds[name] = probe(path).seconds
        except (AudioError, OSError) as error:
            broken.append(f"{name} ({getattr(error, 'status', 'unreadable')})")
    if broken:
        messages.error(
            f"{counted(len(broken), 'clip')} cannot be read: {some(broken)}",
            place=folder,
            cure="replace them, or delete their rows",
        )
    _check_lengths(description, seconds, folder, messages)
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


def _check_lengths(
    description: DatasetDescription,
    seconds: dict[str, float],
    folder: Path,
    messages: CheckMessages,
) -> None:
    whole = description.clip_seconds
    tolerance = max(LENGTH_TOLERANCE_S, 0.01 * whole)
    other = [length for length in seconds.values() if abs(length - whole) > tolerance]
    if not other:
        return
    number = f"{len(other)} of {counted(len(seconds), 'clip')} last {_range(other)}"
    if len(other) > len(seconds) / 2:
        middle = sorted(seconds.values())[len(seconds) // 2]
        messages.error(
            f"{number}, but clip_seconds in {description.path} is {whole:g}",
            place=folder,
            cure=f"set clip_seconds: {middle:.3g}, or cut the clips to one length",
        )
    else:
        padded = "shorter clips are padded with silence, longer ones are cut"
        messages.note(f"{number} instead of {whole:g} s; {padded}", place=folder)


def _range(values: Collection[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g} s" if high - low < LENGTH_TOLERANCE_S else f"{low:.3g} to {high:.3g} s"
