"""Spectrogram pictures of clips, small enough to carry hundreds of them."""

import io

import numpy as np
from matplotlib import colormaps
from PIL import Image

from resed.draw.style import HEAT
from resed.extract.logmel import logmel
from resed.settings import FeatureSettings

SUFFIX = ".webp"
MELS, WIDTH = 96, 640  # pixels; the page stretches them
RANGE = 7.5  # of the colours, in natural logarithms of magnitudes: 65 dB
QUALITY = 60
SHORTEST_HOP = 256  # samples


def spectrogram(wave: np.ndarray, rate: int) -> bytes:
    """A WebP picture of the log-mel spectrogram of a waveform, float32 [samples] at `rate` Hz.

    The loudest point has the brightest colour; points 65 dB below it are dark.
    """
    hop = max(SHORTEST_HOP, len(wave) // WIDTH)
    settings = FeatureSettings(
        sample_rate=rate, n_fft=2048, window=1764, hop=hop, n_mels=MELS, f_max=rate / 2, frames=1
    )
    values = logmel(wave, settings)[:WIDTH].T[::-1]
    shares = np.clip((values - values.max()) / RANGE + 1, 0, 1)
    pixels = (255 * colormaps[HEAT](shares)[..., :3]).round().astype(np.uint8)
    handle = io.BytesIO()
    Image.fromarray(pixels).save(handle, "WEBP", quality=QUALITY)
    return handle.getvalue()
