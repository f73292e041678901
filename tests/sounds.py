"""Sound files for tests: valid ones, and one of each kind that must be refused."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 44100


def noise(seconds: float = 1.0, channels: int = 1, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Uniform noise: float32 [samples, channels]."""
    generator = np.random.default_rng(seed)
    shape = (round(seconds * rate), channels)
    return generator.uniform(-0.5, 0.5, shape).astype(np.float32)


def good(path: Path, seconds: float = 1.0, seed: int = 0) -> Path:
    """A mono wav of noise."""
    soundfile.write(path, noise(seconds, seed=seed), RATE)
    return path


def empty(path: Path) -> None:
    """No byte."""
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    """A wav that was cut after half of its bytes."""
    good(path)
    path.write_bytes(path.read_bytes()[:40000])


def truncated_header(path: Path) -> None:
    """A wav that was cut within its header."""
    good(path)
    path.write_bytes(path.read_bytes()[:20])


def zero_length(path: Path) -> None:
    """A wav without samples."""
    soundfile.write(path, noise(0), RATE)


def nan(path: Path) -> None:
    """A wav of floats, one of them NaN."""
    samples = noise()
    samples[1234] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")


def infinite(path: Path) -> None:
    """A stereo wav of floats, with infinities that cancel out."""
    samples = noise(channels=2)
    samples[1234] = np.inf, -np.inf
    soundfile.write(path, samples, RATE, subtype="FLOAT")


def not_a_wav(path: Path) -> None:
    """Text under the name of a sound."""
    path.write_text("<html>404 Not Found</html>\n" * 10)


def stereo(path: Path) -> None:
    """Two channels."""
    soundfile.write(path, noise(channels=2), RATE)


def telephone(path: Path) -> None:
    """8 kHz."""
    soundfile.write(path, noise(rate=8000), 8000)
