"""One split: its annotation file row by row, and the folder of its audio."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from resed.check.description import Description
from resed.check.findings import Findings, counted, some
from resed.config.dataset import SplitFile
from resed.config.run import AuditSettings
from resed.errors import AnnotationError, AudioError, ResedError
from resed.formats.annotations import Event, read_clips, read_events, read_tags, tags_of
from resed.formats.audio import probe

COLUMNS = {
    "strong": "filename, onset, offset, event_label",
    "weak": "filename, event_labels",
    "none": "filename",
}
TOLERANCE_S = 0.05  # of a clip's length: players and encoders add a few milliseconds
PAST_S = 0.02  # of an offset past the end: times are often rounded


@dataclass
class Seen:
    """What was found of a split: clips by name, classes a clip where it is labelled."""

    names: list[str] = field(default_factory=list)
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    there: dict[str, Path] = field(default_factory=dict)  # listed clips that have a file


def check_split(description: Description, role: str, root: Path, findings: Findings) -> Seen:
    """Check one split below `root`; what was found of it."""
    place = description.splits[role]
    seen = _annotations(description, role, root, findings)
    if not seen.names:
        return seen
    if place.clips != len(seen.names):
        path = f"{description.path}.splits.{role}.clips"
        text = f"{path}: {place.clips}, but the annotations name {len(seen.names)}; write that"
        few = len(seen.names) < AuditSettings().least[role] * place.clips
        (findings.wrong if few else findings.note)(text)
    folder = root / place.audio
    if not folder.is_dir():
        findings.wrong(f"{folder}: not there; put the {role} clips into this folder")
        return seen
    _files(seen, folder, findings)
    _sounds(description, seen, folder, findings)
    return seen


def _annotations(description: Description, role: str, root: Path, findings: Findings) -> Seen:
    place, seen = description.splits[role], Seen()
    path, errors = root / place.annotations, list[AnnotationError]()
    if not path.is_file():
        findings.wrong(_no_annotations(path, role, place))
        return seen
    classes = description.classes or None
    try:
        if place.labels == "strong":
            seen.events = read_events(path, classes, errors.append)
            seen.tags = tags_of(seen.events)
        elif place.labels == "weak":
            seen.tags = read_tags(path, classes, errors.append)
        seen.names = read_clips(path, errors.append if place.labels == "none" else _told_already)
    except ResedError as error:  # of the whole file
        findings.wrong(str(error))
        return seen
    findings.rows(path, errors)
    for name in [name for name in seen.names if Path(name).name != name]:
        findings.wrong(f"{path}: {name} is a path; write the file's name alone")
    if not seen.names and not errors:
        findings.wrong(f"{path}: names no clip; write one row per clip below the header")
    return seen


def _told_already(error: AnnotationError) -> None:
    """A row that lacks its name was refused when its labels were read."""


def _no_annotations(path: Path, role: str, place: SplitFile) -> str:
    others = [other.name for other in path.parent.glob("*")]
    close = difflib.get_close_matches(path.name, others, n=1, cutoff=0.8)
    near = f"; there is {close[0]}" if close else ""
    columns = COLUMNS[place.labels]
    return (
        f"{path}: not there; put the {role} annotations there: tab-separated text with the columns "
        f"{columns}{near}"
    )


def _files(seen: Seen, folder: Path, findings: Findings) -> None:
    """Compare the clips named with the files there."""
    there = {path.name: path for path in folder.iterdir() if path.is_file()}
    seen.there = {name: there[name] for name in seen.names if name in there}
    missing = [name for name in seen.names if name not in there]
    if missing:
        found = f"{len(missing)} of {counted(len(seen.names), 'clip')} named in the annotations"
        findings.wrong(
            f"{folder}: {found} not there ({some(missing)}); {_where(missing[0], folder, there)}"
        )
    strange = sorted(set(there) - set(seen.names))
    if strange:
        findings.note(
            f"{folder}: {counted(len(strange), 'file')} named in no row ({some(strange)}); they "
            "are not used"
        )


def _where(name: str, folder: Path, there: dict[str, Path]) -> str:
    """Where a missing clip may be, as a cure."""
    for other in there:
        if other.lower() == name.lower():
            return f"there is {other}: capitals count"
        if Path(other).stem == Path(name).stem or other == name.removesuffix(".wav"):
            return f"there is {other}: write names with the suffix of the file"
    deeper = next((path for path in folder.rglob(name) if path.is_file()), None)
    if deeper:
        return f"there is {deeper.relative_to(folder)}: put the clips into the folder itself"
    return "put them there, or delete their rows"


def _sounds(description: Description, seen: Seen, folder: Path, findings: Findings) -> None:
    """Read the header of every clip: can it be read, how long is it, do its events end in it."""
    seconds, broken = {}, {}
    for name, path in seen.there.items():
        try:
            seconds[name] = probe(path).seconds
        except (AudioError, OSError) as error:
            broken[name] = getattr(error, "status", "unreadable")
    if broken:
        told = [f"{name} ({status})" for name, status in broken.items()]
        findings.wrong(
            f"{folder}: {counted(len(broken), 'clip')} cannot be read ({some(told)}); replace "
            "them, or delete their rows"
        )
    _lengths(description, seconds, folder, findings)
    past = [
        f"{name} {event.event_label} to {event.offset:g} of {seconds[name]:.4g} s"
        for name, events in seen.events.items()
        for event in events
        if name in seconds and event.offset > seconds[name] + PAST_S
    ]
    if past:
        findings.note(
            f"{folder}: {counted(len(past), 'event')} past the end of the clip ({some(past)}); "
            "correct the times, or let resed repair cut them"
        )


def _lengths(
    description: Description, seconds: dict[str, float], folder: Path, findings: Findings
) -> None:
    whole = description.clip_seconds
    other = {n: s for n, s in seconds.items() if abs(s - whole) > max(TOLERANCE_S, 0.01 * whole)}
    if not other:
        return
    middle = sorted(seconds.values())[len(seconds) // 2]
    text = f"{folder}: {len(other)} of {counted(len(seconds), 'clip')} last {_span(other.values())}"
    if len(other) > len(seconds) / 2:
        findings.wrong(
            f"{text}, but {description.path} says clip_seconds: {whole:g}; set clip_seconds: "
            f"{middle:.3g}, or cut the clips to one length"
        )
    else:
        findings.note(
            f"{text} and not {whole:g} s; what is shorter is followed by silence, what is longer "
            "is cut off"
        )


def _span(values: Collection[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g} s" if high - low < TOLERANCE_S else f"{low:.3g} to {high:.3g} s"
