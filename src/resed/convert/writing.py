"""Write labels in any format. Nothing that exists is replaced, and nothing is lost silently."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from resed.convert.labelled import PER_CLIP, TABLES, Kind, LabelledClips, check_clip_names
from resed.errors import AnnotationError, OverwriteError, ResedError, counted, some
from resed.formats import audacity, raven
from resed.formats.annotation_text import quoted
from resed.formats.annotations import (
    EVENT_COLUMNS,
    LONGEST_S,
    TAG_COLUMNS,
    event_rows,
    tag_rows,
)
from resed.formats.audio import Probe, probe
from resed.formats.clip_names import clip_file
from resed.formats.regions import Region, check_regions
from resed.runtime.files import write_text

SEPARATOR = {"tsv": "\t", "csv": ","}


@dataclass(frozen=True)
class WriteOptions:
    """How labels are written.

    Attributes:
        kind: the format; None: by the suffix of the target.
        audio: folder of the sound files, for the lengths and rates that Raven requires.
        point_length: seconds that points get in formats without points; None refuses them.
        high_hz: upper bound of selections without frequencies; None: half of the sample rate of the
            sound file, or what `resed.formats.raven` writes.
    """

    kind: Kind | None = None
    audio: Path | None = None
    point_length: float | None = None
    high_hz: float | None = None


def write_labelled(
    found: LabelledClips, target: Path, options: WriteOptions = WriteOptions()
) -> tuple[list[Path], list[str]]:
    """Write a file or a folder; a file that exists is kept if it has the same content.

    Returns:
        The files, and notes on what the format does not hold.

    Raises:
        OverwriteError: a file exists with other content; nothing is written then.
        AnnotationError: the labels cannot be written in this format.
    """
    kind = options.kind or target_kind(target)
    single = is_one_file(target)
    check_clip_names(
        found.clips, target, "any" if kind in TABLES else "none" if single else "below"
    )
    clips = _without_points(found, kind, target, options.point_length)
    files: dict[Path, str] = {}
    notes = list(_lost(clips, kind, found.tags))
    if kind in TABLES:
        files[target] = _table(found, clips, kind, target)
    elif found.tags:
        cure = "convert strong labels, or write a .tsv or .csv file"
        raise AnnotationError("weak labels have no times", place=target, cure=cure)
    elif single:
        files[target] = _one_file(clips, kind, target, options)
        if kind == "raven" and found.empty:
            empty = counted(len(found.empty), "clip")
            notes.append(f"{empty} without events have no row in one table: {some(found.empty)}")
    else:
        files.update(_per_clip(clips, kind, target, options))
    _refuse_existing(files)
    for path, text in files.items():
        if not path.exists():
            write_text(path, text)
    return list(files), notes


def target_kind(target: Path) -> Kind:
    """The format of a target, by its name; AnnotationError if it is not clear."""
    suffix = target.suffix.lower()
    if suffix in (".tsv", ".csv") and not target.is_dir():
        return "csv" if suffix == ".csv" else "tsv"
    if target.name.lower().endswith(".selections.txt"):
        return "raven"
    cure = "name it with --to, or end the name with .tsv, .csv or .selections.txt"
    raise AnnotationError("the format to write is not known", place=target, cure=cure)


def is_one_file(target: Path) -> bool:
    """Whether a target is a file, not a folder with one file per clip."""
    return target.suffix.lower() == audacity.SUFFIX and not target.is_dir()


def _without_points(
    found: LabelledClips, kind: Kind, target: Path, length: float | None
) -> dict[str, list[Region]]:
    """The labels as the format holds them: only Audacity has points."""
    points = [clip for clip, ones in found.clips.items() if any(one.is_point for one in ones)]
    if kind == "audacity" or found.tags or not points:
        return found.clips
    if length is None:
        number = sum(one.is_point for ones in found.clips.values() for one in ones)
        problem = f"{counted(number, 'label')} without a length (in {some(points)})"
        cure = "give each a length with --point-length SECONDS, or correct them"
        raise AnnotationError(problem, place=target, cure=cure)
    return {
        clip: [
            replace(one, offset=min(LONGEST_S, one.onset + length)) if one.is_point else one
            for one in ones
        ]
        for clip, ones in found.clips.items()
    }


def _lost(clips: Mapping[str, Sequence[Region]], kind: Kind, tags: bool) -> Iterator[str]:
    """What the format does not hold, one sentence each."""
    every = [one for ones in clips.values() for one in ones]
    bounded = sum(one.low_hz is not None or one.high_hz is not None for one in every)
    scored = sum(one.score is not None for one in every)
    if kind in TABLES and bounded and not tags:
        yield f"the frequencies of {counted(bounded, 'label')} are not written"
    if kind != "raven" and scored:
        yield f"the scores of {counted(scored, 'label')} are not written"


def _table(
    found: LabelledClips, clips: Mapping[str, Sequence[Region]], kind: Kind, target: Path
) -> str:
    columns: Sequence[str]
    if found.tags:
        columns = TAG_COLUMNS
        rows = list(tag_rows({clip: [one.label for one in ones] for clip, ones in clips.items()}))
    else:
        for ones in clips.values():
            check_regions(target, ones, points=False)
        events = {clip: [one.event(clip) for one in ones] for clip, ones in clips.items()}
        columns, rows = EVENT_COLUMNS, list(event_rows(target, events))
    mark = SEPARATOR[kind]
    return "".join(mark.join(quoted(cell, mark) for cell in row) + "\n" for row in (columns, *rows))


def _one_file(
    clips: Mapping[str, Sequence[Region]], kind: Kind, target: Path, options: WriteOptions
) -> str:
    if kind == "audacity":
        if len(clips) != 1:
            cure = "give a folder, in which each sound file gets its own labels"
            problem = f"a label track has the labels of one sound file, not of {len(clips)}"
            raise AnnotationError(problem, place=target, cure=cure)
        return audacity.labels_text(next(iter(clips.values())), target)
    sounds = {clip: _sound(clip, options.audio) for clip in clips}
    unknown = [clip for clip, sound in sounds.items() if sound is None]
    if len(clips) > 1 and unknown:
        problem = f"the lengths of {counted(len(unknown), 'sound file')} are not known"
        cure = "name their folder with --audio, or give a folder, for one table per file"
        raise AnnotationError(f"{problem} ({some(unknown)})", place=target, cure=cure)
    lengths = {clip: sound.seconds for clip, sound in sounds.items() if sound}
    high = _high_hz(options, *sounds.values())
    return raven.selections_text(clips, lengths if len(clips) > 1 else None, high, target)


def _per_clip(
    clips: Mapping[str, Sequence[Region]], kind: Kind, target: Path, options: WriteOptions
) -> dict[Path, str]:
    assert kind in PER_CLIP
    if target.exists() and not target.is_dir():
        cure = "name a folder, in which each sound file gets its labels"
        raise OverwriteError("exists and is no folder", place=target, cure=cure)
    files: dict[Path, str] = {}
    owners: dict[Path, str] = {}
    suffix = audacity.SUFFIX if kind == "audacity" else raven.SUFFIX
    stems = Counter(str(Path(clip).with_suffix("")) for clip in clips)
    for clip, ones in clips.items():
        stem = str(Path(clip).with_suffix(""))
        path = target / f"{stem if stems[stem] == 1 else clip}{suffix}"
        if path in owners:
            problem = f"{owners[path]} and {clip} would both have the labels {path.name}"
            raise AnnotationError(problem, place=target, cure="rename one of the sound files")
        if not path.resolve().is_relative_to(target.resolve()):
            cure = "remove the link that leads out of the folder, or write to another one"
            raise OverwriteError("is in another folder", place=path, cure=cure)
        owners[path] = clip
        if kind == "audacity":
            files[path] = audacity.labels_text(ones, path)
        else:
            high = _high_hz(options, _sound(clip, options.audio))
            files[path] = raven.selections_text({Path(clip).name: ones}, None, high, path)
    return files


def _sound(clip: str, audio: Path | None) -> Probe | None:
    """What is known of a sound file; None if it is not found or cannot be read."""
    if audio is None:
        return None
    try:
        return probe(clip_file(audio, clip))
    except ResedError:
        return None


def _high_hz(options: WriteOptions, *sounds: Probe | None) -> float:
    if options.high_hz is not None:
        return options.high_hz
    rates = [sound.rate for sound in sounds if sound]
    return min(rates) / 2 if rates else raven.HIGHEST_SHOWN_HZ


def _refuse_existing(files: Mapping[Path, str]) -> None:
    """Raise OverwriteError if a file exists and has other content."""
    other = [
        path
        for path, text in files.items()
        if os.path.lexists(path) and not (path.is_file() and path.read_bytes() == text.encode())
    ]
    if other:
        more = f" ({len(other)} such)" if len(other) > 1 else ""
        cure = "write to another place, or move it away"
        raise OverwriteError(f"exists and is not replaced{more}", place=other[0], cure=cure)
