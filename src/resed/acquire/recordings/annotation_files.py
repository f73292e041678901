"""Annotation files of recordings: fetched where they are not there, never replaced."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from resed.acquire.recordings.placement import place
from resed.acquire.recordings.sources import plug_of
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted
from resed.acquire.recordings.sources.remote import reason
from resed.acquire.recordings.sources.settings import AnySource
from resed.config.dataset import Dataset
from resed.errors import AnnotationError, DatasetError
from resed.formats.annotations import read_clips, read_events, read_tags

COLUMNS = {
    "strong": "filename, onset, offset, event_label",
    "weak": "filename, event_labels",
    "none": "filename",
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


def fetch_annotations(context: Context, split: str, sources: Sequence[AnySource]) -> None:
    """Bring a split's annotations from the first source that has them, whole and well formed.

    A source that may have them but does not answer ends the search: what a later one has may be
    another version, and which one is used must not depend on the network.

    Raises DatasetError where there are none; one line with what each source said.
    """
    dataset, spot = context.dataset, context.dataset.splits[split]
    target = context.root / spot.annotations
    wanted = Wanted(split, target.name, target, spot.annotations, annotations=True)
    said = []
    for source in sources:
        if source.name in context.silent:
            said.append(f"{source.name}: not asked, it did not answer before")
            break
        outcome = next(iter(plug_of(source, context).deliver([wanted])), None)
        if outcome is None:
            continue
        state, problem = _placed(dataset, split, outcome)
        if state == "present":
            return
        said.append(f"{source.name}: {state} ({problem})")
        if state in ("failed", "blocked"):
            if source.kind != "folder":
                context.silent.add(source.name)
            break
    tried = f" (tried: {', '.join(said)})" if said else ""
    raise DatasetError(
        f"{target}: not there; put the {split} annotations there as tab-separated text "
        f"with the columns {COLUMNS[spot.labels]}{tried}"
    )


def _placed(dataset: Dataset, split: str, outcome: Outcome) -> tuple[str, str]:
    """Put a brought annotation file in its place, if it can be read; its state, what is wrong."""
    if outcome.path is None:
        return outcome.state, outcome.detail
    try:
        clip_names(dataset, outcome.path, split)
    except AnnotationError as error:
        problem = reason(error, outcome.path, outcome.wanted.filename)
        outcome.path.unlink()
        return "corrupt", problem
    place(outcome.path, outcome.wanted.target)
    return "present", ""
