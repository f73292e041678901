"""Which clips a split is to have, and what its annotations will tell of them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.soundscapes.clip_renderer import Job, Scene
from resed.acquire.soundscapes.mixing import drawn_sounds
from resed.acquire.soundscapes.recipe import clip_name, drawn_scenes, read_recipe
from resed.acquire.soundscapes.settings import Soundscapes
from resed.acquire.soundscapes.twin import find_annotations, given_scenes, rows_of, smaller
from resed.config.dataset import Dataset
from resed.errors import DatasetError
from resed.formats.annotations import (
    Event,
    read_clips,
    tags_of,
    write_clips,
    write_events,
    write_tags,
)
from resed.runtime.files import atomic_path, sha256


@dataclass(frozen=True)
class Plan:
    """The clips of a split, what its annotations may tell, and their bytes where they are given."""

    scenes: dict[str, Scene]
    labels: str
    given: bytes | None = None

    @property
    def sha256(self) -> str | None:
        """Hash of the given annotations."""
        return None if self.given is None else hashlib.sha256(self.given).hexdigest()

    @property
    def told_by_rendering(self) -> bool:
        """Whether the annotations are known only then: a drawn event may end a little earlier."""
        return self.given is None and self.labels == "strong"

    def drawn(self, job: Job) -> dict[str, list[Event]]:
        """The clips' events without rendering them; offsets may be a little late."""
        if self.given is not None:
            return {}
        split = job.soundscapes.splits[job.split]
        return {
            name: [
                Event(name, onset, offset, label)
                for label, onset, offset in drawn_sounds(
                    split, job.labels, job.seed, job.split, scene.number
                )
            ]
            for name, scene in self.scenes.items()
        }

    def write(self, path: Path, events: dict[str, list[Event]]) -> None:
        """Write what may be told: events (strong), classes (weak) or clip names alone (none)."""
        if self.given is not None:
            with atomic_path(path) as temporary:
                temporary.write_bytes(self.given)
        elif self.labels == "strong":
            write_events(path, events)
        elif self.labels == "weak":
            write_tags(path, tags_of(events))
        else:
            write_clips(path, list(events))


def make_plan(
    dataset: Dataset,
    soundscapes: Soundscapes,
    root: Path,
    split: str,
    scale: float,
    annotations: Path | str | None,
) -> Plan:
    """What is to be made of a split; DatasetError for annotations in place that are not acquire's.

    Clips that are drawn are the first ones at a smaller scale; of given ones see `twin.smaller`.
    """
    place = dataset.splits[split]
    target = root / place.annotations
    if soundscapes.annotations == "drawn":
        _refuse_foreign(target, split)
        return Plan(drawn_scenes(split, clip_count(place.clips, scale)), place.labels)
    source = find_annotations(dataset, soundscapes, split, annotations)
    scenes = given_scenes(dataset, split, source)
    scenes = smaller(scenes, clip_count(len(scenes), scale))
    data = source.read_bytes()
    plan = Plan(scenes, place.labels, data if scale == 1 else rows_of(data, scenes))
    _refuse_changed(target, source, plan, root, split)
    return plan


def clip_count(clips: int, scale: float) -> int:
    """How many of `clips` a scale leaves: at least one."""
    return max(1, round(clips * scale))


def _refuse_foreign(annotations: Path, split: str) -> None:
    """Never write over annotations of another origin: they may be the user's only copy."""
    if not annotations.exists():
        return
    ours = {clip_name(split, index) for index in range(10**5)}
    foreign = [name for name in read_clips(annotations) if name not in ours]
    if foreign:
        raise DatasetError(
            f"{annotations}: holds {foreign[0]}, which acquire did not render; "
            "give another --root, or move the file away"
        )


def _refuse_changed(target: Path, source: Path, plan: Plan, root: Path, split: str) -> None:
    """As `_refuse_foreign`: names do not tell here, so the bytes must be those acquire wrote."""
    if not target.exists():
        return
    if target.samefile(source):
        raise DatasetError(
            f"{target}: is itself the file to follow; give --annotations another folder than --root"
        )
    before = read_recipe(root, split)
    if sha256(target) not in {plan.sha256, before and before.annotations_sha256}:
        raise DatasetError(
            f"{target}: holds other annotations than acquire wrote; "
            "give another --root, or move the file away"
        )
