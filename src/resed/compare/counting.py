"""Counts of every detector on the same clips, by the rules of `resed score`.

Files are read one after another, and only the counts of each are kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resed.compare.detectors import GivenDetector
from resed.errors import ScoreError
from resed.formats.annotations import Event, read_clips, read_events, read_tags, tags_of
from resed.formats.counts import MOST_CELLS, Counts
from resed.formats.reference import note_on_late_events, read_reference
from resed.runtime.files import sha256
from resed.runtime.progress import progress
from resed.score.agreement import Side, notes_on, refuse_unrelated
from resed.score.f1 import clips_to_score, event_counts, segment_counts, tag_counts

if TYPE_CHECKING:
    from resed.score.score_folder import FolderScores

MOST_BYTES = 1 << 30  # of the counts of all files
SMALLEST = (np.uint8, np.uint16, np.uint32, np.int64)  # types of counts
FEW_CLIPS = 20  # below it, a note says that the intervals are too narrow
Tags = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class CountedDetectors:
    """Counts of all detectors.

    Attributes:
        clips: the scored clips.
        tables: detector -> metric -> counts of each seed.
        notes: what does not fit, one sentence each.
        free: detector -> scores without a threshold of each seed; only detectors with score TSVs.
    """

    clips: Sequence[str]
    tables: Mapping[str, Mapping[str, list[Counts]]]
    notes: list[str] = field(default_factory=list)
    free: Mapping[str, "list[FolderScores]"] = field(default_factory=dict)


@dataclass(frozen=True)
class _Truth:
    """The reference of all detectors: its file, events and tags."""

    path: Path
    events: Mapping[str, Sequence[Event]]
    tags: Tags

    @property
    def side(self) -> Side:
        """The file as one side of a comparison."""
        return Side(self.path, self.tags, self.events)


def count_detectors(
    detectors: Sequence[GivenDetector],
    reference: Path,
    clips: Path | None = None,
    until: float | None = None,
) -> CountedDetectors:
    """Count hits and errors of each file of each detector.

    Args:
        clips: the clips to score; default: the clips of the reference and of all detectors.
        until: end of the reference of each clip in seconds (see resed.formats.reference).

    Raises:
        ScoreError: files that cannot belong together, or more counts than fit into memory.
    """
    events = read_reference(reference, until=until)
    truth = _Truth(reference, events, tags_of(events))
    chosen, notes = _clips(detectors, truth, clips)
    if until is not None:
        notes += note_on_late_events(read_events(reference), until, reference)
    if len(chosen) < FEW_CLIPS:
        notes.append(
            f"fewer than {FEW_CLIPS} clips: intervals from a bootstrap over so few are too narrow"
        )
    tables: dict[str, dict[str, list[Counts]]] = {}
    size = 0
    files = [(one, seed) for one in detectors for seed in range(one.seeds)]
    with progress(2 * len(chosen) * len(files), "clips scored") as advance:
        for one, seed in files:
            counted, remarks = _count(one, seed, truth, chosen, clips is not None, advance)
            notes += remarks
            size += sum(table.values.nbytes for table in counted.values())
            if size > MOST_BYTES:
                problem = f"the counts of all files have more than {MOST_BYTES >> 20} MiB"
                raise ScoreError(problem, cure="compare fewer detectors at a time")
            for metric, table in counted.items():
                tables.setdefault(one.name, {}).setdefault(metric, []).append(table)
    notes += _twins(detectors)
    free = {one.name: _scored(one, truth, chosen) for one in detectors if one.scores}
    notes += [note for found in free.values() for scores in found for note in scores.notes]
    return CountedDetectors(chosen, tables, list(dict.fromkeys(notes)), free)


def _scored(one: GivenDetector, truth: _Truth, chosen: Sequence[str]) -> "list[FolderScores]":
    """PSDS and mAP of each folder of scores of a detector."""
    from resed.score.score_folder import score_folder

    return [score_folder(folder, truth.events, truth.tags, chosen) for folder in one.scores]


def _clips(
    detectors: Sequence[GivenDetector], truth: _Truth, clips: Path | None
) -> tuple[Sequence[str], list[str]]:
    """The clips to score; without `clips`, files of one detector must have a common clip."""
    wanted = None if clips is None else read_clips(clips)
    found: dict[str, None] = {}
    notes = []
    for one in detectors:
        listed = []
        for paths in zip(one.events, *([one.tags] if one.tags else []), strict=True):
            names = dict.fromkeys(clip for path in paths for clip in read_clips(path))
            try:
                clips_to_score(truth.events, names, wanted)
            except ScoreError as error:
                raise ScoreError(error.problem, place=paths[0], cure=error.cure) from None
            listed.append(set(names))
            found |= names
        if wanted is None:
            notes += _seeds_of_other_clips(one, listed)
    return clips_to_score(truth.events, found, wanted), notes


def _seeds_of_other_clips(one: GivenDetector, listed: Sequence[set[str]]) -> list[str]:
    """A note where the files of a detector list different clips; ScoreError if none is common."""
    for path, names in zip(one.events[1:], listed[1:], strict=True):
        if names and listed[0] and not names & listed[0]:
            raise ScoreError(
                f"it has no clip in common with {one.events[0]}, another seed of {one.name}",
                place=path,
                cure="use files of the same clips, another name, or --clips with all clips",
            )
    if all(names == listed[0] for names in listed):
        return []
    return [
        f"the files of {one.name} list different clips; in a clip that a file does not list, "
        "nothing counts as detected"
    ]


def _count(
    one: GivenDetector,
    seed: int,
    truth: _Truth,
    chosen: Sequence[str],
    given: bool,
    advance,
) -> tuple[dict[str, Counts], list[str]]:
    """Counts of one file by metric, and notes; `given` is whether the user chose the clips."""
    path = one.events[seed]
    events = read_events(path)
    tags = read_tags(one.tags[seed]) if one.tags else tags_of(events)
    pairs = [(truth.side, Side(path, tags_of(events), events))]
    if one.tags:
        pairs.append((Side(truth.path, truth.tags), Side(one.tags[seed], tags)))
    here = chosen
    if not given:  # clips that only other detectors list are no matter of this file
        here = [clip for clip in chosen if clip in truth.events or clip in events or clip in tags]
    for pair in pairs:
        refuse_unrelated(*pair)
    notes = [note for pair in pairs for note in notes_on(*pair, here)]
    labels = {label for side in (truth.tags, tags_of(events), tags) for label in _labels(side)}
    if len(chosen) * len(labels) > MOST_CELLS:
        problem = f"{len(chosen)} clips times {len(labels)} classes; at most {MOST_CELLS}"
        raise ScoreError(problem, place=path, cure="score fewer clips at a time with --clips")
    try:
        tables = {
            "event": event_counts(truth.events, events, chosen, advance=advance),
            "segment": segment_counts(truth.events, events, chosen, advance=advance),
            "tags": tag_counts(truth.tags, tags, chosen),
        }
    except ScoreError as error:
        raise ScoreError(error.problem, place=path, cure=error.cure) from None
    return {metric: as_stored(table) for metric, table in tables.items()}, notes


def _labels(tags: Tags) -> Iterable[str]:
    return (label for found in tags.values() for label in found)


def as_stored(table: Counts) -> Counts:
    """The counts as `read_counts` returns them from counts.tsv: clips and classes without any left
    out, in the smallest integers.

    The resamples of the bootstrap depend on the clips of a table, so that intervals of a
    comparison equal those of the tables of a run.
    """
    rows = np.flatnonzero(table.values.any(axis=(1, 2)))
    columns = np.flatnonzero(table.values.any(axis=(0, 2)))
    rows = rows[np.argsort(np.array(table.names, dtype=object)[rows], kind="stable")]
    values = table.values[np.ix_(rows, columns)]
    most = values.max(initial=0)
    kind = next(kind for kind in SMALLEST if most <= np.iinfo(kind).max)
    names = tuple(table.names[row] for row in rows)
    return Counts(names, tuple(table.classes[i] for i in columns), values.astype(kind), table.clips)


def _twins(detectors: Sequence[GivenDetector]) -> list[str]:
    """Notes on different files with the same content among the seeds of a detector."""
    notes = []
    for one in detectors:
        hashes = {}
        for path in one.events if one.seeds > 1 else ():
            first = hashes.setdefault(sha256(path), path)
            if first != path:
                notes.append(
                    f"{path} has the same content as {first}, another seed of {one.name}; if both "
                    "are one training, the interval is too narrow"
                )
    return notes
