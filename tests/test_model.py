"""`resed.load_model` and `Model`, against extract, predict and decode, and `resed detect`."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from runs import REPOSITORY
from small_models import CLASSES, WINDOWS, settings, small_checkpoint, small_model

import resed
from resed.decode.events import decode
from resed.detect.detector import ModelDetector
from resed.detect.file_detection import detect_in_file
from resed.detect.sources import SoundSource
from resed.errors import AudioError, ConfigError, DeviceError, MissingFileError
from resed.extract.logmel import clip_features
from resed.formats.audio import read_audio
from resed.formats.model_file import write_model_file
from resed.formats.store import create
from resed.formats.thresholds import Thresholds
from resed.predict.inference import predict_splits
from resed.predict.networks import load_trained

CPU = torch.device("cpu")


def model_of(tmp_path, framework="joint"):
    """A model file whose thresholds are exceeded by a part of the frames of noise."""
    chosen = settings(framework=framework)
    gateless = chosen.decode.model_copy(update={"gate": "none"})
    chosen = chosen.model_copy(update={"decode": gateless})
    model, path = small_model(chosen), tmp_path / "m.safetensors"
    write_model_file(path, replace(model, thresholds={}))
    frames = resed.load_model(path)(*sound(model.features.sample_rate)).frames
    limits = dict(zip(CLASSES, map(float, np.median(frames, axis=0)), strict=True))
    write_model_file(path, replace(model, thresholds=limits))
    return path, replace(model, thresholds=limits)


def sound(rate, seconds=2.0, seed=0, channels=1):
    """Noise whose level changes, and its rate."""
    count = round(seconds * rate)
    noise = np.random.default_rng(seed).normal(0, 0.1, (count, channels))
    level = np.sin(np.arange(count) / rate * 5)[:, None] ** 2
    wave = (noise * level).astype(np.float32)
    return (wave if channels > 1 else wave[:, 0]), rate


def predicted(tmp_path, path, model, wave):
    """Posteriors of extract and predict, and the events of decode."""
    store = tmp_path / "e.store"
    with create(store, ["a.wav"], model.features, "evaluation", "0" * 64) as writer:
        writer.write(0, clip_features(wave, model.features))
    ((_, posteriors),) = predict_splits(path, {"evaluation": store}, CPU)
    thresholds = Thresholds(0.5, model.thresholds)
    found = decode(posteriors, WINDOWS, model.settings.decode, thresholds)
    return posteriors, found.events["a.wav"]


@pytest.mark.parametrize("framework", ["joint", "mean_teacher"])
def test_one_clip_has_exactly_what_extract_predict_and_decode_give(tmp_path, framework):
    path, model = model_of(tmp_path, framework)
    samples = model.features.frames * model.features.hop
    wave = sound(model.features.sample_rate, 3.0, seed=4)[0][:samples]
    posteriors, events = predicted(tmp_path, path, model, wave)
    found = resed.load_model(path)(wave, model.features.sample_rate)
    assert isinstance(found, resed.Detection)
    np.testing.assert_array_equal(found.frames, posteriors.frames[0])
    assert found.tags == dict(zip(CLASSES, map(float, posteriors.tags[0]), strict=True))
    assert found.seconds_per_frame == posteriors.seconds_per_frame
    assert found.classes == tuple(CLASSES)
    assert found.seconds == samples / model.features.sample_rate
    assert len(events) > 1
    ours = sorted((e.onset, e.offset, e.label) for e in found.events)
    theirs = sorted((e.onset, min(e.offset, found.seconds), e.event_label) for e in events)
    assert [e[2] for e in ours] == [e[2] for e in theirs]
    np.testing.assert_allclose([e[:2] for e in ours], [e[:2] for e in theirs], atol=1e-6)
    for event in found.events:
        first, last = (round(t / found.seconds_per_frame) for t in (event.onset, event.offset))
        mean = found.frames[first:last, CLASSES.index(event.label)].mean()
        assert event.score == pytest.approx(mean, abs=1e-5)


def test_channels_rates_and_types_give_what_a_file_gives(tmp_path):
    path, model = model_of(tmp_path)
    loaded = resed.load_model(path)
    file = tmp_path / "a.wav"
    soundfile.write(file, *sound(22050, 1.5, channels=2), subtype="PCM_16")
    mono = read_audio(file, 44100)
    posteriors, _ = predicted(tmp_path, path, model, mono)
    for kind in ("float32", "float64", "int16", "int32"):
        found = loaded(*soundfile.read(file, dtype=kind))
        assert found.frames.shape == (90, 2)  # of 1.5 s; the clip has 120
        np.testing.assert_allclose(found.frames, posteriors.frames[0][:90], atol=1e-6)
        assert found.seconds == pytest.approx(1.5)
    assert loaded(soundfile.read(file)[0].tolist(), 22050).frames.shape == (90, 2)


def test_a_long_waveform_has_the_events_of_resed_detect(tmp_path):
    path, _ = model_of(tmp_path)
    file = tmp_path / "long.wav"
    wave, rate = sound(44100, 9.3, seed=2)
    soundfile.write(file, wave, rate, subtype="FLOAT")
    found = resed.load_model(path)(wave, rate)
    detector = ModelDetector.of(load_trained(path), CPU)
    expected = detect_in_file(detector, SoundSource("long.wav", file))
    assert found.events == expected.events and len(found.events) > 3
    assert found.tags == expected.tags
    assert found.frames.shape == (558, 2) and found.seconds == pytest.approx(9.3)


def test_classes_and_thresholds_are_those_that_are_given(tmp_path):
    path, _ = model_of(tmp_path)
    wave, rate = sound(44100)
    every, one = (resed.load_model(path, classes=names)(wave, rate) for names in ((), ["cät"]))
    assert one.classes == ("cät",) and [*one.tags] == ["cät"]
    np.testing.assert_array_equal(one.frames[:, 0], every.frames[:, 1])
    assert one.events == [event for event in every.events if event.label == "cät"]
    assert not resed.load_model(path, thresholds={"": 1.0})(wave, rate).events
    for name in ("Dog", ""):
        with pytest.raises(ConfigError, match=f"--classes: unknown class '{name}'"):
            resed.load_model(path, classes=[name])
    for limit in (1.5, -0.1, float("nan"), "0.5"):
        with pytest.raises(ConfigError, match=rf"dog: {limit} is no threshold; use a number"):
            resed.load_model(path, thresholds={"dog": limit})


def test_a_checkpoint_is_a_model_too(tmp_path):
    loaded = resed.load_model(small_checkpoint(tmp_path / "checkpoint.pt"))
    assert loaded(*sound(44100)).frames.shape == (120, 2)
    assert (loaded.name, loaded.sample_rate, loaded.clip_seconds) == ("pts", 44100, 2.0)
    assert repr(loaded) == "Model('pts', 2 classes, 44100 Hz)"


def test_what_is_no_waveform_is_refused_in_one_line(tmp_path):
    path, _ = model_of(tmp_path)
    loaded, wave = resed.load_model(path), sound(44100)[0]
    spoiled = wave.copy()
    spoiled[7] = np.nan
    for given, rate, problem in (
        (spoiled, 44100, "waveform: has samples that are not finite"),
        (wave.astype(np.float64) * 1e300, 44100, "too large for float32"),
        ([], 44100, "waveform: is empty"),
        (wave[None].repeat(2, 0), 44100, r"waveform: has the shape \(2, 88200\); use \[samples\]"),
        (1.0, 44100, r"waveform: has the shape \(\)"),
        (wave > 0, 44100, "waveform: has the type bool"),
        (wave.astype(np.uint8), 44100, "waveform: has the type uint8"),
        (["a"], 44100, "waveform: has the type <U1"),
        ([0, 9000, -9000], 44100, "waveform: has the type int64; use float32 .* or int16"),
        (wave, 0, "rate: must be a number from 100 to 10000000 Hz"),
        (wave, float("nan"), "rate: must"),
        (wave, True, "rate: must"),
        (wave, "44100", "rate: must"),
    ):
        with pytest.raises(AudioError, match=problem):
            loaded(given, rate)
    with pytest.raises(DeviceError, match="tpu: unknown device; use cpu, cuda or auto"):
        resed.load_model(path, device="tpu")
    with pytest.raises(MissingFileError):
        resed.load_model(tmp_path / "none.safetensors")


def test_several_threads_can_use_one_model(tmp_path):
    """The networks stay in evaluation mode: no thread sees those of a training."""
    path, _ = model_of(tmp_path)
    loaded, (wave, rate) = resed.load_model(path), sound(44100)
    modes, networks = [], loaded._detector.trained.networks
    networks.student.register_forward_hook(lambda *_: modes.append(networks.student.training))
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    alone = loaded(wave, rate).frames
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: loaded(wave, rate).frames, range(6)))
    assert not networks.training and modes == [False] * 7
    assert all(np.allclose(frames, alone, atol=1e-6) for frames in found)
    assert all(torch.equal(value, before[name]) for name, value in networks.state_dict().items())


def test_a_model_needs_no_compiler_and_no_librosa():
    """Each of them would take up to 125 MB more."""
    code = (
        "import sys, resed, numpy\nresed.load_model('everyday')(numpy.zeros(999), 8000)\n"
        "print({'librosa', 'numba', 'sympy', 'torch._dynamo', 'matplotlib'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_importing_resed_imports_nothing_else():
    code = "import sys, resed; print(sorted({'torch', 'numpy', 'pandas'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert "load_model" in dir(resed) and (REPOSITORY / "src/resed/py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'loadmodel'"):
        resed.loadmodel  # noqa: B018


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch, capsys):
    text = (REPOSITORY / "docs" / "models.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    path, _ = model_of(tmp_path)
    path.rename(tmp_path / "mine.safetensors")
    soundfile.write(tmp_path / "dog.wav", *sound(44100))
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "models.md", "exec"), {})
    assert capsys.readouterr().out.rstrip().endswith("(120, 2) 0.016666666666666666")
