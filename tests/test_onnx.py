"""ONNX files by onnxruntime, against the posteriors of resed predict."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small_models import (
    FEATURES,
    MAGNITUDES,
    WINDOWS,
    settings,
    small_checkpoint,
    small_model,
    small_store,
)
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import MissingPackageError, ModelFileError
from resed.export import onnx_file
from resed.export.onnx_file import fewest_frames, write_onnx
from resed.extract.logmel import clip_features
from resed.formats.model_file import write_model_file
from resed.formats.store import Store, create
from resed.predict.inference import predict_splits
from resed.predict.networks import load_trained

CPU = torch.device("cpu")


def ran(path, name, values):
    """Outputs of onnxruntime by name."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names == ["frames", "tags", "teacher_tags"]
    return dict(zip(names, session.run(None, {name: values}), strict=True))


def predicted(model, store, tmp_path):
    """Posteriors by resed predict."""
    path = tmp_path / "m.safetensors"
    write_model_file(path, model)
    ((_, found),) = predict_splits(path, {"evaluation": store}, CPU)
    return found


def largest(found, expected):
    names = ("frames", "tags", "teacher_tags")
    return max(np.abs(found[name] - getattr(expected, name)).max() for name in names)


@pytest.mark.parametrize(
    ("change", "features"),
    [
        ({"tag_head": {"pooling": "guided"}, "disentangled": {"enabled": True}}, FEATURES),
        (
            {
                "recurrent": {"projection": 16, "average_frames": 4},
                "frame_head": {"class_hidden": 2},
            },
            FEATURES,
        ),
        ({"framework": "mean_teacher"}, MAGNITUDES),
    ],
    ids=["guided", "pooled", "mean_teacher"],
)
def test_mels_in_give_the_posteriors_of_predict(tmp_path, change, features):
    model = small_model(settings(**change))
    store = small_store(tmp_path / "e.store", features)
    difference = write_onnx(tmp_path / "m.onnx", model, "mels")
    mels = np.array(Store.open(store).features)
    found, expected = ran(tmp_path / "m.onnx", "mels", mels), predicted(model, store, tmp_path)
    assert largest(found, expected) < 1e-5 and difference < 1e-5
    assert expected.frames.std() > 0.01


@pytest.mark.parametrize("framework", ["joint", "mean_teacher"])
def test_a_waveform_in_gives_the_posteriors_of_extract_and_predict(tmp_path, framework):
    model = small_model(settings(framework=framework))
    features = model.features
    samples = features.frames * features.hop
    waves = np.random.default_rng(1).normal(0, 0.1, (2, samples)).astype(np.float32)
    waves[1, samples // 2 :] = 0  # digital silence, of which a logarithm has no digits to lose
    store = tmp_path / "e.store"
    with create(store, ["0", "1"], features, "evaluation", "0" * 64) as writer:
        for row, wave in enumerate(waves):
            writer.write(row, clip_features(wave, features))
    difference = write_onnx(tmp_path / "m.onnx", model)
    found = ran(tmp_path / "m.onnx", "waveform", waves)
    assert largest(found, predicted(model, store, tmp_path)) < 1e-4 and difference < 1e-4


def test_any_number_of_frames_and_metadata_that_say_what_is_computed(tmp_path):
    model, path = small_model(), tmp_path / "m.onnx"
    write_onnx(path, model)
    write_model_file(tmp_path / "m.safetensors", model)
    trained = load_trained(tmp_path / "m.safetensors")
    fewest = fewest_frames(trained)
    assert fewest == 100  # 5 * 2 * 5 * 2 of the teacher
    for frames in (fewest, 250, 999):
        wave = np.random.default_rng(2).normal(0, 0.1, (1, frames * 735)).astype(np.float32)
        found = ran(path, "waveform", wave)
        assert found["frames"].shape == (1, frames, 2) and found["tags"].shape == (1, 2)
    loaded = onnx.load(path)
    onnx.checker.check_model(loaded)
    said = json.loads(next(one.value for one in loaded.metadata_props if one.key == "resed"))
    assert said["classes"] == ["dog", "cät"] and said["input"] == "waveform"
    assert said["seconds_per_frame"] == pytest.approx(735 / 44100)
    assert said["features"]["sample_rate"] == 44100 and said["fewest_frames"] == 100
    assert said["windows"]["dog"]["window_s"] == WINDOWS["dog"].window_s
    assert said["thresholds"] == {"dog": 0.3, "cät": 0.7}
    again = tmp_path / "again.onnx"
    write_onnx(again, model)
    assert again.read_bytes() == path.read_bytes()


def test_a_file_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    right = onnx_file._exported

    def other(path, networks, trained):
        with torch.no_grad():
            networks.networks.student.tag_head.classify.bias += 0.1
            found = right(path, networks, trained)
            networks.networks.student.tag_head.classify.bias -= 0.1
        return found

    monkeypatch.setattr(onnx_file, "_exported", other)
    with pytest.raises(ModelFileError, match=r"differ by 0\.02 from those of PyTorch"):
        write_onnx(tmp_path / "m.onnx", small_model(), "mels")
    assert not [*tmp_path.iterdir()]


def test_a_missing_extra_is_named_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    path = small_checkpoint(tmp_path / "checkpoint.pt")
    words = ["export", "--checkpoint", str(path), "--out", str(tmp_path / "m.onnx")]
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, MissingPackageError)
    assert str(error) == (
        "requires onnxruntime, which is not installed; run pip install 'resed[onnx]'"
    )
    assert not (tmp_path / "m.onnx").exists()
