"""Sounds of another format become what the clip's name says, at their own rate and channels."""

from pathlib import Path

import numpy as np
import soundfile

from resed.errors import AudioError
from resed.formats.audio import probe
from resed.runtime.files import atomic_path

EXACT = frozenset({".wav", ".flac", ".aiff", ".aif", ".au", ".caf", ".w64"})


def rewrite(source: Path, target: Path, start: float = 0.0, end: float | None = None) -> None:
    """Write the sound of `source` from `start` to `end` seconds as 16 bit in the format that the
    suffix of `target` names; rate and channels stay as they are.

    Raises AudioError where `source` cannot be read to its end, holds NaN or infinite samples, or
    ends before `start`.
    """
    header = probe(source)
    last = header.frames if end is None else min(round(end * header.rate), header.frames)
    first = round(start * header.rate)
    if first >= last:
        raise AudioError(f"{source}: ends at {header.seconds:.1f} s, before the clip begins")
    try:
        samples, rate = soundfile.read(source, always_2d=True, start=first, stop=last)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{source}: breaks off or is damaged ({error.error_string})") from None
    if len(samples) < last - first:
        raise AudioError(f"{source}: breaks off after {len(samples)} of {last - first} samples")
    if not np.isfinite(samples).all():
        raise AudioError(f"{source}: holds NaN or infinite samples")
    kind = "PCM_16" if target.suffix.lower() in EXACT else None
    with atomic_path(target) as temporary:
        soundfile.write(temporary, samples, rate, subtype=kind)
