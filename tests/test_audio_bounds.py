"""Sound files: bounds of memory, rate and amplitude; what decoders may raise; single bit flips."""

import random
import struct
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sound_files
import soundfile
import soxr
from sound_files import FORMATS, RATE, riff, wav, wav_format

from resed.acquire.clip_reader import FileReader
from resed.audit.clip_audit import ClipToAudit, audit_clip
from resed.errors import AudioError
from resed.extract.stores import extract
from resed.formats import audio
from resed.formats import audio_errors as errors
from resed.formats.manifest import ManifestRow, write_manifest
from resed.formats.store import Store
from resed.runtime.files import sha256
from resed.settings import FeatureSettings

MEBI = 1 << 20


def peak(function, *arguments, **settings) -> int:
    """The most bytes that a call allocates at once."""
    tracemalloc.start()
    try:
        function(*arguments, **settings)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def long_wav(path: Path, seconds: int, rate: int = 48000) -> Path:
    """A stereo wav of 16 bit whose first second is noise; the rest is a hole in the file."""
    length = 4 * rate * seconds
    head = b"".join((wav_format(channels=2, rate=rate), b"data", struct.pack("<I", length)))
    with path.open("wb") as handle:
        handle.write(riff(head, size=len(head) + 4 + length))
        handle.write((sound_files.noise(rate, 2) * 32767).astype("<i2").tobytes())
        handle.truncate(len(head) + 12 + length)
    return path


def decode_all(path: Path) -> int:
    with audio.open_audio(path) as sound:
        return sum(len(block) for block in sound.blocks())


# C7: memory.


def test_c7_memory_does_not_grow_with_the_file_beyond_what_is_used(tmp_path):
    hour, minutes = long_wav(tmp_path / "hour.wav", 3600), long_wav(tmp_path / "minutes.wav", 300)
    ten_seconds = 441000
    assert peak(audio.read_audio, hour, RATE, ten_seconds) < 12 * MEBI
    assert peak(audio.probe, hour) < MEBI
    assert peak(decode_all, minutes) < 12 * MEBI
    whole = 300 * RATE * 4  # bytes
    assert whole < peak(audio.read_audio, minutes, RATE) < 1.3 * whole + 12 * MEBI


def test_c7_features_need_the_first_seconds_of_a_long_file(tmp_path):
    hour = long_wav(tmp_path / "hour.wav", 300)
    short = tmp_path / "short.wav"
    soundfile.write(short, *soundfile.read(hour, frames=11 * 48000, dtype="int16"))
    rows = [
        ManifestRow("weak", path.name, sha256(path), 48000, 2, 10.0, "ok", "")
        for path in (hour, short)
    ]
    write_manifest(tmp_path / "manifest.tsv", rows)
    settings = FeatureSettings(frames=60)
    arguments = (tmp_path / "manifest.tsv", "weak", tmp_path, tmp_path / "weak.store")
    extract(*arguments, settings=settings)  # tables of filters are made once
    assert peak(extract, *arguments, settings=settings) < 12 * MEBI
    store = Store.open(tmp_path / "weak.store")
    np.testing.assert_array_equal(store.features[0], store.features[1])


def test_c7_the_audit_reads_blocks(tmp_path):
    long_wav(tmp_path / "a.wav", 300)
    clip = ClipToAudit("weak", "a.wav", "")
    assert audit_clip(clip, FileReader(tmp_path)).seconds == 300
    assert peak(audit_clip, clip, FileReader(tmp_path)) < 24 * MEBI


@pytest.mark.parametrize("rate", [250, 8000, 22050, 44100, 48000, 192000])
def test_c7_blocks_give_the_samples_of_resampling_at_once(tmp_path, rate, monkeypatch):
    monkeypatch.setattr(audio, "BLOCK", 1000)
    samples = sound_files.noise(rate + 77, 2)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    mono = (samples[:, 0] + samples[:, 1]) / np.float32(2)
    expected = mono if rate == RATE else soxr.resample(mono, rate, RATE, quality="HQ")
    found = audio.read_audio(tmp_path / "a.wav", RATE)
    np.testing.assert_array_equal(found, expected)
    for count in (1, 1000, 30000, len(expected), len(expected) + 5):
        part = audio.read_audio(tmp_path / "a.wav", RATE, count)
        np.testing.assert_array_equal(part, expected[:count])


