"""Extract the features of one split into a feature store.

The store contains the hash of the manifest. A clip whose hash differs from the manifest is refused,
so that the features are those of the audited clips.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.clip_reader import ClipReader, FileReader
from resed.errors import AudioError, DatasetError, MissingFileError
from resed.extract.logmel import clip_features
from resed.formats.audio import decode
from resed.formats.manifest import read_manifest
from resed.formats.store import Writer, create
from resed.runtime.files import sha256
from resed.runtime.pool import map_in_processes
from resed.runtime.progress import progress
from resed.settings import FeatureSettings

CHUNK = 16  # clips per task: about a quarter of a second


@dataclass(frozen=True)
class Clip:
    """A usable clip: its row in the store, its name, and its hash in the manifest."""

    row: int
    filename: str
    sha256: str


@dataclass(frozen=True)
class SplitExtraction:
    """The arguments that are equal for all clips."""

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
    *,
    settings: FeatureSettings,
    processes: int = 1,
    read: ClipReader | None = None,
) -> int:
    """Extract the features of all usable clips of a split into a store.

    Args:
        manifest: manifest.tsv of `resed audit`; clips with status ok are used.
        folder: folder of the audio files, also for error messages.
        out: file of the store, written atomically.
        processes: number of processes; the bytes of the store do not depend on it.
        read: returns the bytes of a clip; None: reads the file in `folder`.

    Returns:
        The number of clips.

    Raises:
        MissingFileError, AudioError, DatasetError: one line that names the clip.
        ProcessError: a worker process was killed.
    """
    manifest, folder = Path(manifest), Path(folder)
    clips = usable_clips(manifest, split)
    names = [clip.filename for clip in clips]
    with create(out, names, settings, split, sha256(manifest)) as writer:
        extraction = SplitExtraction(writer, folder, settings, manifest, read or FileReader(folder))
        done = map_in_processes(
            _extract_clip, extraction, clips, processes=processes, chunk=CHUNK, place=out
        )
        with progress(len(clips), f"extract {split}") as advance:
            for _ in done:
                advance(1)
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


def _extract_clip(job: SplitExtraction, clip: Clip) -> None:
    path, data = job.folder / clip.filename, job.read(clip.filename)
    if data is None:
        cure = f"{job.manifest} lists it: restore it, or run resed audit again"
        raise MissingFileError("no such file", place=path, cure=cure)
    if clip.sha256 and hashlib.sha256(data).hexdigest() != clip.sha256:
        problem = f"differs from the file that {job.manifest} describes (sha256)"
        raise AudioError(problem, place=path, cure="restore it, or run resed audit again")
    wave = decode(data, str(path), job.settings.sample_rate)
    job.writer.write(clip.row, clip_features(wave, job.settings))
