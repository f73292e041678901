"""Extract the features of one split into a feature store.

The store contains the hash of the manifest. A clip whose hash differs from the manifest, or from
the record of acquire, is refused, so that the features are those of the audited clips.
"""

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from resed.acquire.clip_reader import ClipReader, FileReader
from resed.errors import AudioError, DatasetError, MissingFileError, StoreError
from resed.extract.logmel import clip_features, mel_filters, samples_needed
from resed.formats.acquired_audio import difference
from resed.formats.audio import decode
from resed.formats.manifest import read_manifest
from resed.formats.store import Writer, create
from resed.runtime.files import sha256
from resed.runtime.pool import map_in_processes
from resed.runtime.progress import progress
from resed.settings import FeatureSettings, StoreSettings

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
    recorded: Mapping[str, str] = field(default_factory=dict)


def refuse_other_filters(settings: FeatureSettings, out: Path | str) -> None:
    """Compare the mel filters with those of librosa, which define the features of the papers.

    The filters are computed without librosa, so that `resed detect` does not load it. An
    installation without the extra `pipeline` lacks librosa, and nothing is compared.

    Raises StoreError if a value differs.
    """
    try:
        from librosa.filters import mel
    except ModuleNotFoundError:
        return
    with warnings.catch_warnings():  # an empty filter is no difference
        warnings.simplefilter("ignore", UserWarning)
        theirs = mel(
            sr=settings.sample_rate,
            n_fft=settings.n_fft,
            n_mels=settings.n_mels,
            fmin=settings.f_min,
            fmax=settings.f_max,
            norm=None if settings.mel_norm == "none" else settings.mel_norm,
        )
    if not np.array_equal(mel_filters(settings), theirs):
        problem = "the mel filters are not those of the installed librosa"
        cure = "install the version of librosa in constraints.txt"
        raise StoreError(problem, place=out, cure=cure)


def extract(
    manifest: Path | str,
    split: str,
    folder: Path | str,
    out: Path | str,
    *,
    settings: FeatureSettings,
    processes: int = 1,
    read: ClipReader | None = None,
    recorded: Mapping[str, str] | None = None,
    kept: StoreSettings | None = None,
) -> int:
    """Extract the features of all usable clips of a split into a store.

    Args:
        manifest: manifest.tsv of `resed audit`; clips with status ok are used.
        folder: folder of the audio files, also for error messages.
        out: file of the store, written atomically.
        processes: number of processes; the bytes of the store do not depend on it.
        read: opens a clip; None: opens the file in `folder`.
        recorded: clip -> SHA-256 that acquire recorded; other clips are compared with the
            manifest only.
        kept: number format and files of the store; None: float32 in one file.

    Returns:
        The number of clips.

    Raises:
        MissingFileError, AudioError, DatasetError: one line that names the clip.
        StoreError: the mel filters are not those of the installed librosa, or a feature is too
            large for float16.
        ProcessError: a worker process was killed.
    """
    manifest, folder = Path(manifest), Path(folder)
    refuse_other_filters(settings, out)
    clips = usable_clips(manifest, split)
    names = [clip.filename for clip in clips]
    with create(out, names, settings, split, sha256(manifest), kept) as writer:
        extraction = SplitExtraction(
            writer, folder, settings, manifest, read or FileReader(folder), recorded or {}
        )
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
    path, handle = job.folder / clip.filename, job.read(clip.filename)
    if handle is None:
        cure = f"{job.manifest} lists it: restore it, or run resed audit again"
        raise MissingFileError("no such file", place=path, cure=cure)
    with handle:
        _compare(job, clip, path, hashlib.file_digest(handle, "sha256").hexdigest())
        samples = samples_needed(job.settings)  # the audit has decoded the rest
        wave = decode(handle, str(path), job.settings.sample_rate, samples)
    try:
        job.writer.write(clip.row, clip_features(wave, job.settings))
    except OverflowError as error:
        cure = "set store.dtype: float32"
        raise StoreError(f"{error} is too large for float16", place=path, cure=cure) from None


def _compare(job: SplitExtraction, clip: Clip, path: Path, digest: str) -> None:
    """Raise AudioError if a clip differs from the manifest, or from the record of acquire."""
    if clip.sha256 != digest:
        problem = f"differs from the file that {job.manifest} describes (sha256)"
        raise AudioError(problem, place=path, cure="restore it, or run resed audit again")
    if altered := difference(job.recorded.get(clip.filename, ""), digest):
        raise AudioError(altered, place=path, cure="restore it, and run resed audit again")
