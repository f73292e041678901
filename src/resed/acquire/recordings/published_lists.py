"""Annotations of splits whose clips and tags are in published lists (key `lists`).

The annotations are made once. If they exist, they are compared with what the lists give, and never
replaced.
"""

import filecmp
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from resed.acquire.recordings.annotation_files import fetch_file
from resed.acquire.recordings.placement import place
from resed.acquire.recordings.sources.adapter import HIDDEN, AcquireContext, Delivery, WantedFile
from resed.acquire.recordings.sources.settings import AnySource
from resed.config.dataset import Dataset
from resed.config.published_lists import PublishedLists
from resed.errors import DatasetError, ResedError
from resed.formats.annotations import TAG_COLUMNS, annotation_writer, tag_rows
from resed.formats.segment_lists import Repetitions, Segment, drawn, read_class_list, segments
from resed.runtime.files import sha256


def lists_of(dataset: Dataset, split: str) -> list[str]:
    """Paths of the lists that a split is made from, below the root; none without lists."""
    lists = dataset.lists
    return [lists.classes, *lists.splits[split]] if lists and split in lists.splits else []


def listed_clips(dataset: Dataset, root: Path, split: str) -> list[str]:
    """The clips of a user's own split whose annotations are not made yet; none if they are.

    None, too, if a list is missing or malformed, which `make_annotations` reports.
    """
    made = (root / dataset.splits[split].annotations).exists()
    if made or not dataset.own or not lists_of(dataset, split):
        return []
    try:
        return [row.clip for row in split_rows(dataset, root, split)]
    except ResedError:
        return []


def list_hashes(dataset: Dataset, root: Path, split: str) -> dict[str, str]:
    """Path -> SHA-256 of the lists of a split, as far as they exist."""
    there = (path for path in lists_of(dataset, split) if (root / path).is_file())
    return {path: sha256(root / path) for path in there}


def make_annotations(context: AcquireContext, split: str, sources: Sequence[AnySource]) -> None:
    """Write the annotations of a split from its lists, which are fetched if they are missing.

    Annotations that exist without the lists are used as they are.

    Raises:
        DatasetError: a list is missing, a split is empty, or annotations that exist differ.
        AnnotationError: a list is malformed.
    """
    dataset, root = context.dataset, context.root
    target = root / dataset.splits[split].annotations
    for path in lists_of(dataset, split):
        if (root / path).is_file():
            continue
        if target.exists():
            return
        _fetch(context, split, path, sources)
    if not target.exists():
        count = write_split(dataset, root, split, target)
        context.report(f"{dataset.name} {split}: {count} clips of the published lists")
        return
    folder = root / HIDDEN
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / target.name
        write_split(dataset, root, split, made)
        if not filecmp.cmp(made, target, shallow=False):
            raise DatasetError(
                "differs from what the published lists give",
                place=target,
                cure="delete it to make it again; to keep it, remove lists from the dataset file",
            )


def write_split(dataset: Dataset, root: Path, split: str, target: Path) -> int:
    """Write the annotations of a split atomically; return the number of its clips.

    Raises the errors of `make_annotations`.
    """
    count = 0

    def rows() -> Iterator[tuple[str, str]]:
        nonlocal count
        for row in split_rows(dataset, root, split):
            count += 1
            yield from tag_rows({row.clip: row.labels})
        if not count:
            files = ", ".join(lists_of(dataset, split)[1:])
            cure = "draw fewer clips, or use lists with more"
            raise DatasetError(f"{files}: no clip is left for {split}", place=target, cure=cure)

    with annotation_writer(target, TAG_COLUMNS) as write:
        write(rows())
    return count


def split_rows(dataset: Dataset, root: Path, split: str) -> Iterator[Segment]:
    """The segments of a split in the order of its lists, without those that another split draws.

    Raises AnnotationError for a malformed list, and at the end for a video with two rows.
    """
    lists = dataset.lists
    assert lists is not None
    names = read_class_list(root / lists.classes, dataset.classes)
    drawing = lists.draw and {*lists.draw.lists} & {*lists.splits[split]}
    chosen = _drawn(lists, root, names) if drawing else set[str]()
    own = lists.draw is not None and split == lists.draw.split
    paths = [root / path for path in lists.splits[split]]
    seen = Repetitions()
    drawn_from = {root / path for path in lists.draw.lists} if lists.draw else set[Path]()
    for path in paths:
        for row in segments(path, names):
            seen.add(row.video)
            if (path in drawn_from and row.video in chosen) == own:
                yield row
    seen.refuse(paths, names)


def _drawn(lists: PublishedLists, root: Path, names: dict[str, str]) -> set[str]:
    """The videos of `lists.draw`; DatasetError if there are too few."""
    assert lists.draw is not None
    paths = [root / path for path in lists.draw.lists]
    videos = (row.video for path in paths for row in segments(path, names))
    found = drawn(videos, lists.draw.clips, lists.draw.seed)
    if len(found) < lists.draw.clips:
        raise DatasetError(
            f"{len(found)} videos, of which {lists.draw.clips} are drawn for {lists.draw.split}",
            place=paths[0],
            cure="lower lists.draw.clips of the dataset file",
        )
    return found


def _fetch(context: AcquireContext, split: str, path: str, sources: Sequence[AnySource]) -> None:
    """Get a list from the first source that has it; DatasetError if none does."""
    target = context.root / path
    wanted = WantedFile(split, PurePosixPath(path).name, target, path, annotations=True)

    def accept(delivery: Delivery) -> tuple[str, str]:
        if delivery.path is None:
            return delivery.state, delivery.detail
        place(delivery.path, target)
        return "present", ""

    answers = fetch_file(context, wanted, sources, accept)
    if answers is None:
        return
    asked = f" (sources: {', '.join(answers)})" if answers else ""
    cure = "copy the published list to this place"
    raise DatasetError(f"no such file{asked}", place=target, cure=cure)
