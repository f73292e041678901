"""Read sound files as mono float32 waveforms; damaged files raise errors that name the file.

All formats, rates and channel counts of libsndfile are supported (wav, flac, ogg, mp3, aiff, ...).
The audit uses the `status` of an error as the status of the clip in the manifest.
"""

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from resed.errors import AudioError
from resed.runtime.files import existing

STREAMED = 0x7FFFF000  # bytes; a larger size in a wav header: written to a pipe, length unknown
CURE = "fetch or render it again, or delete it and run resed audit again"


class EmptyAudioError(AudioError):
    """The file has no bytes or no samples."""

    status = "empty"


class TruncatedAudioError(AudioError):
    """The file is shorter than its header states."""

    status = "truncated"


class UndecodableAudioError(AudioError):
    """libsndfile cannot read the file as sound."""

    status = "undecodable"


class NonFiniteAudioError(AudioError):
    """The file has NaN or infinite samples."""

    status = "nonfinite"


@dataclass(frozen=True)
class Probe:
    """The header of a sound file: rate in Hz, channels, frames (samples per channel)."""

    rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


def probe(path: Path | str) -> Probe:
    """Read the header of a sound file.

    Raises MissingFileError, EmptyAudioError, TruncatedAudioError or UndecodableAudioError.
    """
    with existing(path).open("rb") as handle, _opened(handle, str(path)) as sound:
        return Probe(sound.samplerate, sound.channels, sound.frames)


def read_audio(path: Path | str, sample_rate: int) -> np.ndarray:
    """Read a sound file of any rate and channel count as mono at `sample_rate` Hz.

    Channels are averaged; other rates are resampled by soxr (HQ). Returns float32 [samples].

    Raises:
        MissingFileError: the file does not exist.
        AudioError: the file is empty, truncated, not a sound file, or has NaN or infinite samples
            (one subclass each).
    """
    with existing(path).open("rb") as handle:
        return decode(handle, str(path), sample_rate)


def decode(handle: BinaryIO | bytes, name: str, sample_rate: int) -> np.ndarray:
    """Like `read_audio`, but from an open binary file or bytes; `name` is the place in errors."""
    if isinstance(handle, bytes):
        handle = io.BytesIO(handle)
    with _opened(handle, name) as sound:
        rate, promised = sound.samplerate, sound.frames
        try:
            samples = sound.read(dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            problem = f"truncated or damaged ({error.error_string})"
            raise TruncatedAudioError(problem, place=name, cure=CURE) from None
    if len(samples) < promised:
        problem = f"truncated: {len(samples)} of {promised} samples"
        raise TruncatedAudioError(problem, place=name, cure=CURE)
    wave = mix(samples)
    if not np.isfinite(wave).all():
        place = int(np.flatnonzero(~np.isfinite(wave))[0])
        problem = f"sample {place} is NaN or infinite"
        raise NonFiniteAudioError(problem, place=name, cure=CURE)
    return resample(wave, rate, sample_rate)


def mix(samples: np.ndarray) -> np.ndarray:
    """Average the channels: float32 [samples, channels] -> float32 [samples]."""
    mono = samples[:, 0].copy()
    with np.errstate(invalid="ignore"):  # infinity - infinity; refused later
        for channel in range(1, samples.shape[1]):  # faster than mean(axis=1) for a few channels
            mono += samples[:, channel]
    return mono if samples.shape[1] == 1 else mono / np.float32(samples.shape[1])


def resample(wave: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """Resample a mono float32 waveform from `rate` to `sample_rate` Hz."""
    if rate == sample_rate:
        return wave
    return soxr.resample(wave, rate, sample_rate, quality="HQ").astype(np.float32, copy=False)


def _opened(handle: BinaryIO, name: str) -> soundfile.SoundFile:
    size = handle.seek(0, io.SEEK_END)
    if size == 0:
        raise EmptyAudioError("the file is empty (0 bytes)", place=name, cure=CURE)
    missing = _missing_bytes(handle, size)
    if missing:
        problem = f"truncated: {missing} bytes of the data chunk are missing"
        raise TruncatedAudioError(problem, place=name, cure=CURE)
    handle.seek(0)
    try:
        sound = soundfile.SoundFile(handle)
    except soundfile.LibsndfileError as error:
        cure = "convert it to wav or flac, or delete it and run resed audit again"
        problem = f"cannot be decoded ({error.error_string.rstrip('.')})"
        raise UndecodableAudioError(problem, place=name, cure=cure) from None
    if sound.frames == 0:
        sound.close()
        raise EmptyAudioError("the file has no samples", place=name, cure=CURE)
    return sound


def _missing_bytes(handle: BinaryIO, size: int) -> int:
    """Bytes of sound that a wav header states beyond the end of the file.

    libsndfile reads such files without an error, so this function reads the header itself.
    """
    handle.seek(0)
    order = {b"RIFF": "<", b"RIFX": ">"}.get(handle.read(12)[:4])
    while order:
        head = handle.read(8)
        if len(head) < 8:
            break
        length = struct.unpack(f"{order}I", head[4:])[0]
        if head[:4] == b"data":
            missing = length - (size - handle.tell())
            return missing if missing > 0 and length < STREAMED else 0
        handle.seek(length + length % 2, io.SEEK_CUR)
    return 0
