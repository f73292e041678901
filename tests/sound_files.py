"""Sound files of every format that docs/audio.md promises, made with ffmpeg and libsndfile."""

import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE, SAMPLES = 44100, 17641  # an odd number, so that bytes of padding occur
# Format as the documentation names it -> files by name: arguments of ffmpeg, or (format, subtype)
# of libsndfile.
FORMATS: dict[str, dict[str, str | tuple[str, str]]] = {
    "WAV": {
        "16.wav": "-c:a pcm_s16le",
        "extensible.wav": "-ac 3 -c:a pcm_s24le",
        "adpcm.wav": "-c:a adpcm_ima_wav",
        "float.wav": ("WAV", "FLOAT"),
        "bytes.wav": ("WAV", "PCM_U8"),
    },
    "RF64": {"f.wav": "-c:a pcm_s24le -rf64 always", "s.rf64": ("RF64", "PCM_16")},
    "BW64": {"f.wav": "-c:a pcm_s16le -rf64 always"},
    "W64": {"f.w64": "", "float.w64": ("W64", "FLOAT"), "24.w64": ("W64", "PCM_24")},
    "AIFF": {
        "f.aiff": "",
        "sowt.aiff": "-c:a pcm_s16le",
        "float.aiff": ("AIFF", "FLOAT"),
        "24.aiff": ("AIFF", "PCM_24"),
        "bytes.aiff": ("AIFF", "PCM_S8"),
    },
    "AU": {"f.au": "", "law.au": "-c:a pcm_mulaw", "float.au": ("AU", "FLOAT")},
    "CAF": {"f.caf": "-c:a pcm_s16le", "24.caf": ("CAF", "PCM_24"), "alac.caf": ("CAF", "ALAC_16")},
    "FLAC": {"f.flac": "", "stereo.flac": "-ac 2 -sample_fmt s16", "24.flac": ("FLAC", "PCM_24")},
    "Ogg Vorbis": {"f.ogg": "-c:a libvorbis", "stereo.ogg": ("OGG", "VORBIS")},
    "Ogg Opus": {"f.opus": "-c:a libopus", "s.opus": ("OGG", "OPUS")},
    "MP3": {
        "cbr.mp3": "",
        "vbr.mp3": "-q:a 3 -ac 2",
        "low.mp3": "-ar 22050 -id3v2_version 0 -write_id3v1 1",
        "s.mp3": ("MP3", "MPEG_LAYER_III"),
    },
}
EXACT = frozenset({"WAV", "RF64", "BW64", "W64", "AIFF", "AU", "CAF", "FLAC"})
NAMES = [(kind, name) for kind, files in FORMATS.items() for name in files]


def ffmpeg(*arguments: object) -> bytes:
    """What ffmpeg writes to its output; the test is skipped without ffmpeg, but not in CI."""
    program = shutil.which("ffmpeg")
    if program is None:
        if os.environ.get("RESED_CI"):
            pytest.fail("ffmpeg is not installed")
        pytest.skip("ffmpeg is not installed")
    command = [program, "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def noise(samples: int = SAMPLES, channels: int = 1) -> np.ndarray:
    """Noise that is quiet enough to survive a coding with losses without clipping."""
    values = np.random.default_rng(5).uniform(-0.3, 0.3, (samples, channels))
    return values.astype(np.float32)


def make(folder: Path, kind: str, name: str) -> Path:
    """The file `name` of FORMATS[kind], of noise."""
    path, how = folder / f"{kind.replace(' ', '-')}-{name}", FORMATS[kind][name]
    if isinstance(how, tuple):
        rate = 48000 if how[1] == "OPUS" else RATE
        soundfile.write(path, noise(), rate, format=how[0], subtype=how[1])
        return path
    source = folder / "noise.wav"
    if not source.exists():
        soundfile.write(source, noise(), RATE, subtype="PCM_16")
    ffmpeg("-i", source, *how.split(), path)
    if kind == "BW64":
        path.write_bytes(b"BW64" + path.read_bytes()[4:])
    return path


def decoded(path: Path, channels: int = 1) -> np.ndarray:
    """All samples by ffmpeg: float32 [samples, channels]."""
    data = ffmpeg("-i", path, "-f", "f32le", "-c:a", "pcm_f32le", "-")
    return np.frombuffer(data, "<f4").reshape(-1, channels)


def counts_by_ffmpeg(paths: Sequence[Path], folder: Path) -> list[int]:
    """Samples of mono files by ffmpeg, with one process for all.

    The format is stated: ffmpeg's guess takes some short MP3s for no sound at all.
    """
    inputs = [part for path in paths for part in ("-f", path.suffix[1:], "-i", path)]
    outs = [folder / f"{number}.raw" for number in range(len(paths))]
    maps = [
        part for number, out in enumerate(outs) for part in ("-map", number, "-f", "f32le", out)
    ]
    ffmpeg(*inputs, *maps)
    return [out.stat().st_size // 4 for out in outs]


# Files of the RIFF family, byte by byte.


def chunk(name: bytes, content: bytes, *, padded: bool = True) -> bytes:
    """A chunk, with its byte of padding where its length is odd."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2 * padded)


def wav_format(*, tag: int = 1, channels: int = 1, rate: int = RATE, bits: int = 16) -> bytes:
    """The chunk fmt."""
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits))


def riff(*chunks: bytes, magic: bytes = b"RIFF", size: int | None = None) -> bytes:
    """A form WAVE; `size` is what its header states, None: the truth."""
    content = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(content) if size is None else size) + content


def wav(samples: np.ndarray, *after: bytes, rate: int = RATE) -> bytes:
    """A wav of int16 or float32 samples."""
    tag, bits = (3, 32) if samples.dtype == np.float32 else (1, 16)
    form = wav_format(tag=tag, bits=bits, rate=rate)
    return riff(form, chunk(b"data", samples.tobytes()), *after)
