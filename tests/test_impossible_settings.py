"""Sizes that demand terabytes, and checkpoints that no training can have written."""

import re

import pytest
import torch
from runs import REPOSITORY
from small_models import features, settings, small_checkpoint, small_store
from typer.testing import CliRunner

from resed.cli import app
from resed.config.run import load_config
from resed.errors import CheckpointError, ConfigError
from resed.formats import checkpoint
from resed.formats.posteriors import Posteriors
from resed.predict.networks import load_trained
from resed.train.heads import class_shares, shares_problem


def nested(path: str, value: object) -> dict:
    """{"a": {"b": value}} for the path a.b."""
    *outer, last = path.split(".")
    found = {last: value}
    for key in reversed(outer):
        found = {key: found}
    return found


DEMO = {"dataset": "demo", "paper": "liang", "systems": ["pts"]}
HUGE = 10**9
SIZES = {
    "model.recurrent.hidden": HUGE,
    "model.recurrent.layers": HUGE,
    "model.recurrent.projection": HUGE,
    "model.recurrent.average_frames": HUGE,
    "model.tag_head.hidden": HUGE,
    "model.frame_head.hidden": HUGE,
    "model.frame_head.class_hidden": HUGE,
    "model.crnn.hidden": HUGE,
    "model.crnn.layers": 17,
    "model.crnn.channels": [HUGE] * 7,
    "model.teacher.channels": [4097] * 5,
    "model.teacher.pools": [[HUGE, 1]] * 5,
    "model.student.channels": [8] * 17,
    "model.student.pool_mels": HUGE,
    "model.disentangled.most_classes": HUGE,
    "objective.distillation.dimension": HUGE,
    "objective.distillation.beta.ramp_epochs": HUGE,
    "objective.consistency.alpha_start": HUGE,
    "schedule.epochs": HUGE,
    "schedule.stage_one": HUGE,
    "schedule.decay_every": HUGE,
    "schedule.decay_delay": HUGE,
    "schedule.evaluate_every": HUGE,
    "schedule.batch.weak": HUGE,
    "schedule.batch.strong": HUGE,
    "schedule.batch.unlabeled": HUGE,
    "schedule.augment.mel_mask": HUGE,
}
FEATURES = {
    "n_fft": ({"n_fft": HUGE}, "n_fft"),
    "window": ({"window": HUGE}, "window"),
    "hop": ({"hop": HUGE}, "hop"),
    "n_mels": ({"n_mels": HUGE}, "n_mels"),
    "frames": ({"frames": HUGE}, "frames"),
    "sample_rate": ({"sample_rate": HUGE}, "sample_rate"),
    "filters": ({"n_fft": 1 << 20, "n_mels": 4096}, "n_mels times n_fft exceeds"),
    "store": ({"frames": 10**6, "n_mels": 4096}, "n_mels times frames exceeds"),
    "clip": ({"frames": 10**6}, "hop times frames exceeds"),
}


@pytest.mark.parametrize("key", SIZES)
def test_c4_a_size_of_a_network_or_a_training_is_bounded(key):
    with pytest.raises(ConfigError) as raised:
        load_config({**DEMO, "override": nested(key, SIZES[key])}, REPOSITORY)
    assert f"config.override.{key}" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", FEATURES)
def test_c4_a_size_of_features_is_bounded(name):
    changes, words = FEATURES[name]
    with pytest.raises(ConfigError, match=re.escape(words)):
        load_config({**DEMO, "features": changes}, REPOSITORY)


def changed(path, **identity):
    """The checkpoint with another identity."""
    content = checkpoint.load(path)
    content["identity"] |= identity
    checkpoint.save(path, {k: v for k, v in content.items() if k not in ("format", "version")})
    return path


@pytest.mark.parametrize("key", ["model.tag_head.hidden", "model.recurrent.layers"])
def test_c6_a_checkpoint_cannot_demand_more_memory_than_it_has(tmp_path, key):
    path = small_checkpoint(tmp_path / "checkpoint.pt")
    content = checkpoint.load(path)
    *outer, last = key.split(".")
    place = content["identity"]["settings"]
    for part in outer:
        place = place[part]
    place[last] = HUGE
    changed(path, settings=content["identity"]["settings"])
    with pytest.raises(CheckpointError, match=rf"settings\.{key}: .*less than or equal to"):
        load_trained(path)


@pytest.mark.parametrize(
    ("shares", "model", "problem"),
    [
        ([0.0, 0.0], {}, "shares must be from 1 to 1 with its settings, not 0"),
        ([1.0, 0.5], {}, "shares must be from 1 to 1 with its settings, not 0.5"),
        ([0.0, 0.0], {"minimum": 0.0}, "the largest of the shares must be 1, not 0"),
        ([0.5, 0.25], {"minimum": 0.25}, "the largest of the shares must be 1, not 0.5"),
        ([1.0, 0.125], {"minimum": 0.25}, "shares must be from 0.25 to 1"),
    ],
)
def test_b3_shares_that_no_training_computes_are_refused(tmp_path, shares, model, problem):
    chosen = settings(disentangled={"enabled": True, **model}) if model else settings()
    path = changed(small_checkpoint(tmp_path / "checkpoint.pt", chosen), shares=shares)
    with pytest.raises(CheckpointError, match=re.escape(problem)) as raised:
        load_trained(path)
    assert raised.value.cure == checkpoint.CURE


def test_shares_of_a_training_are_accepted():
    tags = [("a",), ("a", "b"), ("b", "c"), ("a",)]
    for minimum in (0.1, 0.5):
        for most in (1, 2):
            chosen = settings(
                disentangled={"enabled": True, "minimum": minimum, "most_classes": most}
            ).model.disentangled
            assert shares_problem(class_shares(tags, "abcd", chosen), chosen) is None
            assert shares_problem(class_shares([], "abcd", chosen), chosen) is None
    assert shares_problem([1.0, 1.0], settings().model.disentangled) is None


def test_b3_a_checkpoint_of_another_manifest_is_refused(tmp_path):
    """The store has the manifest 000..."""
    path, out = small_checkpoint(tmp_path / "checkpoint.pt"), tmp_path / "p.npz"
    data = {"dataset": "demo", "manifest_sha256": "1" * 64}
    store = small_store(tmp_path / "evaluation.store", features(settings()))
    command = ["predict", "--checkpoint", str(path), "--store", str(store), "--split", "evaluation"]
    command += ["--out", str(out), "--device", "cpu"]
    changed(path, data=data)
    threads = torch.get_num_threads()
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1 and not out.exists()
    message = str(done.exception)
    assert message.startswith(f"{path}: trained with the manifest {'1' * 12}, but {store} has 0000")
    assert message.endswith("use --other-data")
    for accepted, words in (("0" * 64, []), (None, []), ("1" * 64, ["--other-data"])):
        changed(path, data={**data, "manifest_sha256": accepted})
        done = CliRunner().invoke(app, [*command, *words])
        assert done.exit_code == 0, done.output
        assert Posteriors.load(out).meta["manifest_sha256"] == "0" * 64
        out.unlink()
    torch.set_num_threads(threads)
