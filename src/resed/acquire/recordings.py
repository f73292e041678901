"""Datasets of real recordings: what is below the root is checked, what is lacking is fetched.

A clip's state is written before its file is put in place: a run that is killed in between finds the
file lacking and fetches it anew, and ends with the same bytes as one that was not killed.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from resed import __version__
from resed.acquire.fetch.state import ClipState, State
from resed.acquire.placing import Sound, check_sound, place, quarantine
from resed.acquire.sources import plug_of
from resed.acquire.sources.plug import Context, Outcome, Wanted
from resed.acquire.sources.remote import reason
from resed.acquire.sources.settings import LOCAL, AnySource
from resed.acquire.tidy import tidy
from resed.acquire.verdicts import in_words, overall, parse, write
from resed.annotations import read_clips, read_events, read_tags
from resed.dataset import Dataset
from resed.errors import AnnotationError, AudioError, DatasetError
from resed.files import sha256

COLUMNS = {
    "strong": "filename, onset, offset, event_label",
    "weak": "filename, event_labels",
    "none": "filename",
}


def acquire_split(
    context: Context, split: str, sources: Sequence[AnySource], again: bool = False
) -> dict[str, Any]:
    """Bring one split below the root in the DESED layout; its record, for JSON.

    Sources are asked in their order, each for what is still lacking; one that said of a clip that
    it is gone is not asked for it any more, unless `again`. Some clips may be missing in the end
    (clips vanish from their source; the audit lists which), not all.

    Raises:
        DatasetError: there are no annotations, or not a single clip; one line with what to do.
        AnnotationError: the annotations cannot be read.
    """
    dataset, root, spot = context.dataset, context.root, context.dataset.splits[split]
    serving = [source for source in sources if split in source.splits]
    annotations = root / spot.annotations
    if not annotations.exists():
        _fetch_annotations(context, split, serving)
    clips = clip_names(dataset, annotations, split)
    with State.open(root, split) as state:
        run = _Run(context, split, state, [source.name for source in sources])
        wanted = run.lacking(clips)
        context.meter.start(f"acquire {split}", len(wanted))
        for source in serving:
            wanted = run.ask(source, wanted, again)
        context.meter.end()
        run.settle(wanted)
        state.keep(clips)
        entries = [state.get(clip) for clip in clips]
    tidy(root, split, sources)
    present = [entry for entry in entries if entry.state == "present"]
    counts = Counter(entry.state for entry in entries)
    lacking = f"{in_words(counts)}, each in {state_file(root, split)}"
    if not present:
        raise DatasetError(
            f"{root / spot.audio}: none of the {len(clips)} clips named in {annotations} is there; "
            f"put the {split} audio into this folder, or name a source that has it ({lacking})"
        )
    origins = Counter(entry.source for entry in present)
    told = ", ".join(f"{count} from {name}" for name, count in sorted(origins.items()))
    missing = f"; {lacking}" if len(present) < len(clips) else ""
    context.report(
        f"{dataset.name} {split}: {len(present)} of {len(clips)} clips are there ({told}){missing}"
    )
    audio = "".join(f"{entry.sha256}  {entry.filename}\n" for entry in present)
    return {
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
        "audio_sha256": hashlib.sha256(audio.encode()).hexdigest(),
    }


def clip_names(dataset: Dataset, annotations: Path, split: str) -> list[str]:
    """The clips of a split, its annotations checked; raises AnnotationError."""
    labels = dataset.splits[split].labels
    if labels == "strong":
        names = list(read_events(annotations, dataset.classes))
    elif labels == "weak":
        names = list(read_tags(annotations, dataset.classes))
    else:
        names = read_clips(annotations)
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise AnnotationError(
                f"{annotations}: {name!r} leads out of the split's folder, and nothing is written "
                "there; name the file alone"
            )
    return names


def state_file(root: Path, split: str) -> Path:
    """The table of a split's clips: state, source, bytes, sha256 and detail of each."""
    return root / ".acquire" / f"{split}.tsv"


def _fetch_annotations(context: Context, split: str, sources: Sequence[AnySource]) -> None:
    """Bring a split's annotations from the first source that has them whole."""
    dataset, spot = context.dataset, context.dataset.splits[split]
    target = context.root / spot.annotations
    wanted = Wanted(split, target.name, target, spot.annotations, annotations=True)
    said = []
    for source in sources:
        for outcome in plug_of(source, context).deliver([wanted]):
            if outcome.path is None:
                said.append(f"{source.name}: {outcome.state} ({outcome.detail})")
                continue
            try:
                clip_names(dataset, outcome.path, split)
            except AnnotationError as error:
                said.append(f"{source.name}: {reason(error, outcome.path, target.name)}")
                outcome.path.unlink()
                continue
            place(outcome.path, target)
            return
    tried = f" (tried: {', '.join(said)})" if said else ""
    raise DatasetError(
        f"{target}: not there; put the {split} annotations there as tab-separated text "
        f"with the columns {COLUMNS[spot.labels]}{tried}"
    )


class _Run:
    """One split of one run: what it lacks, and what becomes of it."""

    def __init__(self, context: Context, split: str, state: State, order: list[str]):
        self._context, self._split, self._state = context, split, state
        self._order = order

    def lacking(self, clips: Sequence[str]) -> list[Wanted]:
        """The clips that are not there. What is there without a state is checked first."""
        root, spot = self._context.root, self._context.dataset.splits[self._split]
        wanted = [
            Wanted(self._split, clip, root / spot.audio / clip, f"{spot.audio}/{clip}")
            for clip in clips
        ]
        unknown = [item for item in wanted if not self._known(item)]
        found = [item for item in unknown if item.target.exists() or item.target.is_symlink()]
        absent = [item for item in unknown if item not in set(found)]
        with ThreadPoolExecutor(self._context.downloads) as pool:
            for item, checked in zip(found, pool.map(_checked, found), strict=True):
                if isinstance(checked, Sound):
                    self._arrived(item, LOCAL, checked)
                    continue
                moved = quarantine(
                    self._context.root, self._split, LOCAL, item.target, item.filename
                )
                self._context.report(f"{checked}; moved to {moved}")
                absent.append(item)
        return absent

    def ask(self, source: AnySource, wanted: Sequence[Wanted], again: bool) -> list[Wanted]:
        """Ask one source for what it has not refused for good; what is lacking afterwards."""
        asked = [item for item in wanted if again or source.name not in self._refused_at(item)]
        arrived = set()
        if asked:
            for outcome in plug_of(source, self._context).deliver(asked):
                checked = self._check(source.name, outcome)
                if isinstance(checked, Sound) and outcome.path:
                    self._arrived(outcome.wanted, source.name, checked)
                    place(outcome.path, outcome.wanted.target)
                    arrived.add(outcome.wanted)
                    self._context.meter.settled()
                else:
                    self._refused(source.name, checked)
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
