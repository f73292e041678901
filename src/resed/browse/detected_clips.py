"""Collect parts of the sound files in an output folder of `resed detect`, without a reference."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from resed.browse.contents import ClipSound, Collection, Curves, Lane, ShownClip
from resed.browse.curves import pooled
from resed.browse.sound import RATE, address_of
from resed.errors import AudioError, MissingFileError, ResultsError
from resed.formats.annotations import Event
from resed.formats.audio import open_audio, resampled
from resed.formats.detection_journal import FILE, DetectedFile, FileState, open_journal
from resed.formats.score_tsv import read_scores

SECONDS = 10.0  # of a part
MOST_PARTS = 200_000  # 23 days
MOST_STRATA = 500  # recordings that have a share of their own
SCORES = "scores/"  # folder of the score files in the output folder


@dataclass(frozen=True)
class DetectedClips:
    """The parts of the files that `resed detect` has processed.

    Attributes:
        folder: its output folder.
        page: folder of the page.
    """

    folder: Path
    page: Path

    def collection(self) -> Collection:
        """All parts with their events.

        Raises MissingFileError if the folder is not one of `resed detect`, and ResultsError for one
        without files, or that is damaged or in use.
        """
        clips = [clip for index, one in enumerate(self.files) for clip in parts(index, one)]
        labels = list(dict.fromkeys(label for one in self.files for label in one.tags))
        if len(clips) > MOST_PARTS:
            problem = f"{len(clips)} parts of {SECONDS:g} s; at most {MOST_PARTS}"
            raise ResultsError(problem, place=self.folder, cure="detect in fewer files per folder")
        return Collection(
            title=f"Detected events of {self.folder.resolve().name}",
            notes=[f"Events that the model {self.model} detected; there is no reference."],
            grouped="Recording",
            groups=[one.file for one in self.files],
            classes=labels,
            systems=[self.model],
            curve_of=[0],
            clips=clips,
            strata=_strata(clips, labels, len(self.files)),
        )

    @property
    def files(self) -> list[DetectedFile]:
        """What was detected, by name of the file."""
        return self._read[1]

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._read[0]

    @cached_property
    def _read(self) -> tuple[str, list[DetectedFile]]:
        path = self.folder / FILE
        if not path.is_file():
            cure = "give the folder of --out of resed detect, or --config-json for a run"
            raise MissingFileError("no such file", place=path, cure=cure)
        with open_journal(path) as journal:
            found = [journal.read(name) for name in sorted(journal.files)]
            model = journal.header["model"]["name"] if journal.header else ""
        if not found:
            cure = "run resed detect first"
            raise ResultsError("no file was processed", place=self.folder, cure=cure)
        return model, found

    def sounds(self, clips: Sequence[ShownClip]) -> Iterator[tuple[ShownClip, ClipSound]]:
        """The sound of parts, file by file; that of a file that is gone or changed is left out."""
        wanted: dict[int, list[ShownClip]] = {}
        for clip in clips:
            wanted.setdefault(clip.group, []).append(clip)
        for group, chosen in wanted.items():
            state = self.files[group].state
            path, done = Path(state.path), set[float]()
            address, note = "", _difference(path, state)
            if not note:
                address, note = address_of(path, self.page), "its file cannot be decoded"
                try:
                    for clip, wave in cut(path, chosen):
                        done.add(clip.start)
                        yield clip, ClipSound(wave, True, address)
                except (AudioError, MissingFileError, OSError):
                    pass  # the note states it
            for clip in chosen:
                if clip.start not in done:
                    yield clip, ClipSound(address=address, note=note)

    def curves(self, clips: Sequence[ShownClip]) -> list[dict[int, Curves]]:
        """Scores of each part, of the files for which `--formats scores` made them."""
        found: list[dict[int, Curves]] = [{} for _ in clips]
        for group in dict.fromkeys(clip.group for clip in clips):
            one = self.files[group]
            path = next((name for name in one.outputs if name.startswith(SCORES)), None)
            if path is None or not (self.folder / path).is_file():
                continue
            read = read_scores(self.folder / path)
            for clip, curves in zip(clips, found, strict=True):
                if clip.group != group:
                    continue
                first, last = np.searchsorted(read.times, [clip.start, clip.start + clip.seconds])
                values = read.values[first : max(last, first + 1)]
                if len(values):
                    curves[0] = Curves(
                        clip.seconds, dict(zip(read.classes, pooled(values).T, strict=True))
                    )
        return found


def cut(path: Path, clips: Sequence[ShownClip]) -> Iterator[tuple[ShownClip, np.ndarray]]:
    """The waveforms of parts of one file, which is read to the end of the last one."""
    spans = [
        (round(one.start * RATE), round(one.seconds * RATE), one)
        for one in sorted(clips, key=lambda one: one.start)
    ]
    before, rest = 0, np.empty(0, dtype=np.float32)
    with open_audio(path) as sound:
        for block in resampled(sound, RATE):
            rest = np.concatenate([rest, block])
            while spans and before + len(rest) >= sum(spans[0][:2]):
                start, length, clip = spans.pop(0)
                yield clip, rest[start - before : start - before + length].copy()
            keep = spans[0][0] if spans else before + len(rest)
            drop = max(0, min(keep - before, len(rest)))
            before, rest = before + drop, rest[drop:]
            if not spans:
                return
    for start, _, clip in spans:  # the last samples of a file that was resampled
        if start < before + len(rest):
            yield clip, rest[max(0, start - before) :].copy()


def parts(group: int, one: DetectedFile) -> Iterator[ShownClip]:
    """A file in parts of SECONDS, the last one shorter, each with the events that touch it."""
    count = max(1, math.ceil(one.seconds / SECONDS))
    inside: list[list[Event]] = [[] for _ in range(count)]
    for event in one.events:
        first = min(int(event.onset // SECONDS), count - 1)
        last = min(math.ceil(event.offset / SECONDS), count)
        for index in range(first, max(last, first + 1)):
            start = index * SECONDS
            shown = Event(one.file, event.onset - start, event.offset - start, event.label)
            inside[index].append(shown)
    for index, events in enumerate(inside):
        start = index * SECONDS
        seconds = min(SECONDS, one.seconds - start)
        cut = [
            replace(event, onset=max(0.0, event.onset), offset=min(seconds, event.offset))
            for event in events
        ]
        yield ShownClip(group, one.file, start, seconds, lanes=[Lane(cut)])


def _strata(clips: Sequence[ShownClip], labels: Sequence[str], files: int) -> np.ndarray:
    """bool [clips, strata]: classes, files, and parts without an event."""
    column = {label: index for index, label in enumerate(labels)}
    files = min(files, MOST_STRATA)
    found = np.zeros((len(clips), len(labels) + files + 1), dtype=bool)
    for row, clip in enumerate(clips):
        for event in clip.lanes[0].events:
            found[row, column[event.event_label]] = True
        if clip.lanes[0].events:
            found[row, len(labels) + clip.group % files] = True
        else:
            found[row, -1] = True
    return found[:, found.any(axis=0)]


def _difference(path: Path, state: FileState) -> str:
    """Why a file is not the one that was processed; "" if it is."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return "its file is not where it was when it was processed"
    same = (status.st_size, status.st_mtime_ns) == (state.size, state.modified)
    return "" if same else "its file was changed after it was processed"
