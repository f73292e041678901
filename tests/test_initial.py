"""Trainings that start from the weights of another: the parts that are taken, and their record."""

import subprocess
import sys

import pytest
import torch
from small_models import CLASSES, TRAINING, settings, small_checkpoint, small_model, weights
from test_train_loop import CPU, FEATURES, SMALL, command, make_tiny

from resed.config.dataset import load_dataset
from resed.config.loading import overlay
from resed.errors import CheckpointError
from resed.export.packing import pack
from resed.formats import checkpoint
from resed.formats.model_file import read_model_file, write_model_file
from resed.runtime.files import sha256
from resed.train.framework import build_networks
from resed.train.initial import Initial, part_of
from resed.train.resume import state_of
from resed.train.setup import build_trainer


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "small.safetensors"
    write_model_file(path, small_model())
    return path


def networks(classes, **model):
    """Networks of a training of other classes, with their own random weights."""
    torch.manual_seed(7)
    chosen = settings(**model)
    features = small_model(chosen).features
    return build_networks(chosen.model, features, len(classes), [1.0] * len(classes))


def test_all_weights_of_the_same_classes_are_taken_from_both_kinds_of_files(path, tmp_path):
    fresh = networks(CLASSES)
    taken, new = Initial.read(path).put_into(fresh, CLASSES, [1.0, 1.0])
    assert new == [] and {"student.cnn", "teacher.recurrent", "student.tag_head.classify"} <= {
        *taken
    }
    state = fresh.state_dict()
    assert all(torch.equal(state[name], value) for name, value in weights(settings()).items())
    initial = Initial.read(small_checkpoint(tmp_path / "checkpoint.pt"))
    again = networks(CLASSES)
    initial.put_into(again, CLASSES, [1.0, 1.0])
    assert all(torch.equal(again.state_dict()[name], value) for name, value in state.items())
    assert initial.identity() == {"name": "pts", "sha256": sha256(tmp_path / "checkpoint.pt")}


@pytest.mark.parametrize(
    ("model", "head", "rows"),
    [
        ({}, "student.tag_head.attend.weight", 1),
        ({"frame_head": {"class_hidden": 2}}, "teacher.frame_head.classify.weight", 2),
        ({"frame_head": {"class_hidden": 2}}, "student.frame_head.second.weight", 1),
        ({"tag_head": {"pooling": "guided"}}, "student.tag_head.classify", 48),
        ({"framework": "mean_teacher"}, "teacher.classify.bias", 1),
    ],
)
def test_rows_of_known_classes_are_taken_and_those_of_new_classes_stay(tmp_path, model, head, rows):
    chosen, path = settings(**model), tmp_path / "m.safetensors"
    write_model_file(path, small_model(chosen))
    classes = ["bell", "cät", "saw"]  # cät is the second of the old and of the new classes
    fresh = networks(classes, **model)
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    taken, new = Initial.read(path).put_into(fresh, classes, [1.0] * 3)
    after, old = fresh.state_dict(), weights(chosen)
    count = len(after[head]) // 3
    assert count == (rows if head != "student.tag_head.classify" else count)
    assert torch.equal(after[head][count : 2 * count], old[head][count : 2 * count])
    for part in (slice(0, count), slice(2 * count, None)):
        assert torch.equal(after[head][part], before[head][part])
    assert "student.cnn" in taken and part_of(head) in new
    body = [name for name in old if part_of(name) not in new]
    assert body and all(torch.equal(after[name], old[name]) for name in body)


def test_parts_that_do_not_fit_are_new(path):
    fresh = networks(CLASSES, recurrent={"hidden": 512})
    before = fresh.state_dict()["student.recurrent.gru.weight_hh_l0"].clone()
    taken, new = Initial.read(path).put_into(fresh, CLASSES, [1.0, 1.0])
    assert {"student.recurrent", "teacher.recurrent", "student.tag_head.hidden"} <= {*new}
    assert {"student.cnn", "student.frame_head.classify", "student.tag_head.classify"} <= {*taken}
    assert torch.equal(fresh.state_dict()["student.recurrent.gru.weight_hh_l0"], before)


def test_a_model_that_does_not_fit_is_refused_with_what_would_be_taken(path):
    initial = Initial.read(path)
    wide = {"channels": [640, 640, 640]}
    with pytest.raises(CheckpointError) as refused:
        other = {"teacher": {"channels": [640, 32, 64, 128, 256]}, "student": wide}
        initial.put_into(networks(CLASSES, **other), CLASSES, [1.0, 1.0])
    line = str(refused.value)
    assert line.startswith(
        f"{path}: does not fit the settings: teacher.cnn.0.weight is (8, 1, 3, 3)"
    )
    assert "parts that fit: " in line and "student.norm" in line and "new: teacher.cnn" in line
    assert line.endswith("use the model settings of this model") and "\n" not in line
    for chosen, problem in (
        (settings(framework="mean_teacher"), "model.framework is joint, not mean_teacher"),
        (settings(), "floor is 2.2e-16, not 1e-10"),
    ):
        features = initial_features(floor=1e-10)
        with pytest.raises(CheckpointError, match=problem):
            initial.refuse_other_features(features, chosen)


