"""Log-mels: against librosa, which is an independent implementation of the same definition."""

from functools import cache

import numpy as np
import pytest
import soundfile

from resed.extract.logmel import clip_features, logmel, mel_filters, taper
from resed.formats.audio import read_audio
from resed.settings import FeatureSettings

SETTINGS = FeatureSettings()
TOLERANCE = 1.1e-4  # dB: 20 log10 of the ratio of two mel magnitudes


def decibels(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference of two natural-log features in dB."""
    return float(np.abs(ours.astype(float) - theirs).max()) * 20 / np.log(10)


@cache
def filters(settings: FeatureSettings) -> np.ndarray:
    from librosa.filters import mel

    return mel(
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        n_mels=settings.n_mels,
        fmin=settings.f_min,
        fmax=settings.f_max,
    )


def by_librosa(wave: np.ndarray, settings: FeatureSettings = SETTINGS) -> np.ndarray:
    """The definition in librosa's words: [frames, n_mels], in the precision of `wave`."""
    import librosa

    spectrum = np.abs(
        librosa.stft(
            wave, n_fft=settings.n_fft, hop_length=settings.hop, win_length=settings.window
        )
    )
    if settings.spectrum == "power":
        spectrum = spectrum**2
    return np.log(filters(settings) @ spectrum + np.float32(settings.floor)).T


def signal(name: str, seconds: float = 10.0) -> np.ndarray:
    """Test signals; those with quiet bands are where careless arithmetic shows."""
    samples = round(seconds * 44100)
    time = np.arange(samples) / 44100
    generator = np.random.default_rng(1)
    return {
        "noise": lambda: generator.uniform(-1, 1, samples),
        "quiet": lambda: 1e-6 * generator.normal(size=samples),
        "tone": lambda: np.sin(2 * np.pi * 1000 * time),
        "chirp": lambda: np.sin(2 * np.pi * (100 * time + 1000 * time**2)),
        "clicks": lambda: (np.arange(samples) % 4001 == 0) * 1.0,
        "low": lambda: np.convolve(generator.normal(size=samples), np.hanning(64), "same") / 32,
        "silence": lambda: np.zeros(samples),
        "half": lambda: np.where(time < seconds / 2, generator.uniform(-1, 1, samples), 0),
    }[name]().astype(np.float32)


@pytest.mark.parametrize(
    "name", ["noise", "quiet", "tone", "chirp", "clicks", "low", "silence", "half"]
)
def test_equals_librosa(name):
    wave = signal(name)
    features = logmel(wave, SETTINGS)
    assert features.dtype == np.float32
    assert features.shape == (601, 64)
    assert decibels(features, by_librosa(wave)) < TOLERANCE
    assert decibels(features, by_librosa(wave.astype(float))) < TOLERANCE


@pytest.mark.parametrize("samples", [1, 734, 735, 1023, 2048, 30001, 441000 + 5])
def test_equals_librosa_at_any_length(samples):
    wave = signal("noise", 11)[:samples]
    features = logmel(wave, SETTINGS)
    assert features.shape == (1 + samples // 735, 64)
    assert decibels(features, by_librosa(np.pad(wave, (0, 2048)))[: len(features)]) < TOLERANCE


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(
    "changes",
    [
        {"spectrum": "power"},
        {"window": 2048, "hop": 882, "frames": 500},
        {"sample_rate": 16000, "n_fft": 1024, "window": 640, "hop": 320, "f_max": 8000.0},
        {"n_mels": 128, "f_min": 50.0, "f_max": 14000.0, "floor": 1e-5},
        {"n_fft": 1001, "window": 999, "hop": 333},
    ],
)
def test_equals_librosa_with_other_settings(changes):
    settings = SETTINGS.model_copy(update=changes)
    wave = signal("noise", 2)
    features = logmel(wave, settings)
    reference = by_librosa(wave, settings)
    limit = 2 * TOLERANCE if settings.spectrum == "power" else TOLERANCE
    assert decibels(features, reference[: len(features)]) < limit


def test_equals_librosa_on_recordings(shared):
    for path in sorted((shared / "data" / "esc10").glob("*/*.ogg"))[::80]:
        wave = read_audio(path, 44100)
        assert decibels(logmel(wave, SETTINGS), by_librosa(wave)) < TOLERANCE


def triangles(settings: FeatureSettings) -> np.ndarray:
    """Mel filters from Slaney's scale (Auditory Toolbox, 1998), without librosa."""
    step = np.log(6.4) / 27  # linear below 1 kHz = 15 mels, logarithmic above

    def mels(hertz):
        return hertz * 3 / 200 if hertz < 1000 else 15 + np.log(hertz / 1000) / step

    scale = np.linspace(mels(settings.f_min), mels(settings.f_max), settings.n_mels + 2)
    edges = np.where(scale < 15, scale * 200 / 3, 1000 * np.exp(step * (scale - 15)))
    bins = np.arange(1 + settings.n_fft // 2) * settings.sample_rate / settings.n_fft
    made = []
    for low, peak, high in zip(edges, edges[1:], edges[2:], strict=False):
        slopes = np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak))
        area = 2 / (high - low) if settings.mel_norm == "slaney" else 1
        made.append(area * np.maximum(0, slopes))
    return np.array(made)


@pytest.mark.parametrize(
    "changes",
    [{}, {"mel_norm": "none"}, {"f_min": 50.0, "f_max": 14000.0, "n_mels": 40, "n_fft": 1024}],
)
def test_mel_filters_by_the_formula(changes):
    settings = FeatureSettings.model_validate({**SETTINGS.model_dump(), "window": 1000, **changes})
    np.testing.assert_allclose(mel_filters(settings), triangles(settings), rtol=1e-5, atol=1e-6)


def test_windows_equal_scipy():
    from scipy.signal.windows import hamming, hann

    pad = (2048 - 1764) // 2
    np.testing.assert_allclose(taper(SETTINGS)[pad:-pad], hann(1764, sym=False), atol=1e-12)
    assert not taper(SETTINGS)[:pad].any() and not taper(SETTINGS)[-pad:].any()
    symmetric = SETTINGS.model_copy(update={"window_shape": "hamming", "window": 2048})
    np.testing.assert_allclose(taper(symmetric), hamming(2048), atol=1e-12)


def test_a_clip_has_600_frames_whatever_its_length():
    wave = signal("noise", 12)
    ten = clip_features(wave[:441000], SETTINGS)
    assert ten.shape == (600, 64)
    assert decibels(ten, by_librosa(wave[:441000])[:600]) < TOLERANCE
    np.testing.assert_array_equal(clip_features(wave, SETTINGS), ten)  # cut after ten seconds
    short = clip_features(wave[:100000], SETTINGS)
    padded = np.pad(wave[:100000], (0, 341000))
    np.testing.assert_array_equal(short, clip_features(padded, SETTINGS))
    np.testing.assert_allclose(short[200:], np.log(SETTINGS.floor), rtol=1e-6)  # silence


def test_refuses_what_is_no_waveform():
    for wave in (np.zeros(0, np.float32), np.zeros((10, 2), np.float32)):
        with pytest.raises(ValueError, match="mono waveform"):
            logmel(wave, SETTINGS)


def test_through_a_file(tmp_path):
    soundfile.write(tmp_path / "a.flac", signal("noise"), 44100)
    wave = read_audio(tmp_path / "a.flac", 44100)
    assert decibels(logmel(wave, SETTINGS), by_librosa(wave)) < TOLERANCE


def test_extract_compares_its_filters_with_those_of_librosa(monkeypatch, tmp_path):
    from resed.errors import StoreError
    from resed.extract import stores

    stores.refuse_other_filters(FeatureSettings(), tmp_path / "weak.store")
    monkeypatch.setattr(stores, "mel_filters", lambda settings: mel_filters(settings) * 1.001)
    with pytest.raises(StoreError, match="not those of the installed librosa"):
        stores.refuse_other_filters(FeatureSettings(), tmp_path / "weak.store")


def test_frames_that_are_not_centred_are_librosas():
    """Koutini et al. (2018): 64 ms every 41.5 ms at 32 kHz give 240 frames of 10 s, not 241."""
    import librosa

    chosen = FeatureSettings(
        sample_rate=32000, n_fft=2048, window=2048, hop=1328, f_max=16000, frames=240,
        floor=1e-5, edges="none",
    )  # fmt: skip
    wave = np.random.default_rng(0).uniform(-1, 1, 320_000).astype(np.float32)
    spectrum = np.abs(librosa.stft(wave, n_fft=2048, hop_length=1328, center=False))
    assert spectrum.shape[1] == 240
    bank = librosa.filters.mel(sr=32000, n_fft=2048, n_mels=64, fmin=0, fmax=16000)
    expected = np.log(bank @ spectrum + np.float32(1e-5)).T
    found = clip_features(wave, chosen)
    assert found.shape == (240, 64) and decibels(found, expected) < TOLERANCE
    np.testing.assert_array_equal(logmel(wave, chosen)[:240], found)
    longer = clip_features(np.concatenate([wave, np.ones(5000, np.float32)]), chosen)
    np.testing.assert_array_equal(longer, found)
