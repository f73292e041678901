"""Export: the model file of a checkpoint, by each option, and its use in predict."""

import json
import subprocess
import sys

import numpy as np
import pytest
from small_models import CLASSES, WINDOWS, settings, small_checkpoint, small_model, small_store
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import ResedError
from resed.formats.model_file import read_model_file, write_model_file
from resed.formats.posteriors import Posteriors
from resed.formats.thresholds import write_thresholds
from resed.formats.windows import write_windows


def run(*words: object, fails: bool = False):
    found = CliRunner().invoke(app, list(map(str, words)))
    if fails:
        assert isinstance(found.exception, ResedError), found.output
        return str(found.exception)
    assert found.exit_code == 0, (found.output, found.exception)
    return found.output


@pytest.fixture
def checkpoint(tmp_path):
    return small_checkpoint(tmp_path / "checkpoint.pt")


def test_export_takes_every_option_by_its_value(checkpoint, tmp_path):
    write_windows(tmp_path / "w.tsv", list(WINDOWS.values())[:1])
    (tmp_path / "card.yaml").write_text("data: own\nscores: {f1: 0.5}\n")
    out = tmp_path / "m.safetensors"
    told = run(
        "export", "--checkpoint", checkpoint, "--windows", tmp_path / "w.tsv", "--out", out,
        "--name", "mine", "--card", tmp_path / "card.yaml",
        "--settings", json.dumps({"gate": "none", "frame_threshold": 0.2}),
    )  # fmt: skip
    assert told.startswith(f"wrote {out}: mine, 2 classes, ") and "note" not in told
    found = read_model_file(out)
    assert (found.name, found.classes, found.thresholds) == ("mine", CLASSES, {})
    assert found.card == {"data": "own", "scores": {"f1": 0.5}}
    assert (found.settings.decode.gate, found.settings.decode.frame_threshold) == ("none", 0.2)
    assert found.settings.model == settings().model
    assert found.windows["dog"] == WINDOWS["dog"]
    assert found.windows["cät"].window_s == 0 and found.windows["cät"].method == "none"
    assert found.training == {"system": "pts", "seed": 3, "data": found.training["data"]}
    assert found.versions["torch"].startswith("2.") and found.versions["resed"]


def test_export_of_a_model_file_keeps_what_is_not_given(tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    write_model_file(first, small_model())
    run("export", "--checkpoint", first, "--name", "other", "--out", second)
    one, other = read_model_file(first), read_model_file(second)
    for name in ("classes", "settings", "windows", "thresholds", "card", "training", "features"):
        assert getattr(one, name) == getattr(other, name)
    assert other.name == "other"


def test_export_takes_one_threshold_or_one_per_class(checkpoint, tmp_path):
    out, file = tmp_path / "m.safetensors", tmp_path / "t.json"
    words = ("export", "--checkpoint", checkpoint, "--out", out, "--thresholds", file)
    write_thresholds(file, {"threshold": 0.15})
    run(*words)
    found = read_model_file(out)
    assert (found.settings.decode.frame_threshold, found.thresholds) == (0.15, {})
    per_class = {"dog": 0.1, "cät": 0.9}
    classes = {
        label: {"threshold": value, "events": 30, "event_f1": 0.5, "fallback": ""}
        for label, value in per_class.items()
    }
    more = {"format": 1, "class_threshold_events": 20, "classes": classes}
    write_thresholds(file, {"threshold": 0.15, **more})
    run(*words)
    found = read_model_file(out)
    assert (found.settings.decode.frame_threshold, found.thresholds) == (0.15, per_class)
    other = tmp_path / "other.safetensors"
    run("export", "--checkpoint", out, "--settings", '{"frame_threshold": 0.3}', "--out", other)
    found = read_model_file(other)
    assert (found.settings.decode.frame_threshold, found.thresholds) == (0.3, {})
    classes["Cow"] = classes.pop("dog")
    write_thresholds(file, {"threshold": 0.15, **more})
    assert "the thresholds are for Cow, cät" in run(*words, fails=True)


def test_export_says_what_it_lacks_and_refuses_what_does_not_fit(checkpoint, tmp_path):
    out = tmp_path / "m.safetensors"
    assert "note: without --windows" in run("export", "--checkpoint", checkpoint, "--out", out)
    write_windows(tmp_path / "w.tsv", [WINDOWS["dog"].__class__(**{
        **{f: getattr(WINDOWS["dog"], f) for f in WINDOWS["dog"].__slots__}, "event_label": "Cow"
    })])  # fmt: skip
    out.unlink()
    words = ("--checkpoint", checkpoint, "--windows", tmp_path / "w.tsv", "--out", out)
    assert "the windows are for Cow, the model for dog, cät" in run("export", *words, fails=True)
    wrong = CliRunner().invoke(
        app, ["export", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "m.bin")]
    )
    assert wrong.exit_code == 2
    assert not out.exists() and not (tmp_path / "m.bin").exists()


def test_the_command_gives_equal_bytes_and_one_line_for_a_foreign_file(checkpoint, tmp_path):
    out = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    command = [sys.executable, "-c", "from resed.cli import main; main()", "export", "--checkpoint"]
    run("export", "--checkpoint", checkpoint, "--out", out[0])
    subprocess.run([*command, str(checkpoint), "--out", str(out[1])], check=True)
    assert out[0].read_bytes() == out[1].read_bytes()
    (tmp_path / "x.pt").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    found = subprocess.run(
        [*command, str(tmp_path / "x.pt"), "--out", str(out[1])], capture_output=True, text=True
    )
    assert found.returncode == 1 and found.stderr.count("\n") == 1
    assert "not a model of resed" in found.stderr


@pytest.mark.parametrize("framework", ["joint", "mean_teacher"])
def test_predict_takes_a_model_file_and_gives_what_its_checkpoint_gives(tmp_path, framework):
    chosen = settings(framework=framework)
    path = small_checkpoint(tmp_path / "checkpoint.pt", chosen)
    model = tmp_path / "m.safetensors"
    run("export", "--checkpoint", path, "--out", model)
    from small_models import features

    store = small_store(tmp_path / "e.store", features(chosen))
    for name in (path, model):
        words = ("--split", "evaluation", "--store", store, "--out", f"{name}.npz")
        run("predict", "--checkpoint", name, *words, "--device", "cpu")
    one, other = (Posteriors.load(f"{name}.npz") for name in (path, model))
    for name in ("frames", "tags", "teacher_tags"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert 0 < one.frames.std() < 0.5
    if framework == "mean_teacher":
        np.testing.assert_array_equal(one.lost_head_tags, other.lost_head_tags)
    assert other.meta["system"] == "pts" and other.meta["seed"] == 3
