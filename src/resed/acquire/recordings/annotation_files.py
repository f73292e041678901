"""Annotation files of recordings: downloaded if they are missing, never replaced."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from resed.acquire.recordings.placement import place
from resed.acquire.recordings.sources import adapter_of
from resed.acquire.recordings.sources.adapter import (
    AcquireContext,
    Delivery,
    WantedFile,
    problem_of,
)
from resed.acquire.recordings.sources.downloads import RETRIED
from resed.acquire.recordings.sources.settings import AnySource
from resed.config.dataset import Dataset
from resed.errors import AnnotationError, DatasetError
from resed.formats.annotations import COLUMNS, read_clips, read_events, read_tags


def clip_names(dataset: Dataset, annotations: Path, split: str) -> list[str]:
    """The clips that an annotation file lists. Raises AnnotationError for a malformed file."""
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
            problem = f"{name!r} leads out of the folder of the split"
            raise AnnotationError(problem, place=annotations, cure="correct the clip name")
    return names


def fetch_annotations(context: AcquireContext, split: str, sources: Sequence[AnySource]) -> None:
    """Get the annotations of a split from the first source that has them.

    If a source does not answer, later sources are not asked: they may have another version, and the
    version must not depend on the network.

    Raises DatasetError with the answers of all sources if there are no annotations.
    """
    dataset, spot = context.dataset, context.dataset.splits[split]
    target = context.root / spot.annotations
    wanted = WantedFile(split, target.name, target, spot.annotations, annotations=True)
    answers = fetch_file(
        context, wanted, sources, lambda found: _place_annotations(dataset, split, found)
    )
    if answers is None:
        return
    asked = f" (sources: {', '.join(answers)})" if answers else ""
    columns = ", ".join(COLUMNS[spot.labels])
    cure = f"write the {split} annotations as tab-separated text with the columns {columns}"
    raise DatasetError(f"no such file{asked}", place=target, cure=cure)


def fetch_file(
    context: AcquireContext,
    wanted: WantedFile,
    sources: Sequence[AnySource],
    accept: Callable[[Delivery], tuple[str, str]],
) -> list[str] | None:
    """Get one file from the first source that has it; None if one did, else the answers of all.

    If a source does not answer, later sources are not asked. `accept` moves a delivery into place
    and returns its state and its problem.
    """
    answers = []
    for source in sources:
        if source.name in context.unresponsive:
            answers.append(f"{source.name}: not requested, it did not answer before")
            break
        delivery = next(iter(adapter_of(source, context).deliver([wanted])), None)
        if delivery is None:
            continue
        state, problem = accept(delivery)
        if state == "present":
            return None
        answers.append(f"{source.name}: {state} ({problem})")
        if state in RETRIED:
            if source.kind != "folder":
                context.unresponsive.add(source.name)
            break
    return answers


def _place_annotations(dataset: Dataset, split: str, delivery: Delivery) -> tuple[str, str]:
    """Check an annotation file and move it into place; return its state and its problem."""
    if delivery.path is None:
        return delivery.state, delivery.detail
    try:
        clip_names(dataset, delivery.path, split)
    except AnnotationError as error:
        delivery.path.unlink()
        return "corrupt", problem_of(error, delivery.wanted.filename)
    place(delivery.path, delivery.wanted.target)
    return "present", ""
