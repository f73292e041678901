"""Signal processing for the soundbank, the isolation of events and the mixing."""

import functools
from collections.abc import Sequence

import numpy as np
import scipy.fft

SAMPLE_RATE = 44100
FADE_IN_S = 0.005
FADE_OUT_S = 0.03
BLOCK = 1 << 16


def seconds(duration: float) -> int:
    """The number of samples in `duration` seconds."""
    return round(duration * SAMPLE_RATE)


HOP = seconds(0.01)  # of `envelope`


def decibels(level):
    """The amplitude ratio of a level, or an array of levels, in dB."""
    return 10.0 ** (level / 20.0)


def rms(samples: np.ndarray) -> float:
    """Root mean square of float samples."""
    return float(np.sqrt(np.mean(np.square(samples))))  # the result of a BLAS dot product varies


def envelope(samples: np.ndarray) -> np.ndarray:
    """Mean square of consecutive blocks of 10 ms (the last may be shorter), float64."""
    starts = np.arange(0, len(samples), HOP)
    sums = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    return sums / np.diff([*starts, len(samples)])


def joined_by_lines(values: np.ndarray, length: int) -> np.ndarray:
    """Interpolate equally spaced values linearly to `length` samples, float32."""
    block = -(-length // (len(values) - 1))
    ramp = np.arange(block, dtype=np.float32) / np.float32(block)
    start, step = values[:-1].astype(np.float32), np.diff(values).astype(np.float32)
    return (start[:, None] + step[:, None] * ramp).ravel()[:length]


def active_rms(samples: np.ndarray, below_peak_db: float = 25.0) -> float:
    """RMS of the 10 ms blocks within `below_peak_db` of the loudest, which excludes pauses."""
    power = envelope(samples)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-below_peak_db / 10)].mean()))


def fade(
    samples: np.ndarray, fade_in: float = FADE_IN_S, fade_out: float = FADE_OUT_S
) -> np.ndarray:
    """A float32 copy with raised-cosine fades of the given lengths (seconds)."""
    faded = np.array(samples, dtype=np.float32)
    for duration, part in ((fade_in, faded), (fade_out, faded[::-1])):
        length = min(seconds(duration), len(faded) // 2)
        part[:length] *= (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / max(length, 1))).astype(
            np.float32
        )
    return faded


@functools.lru_cache(maxsize=32)
def _grid(length: int) -> tuple[np.ndarray, np.ndarray]:
    """A logarithmic grid (Hz), and the index of the nearest grid point for each rfft bin."""
    bins = scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    grid = np.geomspace(bins[1], SAMPLE_RATE / 2, 2000)
    place = np.log(np.maximum(bins, bins[1]) / bins[1]) / np.log(grid[-1] / bins[1])
    return grid, np.rint(place * (len(grid) - 1)).astype(np.int32)


def curve(length: int, frequencies: Sequence[float], levels_db: Sequence[float]) -> np.ndarray:
    """Amplitudes of the rfft bins of `length` samples, interpolated over log frequency."""
    grid, nearest = _grid(length)
    levels = np.interp(np.log(grid), np.log(frequencies), levels_db)
    shape = decibels(levels).astype(np.float32)[nearest]
    shape[0] = 0.0
    return shape


def _size(length: int) -> int:
    """The transform size for `length` samples; there are few sizes, so grids can be cached."""
    return -(-length // BLOCK) * BLOCK if length > 4 * BLOCK else 1 << (length - 1).bit_length()


def coloured_noise(
    length: int,
    frequencies: Sequence[float],
    levels_db: Sequence[float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Gaussian noise with the given spectral envelope and unit RMS, float32 [length]."""
    size = _size(length)
    spectrum = rng.standard_normal(size + size % 2 + 2, dtype=np.float32).view(np.complex64)
    spectrum = spectrum[: size // 2 + 1] * curve(size, frequencies, levels_db)
    noise = scipy.fft.irfft(spectrum, size)[:length]
    return noise / np.float32(rms(noise))


def shaped(
    samples: np.ndarray, frequencies: Sequence[float], levels_db: Sequence[float]
) -> np.ndarray:
    """Apply a zero-phase filter with the given amplitude curve, float32."""
    size = _size(len(samples))
    spectrum = scipy.fft.rfft(samples.astype(np.float32), size)
    return scipy.fft.irfft(spectrum * curve(size, frequencies, levels_db), size)[: len(samples)]


def convolved(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The first `len(samples)` samples of the convolution, float32.

    Uses overlap-add with blocks of one size, measured twice as fast as scipy.signal.oaconvolve.
    """
    size = max(BLOCK, 1 << (2 * len(response) - 1).bit_length())
    step = size - len(response) + 1
    rows = -(-len(samples) // step)
    blocks = np.zeros((rows, size), np.float32)
    for row, block in enumerate(blocks):
        part = samples[row * step : (row + 1) * step]
        block[: len(part)] = part
    blocks = scipy.fft.irfft(scipy.fft.rfft(blocks) * scipy.fft.rfft(response, size), size)
    out = np.zeros(rows * step + size, np.float32)
    for row, block in enumerate(blocks):
        out[row * step : row * step + size] += block
    return out[: len(samples)]
