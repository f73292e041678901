"""Render the splits of a soundscape dataset: audio first, annotations last, a record of both."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resed import __version__
from resed.acquire.soundscapes.clip_renderer import Job, wav
from resed.acquire.soundscapes.mixing import LENGTH
from resed.acquire.soundscapes.plan import make_plan
from resed.acquire.soundscapes.recipe import Recipe, recipe_path, write_recipe
from resed.acquire.soundscapes.settings import soundscapes_of
from resed.acquire.soundscapes.soundbank import load_soundbank
from resed.config.dataset import Dataset
from resed.errors import DatasetError
from resed.formats.annotations import Event
from resed.runtime.files import sha256
from resed.runtime.pool import map_in_processes
from resed.runtime.progress import progress

CLIP_BYTES = 2 * LENGTH + 44
CHUNK = 8  # clips a task: large enough to make the cost of passing it on small
PART = re.compile(r"\..+\.\d+\.part")


@dataclass(frozen=True)
class Written:
    """What is told of a clip once it is rendered."""

    name: str
    events: list[Event]
    sha256: str


@dataclass(frozen=True)
class Rendering:
    """Renders clips of one split into a folder, or only to know what is in them (None)."""

    job: Job
    folder: Path | None

    def write(self, name: str) -> Written:
        """Render a clip; into the folder atomically."""
        clip = self.job.render(name)
        data = wav(clip)
        if self.folder:
            temporary = self.folder / f".{name}.{os.getpid()}.part"
            try:
                temporary.write_bytes(data)
                temporary.replace(self.folder / name)
            finally:
                temporary.unlink(missing_ok=True)
        return Written(name, clip.events, hashlib.sha256(data).hexdigest())


def render_split(
    dataset: Dataset,
    root: Path,
    split: str,
    scale: float = 1.0,
    seed: int = 2019,
    soundbank: Path | str | None = None,
    processes: int = 1,
    report: Callable[[str], None] = print,
    annotations: Path | str | None = None,
    keep_audio: bool = True,
) -> dict[str, Any]:
    """Render one split below `root`; its record: counts, hashes and settings, for JSON.

    Equal settings give equal bytes, whatever `processes` is. The annotations are removed first and
    written last: while they are there, the audio is whole. Without `keep_audio` no sound file is
    written, and resed.acquire.clip_reader renders a clip when it is read. `annotations` is the
    folder
    of those that a dataset follows (`soundscapes.annotations: given`).

    Raises:
        ConfigError: the dataset file is not as it must be.
        DatasetError: no soundbank, no annotations to follow, no room on the disk, or annotations in
            place that are not acquire's.
    """
    soundscapes, place = soundscapes_of(dataset), dataset.splits[split]
    target, folder = root / place.annotations, root / place.audio
    plan = make_plan(dataset, soundscapes, root, split, scale, annotations)
    if keep_audio:
        _prepare(folder, len(plan.scenes))
    bank = load_soundbank(dataset, soundscapes.classes, soundscapes.splits[split].folds, soundbank)
    for stale in (target, recipe_path(root, split)):
        stale.unlink(missing_ok=True)
    job, began = Job(bank, soundscapes, split, seed, plan.scenes), time.monotonic()
    if keep_audio or plan.told_by_rendering:
        events, audio = _rendered(Rendering(job, folder if keep_audio else None), processes)
    else:
        events, audio = plan.drawn(job), None
    recipe = Recipe(
        resed=__version__,
        dataset=dataset,
        split=split,
        seed=seed,
        scale=scale,
        clips=len(plan.scenes),
        soundbank=None if soundbank is None else str(soundbank),
        soundbank_sha256=bank.sha256,
        annotations_sha256=plan.sha256,
        audio="kept" if keep_audio else "rendered when read",
    )
    write_recipe(root, recipe)
    plan.write(target, events)
    _tell(recipe, folder, set(plan.scenes), time.monotonic() - began, report)
    return _record(recipe, sha256(target), audio)


def _record(recipe: Recipe, annotations: str, audio: str | None) -> dict[str, Any]:
    """What the workflow keeps of a split, for JSON."""
    soundscapes = recipe.soundscapes
    return {
        "dataset": recipe.dataset.name,
        "split": recipe.split,
        "how": f"rendered by resed {recipe.resed}",
        "audio": recipe.audio,
        "clips": recipe.clips,
        "seed": recipe.seed,
        "scale": recipe.scale,
        "folds": soundscapes.splits[recipe.split].folds,
        "annotations": recipe.dataset.splits[recipe.split].annotations,
        "annotations_sha256": annotations,
        "audio_sha256": audio,  # null: not rendered yet
        "soundbank_sha256": recipe.soundbank_sha256,
        "settings_sha256": hashlib.sha256(soundscapes.model_dump_json().encode()).hexdigest(),
    }


def _tell(
    recipe: Recipe,
    folder: Path,
    names: set[str],
    elapsed: float,
    report: Callable[[str], None],
) -> None:
    """One line of what was done, and one of files that are not of this run."""
    done = f"{recipe.dataset.name} {recipe.split}: {recipe.clips} clips"
    there = {path.name for path in folder.glob("*.wav")}
    if recipe.audio == "kept":
        report(f"{done} in {elapsed:.1f} s ({recipe.clips / elapsed:.1f}/s)")
        left = len(there - names)
        what = "other files are there; they are not of this run and were left"
    else:
        report(f"{done}; none is kept as a file: each is rendered when it is read")
        left, what = len(there), "files of an earlier run are not read; they may be deleted"
    if left:
        report(f"{folder}: {left} {what}")


def _rendered(rendering: Rendering, processes: int) -> tuple[dict[str, list[Event]], str]:
    """Render all clips: their events, and a hash over lines as sha256sum writes them."""
    events: dict[str, list[Event]] = {}
    audio = hashlib.sha256()
    names = list(rendering.job.scenes)
    with progress(len(names), f"acquire {rendering.job.split}") as advance:
        place = rendering.folder or rendering.job.split
        for clip in map_in_processes(
            Rendering.write, rendering, names, processes=processes, chunk=CHUNK, place=place
        ):
            events[clip.name] = clip.events
            audio.update(f"{clip.sha256}  {clip.name}\n".encode())
            advance(1)
    return events, audio.hexdigest()


def _prepare(folder: Path, count: int) -> None:
    """Make the folder, without what a killed run left; refuse a disk too small for its clips."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob(".*.part"):
        if PART.fullmatch(part.name):
            part.unlink(missing_ok=True)
    there = sum(path.stat().st_size for path in folder.glob("*.wav"))
    needed, free = count * CLIP_BYTES - there, shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"{folder}: {count} clips need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "free some, lower acquire.scale, or set acquire.keep_audio to false"
        )
