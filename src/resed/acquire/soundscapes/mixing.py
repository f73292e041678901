"""Mix clips of 10 s, mono, at 44.1 kHz: events over a background, with or without reverberation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resed.acquire.soundscapes.annotation_statistics import CLIP_SECONDS
from resed.acquire.soundscapes.scenes import ClipSeed, layout, load_statistics
from resed.acquire.soundscapes.settings import SplitSoundscapes
from resed.acquire.soundscapes.signals import (
    SAMPLE_RATE,
    active_rms,
    coloured_noise,
    convolved,
    decibels,
    joined_by_lines,
    rms,
    seconds,
)
from resed.acquire.soundscapes.soundbank import Soundbank
from resed.formats.annotations import Event

LENGTH = seconds(CLIP_SECONDS)
HIGHEST = 0.98  # peak level; louder clips are attenuated
PlacedSound = tuple[str, float, float]  # class, onset and offset in seconds
# kind -> spectral slope in dB per octave (lowest, highest), broad resonances, slow swell in dB
BACKGROUNDS = {
    "room": ((-3.0, -3.0), 0, 0.0),
    "ventilation": ((-6.0, -4.5), 3, 0.5),
    "street": ((-5.5, -4.0), 1, 5.0),
    "hiss": ((-1.5, -0.5), 1, 0.5),
    "hall": ((-4.0, -2.0), 5, 2.0),
}


@dataclass(frozen=True)
class RenderedClip:
    """A rendered clip: int16 [441000], its events, and the recordings they were made from."""

    samples: np.ndarray
    events: list[Event]
    sources: list[str]


def render_clip(
    bank: Soundbank,
    settings: SplitSoundscapes,
    clip: ClipSeed,
    *,
    labels: Mapping[str, str],
    filename: str,
    given: Sequence[PlacedSound] | None = None,
) -> RenderedClip:
    """Render a clip; equal arguments give equal samples.

    Args:
        settings: how the split sounds.
        clip: seed of the random draws.
        labels: label of the real task -> class of the bank.
        filename: name of the clip in its events.
        given: the sounds, filled to the sample; None: drawn. A drawn sound may end slightly earlier
            than drawn; its event then ends earlier as well.

    Onsets and offsets are those of the dry sounds, without reverberation.
    """
    rng = clip.generator("sound")
    kind = settings.backgrounds[rng.integers(len(settings.backgrounds))]
    level = decibels(rng.uniform(*settings.background_db))
    mix = background(kind, rng) * np.float32(level)
    dry = np.zeros(LENGTH, np.float32)
    events, sources = [], []
    sounds = drawn_sounds(settings, clip, labels) if given is None else given
    for label, onset, offset in sounds:
        source, sound = bank.event(label, seconds(offset - onset), rng, given is not None)
        gain = level * decibels(rng.uniform(*settings.event_to_background_db)) / active_rms(sound)
        start = seconds(onset)
        sound = sound[: LENGTH - start]
        dry[start : start + len(sound)] += sound * np.float32(gain)
        end = min(offset, round(onset + len(sound) / SAMPLE_RATE, 3))
        events.append(Event(filename, onset, end, label))
        sources.append(source.name)
    if events and settings.reverberation_s:
        room = impulse_response(settings.reverberation_s, settings.direct_to_reverberant_db, rng)
        dry = convolved(dry, room)
    mix += dry
    mix *= min(1.0, HIGHEST / float(np.abs(mix).max()))
    return RenderedClip(np.rint(mix * 32767).astype(np.int16), events, sources)


def drawn_sounds(
    settings: SplitSoundscapes,
    clip: ClipSeed,
    labels: Mapping[str, str],
    tags: Sequence[str] | None = None,
) -> list[PlacedSound]:
    """Draw the sounds of a clip, by time; its classes are `tags`, or drawn as well."""
    statistics = load_statistics(settings.tags, settings.events, frozenset(labels))
    if tags is not None:
        follows = {label: followed for followed, label in labels.items()}
        tags = [follows[tag] for tag in tags]
    drawn = layout(statistics, clip, tags)
    return [(labels[followed], onset, offset) for followed, onset, offset in drawn]


def background(kind: str, rng: np.random.Generator) -> np.ndarray:
    """10 s of noise with unit RMS, stationary or with a slowly varying level, float32.

    `silence` is digital silence; levels of events are then relative to that of a noise that is not
    there.
    """
    if kind == "silence":
        return np.zeros(LENGTH, np.float32)
    slopes, resonances, swell_db = BACKGROUNDS[kind]
    frequencies = np.geomspace(20, SAMPLE_RATE / 2, 60)
    octaves = np.log2(frequencies / 1000)
    levels = rng.uniform(*slopes) * np.maximum(octaves, np.log2(60 / 1000))
    for _ in range(resonances):
        middle, width = rng.uniform(-3.5, 3.0), rng.uniform(0.2, 0.6)
        levels += rng.uniform(2, 7) * np.exp(-0.5 * ((octaves - middle) / width) ** 2)
    noise = coloured_noise(LENGTH, frequencies, levels, rng)
    if swell_db:
        points = rng.uniform(-swell_db, swell_db, 9)
        noise *= joined_by_lines(
            decibels(np.interp(np.linspace(0, 8, 500), np.arange(9), points)), LENGTH
        )
        noise /= np.float32(rms(noise))
    return noise


def impulse_response(
    reverberation_s: Sequence[float], direct_db: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Impulse response of a room: 1 at sample 0, then exponentially decaying noise, float32.

    The noise decays by 60 dB in the reverberation time and has less energy at high frequencies.
    `direct_db` is the energy of the direct sound divided by that of the noise, in dB. Both ranges
    are [lowest, highest].
    """
    time_60, delay = rng.uniform(*reverberation_s), seconds(rng.uniform(0.004, 0.02))
    length = seconds(time_60)
    slope = rng.uniform(-5, -2)
    tail = coloured_noise(length, [100, 1000, 20000], [-2, 0, 4.3 * slope], rng)
    tail *= np.exp(-np.log(1000.0) * np.arange(length) / length).astype(np.float32)
    tail *= np.float32(decibels(-rng.uniform(*direct_db)) / np.sqrt(np.sum(tail**2)))
    response = np.zeros(delay + length, np.float32)
    response[0] = 1.0
    response[delay:] = tail
    return response
