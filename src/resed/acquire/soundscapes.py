"""Render the splits of a soundscape dataset: audio first, annotations last, a record of both."""

import hashlib
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from resed import __version__
from resed.acquire.render import LENGTH, Clip, render_clip
from resed.acquire.settings import Soundscapes, soundscapes_of
from resed.acquire.signals import SAMPLE_RATE
from resed.acquire.soundbank import Soundbank, load_soundbank
from resed.annotations import (
    Event,
    read_clips,
    tags_of,
    write_clips,
    write_events,
    write_tags,
)
from resed.config import Dataset
from resed.errors import DatasetError
from resed.files import sha256
from resed.progress import progress

CLIP_BYTES = 2 * LENGTH + 44
CHUNK = 8  # clips a task: large enough to make the cost of passing it on small


@dataclass(frozen=True)
class Written:
    """What is told of a clip once its file is there."""

    name: str
    events: list[Event]
    sha256: str


@dataclass(frozen=True)
class Job:
    """Everything a process needs to render any clip of one split."""

    bank: Soundbank
    scenes: Soundscapes
    split: str
    seed: int
    folder: Path

    def render(self, index: int) -> Clip:
        """Clip `index`, not written."""
        labels = {item.follows: label for label, item in self.scenes.classes.items()}
        scenes, name = self.scenes.splits[self.split], clip_name(self.split, index)
        return render_clip(self.bank, scenes, labels, self.seed, self.split, index, name)

    def write(self, index: int) -> Written:
        """Render clip `index` into the folder, atomically."""
        clip, name = self.render(index), clip_name(self.split, index)
        sound = io.BytesIO()
        soundfile.write(sound, clip.samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")
        data = sound.getvalue()
        temporary = self.folder / f".{name}.{os.getpid()}.part"
        try:
            temporary.write_bytes(data)
            temporary.replace(self.folder / name)
        finally:
            temporary.unlink(missing_ok=True)
        return Written(name, clip.events, hashlib.sha256(data).hexdigest())


_job: Job | None = None  # a process's own copy; set once, so that tasks are only numbers


def _start(job: Job) -> None:
    global _job
    _job = job


def _write(index: int) -> Written:
    assert _job is not None
    return _job.write(index)


def clip_name(split: str, index: int) -> str:
    """File name of clip `index`; it tells nothing of what sounds in it."""
    return f"{split}_{index:05d}.wav"


def clip_count(clips: int, scale: float) -> int:
    """How many of `clips` a scale leaves: at least one."""
    return max(1, round(clips * scale))


def render_split(
    dataset: Dataset,
    root: Path,
    split: str,
    scale: float = 1.0,
    seed: int = 2019,
    soundbank: Path | str | None = None,
    processes: int = 1,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Render one split below `root`; its record: counts, hashes and settings, for JSON.

    Equal settings give equal bytes, whatever `processes` is. The annotations are removed first and
    written last: while they are there, the audio is whole.

    Raises:
        ConfigError: the dataset file is not as it must be.
        DatasetError: no soundbank, no room on the disk, or annotations that are not acquire's.
    """
    scenes, place = soundscapes_of(dataset), dataset.splits[split]
    annotations, folder = root / place.annotations, root / place.audio
    _refuse_foreign(annotations, split)
    count = clip_count(place.clips, scale)
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob(f".{split}_*.part"):  # of a run that was killed
        part.unlink(missing_ok=True)
    _refuse_full_disk(folder, count)
    bank = load_soundbank(dataset, scenes.classes, scenes.splits[split].folds, soundbank)
    annotations.unlink(missing_ok=True)
    job = Job(bank, scenes, split, seed, folder)
    events: dict[str, list[Event]] = {}
    audio = hashlib.sha256()  # over "sha256  name" lines, as sha256sum writes them
    began = time.monotonic()
    with progress(count, f"acquire {split}") as advance:
        for clip in _rendered(job, count, processes):
            events[clip.name] = clip.events
            audio.update(f"{clip.sha256}  {clip.name}\n".encode())
            advance(1)
    write_annotations(annotations, place.labels, events)
    elapsed = time.monotonic() - began
    report(f"{dataset.name} {split}: {count} clips in {elapsed:.1f} s ({count / elapsed:.1f}/s)")
    left = sum(1 for path in folder.glob("*.wav") if path.name not in events)
    if left:
        report(f"{folder}: {left} other files are there; they are not of this run and were left")
    return {
        "dataset": dataset.name,
        "split": split,
        "how": f"rendered by resed {__version__}",
        "clips": count,
        "seed": seed,
        "scale": scale,
        "folds": scenes.splits[split].folds,
        "annotations": place.annotations,
        "annotations_sha256": sha256(annotations),
        "audio_sha256": audio.hexdigest(),
        "settings_sha256": hashlib.sha256(scenes.model_dump_json().encode()).hexdigest(),
    }


def _rendered(job: Job, count: int, processes: int) -> Iterator[Written]:
    """Write all clips and yield them in order."""
    if processes == 1:
        yield from map(job.write, range(count))
        return
    with ProcessPoolExecutor(processes, initializer=_start, initargs=(job,)) as pool:
        try:
            yield from pool.map(_write, range(count), chunksize=CHUNK)
        except BrokenProcessPool:
            raise DatasetError(
                f"{job.folder}: a rendering process was ended from outside (out of memory?); "
                "give fewer --processes and render again"
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)  # an error or Ctrl-C: do not render the rest first
            raise


def write_annotations(path: Path, labels: str, events: dict[str, list[Event]]) -> None:
    """Write what a split may tell: events (strong), classes (weak) or clip names alone (none)."""
    if labels == "strong":
        write_events(path, events)
    elif labels == "weak":
        write_tags(path, tags_of(events))
    else:
        write_clips(path, list(events))


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


def _refuse_full_disk(folder: Path, count: int) -> None:
    there = sum(path.stat().st_size for path in folder.glob("*.wav"))
    needed, free = count * CLIP_BYTES - there, shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"{folder}: {count} clips need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "free some, or lower acquire.scale"
        )
