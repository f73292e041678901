"""Audio: any rate, channel count and length is read; damaged files are refused."""

import numpy as np
import pytest
import soundfile
import sounds

from resed.errors import AudioError, MissingFileError
from resed.formats import audio
from resed.formats import audio_errors as errors


def test_mono_is_read_as_it_is(tmp_path):
    path = tmp_path / "a b ü.wav"
    soundfile.write(path, sounds.noise(), sounds.RATE, subtype="FLOAT")
    wave = audio.read_audio(path, sounds.RATE)
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(wave, sounds.noise()[:, 0])
    assert audio.probe(path) == audio.Probe(rate=44100, channels=1, frames=44100)
    assert audio.probe(path).seconds == 1.0


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_are_averaged(tmp_path, channels):
    samples = sounds.noise(channels=channels)
    soundfile.write(tmp_path / "a.wav", samples, sounds.RATE, subtype="FLOAT")
    wave = audio.read_audio(tmp_path / "a.wav", sounds.RATE)
    np.testing.assert_allclose(wave, samples.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 48000])
def test_other_rates_are_resampled(tmp_path, rate):
    def tone(at):
        return 0.5 * np.sin(2 * np.pi * 440 * np.arange(at) / at).astype(np.float32)

    soundfile.write(tmp_path / "a.wav", tone(rate), rate, subtype="FLOAT")
    wave = audio.read_audio(tmp_path / "a.wav", sounds.RATE)
    assert wave.shape == (44100,)
    np.testing.assert_allclose(wave[4000:-4000], tone(44100)[4000:-4000], atol=1e-3)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "aiff"])
def test_other_formats(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, sounds.noise(), sounds.RATE)
    assert audio.read_audio(path, sounds.RATE).shape == (44100,)


def test_piped_wav_of_unknown_length(tmp_path):
    data = bytearray(sounds.good(tmp_path / "a.wav").read_bytes())
    data[40:44] = b"\xff\xff\xff\xff"  # what ffmpeg writes when it cannot go back
    assert audio.decode(bytes(data), "pipe", sounds.RATE).shape == (44100,)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (sounds.empty, errors.EmptyAudioError, "the file is empty (0 bytes); fetch"),
        (sounds.zero_length, errors.EmptyAudioError, "the file has no samples; fetch"),
        (sounds.truncated, errors.TruncatedAudioError, "48244 bytes of the data chunk are missing"),
        (
            sounds.truncated_header,
            errors.TruncatedAudioError,
            "the file ends before its data chunk",
        ),
        (sounds.not_a_wav, errors.UndecodableAudioError, "cannot be decoded"),
        (sounds.nan, errors.NonFiniteAudioError, "sample 1234 is NaN or infinite; write it"),
        (
            sounds.infinite,
            errors.NonFiniteAudioError,
            "sample 1234 is NaN or infinite; write it",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refusals(tmp_path, make, kind, message):
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(kind) as refusal:
        audio.read_audio(path, sounds.RATE)
    assert str(refusal.value).startswith(f"{path}: ")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_no_cut_goes_unnoticed(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, sounds.noise(), sounds.RATE)
    data = path.read_bytes()
    for kept in (1, 11, len(data) // 3, len(data) // 2, len(data) - 1000):
        with pytest.raises(AudioError):
            audio.decode(data[:kept], "cut", sounds.RATE)


def test_missing_file(tmp_path):
    for function in (audio.probe, lambda path: audio.read_audio(path, 44100)):
        with pytest.raises(MissingFileError, match="no such file"):
            function(tmp_path / "none.wav")
