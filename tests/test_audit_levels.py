"""audit: levels of the channels and of their average; clips that end no audit."""

import io

import audits
import numpy as np
import pytest
import soundfile
from audits import audit, found, name, rows

import resed.audit.clip_audit
from resed.audit import ClipToAudit, audit_clip
from resed.audit.sound_levels import SoundLevels
from resed.formats.acquisition import Answer, ClipState, table_path, write_states

RATE = 44100
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, RATE)


@pytest.fixture
def small():
    return audits.dataset()


@pytest.fixture
def root(tmp_path, small):
    return audits.make(tmp_path, small)


def audited(samples, subtype="FLOAT", rate=RATE):
    sound = io.BytesIO()
    soundfile.write(sound, samples, rate, subtype=subtype, format="WAV")
    clip = ClipToAudit("weak", "a.wav", "local")
    return audit_clip(clip, lambda _: io.BytesIO(sound.getvalue()))


def put(root, small, i, samples, split="weak", subtype="FLOAT"):
    path = root / small.splits[split].audio / name(split, i)
    soundfile.write(path, samples, RATE, subtype=subtype)


def defects(root) -> dict[str, tuple[str, str]]:
    """Kind -> clip and detail; one defect of each kind."""
    return {row[0]: (row[2], row[4]) for row in rows(root)}


@pytest.mark.parametrize("block", [1, 1000, RATE])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_b12_levels_are_those_of_the_whole_sound(block, channels):
    sound = np.random.default_rng(channels).uniform(-1.2, 1.2, (2000, channels)).astype(np.float32)
    levels = SoundLevels()
    for start in range(0, len(sound), block):
        levels.add(sound[start : start + block])
    mono = sound.astype(np.float64).mean(axis=1)
    assert levels.frames == 2000
    assert levels.peak == pytest.approx(np.abs(sound).max(), rel=1e-7)
    assert levels.offset == pytest.approx(mono.mean(), abs=1e-7)
    assert levels.kept == pytest.approx((mono**2).sum() / (sound**2).mean(axis=1).sum(), rel=1e-5)
    assert (levels.low, levels.high) == pytest.approx((mono.min(), mono.max()), abs=1e-6)
    assert levels.full == np.count_nonzero(np.abs(mono) >= 1 - 2**-15)


def test_b12_peaks_far_above_full_scale_are_not_called_clipping(small, root):
    put(root, small, 0, 32768 * NOISE)
    put(root, small, 1, np.clip(4 * NOISE, -1, 1))
    put(root, small, 2, 3.8 * NOISE)  # peaks up to 1.9: as decoders of compressed sound write
    audit(small, root)
    told = {(row[0], row[2]): row[4] for row in rows(root)}
    assert told["over", name("weak", 0)].startswith("peak 1.638e+04, 84 dB above full scale")
    assert ("clipped", name("weak", 0)) not in told
    assert ("clipped", name("weak", 1)) in told
    assert ("over", name("weak", 1)) not in told and ("over", name("weak", 2)) not in told


@pytest.mark.parametrize(
    ("peak", "kinds"), [(2.0, {"clipped"}), (2.001, {"over"}), (1.0, set()), (0.999, set())]
)
def test_b12_full_scale_is_one(small, root, peak, kinds):
    samples = NOISE.copy()
    samples[:: 100 if peak > 1 else 10_000] = peak
    put(root, small, 0, samples)
    audit(small, root)
    assert set(defects(root)) == kinds


def test_b12_channels_that_cancel_are_not_called_silence(small, root):
    put(root, small, 0, np.stack([NOISE, -NOISE], axis=1), subtype="PCM_16")
    put(root, small, 1, np.stack([NOISE, -0.9 * NOISE], axis=1))
    put(root, small, 2, np.stack([NOISE, 0 * NOISE], axis=1))
    put(root, small, 3, np.stack([NOISE, NOISE[::-1]], axis=1))
    summary = audit(small, root)
    (row,) = [row for row in rows(root, "manifest.tsv") if row[6] != "ok"]
    assert (row[1], row[6]) == (name("weak", 0), "cancelled")
    told = defects(root)
    assert told["cancelled"] == (name("weak", 0), "the channels reach 0.5, their average is silent")
    # power of the mix: (0.05)^2 of (1 + 0.81) / 2
    assert told["opposed"] == (
        name("weak", 1),
        "the average of the channels has 26 dB less power",
    )
    assert found(summary)["opposed", "weak"] == 1
    assert "silent" not in told


