"""Turn a layout into sound: events over a background, in a room or dry, 10 s mono at 44.1 kHz."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resed.acquire.soundscapes.annotation_statistics import CLIP_SECONDS
from resed.acquire.soundscapes.scenes import generator, layout, load_statistics
from resed.acquire.soundscapes.settings import SplitScenes
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
HIGHEST = 0.98  # a clip that would peak above is turned down as a whole
Sound = tuple[str, float, float]  # class, onset and offset in seconds
# kind -> slope in dB an octave (lowest, highest), broad resonances, slow swell in dB
BACKGROUNDS = {
    "room": ((-3.0, -3.0), 0, 0.0),
    "ventilation": ((-6.0, -4.5), 3, 0.5),
    "street": ((-5.5, -4.0), 1, 5.0),
    "hiss": ((-1.5, -0.5), 1, 0.5),
    "hall": ((-4.0, -2.0), 5, 2.0),
}


@dataclass(frozen=True)
class Clip:
    """A rendered clip: int16 [441000], its events, and the recordings they came from."""

    samples: np.ndarray
    events: list[Event]
    sources: list[str]


def render_clip(
    bank: Soundbank,
    scenes: SplitScenes,
    labels: dict[str, str],
    seed: int,
    split: str,
    index: int,
    filename: str,
    given: Sequence[Sound] | None = None,
) -> Clip:
    """Clip `index` of a split; equal arguments give equal samples.

    `labels` maps the real task's label to the bank's class. Onsets and offsets are those of the dry
    events: reverberation that outlasts one is not part of it. Events that are `given` are filled to
    the sample; one that is drawn may end a little earlier, and its label with it.
    """
    rng = generator(seed, split, index, "sound")
    kind = scenes.backgrounds[rng.integers(len(scenes.backgrounds))]
    level = decibels(rng.uniform(*scenes.background_db))
    mix = background(kind, rng) * np.float32(level)
    dry = np.zeros(LENGTH, np.float32)
    events, sources = [], []
    sounds = drawn_sounds(scenes, labels, seed, split, index) if given is None else given
    for label, onset, offset in sounds:
        source, sound = bank.event(label, seconds(offset - onset), rng, given is not None)
        gain = level * decibels(rng.uniform(*scenes.event_to_background_db)) / active_rms(sound)
        start = seconds(onset)
        sound = sound[: LENGTH - start]
        dry[start : start + len(sound)] += sound * np.float32(gain)
        end = min(offset, round(onset + len(sound) / SAMPLE_RATE, 3))
        events.append(Event(filename, onset, end, label))
        sources.append(source.name)
    if events and scenes.reverberation_s:
        room = impulse_response(scenes.reverberation_s, scenes.direct_to_reverberant_db, rng)
        dry = convolved(dry, room)
    mix += dry
    mix *= min(1.0, HIGHEST / float(np.abs(mix).max()))
    return Clip(np.rint(mix * 32767).astype(np.int16), events, sources)


def drawn_sounds(
    scenes: SplitScenes,
    labels: dict[str, str],
    seed: int,
    split: str,
    index: int,
    tags: Sequence[str] | None = None,
) -> list[Sound]:
    """What happens when in clip `index`, in time order; its classes are `tags`, or drawn too."""
    statistics = load_statistics(scenes.tags, scenes.events, frozenset(labels))
    if tags is not None:
        follows = {label: followed for followed, label in labels.items()}
        tags = [follows[tag] for tag in tags]
    drawn = layout(statistics, seed, split, index, tags)
    return [(labels[followed], onset, offset) for followed, onset, offset in drawn]


def background(kind: str, rng: np.random.Generator) -> np.ndarray:
    """10 s of stationary or slowly swelling noise with unit RMS, float32."""
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
    """A room: the direct sound at sample 0 with gain 1, then exponentially decaying noise, float32.

    The noise falls by 60 dB in the reverberation time and loses its highs, as rooms do;
    `direct_db` is the energy of the direct sound over that of the noise.
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
