"""Convert audio files to the format of the clip name."""

import shutil
from pathlib import Path

import numpy as np
import soundfile

from resed.errors import AudioError, ResedError
from resed.formats.audio import open_audio
from resed.runtime.files import atomic_path

PCM = frozenset({".wav", ".flac", ".aiff", ".aif", ".au", ".caf", ".w64"})


def convert(source: Path, target: Path, start: float = 0.0, end: float | None = None) -> None:
    """Write `source` from `start` to `end` (seconds) in the format of the suffix of `target`.

    The sample rate and the channels are kept; lossless formats have 16 bits. Raises AudioError if
    `source` is truncated, has NaN or infinite samples, ends before `start`, or cannot be written
    in this format, whatever the encoder raises.
    """
    try:
        _convert(source, target, start, end)
    except (ResedError, OSError):
        raise
    except Exception as error:  # of any kind: one clip must not end its split
        problem = f"cannot be converted to {target.suffix} ({type(error).__name__}: {error})"
        raise AudioError(problem, place=source) from None


def _convert(source: Path, target: Path, start: float, end: float | None) -> None:
    with open_audio(source) as sound:
        first, last = round(start * sound.rate), None if end is None else round(end * sound.rate)
        kind = "PCM_16" if target.suffix.lower() in PCM else None
        with (
            atomic_path(target) as temporary,
            soundfile.SoundFile(temporary, "w", sound.rate, sound.channels, kind) as out,
        ):
            position = 0
            for block in sound.blocks():
                part = block[max(0, first - position) : None if last is None else last - position]
                out.write(part.astype(np.float64))
                position += len(block)
                if last is not None and position >= last:
                    break
            if position <= first or (last is not None and last <= first):
                problem = f"ends at {position / sound.rate:.1f} s, before the start of the clip"
                raise AudioError(problem, place=source)


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
