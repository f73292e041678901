"""Cut isolated events out of recordings, and make events of a given length from them.

For all classes, sounds less than 150 ms apart are one event, and an event lasts at least 250 ms.
Each tick of a clock that ticks once per second is thus an event of 250 ms, whereas a clock that
ticks four times per second is one long event.
"""

import numpy as np

from resed.acquire.soundscapes.annotation_statistics import MINIMUM_GAP_S
from resed.acquire.soundscapes.scenes import MINIMUM_EVENT_S
from resed.acquire.soundscapes.signals import HOP, envelope, fade, seconds

BELOW_PEAK_DB = 25.0  # lowest level of an event below the peak of the recording
CONTINUOUS_BELOW_PEAK_DB = 40.0  # lowest level of a continuous sound below its peak
ABOVE_FLOOR_DB = 6.0  # lowest level of an event above the noise floor of the recording
LEAST_RANGE_DB = 15.0  # the noise floor is assumed to be at least this far below the peak
SILENCE_DB = -90.0  # padding is below; it has about -117 dB in the ESC-10 recordings
WEAKEST_DB = 20.0  # pieces with a lower peak, relative to the recording, are left out
LOOP_FADE_S = 0.1
SHORTEST_REST_S = 0.15  # a shorter rest is not filled; the event ends earlier
PAUSES_S = (0.03, 0.12)  # between the sounds that are joined to a long event


def cut_events(samples: np.ndarray) -> list[np.ndarray]:
    """The isolated events of a recording with fades, float32, at least 250 ms; [] if silent.

    A block of 10 ms belongs to an event if its level is within 25 dB of the loudest block and 6 dB
    above the noise floor, which is the 10th percentile of the blocks that are not padding.
    """
    level = 10 * np.log10(envelope(samples) + 1e-20)
    heard = level[level > SILENCE_DB]
    if not len(heard):
        return []
    peak = level.max()
    floor = min(np.percentile(heard, 10) + ABOVE_FLOOR_DB, peak - LEAST_RANGE_DB)
    active = np.flatnonzero(level >= max(peak - BELOW_PEAK_DB, floor))
    breaks = np.flatnonzero(np.diff(active) * HOP >= seconds(MINIMUM_GAP_S)) + 1
    pieces = []
    for blocks in np.split(active, breaks):
        if level[blocks].max() < peak - WEAKEST_DB:
            continue
        start = max(blocks[0] * HOP - HOP // 2, 0)
        stop = max((blocks[-1] + 1) * HOP, start + seconds(MINIMUM_EVENT_S))
        if len(samples) >= stop:
            pieces.append(fade(samples[start:stop]))
        elif len(samples) >= seconds(MINIMUM_EVENT_S):  # a short sound at the very end
            pieces.append(fade(samples[min(start, len(samples) - seconds(MINIMUM_EVENT_S)) :]))
    return pieces


def cut_continuous(samples: np.ndarray) -> list[np.ndarray]:
    """The recording without the silence at its ends; [] if it is silent or too short."""
    level = 10 * np.log10(envelope(samples) + 1e-20)
    active = np.flatnonzero(level >= max(level.max() - CONTINUOUS_BELOW_PEAK_DB, SILENCE_DB))
    if not len(active):
        return []
    stretch = samples[active[0] * HOP : (active[-1] + 1) * HOP].astype(np.float32)
    return [stretch] if len(stretch) >= seconds(2 * LOOP_FADE_S) else []


def stretch_of(piece: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """`length` samples of a continuous sound from a random position, looped with a cross-fade."""
    if len(piece) >= length:
        start = rng.integers(len(piece) - length + 1)
        return fade(piece[start : start + length])
    overlap = seconds(LOOP_FADE_S)
    ramp = np.sin(np.linspace(0, np.pi / 2, overlap, dtype=np.float32))  # equal power
    lap = piece[:-overlap].copy()  # the end is cross-faded with the beginning
    lap[:overlap] = piece[:overlap] * ramp + piece[-overlap:] * ramp[::-1]
    start = rng.integers(len(lap))
    return fade(np.take(lap, np.arange(start, start + length), mode="wrap"))


def event_of(
    pieces: list[np.ndarray], length: int, rng: np.random.Generator, whole: bool = False
) -> np.ndarray:
    """An event of `length` samples, or slightly less, from the isolated events of a recording.

    The beginning of the shortest one that is long enough is used, so that the onset is a natural
    one. If there is none, several are joined in random order with pauses below 150 ms. With
    `whole`, the event has exactly `length` samples, and its last two parts may have no pause.
    """
    enough = [piece for piece in pieces if len(piece) >= length]
    if enough:
        return fade(min(enough, key=len)[:length], fade_in=0.0)
    joined = np.zeros(length, np.float32)
    position = 0
    while True:
        piece = pieces[rng.integers(len(pieces))][: length - position]
        joined[position : position + len(piece)] = fade(piece, fade_in=0.0)
        position += len(piece)
        pause = seconds(rng.uniform(*PAUSES_S))
        if length - position - pause >= seconds(SHORTEST_REST_S):
            position += pause
        elif not whole or position == length:
            return joined[:position]
