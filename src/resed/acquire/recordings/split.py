"""Datasets of real recordings: what is below the root is checked, what is lacking is fetched.

A clip's state is written before its file is put in place: a run that is killed in between finds the
file lacking and fetches it anew, and ends with the same bytes as one that was not killed.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from resed import __version__
from resed.acquire.recordings.annotation_files import clip_names, fetch_annotations
from resed.acquire.recordings.fetch.state import ClipState, State, read_states
from resed.acquire.recordings.leftovers import tidy
from resed.acquire.recordings.placement import Sound, check_sound, place, quarantine
from resed.acquire.recordings.source_states import in_words, overall, parse, write
from resed.acquire.recordings.sources import plug_of
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted
from resed.acquire.recordings.sources.remote import reason
from resed.acquire.recordings.sources.settings import LOCAL, AnySource
from resed.errors import AudioError, DatasetError
from resed.runtime.files import sha256


def acquire_split(
    context: Context, split: str, sources: Sequence[AnySource], again: bool = False
) -> dict[str, Any]:
    """Bring one split below the root in the DESED layout; its record, for JSON.

    Sources are asked in their order, each for what is still lacking; one that said of a clip that
    it is gone is not asked for it any more, unless `again`. Some clips may be missing in the end
    (clips vanish from their source; the audit lists which), not all. Below a root that cannot be
    written things are only looked at.

    Raises:
        DatasetError: there are no annotations, or not a single clip; one line with what to do.
        AnnotationError: the annotations cannot be read.
    """
    dataset, root, spot = context.dataset, context.root, context.dataset.splits[split]
    order = [source.name for source in sources]
    writable = not root.exists() or os.access(root, os.W_OK)
    serving = [source for source in sources if split in source.splits] if writable else []
    annotations = root / spot.annotations
    if not annotations.exists():
        fetch_annotations(context, split, serving)
    clips = clip_names(dataset, annotations, split)
    if not writable:
        context.report(f"{root}: cannot be written; nothing is fetched, moved or recorded")
    opened = State.open(root, split) if writable else Unrecorded(read_states(root, split))
    with opened as state:
        run = _Run(context, split, state, order, writable)
        wanted = run.lacking(clips)
        context.meter.start(f"acquire {split}", len(wanted))
        for source in serving:
            wanted = run.ask(source, wanted, again)
        context.meter.end()
        run.settle(wanted)
        state.keep(clips)
        entries = [entry for clip in clips if (entry := state.get(clip))]
    if writable:
        tidy(root, split, sources)
    return _record(context, split, entries)


def _record(context: Context, split: str, entries: Sequence[ClipState]) -> dict[str, Any]:
    """Tell what is there in one line; the record."""
    dataset, root, spot = context.dataset, context.root, context.dataset.splits[split]
    annotations = root / spot.annotations
    present = [entry for entry in entries if entry.state == "present"]
    counts = Counter(entry.state for entry in entries)
    lacking = f"{in_words(counts)}, each in {state_file(root, split)}"
    if not present:
        raise DatasetError(
            f"{root / spot.audio}: none of the {len(entries)} clips named in {annotations} is "
            f"there; put the {split} audio into this folder, or name a source that has it "
            f"({lacking})"
        )
    origins = Counter(entry.source for entry in present)
    told = ", ".join(f"{count} from {name}" for name, count in sorted(origins.items()))
    count = f"{len(present)} of {len(entries)} clips are there"
    missing = f"; {lacking}" if len(present) < len(entries) else ""
    context.report(f"{dataset.name} {split}: {count} ({told}){missing}")
    audio = "".join(f"{entry.sha256}  {entry.filename}\n" for entry in present)
    return {
        "dataset": dataset.name,
        "split": split,
        "how": f"fetched or found by resed {__version__}",
        "clips": len(entries),
        "clips_present": len(present),
        "sources": dict(origins),
        "states": dict(counts),
        "seed": None,
        "scale": None,
        "annotations": spot.annotations,
        "annotations_sha256": sha256(annotations),
        "audio_sha256": hashlib.sha256(audio.encode()).hexdigest(),
    }


class Unrecorded:
    """States that are kept nowhere: of a root that cannot be written."""

    def __init__(self, states: dict[str, ClipState]):
        self._states = states

    def __enter__(self) -> "Unrecorded":
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""

    def get(self, name: str) -> ClipState | None:
        """See `State.get`."""
        return self._states.get(name)

    def set(self, state: ClipState) -> None:
        """See `State.set`."""
        self._states[state.filename] = state

    def keep(self, names: Sequence[str]) -> None:
        """See `State.keep`; nothing is kept anyway."""


def state_file(root: Path, split: str) -> Path:
    """The table of a split's clips: state, source, bytes, sha256 and detail of each."""
    return root / ".acquire" / f"{split}.tsv"


