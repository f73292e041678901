"""Log-mel features: 64 mels and 600 frames for 10 s (Liang et al., section 3.1).

Windows and mel filters are librosa's. The framed transform is our own: it returns the numbers of
`librosa.stft` (centred; zero-padded or reflected), but works in blocks that fit the processor's
cache, which makes it 1.3 to 1.5 times as fast as librosa on one core, with memory that does not
grow with the number of frames.
"""

from functools import lru_cache

import numpy as np

from resed.settings import FeatureSettings

BLOCK = 50  # frames at a time: what fits the processor's cache, and bounds memory on long files
NOTHING = -1.0  # in linear features: a frame past the clip's end, which is 0 dB in decibels


def logmel(wave: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """Log-mel features of a whole waveform of any length.

    Args:
        wave: float32 [samples], mono, at settings.sample_rate.
        settings: the feature settings; `frames` is not looked at.

    Returns:
        float32 [1 + samples // hop, n_mels], log(mel + floor), or the mel magnitudes themselves
        where settings.scale is linear; frame i is centred on sample i * hop, the waveform being
        continued by silence or by its mirror image on both sides.

    Raises:
        ValueError: the waveform is not one-dimensional or holds no sample.
    """
    if wave.ndim != 1 or wave.size == 0:
        raise ValueError(f"a mono waveform with samples is needed, not shape {wave.shape}")
    return _features(wave, 1 + wave.size // settings.hop, settings)


def clip_features(wave: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """Log-mel features of a clip: float32 [frames, n_mels] for float32 [samples] of any length.

    A shorter waveform is continued by silence or its features by zeros (settings.short), a longer
    one cut at frames * hop samples. librosa gives one frame more, centred on the clip's end: it is
    dropped.
    """
    samples = settings.frames * settings.hop
    if settings.edges == "reflect":  # a longer waveform goes on where it is cut: no mirror there
        samples += settings.n_fft
    wave = wave[:samples]
    if settings.short == "silence":
        return _features(wave, settings.frames, settings)
    there = min(settings.frames, 1 + wave.size // settings.hop)
    past = 0.0 if settings.scale == "log" else NOTHING
    features = np.full((settings.frames, settings.n_mels), past, dtype=np.float32)
    features[:there] = _features(wave, there, settings)
    return features


def _features(wave: np.ndarray, frames: int, settings: FeatureSettings) -> np.ndarray:
    n_fft, hop = settings.n_fft, settings.hop
    half = n_fft // 2
    padded = np.zeros(max(n_fft + (frames - 1) * hop, half + wave.size), dtype=np.float32)
    padded[half : half + wave.size] = wave
    if settings.edges == "reflect" and wave.size > 1:
        whole = np.pad(wave, half, mode="reflect")[: padded.size]
        padded[: whole.size] = whole
    cut = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop][:frames]
    window, filters = taper(settings), _transposed_filters(settings)
    features = np.empty((frames, settings.n_mels), dtype=np.float32)
    # The transform is in float64, as librosa's: in float32 its rounding drowns the quiet bands of
    # band-limited recordings (4.8 dB off on ESC-10). What follows is safe in float32.
    windowed = np.empty((BLOCK, n_fft))
    spectrum = np.empty((BLOCK, 1 + n_fft // 2), dtype=np.complex128)
    for start in range(0, frames, BLOCK):
        count = min(BLOCK, frames - start)
        np.multiply(cut[start : start + count], window, out=windowed[:count])
        np.fft.rfft(windowed[:count], axis=1, out=spectrum[:count])
        magnitude = np.abs(spectrum[:count].astype(np.complex64))
        if settings.spectrum == "power":
            magnitude *= magnitude
        np.matmul(magnitude, filters, out=features[start : start + count])
    if settings.scale == "linear":
        return features
    features += np.float32(settings.floor)
    return np.log(features, out=features)


@lru_cache(maxsize=8)
def taper(settings: FeatureSettings) -> np.ndarray:
    """Analysis window centred in n_fft samples: float64 [n_fft].

    librosa's window functions: periodic Hann, or symmetric Hamming as in the Mean Teacher baseline.
    """
    from librosa.filters import get_window
    from librosa.util import pad_center

    periodic = settings.window_shape == "hann"
    window = get_window(settings.window_shape, settings.window, fftbins=periodic)
    return pad_center(window, size=settings.n_fft)


@lru_cache(maxsize=8)
def mel_filters(settings: FeatureSettings) -> np.ndarray:
    """Mel filter bank of librosa (Slaney scale): float32 [n_mels, 1 + n_fft // 2]."""
    from librosa.filters import mel

    return mel(
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        n_mels=settings.n_mels,
        fmin=settings.f_min,
        fmax=settings.f_max,
        norm=None if settings.mel_norm == "none" else settings.mel_norm,
    )


@lru_cache(maxsize=8)
def _transposed_filters(settings: FeatureSettings) -> np.ndarray:
    return np.ascontiguousarray(mel_filters(settings).T)
