"""Acquire one split of recordings: check existing files, and get missing ones from the sources.

The state of a clip is recorded before its file is moved into place. If a run is killed in between,
the next run gets the file again, and ends with the same bytes as an uninterrupted run.

A file that exists is never moved, replaced or recorded anew: a file that cannot be used, or that
differs from its record, may be the user's only copy. It is reported, and its clip is not requested.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from resed import __version__
from resed.acquire.recordings.annotation_files import clip_names, fetch_annotations
from resed.acquire.recordings.fetch.state import ClipStates, ReadOnlyStates, read_states
from resed.acquire.recordings.leftovers import remove_leftovers
from resed.acquire.recordings.placement import AudioFile, check_audio, place, quarantine
from resed.acquire.recordings.published_lists import list_hashes, lists_of, make_annotations
from resed.acquire.recordings.source_answers import count_states, sort_answers, state_of
from resed.acquire.recordings.sources import adapter_of
from resed.acquire.recordings.sources.adapter import (
    AcquireContext,
    Delivery,
    WantedFile,
    problem_of,
)
from resed.acquire.recordings.sources.downloads import RETRIED
from resed.acquire.recordings.sources.settings import AnySource
from resed.errors import AudioError, DatasetError, ResedError
from resed.formats.acquired_audio import audio_sample_hash, difference, in_its_place
from resed.formats.acquisition import LOCAL, Answer, ClipState, table_path
from resed.formats.clip_names import clip_file
from resed.runtime.checksums import digest
from resed.runtime.files import sha256
from resed.runtime.temporary import LONGEST_NAME


def acquire_split(
    context: AcquireContext, split: str, sources: Sequence[AnySource], again: bool = False
) -> dict[str, Any]:
    """Acquire one split, and return its record for JSON.

    Each source is asked for the clips that are still missing. A source that does not have a clip is
    not asked for it in later runs, except with `again`. Some clips may remain missing, but not all
    of them. If the root is not writable, existing files are only checked.

    Raises:
        DatasetError: there are no annotations, or no clips.
        AnnotationError: the annotations are malformed.
    """
    dataset, root, spot = context.dataset, context.root, context.dataset.splits[split]
    writable = not root.exists() or os.access(root, os.W_OK)
    serving = [source for source in sources if split in source.splits] if writable else []
    annotations = root / spot.annotations
    if writable and lists_of(dataset, split):
        make_annotations(context, split, serving)
    elif not annotations.exists():
        fetch_annotations(context, split, serving)
    clips = clip_names(dataset, annotations, split)
    if not writable:
        context.report(f"{root}: not writable; files are only checked")
    opened = ClipStates.open(root, split) if writable else ReadOnlyStates(read_states(root, split))
    with opened as state:
        run = _SplitRun(context, split, state, [source.name for source in sources])
        wanted = run.check_existing(clips)
        context.progress.start(f"acquire {split}", len(wanted))
        for source in serving:
            wanted = run.ask(source, wanted, again)
        context.progress.end()
        run.record_missing(wanted)
        state.keep(clips)
        found = [entry for clip in clips if (entry := state.get(clip))]
    if writable:
        remove_leftovers(root, split, sources)
    return _record(context, split, found, run.altered)


def _record(
    context: AcquireContext, split: str, clips: Sequence[ClipState], altered: int
) -> dict[str, Any]:
    """Report the result in one line; return the record."""
    dataset, root, spot = context.dataset, context.root, context.dataset.splits[split]
    annotations = root / spot.annotations
    present = [clip for clip in clips if clip.state == "present"]
    counts = Counter(clip.state for clip in clips)
    missing = f"{count_states(counts)}, listed in {table_path(root, split)}"
    if not present:
        raise DatasetError(
            f"none of the {len(clips)} clips listed in {annotations} exists ({missing})",
            place=root / spot.audio,
            cure=f"copy the {split} audio into this folder, or use a --source that has it",
        )
    origins = Counter(clip.source for clip in present)
    sources = ", ".join(f"{count} from {name}" for name, count in sorted(origins.items()))
    line = f"{dataset.name} {split}: {len(present)} of {len(clips)} clips present ({sources})"
    changed = f"; {altered} of them differ from their record" if altered else ""
    rest = f"; {missing}" if len(present) < len(clips) else ""
    context.report(f"{line}{changed}{rest}")
    audio = "".join(f"{clip.sha256}  {clip.filename}\n" for clip in present)
    lists = list_hashes(dataset, root, split)
    return {
        **({"lists": lists} if lists else {}),
        "dataset": dataset.name,
        "split": split,
        "how": f"fetched or found by resed {__version__}",
        "clips": len(clips),
        "clips_present": len(present),
        "sources": dict(origins),
        "states": dict(counts),
        "seed": None,
        "scale": None,
        "annotations": spot.annotations,
        "annotations_sha256": sha256(annotations),
        "audio_sample": audio_sample_hash(root / spot.audio, [clip.filename for clip in clips]),
        "audio_sha256": hashlib.sha256(audio.encode()).hexdigest(),
    }


class _SplitRun:
    """One split during a run: its missing clips, and the states to record."""

    def __init__(
        self,
        context: AcquireContext,
        split: str,
        state: ClipStates | ReadOnlyStates,
        order: Sequence[str],
    ):
        self._context, self._split, self._state, self._order = context, split, state, order
        self.altered = 0  # clips whose files differ from their record

    def check_existing(self, clips: Sequence[str]) -> list[WantedFile]:
        """Compare existing files with their record, and decode those without one.

        Returns the clips that have no file.
        """
        root, spot = self._context.root, self._context.dataset.splits[self._split]
        wanted = [
            WantedFile(
                self._split, clip, clip_file(root / spot.audio, clip), f"{spot.audio}/{clip}"
            )
            for clip in clips
        ]
        wanted = [item for item in wanted if self._has_a_possible_name(item)]
        found = [item for item in wanted if os.path.lexists(item.target)]
        entries = [self._state.get(item.filename) for item in found]
        with ThreadPoolExecutor(self._context.downloads) as pool:
            for item, checked in zip(found, pool.map(_check, found, entries), strict=True):
                if isinstance(checked, AudioFile):
                    self._record_present(item, LOCAL, checked)
                elif checked and checked.altered:
                    self._report_altered(item, checked.problem)
                elif checked:
                    self._record_unusable(item, checked)
        there = {item.filename for item in found}
        missing = [item for item in wanted if item.filename not in there]
        for item in missing:
            self._forget_local(item)
        return missing

    def _has_a_possible_name(self, item: WantedFile) -> bool:
        size = max(len(part.encode()) for part in PurePosixPath(item.filename).parts)
        if size <= LONGEST_NAME:
            return True
        problem = f"the name has {size} bytes, and file systems allow {LONGEST_NAME}; rename it"
        self._context.report(f"{item.filename[:80]}...: {problem}")
        self._record_answer(LOCAL, Delivery(item, "failed", "name too long", final=True))
        return False

    def _report_altered(self, item: WantedFile, problem: str) -> None:
        self.altered += 1
        table = table_path(self._context.root, self._split)
        cure = f"restore it, or delete its row in {table} to keep it"
        self._context.report(f"{item.target}: {problem}; {cure}")

    def _record_unusable(self, item: WantedFile, found: "_Unusable") -> None:
        away = "to get the clip from a source, move the file away"
        self._context.report(f"{item.target}: {found.problem}; it stays there unused; {away}")
        self._record_answer(LOCAL, Delivery(item, "corrupt", found.problem))

    def _forget_local(self, item: WantedFile) -> None:
        """Remove the answer for a file that was unusable and is no longer there."""
        answers = self._answers(item)
        if answers.pop(LOCAL, None):
            state = state_of(answers.values())
            self._state.set(ClipState(item.filename, state, answers=answers))

    def ask(self, source: AnySource, wanted: Sequence[WantedFile], again: bool) -> list[WantedFile]:
        """Ask one source for clips; return those that are still missing."""
        asked = [item for item in wanted if again or not self._refused(item, source.name)]
        if source.name in self._context.unresponsive:
            for item in asked if source.kind != "files" else ():  # those may not list the clip
                detail = "not requested: it did not answer before"
                self._record_answer(source.name, Delivery(item, "failed", detail))
            return list(wanted)
        arrived, failures = set(), 0
        adapter = adapter_of(source, self._context) if asked else None
        for delivery in adapter.deliver(asked) if adapter else ():
            checked = self._check_delivery(source.name, delivery)
            if isinstance(checked, AudioFile) and delivery.path:
                self._record_present(delivery.wanted, source.name, checked)
                place(delivery.path, delivery.wanted.target)
                arrived.add(delivery.wanted)
                self._context.progress.clip_done()
            elif isinstance(checked, Delivery):
                self._record_answer(source.name, checked)
                failures += checked.state in RETRIED
        if failures >= source.patience and failures == len(asked):
            self._context.unresponsive.add(source.name)
        return [item for item in wanted if item not in arrived]

    def record_missing(self, wanted: Sequence[WantedFile]) -> None:
        """Record clips for which no source gave an answer."""
        for item in wanted:
            entry = self._state.get(item.filename)
            if entry is None or entry.state == "present":
                self._state.set(ClipState(item.filename, "missing"))

    def _answers(self, item: WantedFile) -> dict[str, Answer]:
        entry = self._state.get(item.filename)
        return dict(entry.answers) if entry else {}

    def _refused(self, item: WantedFile, source: str) -> bool:
        answers = self._answers(item)
        return source in answers and answers[source].final

    def _check_delivery(self, source: str, delivery: Delivery) -> AudioFile | Delivery:
        """Decode a delivered clip; a damaged one is moved to quarantine."""
        if delivery.path is None:
            return delivery
        try:
            return check_audio(delivery.path)
        except AudioError as error:
            detail = problem_of(error, delivery.path.name)
            self._quarantine(delivery.path, source, delivery.wanted)
            return replace(delivery, state="corrupt", detail=detail, path=None)

    def _quarantine(self, path: Path, origin: str, item: WantedFile) -> Path:
        root, name = self._context.root, item.filename
        return quarantine(path, root=root, split=self._split, origin=origin, name=name)

    def _record_present(self, item: WantedFile, source: str, file: AudioFile) -> None:
        final = {name: answer for name, answer in self._answers(item).items() if answer.final}
        self._state.set(ClipState(item.filename, "present", source, file.bytes, file.sha256, final))

    def _record_answer(self, source: str, delivery: Delivery) -> None:
        answers = self._answers(delivery.wanted)
        answers[source] = Answer(delivery.state, delivery.detail, delivery.final)
        answers = sort_answers(answers, self._order)
        state = state_of(answers.values())
        self._state.set(ClipState(delivery.wanted.filename, state, answers=answers))


@dataclass(frozen=True)
class _Unusable:
    """An existing file that is not used: it cannot be decoded, or differs from its record."""

    problem: str
    altered: bool = False


def _check(item: WantedFile, entry: ClipState | None) -> AudioFile | _Unusable | None:
    """Compare a file with its record, or decode it; None if it is as recorded.

    The content is compared, not size and date: both stay the same when a disk loses a bit. Hashing
    is limited by the disk, and the audit reads the same files again.
    """
    if there := in_its_place(item.target):
        return _Unusable(f"is {there}, not a sound file")
    try:
        if entry is None or entry.state != "present" or not entry.sha256:
            return check_audio(item.target)
        altered = difference(entry.sha256, digest(item.target))
        return _Unusable(altered, altered=True) if altered else None
    except ResedError as error:
        return _Unusable(error.problem)
    except OSError as error:
        return _Unusable(f"cannot be read ({error.strerror or error})")
