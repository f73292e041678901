"""The clips of a split, and the annotations to write for them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.soundscapes.clip_renderer import ClipContent, ClipRenderer
from resed.acquire.soundscapes.given_annotations import (
    given_contents,
    rows_of,
    subset,
)
from resed.acquire.soundscapes.inputs import find_annotations
from resed.acquire.soundscapes.recipe import (
    Recipe,
    clip_name,
    drawn_contents,
    read_recipe,
    written_path,
)
from resed.acquire.soundscapes.settings import soundscapes_of
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

CURE = "use another --root, or move the file away"


@dataclass(frozen=True)
class SplitPlan:
    """The clips of a split, the kind of its labels, and given annotations as bytes."""

    contents: dict[str, ClipContent]
    labels: str
    given: bytes | None = None

    @property
    def sha256(self) -> str | None:
        """Hash of the given annotations."""
        return None if self.given is None else hashlib.sha256(self.given).hexdigest()

    @property
    def needs_rendering(self) -> bool:
        """Whether the annotations are known only after rendering: drawn events may end earlier."""
        return self.given is None and self.labels == "strong"

    def drawn_events(self, renderer: ClipRenderer) -> dict[str, list[Event]]:
        """The drawn events of each clip without rendering; {} if annotations are given."""
        if self.given is not None:
            return {}
        return {
            name: [
                Event(name, onset, offset, label)
                for label, onset, offset in renderer.drawn_sounds(name)
            ]
            for name in self.contents
        }

    def write(self, path: Path, events: dict[str, list[Event]]) -> None:
        """Write the annotations: events (strong), classes (weak) or only clip names (none)."""
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
    root: Path,
    split: str,
    *,
    scale: float,
    annotations: Path | str | None,
) -> SplitPlan:
    """Plan a split; raises DatasetError if existing annotations were not written by acquire.

    A smaller scale has the first of the drawn clips, or a `subset` of the given ones.
    """
    soundscapes, place = soundscapes_of(dataset), dataset.splits[split]
    target = root / place.annotations
    if soundscapes.annotations == "drawn":
        _refuse_foreign(target, split)
        _refuse_corrected(target, written_path(root, split))
        return SplitPlan(drawn_contents(split, clip_count(place.clips, scale)), place.labels)
    source = find_annotations(dataset, soundscapes, split, annotations)
    contents = given_contents(dataset, split, source)
    contents = subset(contents, clip_count(len(contents), scale))
    data = source.read_bytes() if scale == 1 else rows_of(source, contents)
    plan = SplitPlan(contents, place.labels, data)
    _refuse_changed(target, source, plan, read_recipe(root, split))
    return plan


def clip_count(clips: int, scale: float) -> int:
    """The number of clips at a scale, at least one."""
    return max(1, round(clips * scale))


def _refuse_foreign(annotations: Path, split: str) -> None:
    """Refuse to overwrite annotations with other clip names: they may be the only copy."""
    if not annotations.exists():
        return
    ours = {clip_name(split, index) for index in range(10**5)}
    foreign = [name for name in read_clips(annotations) if name not in ours]
    if foreign:
        problem = f"contains {foreign[0]}, which acquire did not render"
        raise DatasetError(problem, place=annotations, cure=CURE)


def _refuse_corrected(annotations: Path, written: Path) -> None:
    """Refuse to overwrite drawn annotations that a user has corrected."""
    if not annotations.exists() or not written.is_file():
        return
    if written.read_text(encoding="utf-8", errors="replace").split(" ")[0] != sha256(annotations):
        raise DatasetError("changed after acquire wrote it", place=annotations, cure=CURE)


def _refuse_changed(target: Path, source: Path, plan: SplitPlan, before: Recipe | None) -> None:
    """Refuse to overwrite annotations with other bytes than acquire wrote."""
    if not target.exists():
        return
    if target.samefile(source):
        cure = "use another folder for --annotations than for --root"
        raise DatasetError("this is the file to follow", place=target, cure=cure)
    if sha256(target) not in {plan.sha256, before and before.annotations_sha256}:
        raise DatasetError("changed after acquire wrote it", place=target, cure=CURE)