class _Run:
    """One split of one run: what it lacks, and what becomes of it."""

    def __init__(
        self,
        context: Context,
        split: str,
        state: State | Unrecorded,
        order: Sequence[str],
        writable: bool,
    ):
        self._context, self._split, self._state = context, split, state
        self._order, self._writable = order, writable

    def lacking(self, clips: Sequence[str]) -> list[Wanted]:
        """The clips that are not there. What is there without a state is checked first."""
        root, spot = self._context.root, self._context.dataset.splits[self._split]
        wanted = [
            Wanted(self._split, clip, root / spot.audio / clip, f"{spot.audio}/{clip}")
            for clip in clips
        ]
        unknown = [item for item in wanted if not self._known(item)]
        found = [item for item in unknown if os.path.lexists(item.target)]
        there = set(found)
        absent = [item for item in unknown if item not in there]
        with ThreadPoolExecutor(self._context.downloads) as pool:
            for item, checked in zip(found, pool.map(_checked, found), strict=True):
                if isinstance(checked, Sound):
                    self._arrived(item, LOCAL, checked)
                else:
                    self._put_aside(item, checked)
                    absent.append(item)
        return absent

    def _put_aside(self, item: Wanted, why: str) -> None:
        moved = ""
        if self._writable:
            root, name = self._context.root, item.filename
            moved = f"; moved to {quarantine(root, self._split, LOCAL, item.target, name)}"
        self._context.report(f"{why}{moved}")

    def ask(self, source: AnySource, wanted: Sequence[Wanted], again: bool) -> list[Wanted]:
        """Ask one source for what it has not refused for good; what is lacking afterwards."""
        asked = [item for item in wanted if again or source.name not in self._refused_at(item)]
        if source.name in self._context.silent:
            for item in asked if source.kind != "files" else ():  # those may not list the clip
                detail = "not asked: it did not answer before"
                self._refused(source.name, Outcome(item, "failed", detail))
            return list(wanted)
        arrived, closed = set(), 0
        plug = plug_of(source, self._context) if asked else None
        for outcome in plug.deliver(asked) if plug else ():
            checked = self._check(source.name, outcome)
            if isinstance(checked, Sound) and outcome.path:
                self._arrived(outcome.wanted, source.name, checked)
                place(outcome.path, outcome.wanted.target)
                arrived.add(outcome.wanted)
                self._context.meter.settled()
            elif isinstance(checked, Outcome):
                self._refused(source.name, checked)
                closed += checked.state in ("failed", "blocked")
        if closed >= source.patience and closed == len(asked):
            self._context.silent.add(source.name)  # other splits need not wait for it
        return [item for item in wanted if item not in arrived]

    def settle(self, wanted: Sequence[Wanted]) -> None:
        """Give a state to the clips of which no source said anything."""
        for item in wanted:
            entry = self._state.get(item.filename)
            if entry is None or entry.state == "present":
                self._state.set(ClipState(item.filename, "missing"))

    def _known(self, item: Wanted) -> bool:
        entry = self._state.get(item.filename)
        if entry is None or entry.state != "present" or not item.target.is_file():
            return False
        return item.target.stat().st_size == entry.bytes

    def _refused_at(self, item: Wanted) -> tuple[str, ...]:
        entry = self._state.get(item.filename)
        return entry.gone_at if entry else ()

    def _check(self, source: str, outcome: Outcome) -> Sound | Outcome:
        """A brought clip decoded; a damaged one goes into quarantine."""
        if outcome.path is None:
            return outcome
        try:
            return check_sound(outcome.path)
        except AudioError as error:
            detail = reason(error, outcome.path)
            quarantine(
                self._context.root, self._split, source, outcome.path, outcome.wanted.filename
            )
            return replace(outcome, state="corrupt", detail=detail, path=None)

    def _arrived(self, item: Wanted, source: str, sound: Sound) -> None:
        gone_at = self._refused_at(item)
        self._state.set(
            ClipState(item.filename, "present", source, sound.bytes, sound.sha256, "", gone_at)
        )

    def _refused(self, source: str, outcome: Outcome) -> None:
        name = outcome.wanted.filename
        entry = self._state.get(name)
        verdicts = parse(entry.detail) if entry else {}
        verdicts[source] = (outcome.state, outcome.detail)
        others = {*self._refused_at(outcome.wanted)} - {source}
        gone_at = tuple(sorted(others | {source} if outcome.final else others))
        detail = write(verdicts, self._order)
        self._state.set(ClipState(name, overall(verdicts), detail=detail, gone_at=gone_at))


def _checked(item: Wanted) -> Sound | str:
    try:
        return check_sound(item.target)
    except AudioError as error:
        return str(error).partition(";")[0]
    except (OSError, DatasetError) as error:
        return f"{item.target}: cannot be read ({error})"
