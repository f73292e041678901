"""Log-mel features of a waveform that arrives in parts, so that memory does not grow with it."""

from collections.abc import Iterable, Iterator

import numpy as np

from resed.extract.logmel import BLOCK, samples_before, transformed
from resed.settings import FeatureSettings


def feature_blocks(waves: Iterable[np.ndarray], settings: FeatureSettings) -> Iterator[np.ndarray]:
    """The features of consecutive parts of a waveform, in blocks of whole frames.

    Args:
        waves: float32 [samples] each, mono, at settings.sample_rate.
        settings: the feature settings; `frames` is not used.

    Yields:
        float32 [frames, n_mels]. Together they have ceil(samples / hop) frames: those of `logmel`
        of the whole waveform, bit for bit, without a frame that is centred on its very end.
    """
    n_fft, hop, half = settings.n_fft, settings.hop, samples_before(settings)
    reflected = settings.edges == "reflect"
    offset = np.float32(settings.offset)
    pending, begun = np.empty(0, dtype=np.float32), False
    for wave in waves:
        pending = np.concatenate([pending, wave + offset])
        if not begun:
            if reflected and pending.size <= half:  # the reflection needs more samples
                continue
            pending, begun = _extended(pending, (half, 0), reflected), True
        ready = (pending.size - n_fft) // hop + 1
        ready -= ready % BLOCK  # whole blocks, as in logmel, whose values depend on their size
        if ready > 0:
            yield transformed(pending, ready, settings)
            pending = pending[ready * hop :]
    if not begun:
        pending = _extended(pending, (half, 0), reflected)
    rest = -(-(pending.size - half) // hop)  # frames that are centred before the end
    if rest > 0:
        needed = n_fft + (rest - 1) * hop - pending.size
        yield transformed(_extended(pending, (0, max(needed, 0)), reflected), rest, settings)


def _extended(wave: np.ndarray, counts: tuple[int, int], reflected: bool) -> np.ndarray:
    """A waveform with `counts` samples of silence, or of its reflection, before and after it."""
    if reflected and wave.size > 1:
        return np.pad(wave, counts, mode="reflect")
    return np.pad(wave, counts)