def test_b12_independent_channels_of_any_number_are_not_opposed(small, root):
    sound = np.random.default_rng(3).uniform(-0.5, 0.5, (RATE, 16))
    put(root, small, 0, sound)
    audit(small, root)
    assert "opposed" not in defects(root)


@pytest.mark.parametrize("value", [0.3, -1.0, 1e-3])
def test_b12_a_constant_is_no_sound(value):
    row = audited(np.full(5000, value))
    assert (row.status, row.detail) == ("silent", f"all samples are {value:.3g}")


def test_b12_a_sound_with_an_offset_is_used_and_told(small, root):
    sound = NOISE - NOISE.mean()
    put(root, small, 0, 0.3 + sound)
    put(root, small, 1, 0.049 + sound)
    audit(small, root)
    assert defects(root) == {"offset": (name("weak", 0), "mean 0.3")}


def test_b12_clips_that_acquire_put_aside_are_not_called_missing(small, root):
    """A source delivered a file with NaN; acquire moved it to quarantine."""
    folder = root / small.splits["weak"].audio
    for i in range(3):
        (folder / name("weak", i)).unlink()
    problem = Answer("corrupt", "sample 3 is NaN or infinite")
    states = [
        ClipState(name("weak", 0), "corrupt", answers={"hub": problem}),
        ClipState(name("weak", 1), "gone", answers={"hub": Answer("gone", "404", True)}),
        ClipState(name("weak", 2), "corrupt", answers={"local": problem}),  # moved away since
    ]
    write_states(table_path(root, "weak"), states)
    summary = audit(small, root)
    assert summary["splits"]["weak"]["status"] == {"missing": 2, "ok": 9, "rejected": 1}
    told = {(row[0], row[2]): row[4] for row in rows(root)}
    reason = "acquire: hub: corrupt (sample 3 is NaN or infinite)"
    assert told["rejected", name("weak", 0)] == reason
    assert told["missing", name("weak", 1)] == "acquire: hub: gone (404)"


@pytest.mark.parametrize(
    "error", [RuntimeError("codec"), ValueError("x\ny"), MemoryError(), KeyError("k"), TypeError()]
)
def test_c1_no_exception_of_a_decoder_ends_an_audit(small, root, monkeypatch, error):
    """Whatever is raised while one clip is decoded: that clip is named, the others are audited."""
    opened = resed.audit.clip_audit.open_audio

    def fails(handle, clip):
        if clip == name("strong", 4):
            raise error
        return opened(handle, clip)

    monkeypatch.setattr(resed.audit.clip_audit, "open_audio", fails)
    summary = audit(small, root)
    assert summary["ok"] == summary["clips"] - 1
    (row,) = [row for row in rows(root) if row[0] == "undecodable"]
    assert row[2] == name("strong", 4)
    assert row[4].startswith(f"the decoder failed ({type(error).__name__}")


@pytest.mark.parametrize("rate", [1, 99, 20_000_000])
def test_c10_a_rate_that_cannot_be_that_of_sound_is_named(rate):
    sound = io.BytesIO()
    soundfile.write(sound, NOISE, RATE, subtype="PCM_16", format="WAV")
    data = bytearray(sound.getvalue())
    data[24:28] = rate.to_bytes(4, "little")
    row = audit_clip(ClipToAudit("weak", "a.wav", "local"), lambda _: io.BytesIO(bytes(data)))
    assert row.status == "odd_rate"
    assert str(rate) in row.detail


def test_c7_the_audit_reads_in_blocks():
    """Memory does not grow with the length: ten minutes of stereo take less than 60 MB more."""
    import tracemalloc

    sound = io.BytesIO()
    with soundfile.SoundFile(sound, "w", RATE, 2, "PCM_16", format="WAV") as file:
        for _ in range(60):
            file.write(np.stack([np.resize(NOISE, 10 * RATE)] * 2, axis=1))
    tracemalloc.start()
    row = audit_clip(ClipToAudit("weak", "a.wav", "local"), lambda _: sound)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (row.status, row.seconds) == ("ok", 600.0)
    assert peak < 60e6
