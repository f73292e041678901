"""Audio of one split -> one feature store, in parallel by process.

Each clip is hashed as it is decoded, and one that changed since the audit is refused: the store
carries the manifest's hash, and what it holds must be what the manifest describes.
"""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from resed.acquire.clip_reader import ClipReader, FileReader
from resed.errors import AudioError, DatasetError, MissingFileError, StoreError
from resed.extract.logmel import clip_features
from resed.formats.audio import decode
from resed.formats.manifest import read_manifest
from resed.formats.store import Writer, create
from resed.runtime.files import sha256
from resed.runtime.progress import progress
from resed.settings import FeatureSettings

CHUNK = 16  # clips handed to a process at a time: a quarter of a second of work


@dataclass(frozen=True)
class Clip:
    """A usable clip of the manifest: its row in the store, file name and hash ("" if unknown)."""

    row: int
    filename: str
    sha256: str


@dataclass(frozen=True)
class Job:
    """What every process needs to know."""

    writer: Writer
    folder: Path
    settings: FeatureSettings
    manifest: Path
    read: ClipReader


def extract(
    manifest: Path | str,
    split: str,
    folder: Path | str,
    out: Path | str,
    settings: FeatureSettings,
    processes: int = 1,
    read: ClipReader | None = None,
) -> int:
    """Extract the log-mels of all usable clips of `split` into the store `out`.

    Args:
        manifest: manifest.tsv of `resed audit`; rows of this split with status ok are taken.
        split: weak, unlabeled, strong, development or evaluation.
        folder: where the split's sound files lie, or would lie.
        out: the store to make; it appears only when it is complete.
        settings: the feature settings.
        processes: how many to use; the store's bytes do not depend on it.
        read: the bytes of a clip by its name; None: of the file in `folder`.

    Returns:
        The number of clips.

    Raises:
        MissingFileError, AudioError, DatasetError, StoreError: in one line, naming the clip.
    """
    manifest, folder = Path(manifest), Path(folder)
    clips = usable_clips(manifest, split)
    names = [clip.filename for clip in clips]
    with create(out, names, settings, split, sha256(manifest)) as writer:
        job = Job(writer, folder, settings, manifest, read or FileReader(folder))
        chunks = [clips[start : start + CHUNK] for start in range(0, len(clips), CHUNK)]
        done = _in_pool(job, chunks, processes) if processes > 1 else _here(job, chunks)
        with progress(len(clips), f"extract {split}") as advance:
            try:
                for count in done:
                    advance(count)
            except BrokenProcessPool:
                raise StoreError(
                    f"{out}: a worker process was killed, likely for want of memory; "
                    f"use fewer than {processes} processes"
                ) from None
    return len(clips)


def usable_clips(manifest: Path | str, split: str) -> list[Clip]:
    """The clips of `split` with status ok in the manifest, in its order.

    Raises DatasetError for a file that is not a manifest, or a split without usable clips.
    """
    rows = read_manifest(manifest)
    rows = rows[rows["split"] == split]
    usable = rows[rows["status"] == "ok"]
    if usable.empty:
        problem = f"none of the {len(rows)} clips of split {split} has status ok"
        cure = "acquire its audio and run resed audit again"
        raise DatasetError(problem, place=manifest, cure=cure)
    pairs = zip(usable["filename"], usable["sha256"], strict=True)
    return [Clip(row, filename, digest) for row, (filename, digest) in enumerate(pairs)]


def _extract_chunk(job: Job, clips: list[Clip]) -> int:
    for clip in clips:
        path, data = job.folder / clip.filename, job.read(clip.filename)
        if data is None:
            raise MissingFileError(
                f"{path}: no such file; {job.manifest} lists it: restore it, or audit again"
            )
        if clip.sha256 and hashlib.sha256(data).hexdigest() != clip.sha256:
            raise AudioError(
                f"{path}: is not the file that {job.manifest} describes (sha256 differs); "
                "restore it, or run resed audit again"
            )
        wave = decode(data, str(path), job.settings.sample_rate)
        job.writer.write(clip.row, clip_features(wave, job.settings))
    return len(clips)


def _here(job: Job, chunks: list[list[Clip]]) -> Iterator[int]:
    with threadpool_limits(1):
        for chunk in chunks:
            yield _extract_chunk(job, chunk)


def _in_pool(job: Job, chunks: list[list[Clip]], processes: int) -> Iterator[int]:
    pool = ProcessPoolExecutor(
        min(processes, len(chunks)), initializer=_start_worker, initargs=(job, os.getpid())
    )
    try:
        yield from pool.map(_work, chunks)
    finally:
        pool.shutdown(cancel_futures=True)


_job: Job  # of this worker process


def _start_worker(job: Job, parent: int) -> None:
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C for all
    threadpool_limits(1)  # a process a core: more threads would only fight
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this worker when its parent was killed: nobody else would."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _work(clips: list[Clip]) -> int:
    return _extract_chunk(_job, clips)