# C10: rates and lengths.


@pytest.mark.parametrize("rate", [1, 99, 10_000_001])
def test_c10_a_rate_that_is_none_of_sound_is_refused(tmp_path, rate):
    path = tmp_path / "a.wav"
    path.write_bytes(wav((sound_files.noise() * 32767).astype("<i2"), rate=rate))
    for function in (audio.probe, lambda path: audio.read_audio(path, RATE)):
        with pytest.raises(errors.RateAudioError, match=f"a sample rate of {rate} Hz; correct"):
            function(path)
    assert audit_clip(ClipToAudit("weak", "a.wav", ""), FileReader(tmp_path)).status == "odd_rate"


@pytest.mark.parametrize("rate", [100, 250, 500_000])
def test_c10_whales_and_bats_are_read(rate):
    data = wav((sound_files.noise(rate // 2) * 32767).astype("<i2"), rate=rate)
    assert len(audio.decode(data, "a.wav", RATE)) == RATE // 2


def test_c10_a_waveform_that_is_too_long_is_refused_before_it_is_read(tmp_path):
    path = long_wav(tmp_path / "a.wav", 3 * 3600, rate=8000)

    def refused():
        with pytest.raises(errors.LongAudioError, match="more than 268435456 samples at 44100 Hz"):
            audio.read_audio(path, RATE)

    assert peak(refused) < MEBI
    assert audio.read_audio(path, RATE, RATE).shape == (RATE,)


def test_c10_a_waveform_of_unknown_length_is_bounded_too(monkeypatch):
    class Unknown(audio.Sound):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            self.frames = None

    monkeypatch.setattr(audio, "Sound", Unknown)
    monkeypatch.setattr(audio, "LONGEST", 1000)
    assert len(audio.decode(wav(np.zeros(1000, "<i2")), "a.wav", RATE)) == 1000
    with pytest.raises(errors.LongAudioError, match="more than 1000 samples"):
        audio.decode(wav(np.zeros(1001, "<i2")), "a.wav", RATE)


# B9: amplitudes.


@pytest.mark.parametrize("value", [3e38, -3e38, 2.0**31 * 1.001, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("channel", [0, 1])
def test_b9_samples_beyond_every_amplitude_are_refused(tmp_path, value, channel):
    samples = np.zeros((1000, 2), dtype=np.float32)
    samples[77, channel] = value
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    told = f"{samples[77, channel]:.3g}" if np.isfinite(value) else "NaN or infinite"
    with pytest.raises(errors.NonFiniteAudioError) as refusal:
        audio.read_audio(tmp_path / "a.wav", RATE)
    assert f"sample 77 is {told}; write it with finite samples" in str(refusal.value)
    found = audit_clip(ClipToAudit("weak", "a.wav", ""), FileReader(tmp_path))
    assert found.status == "nonfinite"


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
@pytest.mark.parametrize("value", [1.0, 32768.0, 2.0**31])
def test_b9_features_of_the_loudest_sound_are_finite(tmp_path, value, spectrum):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.full(RATE, value, dtype=np.float32)))
    write_manifest(
        tmp_path / "m.tsv", [ManifestRow("weak", "a.wav", sha256(path), RATE, 1, 1.0, "ok", "")]
    )
    settings = FeatureSettings(frames=60, spectrum=spectrum)
    extract(tmp_path / "m.tsv", "weak", tmp_path, tmp_path / "w.store", settings=settings)
    assert np.isfinite(Store.open(tmp_path / "w.store").features[0]).all()


# C1: what decoders raise.


def test_c1_a_flac_of_unknown_length_has_a_length(shared, tmp_path):
    path = shared / "data" / "faults" / "unknown_length.flac"
    assert audio.probe(path).seconds == 2
    (tmp_path / "a.flac").write_bytes(path.read_bytes())
    found = audit_clip(ClipToAudit("weak", "a.flac", ""), FileReader(tmp_path))
    assert (found.status, found.seconds) == ("ok", 2)


@pytest.mark.parametrize(
    "error", [ValueError("x\ny"), RuntimeError(), soundfile.LibsndfileError(1), TypeError("t")]
)
def test_c1_any_exception_of_a_decoder_is_an_error_of_the_file(monkeypatch, error):
    def fail(*arguments, **settings):
        raise error

    data = wav(np.ones(1000, "<i2"))
    for function, kind in (
        ("read", errors.DamagedAudioError),
        ("__init__", errors.UndecodableAudioError),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(audio.Decoder, function, fail)
            with pytest.raises(kind, match=r"^a\.wav: .*cannot be decoded") as refusal:
                audio.decode(data, "a.wav", RATE)
        assert "\n" not in str(refusal.value)


def test_c1_an_error_of_the_disk_is_no_error_of_the_file(tmp_path):
    class Broken(FileReader):
        def __call__(self, filename):
            return _Failing(super().__call__(filename))

    soundfile.write(tmp_path / "a.wav", sound_files.noise(), RATE)
    found = audit_clip(ClipToAudit("weak", "a.wav", ""), Broken(tmp_path))
    assert (found.status, found.detail) == ("unreadable", "Input/output error")


class _Failing:
    """An open file whose second half cannot be read, once its hash is known."""

    def __init__(self, handle) -> None:
        self._handle, self._hashed = handle, False

    def __getattr__(self, name):
        return getattr(self._handle, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._handle.close()

    def read(self, *arguments):
        if self._hashed and self._handle.tell() > 1000:
            raise OSError(5, "Input/output error")
        return self._handle.read(*arguments)

    def seek(self, *arguments):
        self._hashed = True
        return self._handle.seek(*arguments)


@pytest.mark.parametrize("pattern", [b"\xff\xf8", b"\xff\xf9\x10\x00\x00", b"fLaC", b"fLaC\0\0\0"])
def test_c1_a_flac_full_of_false_frames_takes_no_quadratic_time(tmp_path, pattern):
    soundfile.write(tmp_path / "a.flac", sound_files.noise(), RATE)
    whole = (tmp_path / "a.flac").read_bytes()
    data = whole[: len(whole) // 2] + pattern * (MEBI // len(pattern))
    start = time.process_time()
    with pytest.raises(AudioError):
        audio.decode(data, "a.flac", RATE)
    assert time.process_time() - start < 4


def test_c1_the_last_frame_of_a_flac_is_found_behind_zeros(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(5000, "<i2"), RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # no length, no checksum
    data[22:42] = bytes(20)
    for behind in (0, 1, 1000, 3 * MEBI):
        assert len(audio.decode(bytes(data) + bytes(behind), "a.flac", RATE)) == 5000


# Single bit flips.


def flips(data: bytes, count: int, seed: str) -> Counter[str]:
    """Kinds of what `count` files with one flipped bit give, half of the flips in the header."""
    draw, found = random.Random(seed), Counter()
    tracemalloc.start()
    try:
        for number in range(count):
            flipped = bytearray(data)
            place = draw.randrange(min(len(data), 200) if number % 2 else len(data))
            flipped[place] ^= 1 << draw.randrange(8)
            start = time.monotonic()
            try:
                wave = audio.decode(bytes(flipped), "a.bin", RATE)
                assert np.isfinite(wave).all()
                found["read"] += 1
            except AudioError as error:
                assert "\n" not in str(error)
                found[error.status] += 1
            assert time.monotonic() - start < 10
        assert tracemalloc.get_traced_memory()[1] < 1 << 30
    finally:
        tracemalloc.stop()
    return found


def flips_of(folder: Path, kind: str, count: int) -> Counter[str]:
    """The same for `count` files of a format, from all its files in equal parts."""
    names, found = list(FORMATS[kind]), Counter()
    for number, name in enumerate(names):
        part = (count + number) // len(names)
        found += flips(sound_files.make(folder, kind, name).read_bytes(), part, f"{name} {count}")
    if kind.startswith("Ogg"):
        assert not found["read"]  # every page has a checksum
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_c1_flipped_bits_are_read_or_refused_in_one_line(tmp_path, kind):
    assert flips_of(tmp_path, kind, 60).total() == 60


@pytest.mark.long
@pytest.mark.parametrize("kind", FORMATS)
def test_c1_thousands_of_flipped_bits_are_read_or_refused(tmp_path, kind):
    found = flips_of(tmp_path, kind, 3000)
    print(f"{kind}: {dict(found)}")
    assert found.total() == 3000
