"""Read sound files as mono float32 waveforms; damaged files raise errors that name the file.

`open_audio` reads a file in blocks, so that memory does not grow with its length. libsndfile
decodes. The errors are those of resed.formats.audio_errors; their `status` is the kind.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from resed.errors import AudioError
from resed.formats.audio_errors import (
    DamagedAudioError,
    EmptyAudioError,
    LongAudioError,
    NonFiniteAudioError,
    RateAudioError,
    TruncatedAudioError,
    UndecodableAudioError,
    refusal,
)
from resed.formats.containers.recognition import layout_of
from resed.formats.containers.source import LayoutFile, SoundBytes, SoundLayout
from resed.runtime.files import existing

BLOCK = 1 << 18  # values (samples times channels) that are decoded at a time
LOUDEST = 2.0**31  # full scale is 1; integers of 32 bits that were written as floats reach this
LOWEST_RATE, HIGHEST_RATE = 100, 10_000_000  # Hz; whales are recorded at 250 Hz, bats at 500 kHz
UNKNOWN_FRAMES = 1 << 62  # libsndfile's value for an unknown length, or above
UNCOMPRESSED = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # how names of subtypes begin
BYTES_PER_SAMPLE = {"PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4}  # of FLAC
LONGEST = 1 << 28  # samples of a waveform in memory: 1 GiB, 1.7 hours at 44.1 kHz


@dataclass(frozen=True)
class Probe:
    """What is known of a sound file: rate in Hz, channels, frames (samples per channel).

    `unfinalised` means that the header does not state the length, because the program that wrote
    it did not or could not go back; the file was read to its end.
    """

    rate: int
    channels: int
    frames: int
    unfinalised: bool = False

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


class Decoder(soundfile.SoundFile):
    """libsndfile without seeking, which it fails at in files of unknown length."""

    def seekable(self) -> bool:
        """Never, so that blocks are read one after the other."""
        return False


class Sound:
    """A sound file that is open for reading; made by `open_audio`.

    Attributes:
        rate: sample rate in Hz.
        channels: number of channels.
        frames: samples per channel; None if only known after decoding.
        unfinalised: the header does not state the length.
    """

    def __init__(
        self, decoder: Decoder, window: LayoutFile, layout: SoundLayout, name: str
    ) -> None:
        self._decoder, self._window, self._name = decoder, window, name
        self._md5 = layout.md5 if decoder.subtype in BYTES_PER_SAMPLE else b""
        self.rate, self.channels = decoder.samplerate, decoder.channels
        known = decoder.frames if 0 <= decoder.frames < UNKNOWN_FRAMES else None
        self.frames = known if layout.frames is None else layout.frames
        self.unfinalised, self._cut = layout.unfinalised, layout.cut

    def blocks(self) -> Iterator[np.ndarray]:
        """Decode the file once, in blocks: float32 [samples, channels].

        Raises AudioError at the block where the file proves damaged, and after the last block if
        the number of samples is not `frames`. A caller that stops earlier has no such check.
        """
        count, size = 0, max(1, BLOCK // self.channels)
        digest = hashlib.md5(usedforsecurity=False)
        while self.frames is None or count < self.frames:  # what follows is not sound
            most = size if self.frames is None else min(size, self.frames - count)
            block = self._next(most, digest)
            if not len(block):
                break
            self._check(block, count)
            count += len(block)
            yield block
        if self.frames is not None and count < self.frames:
            problem = f"truncated: {count} of {self.frames} samples"
            raise refusal(TruncatedAudioError, problem, self._name)
        if count == 0:
            raise refusal(EmptyAudioError, "the file has no samples", self._name)
        if self._md5 and digest.digest() != self._md5:
            problem = "damaged: the samples differ from the checksum (MD5) in the header"
            raise refusal(DamagedAudioError, problem, self._name)

    def _next(self, size: int, digest: "hashlib._Hash") -> np.ndarray:
        kind = "int32" if self._md5 else "float32"
        try:
            block = self._decoder.read(size, dtype=kind, always_2d=True)
        except MemoryError:
            raise
        except Exception as error:  # of any kind: the bytes are not trusted
            _raise_failure(self._window)
            kind, word = DamagedAudioError, "damaged"
            if self._cut:
                kind, word = TruncatedAudioError, "truncated"
            problem = f"{word}: cannot be decoded to its end ({_reason(error)})"
            raise refusal(kind, problem, self._name) from None
        _raise_failure(self._window)
        if not self._md5:
            return block
        width = BYTES_PER_SAMPLE[self._decoder.subtype]
        octets = block.astype("<i4").view(np.uint8).reshape(-1, 4)
        digest.update(octets[:, 4 - width :].tobytes())
        return block.astype(np.float32) * np.float32(2.0**-31)

    def _check(self, block: np.ndarray, before: int) -> None:
        if np.abs(block).max() <= LOUDEST:  # false for NaN
            return
        place = int(np.flatnonzero(~(np.abs(block) <= LOUDEST).all(axis=1))[0])
        value = next(value for value in block[place] if not abs(value) <= LOUDEST)
        what = f"is {value:.3g}" if np.isfinite(value) else "is NaN or infinite"
        raise refusal(NonFiniteAudioError, f"sample {before + place} {what}", self._name)


@contextmanager
def open_audio(source: Path | str | bytes | BinaryIO, name: str = "") -> Iterator[Sound]:
    """Open a sound file, bytes, or an open binary file; `name` is the place in errors.

    Raises MissingFileError or AudioError (one subclass per kind).
    """
    if isinstance(source, Path | str):
        with existing(source).open("rb") as handle, open_audio(handle, name or str(source)) as it:
            yield it
        return
    handle = io.BytesIO(source) if isinstance(source, bytes) else source
    layout = layout_of(SoundBytes(handle, name))
    window = LayoutFile(handle, layout)
    with _decoder(window, name) as decoder:
        _check_form(decoder, layout, name)
        sound = Sound(decoder, window, layout, name)
        if sound.frames == 0:
            raise refusal(EmptyAudioError, "the file has no samples", name)
        yield sound


def _decoder(window: LayoutFile, name: str) -> "Decoder":
    try:
        decoder = Decoder(window)
    except MemoryError:
        raise
    except Exception as error:  # of any kind: the bytes are not trusted
        _raise_failure(window)
        raise refusal(
            UndecodableAudioError, f"cannot be decoded ({_reason(error)})", name
        ) from None
    if not LOWEST_RATE <= decoder.samplerate <= HIGHEST_RATE:
        problem = f"states a sample rate of {decoder.samplerate} Hz"
        decoder.close()
        raise refusal(RateAudioError, problem, name)
    return decoder


def _check_form(decoder: Decoder, layout: SoundLayout, name: str) -> None:
    """Raise AudioError if libsndfile and the structure do not agree on what is in the file."""
    if decoder.subtype.startswith("MPEG") and decoder.format != "MP3":  # its length is estimated
        problem = f"cannot be decoded (MP3 in a file of format {decoder.format})"
        raise refusal(UndecodableAudioError, problem, name)
    stated, found = layout.frames, decoder.frames
    known = stated is not None and 0 <= found < UNKNOWN_FRAMES
    if known and stated != found and decoder.subtype.startswith(UNCOMPRESSED):
        problem = f"damaged: its structure states {stated} samples, its format gives {found}"
        raise refusal(DamagedAudioError, problem, name)


def _raise_failure(window: LayoutFile) -> None:
    """Raise an error of the disk, which libsndfile takes for the end of the file."""
    if window.failure:
        raise window.failure


def _reason(error: Exception) -> str:
    """What a decoder reported, in one line."""
    text = getattr(error, "error_string", "") or f"{type(error).__name__}: {error}"
    return " ".join(text.split()).rstrip(".")


def probe(path: Path | str) -> Probe:
    """Rate, channels and length of a sound file; decodes it if no structure states the length.

    Raises MissingFileError or AudioError.
    """
    with open_audio(path) as sound:
        frames = sound.frames
        if frames is None:
            frames = sum(len(block) for block in sound.blocks())
        return Probe(sound.rate, sound.channels, frames, sound.unfinalised)


def read_audio(path: Path | str, sample_rate: int, samples: int | None = None) -> np.ndarray:
    """Read a sound file of any rate and channel count as mono at `sample_rate` Hz.

    Channels are averaged; other rates are resampled by soxr (HQ), both in blocks. Returns float32
    [samples].

    Args:
        sample_rate: Hz of the waveform that is returned.
        samples: the most samples that are returned; what follows them is not decoded. None: the
            whole file; raises AudioError if the file is truncated.

    Raises:
        MissingFileError: the file does not exist.
        AudioError: the file is empty, truncated, damaged, not a sound file, or has samples that
            are not finite (one subclass each).
    """
    with existing(path).open("rb") as handle:
        return decode(handle, str(path), sample_rate, samples)


def decode(
    source: BinaryIO | bytes, name: str, sample_rate: int, samples: int | None = None
) -> np.ndarray:
    """Like `read_audio`, but from an open binary file or bytes; `name` is the place in errors."""
    with open_audio(source, name) as sound:
        most = LONGEST + 1 if samples is None else samples
        if (
            sound.frames is not None
            and min(sound.frames * sample_rate // sound.rate, most) > LONGEST
        ):
            raise _too_long(name, sample_rate)
        wave, count = np.empty(0, dtype=np.float32), 0
        for part in resampled(sound, sample_rate):
            part = part[: most - count]
            if count + len(part) > wave.size:  # in place where the system can
                wave.resize(min(most, (count + len(part)) * 5 // 4), refcheck=False)
            wave[count : count + len(part)] = part
            count += len(part)
            if count == most:
                break
        wave.resize(count, refcheck=False)
    if count > LONGEST:
        raise _too_long(name, sample_rate)
    if count == 0:
        raise refusal(EmptyAudioError, f"the file has no sample at {sample_rate} Hz", name)
    return wave


def _too_long(name: str, sample_rate: int) -> AudioError:
    problem = f"more than {LONGEST} samples at {sample_rate} Hz"
    return refusal(LongAudioError, problem, name)


def resampled(sound: Sound, sample_rate: int) -> Iterator[np.ndarray]:
    """The mono waveform in blocks, float32 [samples]; the values are those of the whole at once.

    Memory does not grow with the length of the file. Raises AudioError as `Sound.blocks` does, for
    a truncated file after its last block.
    """
    if sound.rate == sample_rate:
        yield from map(mix, sound.blocks())
        return
    stream = soxr.ResampleStream(sound.rate, sample_rate, 1, dtype="float32", quality="HQ")
    step = max(1, BLOCK * sound.rate // sample_rate)
    for block in sound.blocks():
        wave = mix(block)
        for start in range(0, len(wave), step):
            yield stream.resample_chunk(wave[start : start + step])
    yield stream.resample_chunk(np.empty(0, dtype=np.float32), last=True)


def mix(samples: np.ndarray) -> np.ndarray:
    """Average the channels: float32 [samples, channels] -> float32 [samples]."""
    mono = samples[:, 0].copy()
    for channel in range(1, samples.shape[1]):  # faster than mean(axis=1) for a few channels
        mono += samples[:, channel]
    return mono if samples.shape[1] == 1 else mono / np.float32(samples.shape[1])
