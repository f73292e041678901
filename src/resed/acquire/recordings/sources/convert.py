"""Convert audio files to the format of the clip name."""

import shutil
from pathlib import Path

import numpy as np
import soundfile

from resed.errors import AudioError
from resed.formats.audio import probe
from resed.runtime.files import atomic_path

PCM = frozenset({".wav", ".flac", ".aiff", ".aif", ".au", ".caf", ".w64"})


def convert(source: Path, target: Path, start: float = 0.0, end: float | None = None) -> None:
    """Write `source` from `start` to `end` (seconds) in the format of the suffix of `target`.

    The sample rate and the channels are kept; lossless formats have 16 bits. Raises AudioError if
    `source` is truncated, has NaN or infinite samples, or ends before `start`.
    """
    header = probe(source)
    last = header.frames if end is None else min(round(end * header.rate), header.frames)
    first = round(start * header.rate)
    if first >= last:
        problem = f"ends at {header.seconds:.1f} s, before the start of the clip"
        raise AudioError(problem, place=source)
    try:
        samples, rate = soundfile.read(source, always_2d=True, start=first, stop=last)
    except soundfile.LibsndfileError as error:
        problem = f"truncated or damaged ({error.error_string})"
        raise AudioError(problem, place=source) from None
    if len(samples) < last - first:
        problem = f"truncated: {len(samples)} of {last - first} samples"
        raise AudioError(problem, place=source)
    if not np.isfinite(samples).all():
        raise AudioError("contains NaN or infinite samples", place=source)
    kind = "PCM_16" if target.suffix.lower() in PCM else None
    with atomic_path(target) as temporary:
        soundfile.write(temporary, samples, rate, subtype=kind)


def copy_or_convert(source: Path, target: Path) -> None:
    """Copy a file if the suffixes are equal, else convert it (see `convert`)."""
    if source.suffix.lower() != target.suffix.lower():
        convert(source, target)
        return
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def before_conversion(target: Path, name: str) -> Path:
    """Where a file called `name` at its source is written: `target` if the suffixes are equal."""
    suffix = Path(name).suffix
    if suffix.lower() in ("", target.suffix.lower()):
        return target
    return target.with_name(f"{target.stem}.fetched{suffix}")


def convert_and_delete(source: Path, target: Path) -> None:
    """Convert a file written to `before_conversion(target, ...)`, and delete it in any case."""
    if source != target:
        try:
            convert(source, target)
        finally:
            source.unlink(missing_ok=True)