def test_clips_may_have_another_length(path):
    features = initial_features()
    longer = initial_features(frames=2 * features.frames)
    Initial.read(path).refuse_other_features(longer, settings())
    with pytest.raises(CheckpointError, match="hop"):
        Initial.read(path).refuse_other_features(initial_features(hop=features.hop + 1), settings())


def initial_features(**changes):
    return small_model().features.model_copy(update=changes)


# ---- trainings ---------------------------------------------------------------------------------

TWO = overlay(SMALL, {"schedule": {"epochs": 2}})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    make_tiny(root)
    return root


def trainer(tiny, folder, initial=None):
    torch.set_num_threads(1)
    roles = ("weak", "unlabeled", "strong", "development")
    return build_trainer(
        load_dataset(tiny / "tiny.yaml"), tiny, system="own", settings=TWO, seed=0,
        stores={role: tiny / f"{role}.store" for role in roles}, folder=folder, device=CPU,
        initial=initial,
    )  # fmt: skip


def started(tmp_path, classes=("dog", "owl")):
    """A model file of the networks of SMALL."""
    torch.manual_seed(3)
    chosen = type(settings()).model_validate(SMALL)
    state = build_networks(chosen.model, FEATURES, 2, [1.0, 1.0]).state_dict()
    path = tmp_path / "base.safetensors"
    model = small_model(chosen, features=FEATURES, weights=state, classes=list(classes),
                        windows=dict(zip(classes, windows_of(classes), strict=True)),
                        thresholds={}, name="base")  # fmt: skip
    write_model_file(path, model)
    return path, state


def windows_of(classes):
    from resed.formats.windows import Window

    return [Window(label, 1, 0.5, 0.2, "esp", None, None, "") for label in classes]


def test_a_training_starts_from_the_weights_and_says_so(tiny, tmp_path, capsys):
    path, state = started(tmp_path)
    initial = Initial.read(path)
    made = trainer(tiny, tmp_path / "own", initial)  # classes cat and dog
    said = capsys.readouterr().out
    assert said.startswith("own starts from base: took ") and "(new classes: cat)" in said
    now = made.networks.state_dict()
    assert torch.equal(now["student.cnn.0.weight"], state["student.cnn.0.weight"])
    head = "student.tag_head.classify.weight"
    assert torch.equal(now[head][1], state[head][0])  # dog
    plain = trainer(tiny, tmp_path / "plain").networks.state_dict()
    assert torch.equal(now[head][0], plain[head][0])  # cat, as without an initial model
    checked = checkpoint.load_finished(made.train())["identity"]
    assert checked["initial"] == {"name": "base", "sha256": sha256(path)}
    assert pack(tmp_path / "own" / "checkpoint.pt").training["initial"] == checked["initial"]
    write_model_file(tmp_path / "o.safetensors", pack(tmp_path / "own" / "checkpoint.pt"))
    assert read_model_file(tmp_path / "o.safetensors").training["initial"] == checked["initial"]


def test_another_initial_model_is_another_training(tiny, tmp_path, capsys):
    path, _ = started(tmp_path)
    made = trainer(tiny, tmp_path / "own", Initial.read(path))
    made.epoch = 1
    made.history = [{"epoch": 0, "loss": 0.5}]
    checkpoint.save(tmp_path / "own" / "resume.pt", state_of(made))
    trainer(tiny, tmp_path / "own", Initial.read(path))._restore(tmp_path / "own" / "resume.pt")
    assert "resumed after epoch 1" in capsys.readouterr().out
    trainer(tiny, tmp_path / "own")._restore(tmp_path / "own" / "resume.pt")
    assert "has other settings (initial is" in capsys.readouterr().out


def test_the_command_takes_the_settings_of_the_model_and_changes_of_them(tiny, tmp_path):
    path, _ = started(tmp_path)
    words = command(tiny, tmp_path / "own", {"schedule": {"epochs": 1, "steps_per_epoch": 1}})
    place = words.index("--system") + 1
    words[place] = "own"
    done = subprocess.run(
        [*words, "--init", str(path), "--device", "cpu"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    identity = checkpoint.load_finished(tmp_path / "own" / "checkpoint.pt")["identity"]
    assert identity["settings"]["model"]["width"] == SMALL["model"]["width"]
    assert identity["settings"]["schedule"]["epochs"] == 1
    assert "own starts from base" in done.stdout
    assert TRAINING["system"] != "own" and sys.executable == words[0]
