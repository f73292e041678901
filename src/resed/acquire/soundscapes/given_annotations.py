"""Clips from given annotations: with the names, events and classes of an annotation file.

The random draws of a clip are numbered by its name, not by its row, so that added or deleted rows
do not change other clips.
"""

import zlib
from collections.abc import Collection, Iterable
from pathlib import Path

from resed.acquire.soundscapes.annotation_statistics import CLIP_SECONDS
from resed.acquire.soundscapes.clip_renderer import ClipContent
from resed.acquire.soundscapes.mixing import PlacedSound
from resed.acquire.soundscapes.scenes import GOLDEN
from resed.config.dataset import Dataset
from resed.errors import DatasetError
from resed.formats.annotation_text import AnnotationText
from resed.formats.annotations import Event, clip_name_of, read_clips, read_events, read_tags

SHORTEST_S = 0.01  # events that the end of the clip cuts shorter are left out


def given_contents(dataset: Dataset, split: str, path: Path) -> dict[str, ClipContent]:
    """Clip name -> its content, in the order of the file.

    Raises AnnotationError for a malformed file, and DatasetError for a name that is a path.
    """
    labels, classes = dataset.splits[split].labels, dataset.classes
    if labels == "strong":
        events = read_events(path, classes)
        contents = {n: ClipContent(_number(n), audible(found)) for n, found in events.items()}
    elif labels == "weak":
        tags = read_tags(path, classes)
        contents = {n: ClipContent(_number(n), tags=found) for n, found in tags.items()}
    else:
        contents = {n: ClipContent(_number(n)) for n in read_clips(path)}
    for name in contents:
        if name.startswith(".") or "/" in name or "\\" in name:
            problem = f"the clip name {name} is a path or hidden"
            raise DatasetError(problem, place=path, cure="rename or delete it")
    return contents


def audible(events: Iterable[Event]) -> list[PlacedSound]:
    """The events, cut at the end of the clip and sorted by time."""
    cut = [(e.event_label, e.onset, min(e.offset, CLIP_SECONDS)) for e in events]
    heard = [sound for sound in cut if sound[2] - sound[1] >= SHORTEST_S]
    return sorted(heard, key=lambda sound: sound[1:])


def subset(contents: dict[str, ClipContent], count: int) -> dict[str, ClipContent]:
    """`count` of the clips in their order, with about the same share of each set of classes.

    The clips, sorted by their classes and then by name, are numbered p = 0, 1, ...; those with the
    smallest fractional parts of p * golden ratio are chosen. They are spread evenly over the sorted
    clips, and a smaller subset is a part of a larger one.
    """

    def classes(name: str) -> tuple[str, ...]:
        content = contents[name]
        return tuple(
            sorted({label for label, *_ in content.events or ()}.union(content.tags or ()))
        )

    by_class = sorted(contents, key=lambda name: (classes(name), name))
    spread = sorted(range(len(by_class)), key=lambda p: p * GOLDEN % 1.0)
    kept = {by_class[p] for p in spread[:count]}
    return {name: content for name, content in contents.items() if name in kept}


def rows_of(path: Path, names: Collection[str]) -> bytes:
    """The header of an annotation file and the rows of the given clips, byte for byte."""
    text = AnnotationText.read(path)
    kept = {line for line, cells in text.cells() if clip_name_of(cells["filename"]) in names}
    text.remove([line for line in text.lines if line > 1 and line not in kept])
    return text.text().encode()


def _number(name: str) -> int:
    return zlib.crc32(name.encode())
