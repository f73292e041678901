"""The `demo` soundbank: ten kinds of synthesized sounds, which need no download.

Five kinds are events (some short, some in series), and five are continuous. Each recording has its
own pitch, timbre and rhythm, drawn from (class, fold, recording), so that folds share no recording.
"""

import zlib
from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from resed.acquire.soundscapes.signals import SAMPLE_RATE, coloured_noise, fade, seconds, shaped

RECORDING_S = 4.0
PER_FOLD = 6
Maker = Callable[[np.random.Generator], np.ndarray]
EventMaker = Callable[[np.random.Generator, float], np.ndarray]  # for a duration in seconds


def _clock(duration: float) -> np.ndarray:
    return np.arange(seconds(duration)) / SAMPLE_RATE


def _pulses(frequency: np.ndarray) -> np.ndarray:
    """A sawtooth with the given frequency (Hz) at each sample."""
    return (2 * (np.cumsum(frequency) / SAMPLE_RATE % 1.0) - 1).astype(np.float32)


def _scatter(
    rng: np.random.Generator,
    lengths: tuple[float, float],
    pauses: tuple[float, float],
    make: EventMaker,
) -> np.ndarray:
    """A recording of several sounds with pauses, over weak noise."""
    out = 1e-4 * rng.standard_normal(seconds(RECORDING_S), dtype=np.float32)
    now = rng.uniform(0.1, 0.4)
    while now + lengths[1] < RECORDING_S:
        duration = np.exp(rng.uniform(*np.log(lengths)))
        sound = fade(make(rng, duration), 0.004, min(0.05, duration / 4))
        start = seconds(now)
        out[start : start + len(sound)] += sound * rng.uniform(0.6, 1.0) / np.abs(sound).max()
        now += duration + rng.uniform(*pauses)
    return out


def voice(rng: np.random.Generator) -> np.ndarray:
    """Syllables: a pulse train with gliding pitch through three resonances."""
    pitch, size = rng.uniform(90, 240), rng.uniform(0.85, 1.2)

    def syllable(rng: np.random.Generator, duration: float) -> np.ndarray:
        time = _clock(duration)
        glide = pitch * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(0.5, 2.5) * time))
        first, second = size * rng.uniform(300, 800), size * rng.uniform(900, 2200)
        points = [50, first, 1.4 * first, second, 1.3 * second, 2800 * size, 3600 * size, 20000]
        return shaped(_pulses(glide), points, [-20, 0, -16, -4, -20, -12, -30, -70])

    return _scatter(rng, (0.3, 1.6), (0.25, 0.8), syllable)


def bark(rng: np.random.Generator) -> np.ndarray:
    """Series of short, rough bursts with falling pitch."""
    pitch, roughness = rng.uniform(350, 800), rng.uniform(0.3, 0.8)

    def burst(rng: np.random.Generator, duration: float) -> np.ndarray:
        time = _clock(duration)
        tone = _pulses(pitch * np.exp(-1.2 * time / duration))
        noise = coloured_noise(len(time), [100, pitch, 4 * pitch, 15000], [-30, 0, -6, -40], rng)
        rise = np.minimum(time / 0.02, 1.0) * np.exp(-5 * np.maximum(time - 0.03, 0) / duration)
        return (tone + roughness * noise) * rise

    return _scatter(rng, (0.15, 0.35), (0.2, 0.7), burst)


def whistle(rng: np.random.Generator) -> np.ndarray:
    """A pure tone that rises and falls, with slight vibrato."""
    pitch, span, vibrato = rng.uniform(900, 1600), rng.uniform(1.4, 2.0), rng.uniform(5, 9)

    def call(rng: np.random.Generator, duration: float) -> np.ndarray:
        time = _clock(duration)
        arch = np.sin(np.pi * time / duration) ** 0.7
        frequency = pitch * span**arch * (1 + 0.01 * np.sin(2 * np.pi * vibrato * time))
        phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
        return np.sin(phase) + 0.15 * np.sin(2 * phase)

    return _scatter(rng, (0.5, 1.3), (0.4, 1.0), call)


def beep(rng: np.random.Generator) -> np.ndarray:
    """A distorted high tone that is switched on and off about ten times per second."""
    pitch, rate = rng.uniform(2200, 3800), rng.uniform(7, 14)

    def series(rng: np.random.Generator, duration: float) -> np.ndarray:
        time = _clock(duration)
        tone = np.tanh(3 * np.sin(2 * np.pi * pitch * time))
        gate = np.clip(8 * (np.sin(2 * np.pi * rate * time + 0.5) + 0.4), 0.05, 1)
        return tone * gate

    return _scatter(rng, (0.3, 2.0), (0.3, 0.9), series)


