"""Follow given annotations: every clip with its own name, its events at their times, its tags.

A clip's random draws are numbered by its name, not by its row: an annotation file that loses or
gains rows leaves the sound of the other clips as it was.
"""

import zlib
from collections.abc import Collection, Iterable
from pathlib import Path

from resed.acquire.soundscapes.annotation_statistics import CLIP_SECONDS
from resed.acquire.soundscapes.clip_renderer import Scene
from resed.acquire.soundscapes.mixing import Sound
from resed.acquire.soundscapes.scenes import GOLDEN
from resed.acquire.soundscapes.settings import Soundscapes
from resed.config.dataset import Dataset
from resed.errors import DatasetError
from resed.formats.annotations import Event, read_clips, read_events, read_tags

SHORTEST_S = 0.01  # what is left of an event by the clip's end; less cannot be heard


def find_annotations(
    dataset: Dataset, scenes: Soundscapes, split: str, folder: Path | str | None
) -> Path:
    """The split's annotation file in a folder of the usual layouts.

    Raises DatasetError where no folder is given, or the file is not in it.
    """
    name = Path(dataset.splits[split].annotations)
    where = f" from {scenes.annotations_source}" if scenes.annotations_source else ""
    cure = (
        f"get the real annotations{where} and set acquire.annotations in the config, or "
        "--annotations, to their folder"
    )
    if folder is None:
        raise DatasetError(
            f"dataset {dataset.name}: follows annotations that are not given; {cure}"
        )
    short = Path(*name.parts[1:]) if len(name.parts) > 1 else name
    layouts = (name, Path("dataset") / name, short, Path(name.name))
    found = [Path(folder) / layout for layout in layouts if (Path(folder) / layout).is_file()]
    if not found:
        raise DatasetError(f"{folder}: neither {name} nor {short} is in it; {cure}")
    return found[0]


def given_scenes(dataset: Dataset, split: str, path: Path) -> dict[str, Scene]:
    """File name -> what is known of the clip, in the file's order.

    Raises AnnotationError for a malformed file, DatasetError for a name that leaves its folder.
    """
    labels, classes = dataset.splits[split].labels, dataset.classes
    if labels == "strong":
        events = read_events(path, classes)
        scenes = {name: Scene(_number(name), sounds(found)) for name, found in events.items()}
    elif labels == "weak":
        tags = read_tags(path, classes)
        scenes = {name: Scene(_number(name), tags=found) for name, found in tags.items()}
    else:
        scenes = {name: Scene(_number(name)) for name in read_clips(path)}
    for name in scenes:
        if name.startswith(".") or "/" in name or "\\" in name:
            raise DatasetError(f"{path}: clip {name} is not a plain file name; rename or delete it")
    return scenes


def sounds(events: Iterable[Event]) -> list[Sound]:
    """The events as they can be heard: cut at the clip's end, in the order of their onsets."""
    cut = [(e.event_label, e.onset, min(e.offset, CLIP_SECONDS)) for e in events]
    heard = [sound for sound in cut if sound[2] - sound[1] >= SHORTEST_S]
    return sorted(heard, key=lambda sound: sound[1:])


def smaller(scenes: dict[str, Scene], count: int) -> dict[str, Scene]:
    """`count` of the clips, in their order: of each set of classes about the same share.

    The clips, sorted by their classes and then by name, are numbered p = 0, 1, ...; those with the
    smallest fractional part of p * golden ratio stay. Any share of them is spread evenly over the
    sorted clips, and a smaller share is a part of a larger one.
    """

    def classes(name: str) -> tuple[str, ...]:
        scene = scenes[name]
        return tuple(sorted({label for label, *_ in scene.events or ()}.union(scene.tags or ())))

    by_class = sorted(scenes, key=lambda name: (classes(name), name))
    spread = sorted(range(len(by_class)), key=lambda p: p * GOLDEN % 1.0)
    kept = {by_class[p] for p in spread[:count]}
    return {name: scene for name, scene in scenes.items() if name in kept}


def rows_of(data: bytes, names: Collection[str]) -> bytes:
    """The header of an annotation file and the rows of some clips, byte for byte."""
    lines = data.splitlines(keepends=True)
    header = lines[0].decode("utf-8-sig").rstrip("\r\n").split("\t")
    column = [cell.strip() for cell in header].index("filename")
    kept = [lines[0]]
    for line in lines[1:]:
        cells = line.decode("utf-8").rstrip("\r\n").split("\t")
        name = cells[column].strip() if column < len(cells) else ""
        if name.endswith(".jams"):  # as resed.formats.annotations reads it
            name = name.removesuffix(".jams") + ".wav"
        if name in names:
            kept.append(line)
    return b"".join(kept)


def _number(name: str) -> int:
    return zlib.crc32(name.encode())
