"""Render one split of a soundscape dataset: first the audio, last the annotations."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resed import __version__
from resed.acquire.soundscapes.clip_renderer import ClipRenderer, wav_bytes
from resed.acquire.soundscapes.mixing import LENGTH
from resed.acquire.soundscapes.plan import make_plan
from resed.acquire.soundscapes.recipe import Recipe, recipe_path, write_recipe, written_path
from resed.acquire.soundscapes.settings import soundscapes_of
from resed.acquire.soundscapes.soundbank import load_soundbank
from resed.config.dataset import Dataset
from resed.errors import DatasetError
from resed.formats.acquisition import ClipState, table_path, write_states
from resed.formats.annotations import Event
from resed.runtime.checksums import line as checksum_line
from resed.runtime.files import sha256, write_text
from resed.runtime.pool import map_in_processes
from resed.runtime.progress import progress
from resed.runtime.temporary import temporary_name

CLIP_BYTES = 2 * LENGTH + 44
CHUNK = 8  # clips per task
RENDERED = "rendered"  # the source of its clips
PART = re.compile(r"\..+\.\d+\.part")


@dataclass(frozen=True)
class WrittenClip:
    """Name, events, hash and size of a rendered clip."""

    name: str
    events: list[Event]
    sha256: str
    bytes: int


@dataclass(frozen=True)
class ClipWriter:
    """Renders clips into `folder`; None: only returns their events and hashes."""

    renderer: ClipRenderer
    folder: Path | None

    def write(self, name: str) -> WrittenClip:
        """Render a clip, and write its file atomically."""
        clip = self.renderer.render(name)
        data = wav_bytes(clip)
        if self.folder:
            temporary = self.folder / temporary_name(name, f".{os.getpid()}.part")
            try:
                temporary.write_bytes(data)
                temporary.replace(self.folder / name)
            finally:
                temporary.unlink(missing_ok=True)
        return WrittenClip(name, clip.events, hashlib.sha256(data).hexdigest(), len(data))


def render_split(
    dataset: Dataset,
    root: Path,
    split: str,
    *,
    scale: float = 1.0,
    seed: int = 2019,
    soundbank: Path | str | None = None,
    annotations: Path | str | None = None,
    keep_audio: bool = True,
    processes: int = 1,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Render one split.

    Equal settings give equal bytes with any number of processes. The annotations are deleted first
    and written last, so that the audio is complete if they exist.

    Args:
        scale: share of the clips, from 0 to 1.
        soundbank: folder of the soundbank, if the dataset needs one.
        annotations: folder of given annotations (`soundscapes.annotations: given`).
        keep_audio: write the clips as files. Otherwise resed.acquire.clip_reader renders each clip
            when it is read.

    Returns:
        The record of the split, for JSON: counts, hashes and settings.

    Raises:
        ConfigError: the dataset file is invalid.
        DatasetError: there is no soundbank, there are no given annotations, the disk is too small,
            or existing annotations were not written by acquire.
        ProcessError: a process was killed.
    """
    soundscapes, place = soundscapes_of(dataset), dataset.splits[split]
    target, folder = root / place.annotations, root / place.audio
    plan = make_plan(dataset, root, split, scale=scale, annotations=annotations)
    if keep_audio:
        _prepare(folder, len(plan.contents))
    bank = load_soundbank(dataset, soundscapes.classes, soundscapes.splits[split].folds, soundbank)
    stale_files = (recipe_path, table_path, written_path)
    for stale in (target, *(path(root, split) for path in stale_files)):
        stale.unlink(missing_ok=True)
    renderer, began = ClipRenderer(bank, soundscapes, split, seed, plan.contents), time.monotonic()
    if keep_audio or plan.needs_rendering:
        clips = _render(ClipWriter(renderer, folder if keep_audio else None), processes)
        events, audio = {clip.name: clip.events for clip in clips}, _audio_sha256(clips)
    else:
        clips, events, audio = [], plan.drawn_events(renderer), None
    recipe = Recipe(
        resed=__version__,
        dataset=dataset,
        split=split,
        seed=seed,
        scale=scale,
        clips=len(plan.contents),
        soundbank=None if soundbank is None else str(soundbank),
        soundbank_sha256=bank.sha256,
        annotations_sha256=plan.sha256,
        audio="kept" if keep_audio else "rendered when read",
    )
    write_recipe(root, recipe)
    if keep_audio:
        states = [ClipState(one.name, "present", RENDERED, one.bytes, one.sha256) for one in clips]
        write_states(table_path(root, split), sorted(states, key=lambda one: one.filename))
    plan.write(target, events)
    if plan.given is None:
        write_text(
            written_path(root, split), checksum_line(sha256(target), target.relative_to(root))
        )
    for line in _summary(recipe, folder, set(plan.contents), time.monotonic() - began):
        report(line)
    return _record(recipe, sha256(target), audio)


def _record(recipe: Recipe, annotations: str, audio: str | None) -> dict[str, Any]:
    """The record of a split for the workflow."""
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
        "audio_sha256": audio,  # None: not rendered yet
        "soundbank_sha256": recipe.soundbank_sha256,
        "settings_sha256": hashlib.sha256(soundscapes.model_dump_json().encode()).hexdigest(),
    }


def _summary(recipe: Recipe, folder: Path, names: set[str], elapsed: float) -> Iterator[str]:
    """A line about the clips, and a line about other files in the folder, if there are any."""
    clips = f"{recipe.dataset.name} {recipe.split}: {recipe.clips} clips"
    files = {path.name for path in folder.glob("*.wav")}
    if recipe.audio == "kept":
        yield f"{clips} in {elapsed:.1f} s ({recipe.clips / elapsed:.1f}/s)"
        other, note = len(files - names), "other files, which are not used"
    else:
        yield f"{clips}, rendered when they are read"
        other, note = len(files), "files of an earlier run, which are not used and may be deleted"
    if other:
        yield f"{folder}: {other} {note}"


def _render(writer: ClipWriter, processes: int) -> list[WrittenClip]:
    """Render all clips."""
    clips: list[WrittenClip] = []
    names = list(writer.renderer.contents)
    with progress(len(names), f"acquire {writer.renderer.split}") as advance:
        place = writer.folder or writer.renderer.split
        for clip in map_in_processes(
            ClipWriter.write, writer, names, processes=processes, chunk=CHUNK, place=place
        ):
            clips.append(clip)
            advance(1)
    return clips


def _audio_sha256(clips: Iterable[WrittenClip]) -> str:
    """The hash of lines in the format of sha256sum."""
    lines = "".join(f"{clip.sha256}  {clip.name}\n" for clip in clips)
    return hashlib.sha256(lines.encode()).hexdigest()


def _prepare(folder: Path, count: int) -> None:
    """Create the folder, delete partial files, and check the free space for `count` clips."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob(".*.part"):
        if PART.fullmatch(part.name):
            part.unlink(missing_ok=True)
    existing = sum(path.stat().st_size for path in folder.glob("*.wav"))
    needed, free = count * CLIP_BYTES - existing, shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"{count} clips need {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free",
            place=folder,
            cure="free disk space, lower acquire.scale, or set acquire.keep_audio to false",
        )