def clink(rng: np.random.Generator) -> np.ndarray:
    """Struck crockery: inharmonic partials that decay quickly."""
    lowest, decay = rng.uniform(1800, 3500), rng.uniform(14, 30)

    def strike(rng: np.random.Generator, duration: float) -> np.ndarray:
        time = _clock(duration)
        ratios = np.cumprod([1.0, *rng.uniform(1.15, 1.6, 5)])
        tones = [
            rng.uniform(0.3, 1) * np.exp(-decay * ratio**0.6 * time) * np.sin(w * ratio * time)
            for ratio in ratios
            if (w := 2 * np.pi * lowest) * ratio < np.pi * SAMPLE_RATE * 0.9
        ]
        return np.sum(tones, axis=0)

    return _scatter(rng, (0.15, 0.35), (0.2, 0.9), strike)


def motor(rng: np.random.Generator) -> np.ndarray:
    """A sawtooth of varying medium pitch with many harmonics, and noise."""
    time = _clock(RECORDING_S)
    pitch = rng.uniform(140, 260) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * time))
    noise = coloured_noise(len(time), [200, 1500, 6000, 20000], [-25, -6, -3, -25], rng)
    resonance = rng.uniform(1200, 2500)
    points = [50, 300, resonance, 2 * resonance, 20000]
    return shaped(_pulses(pitch), points, [-20, -6, 0, -14, -40]) + 0.15 * noise


def buzz(rng: np.random.Generator) -> np.ndarray:
    """A low pulse train through a narrow high resonance."""
    time = _clock(RECORDING_S)
    pitch = rng.uniform(55, 115) * (1 + 0.01 * np.sin(2 * np.pi * 3 * time))
    middle = rng.uniform(4000, 6500)
    points = [50, 0.5 * middle, 0.85 * middle, middle, 1.2 * middle, 20000]
    return shaped(np.diff(_pulses(pitch), prepend=0), points, [-45, -40, -8, 0, -10, -45])


def crackle(rng: np.random.Generator) -> np.ndarray:
    """Many clicks over a hiss."""
    length = seconds(RECORDING_S)
    clicks = np.zeros(length, np.float32)
    places = rng.integers(0, length, rng.integers(150, 350))
    clicks[places] = rng.lognormal(0.0, 0.8, len(places))
    ringing = lfilter([1.0], [1.0, -1.2 * rng.uniform(0.6, 0.95), 0.5], clicks)
    hiss = coloured_noise(length, [300, 3000, 9000, 20000], [-40, -12, 0, -6], rng)
    return ringing + 0.03 * hiss


def stream(rng: np.random.Generator) -> np.ndarray:
    """Broadband noise with a fluctuating level."""
    length, middle = seconds(RECORDING_S), rng.uniform(1000, 2200)
    points = [60, 0.4 * middle, middle, 2.5 * middle, 20000]
    noise = coloured_noise(length, points, [-30, -8, 0, -6, -28], rng)
    steps = np.cumsum(rng.standard_normal(200)) * 0.25
    flutter = _without_drift(steps)
    return noise * np.exp(np.interp(np.arange(length), np.linspace(0, length, 200), flutter))


def _without_drift(steps: np.ndarray) -> np.ndarray:
    """Remove the slow drift of a random walk, so that it fluctuates around 0."""
    return np.clip(steps - np.convolve(steps, np.ones(15) / 15, "same"), -1.0, 1.0)


def fan(rng: np.random.Generator) -> np.ndarray:
    """Low noise with a steady tone and its octave."""
    time = _clock(RECORDING_S)
    edge, whine = rng.uniform(250, 450), rng.uniform(550, 950)
    roar = coloured_noise(len(time), [40, 90, edge, 4 * edge, 20000], [-15, 0, -4, -26, -60], rng)
    return roar + 0.5 * np.sin(2 * np.pi * whine * time) + 0.2 * np.sin(4 * np.pi * whine * time)


MAKERS: dict[str, Maker] = {
    "voice": voice,
    "bark": bark,
    "whistle": whistle,
    "beep": beep,
    "clink": clink,
    "motor": motor,
    "buzz": buzz,
    "crackle": crackle,
    "stream": stream,
    "fan": fan,
}


def recording(label: str, fold: int, number: int) -> np.ndarray:
    """A recording of 4 s at 44.1 kHz, float32, peak 0.5; equal arguments give equal samples."""
    rng = np.random.default_rng([zlib.crc32(label.encode()), fold, number])
    samples = np.asarray(MAKERS[label](rng), dtype=np.float32)
    return samples * np.float32(0.5 / np.abs(samples).max())
