"""A training that continues from the state of another one ends as it does alone."""

import pandas as pd
import pytest
import test_train_loop
import yaml
from runs import REPOSITORY
from test_train_loop import SMALL, trainer

from resed.config import study_rows
from resed.config.branches import branches, settings_until
from resed.config.loading import overlay
from resed.config.run import load_config
from resed.formats import checkpoint
from resed.train.branches import Branches
from resed.train.resume import state_of

tiny = test_train_loop.tiny
FOCAL = overlay(SMALL, {"schedule": {"epochs": 4, "stage_one": 2}})
TRAININGS = {
    "plain": overlay(FOCAL, {"objective": {"focal": {"enabled": False}}}),
    "focal": FOCAL,
    "standard": overlay(FOCAL, {"objective": {"focal": {"form": "standard", "gamma": 3.0}}}),
    "late": overlay(FOCAL, {"schedule": {"stage_one": 3}}),
}


def train(tiny, folder, name, kept=None, seed=0):
    """Checkpoint (bytes), history without times, and what was printed."""
    run = trainer(tiny, folder, TRAININGS[name], seed)
    said = []
    run.run.system, run.say = name, said.append
    path = run.train(branches=kept)
    history = pd.read_csv(folder / "history.csv").drop(columns="clips_per_second")
    return path.read_bytes(), history, "\n".join(said)


@pytest.fixture(scope="module")
def alone(tiny, tmp_path_factory):
    """Name -> what the training gives alone."""
    return {name: train(tiny, tmp_path_factory.mktemp(name), name) for name in TRAININGS}


@pytest.mark.parametrize("order", [list(TRAININGS), list(reversed(TRAININGS))])
def test_the_same_bytes_come_out_in_any_order(tiny, alone, tmp_path, order):
    kept = Branches(tmp_path / "branches", [1, 2, 3])
    for number, name in enumerate(order):
        weights, history, said = train(tiny, tmp_path / name, name, kept)
        assert weights == alone[name][0]
        pd.testing.assert_frame_equal(history, alone[name][1])
        assert ("continues the common training after epoch" in said) == (number > 0)
    # After epoch 1 and 2: all trainings; after epoch 3: plain and late, standard, focal.
    assert len(list((tmp_path / "branches").glob("*/resume.pt"))) == 5


def test_trainings_that_differ_elsewhere_or_in_the_seed_have_nothing_in_common(tiny, tmp_path):
    kept = Branches(tmp_path / "branches", [1, 2])
    train(tiny, tmp_path / "a", "plain", kept)
    for changes, seed in (({}, 1), ({"schedule": {"learning_rate": 0.02}}, 0)):
        run = trainer(tiny, tmp_path / "b", overlay(FOCAL, changes), seed)
        kept.enter(run)
        assert run.epoch == 0
    run = trainer(tiny, tmp_path / "b", FOCAL)
    kept.enter(run)
    assert run.epoch == 2
    run = trainer(tiny, tmp_path / "b", FOCAL)
    run.made_by = {**run.made_by, "code": "0" * 64}  # states of other code are not used
    kept.enter(run)
    assert run.epoch == 0


def test_a_killed_training_continues_its_own_later_state(tiny, alone, tmp_path):
    kept = Branches(tmp_path / "branches", [2])
    train(tiny, tmp_path / "plain", "plain", kept)
    run = trainer(tiny, tmp_path / "focal", TRAININGS["focal"])
    run.run.system = "focal"
    kept.enter(run)
    run._epoch()
    run._select()
    run.epoch += 1
    checkpoint.save(tmp_path / "focal" / "resume.pt", state_of(run))  # killed after epoch 3
    weights, _, said = train(tiny, tmp_path / "focal", "focal", kept)
    assert weights == alone["focal"][0]
    assert "resumed after epoch 3" in said and "common" not in said


def test_a_damaged_state_is_reported_and_made_again(tiny, alone, tmp_path):
    kept = Branches(tmp_path / "branches", [2])
    train(tiny, tmp_path / "plain", "plain", kept)
    (state,) = (tmp_path / "branches").glob("*/resume.pt")
    whole = state.read_bytes()
    state.write_bytes(whole[:-200])
    weights, _, said = train(tiny, tmp_path / "focal", "focal", kept)
    assert weights == alone["focal"][0]
    assert str(state) in said and "training continues without it" in said
    assert checkpoint.load_state(state)["epoch"] == 2


def test_settings_of_the_first_epochs():
    focal, plain = TRAININGS["focal"], TRAININGS["plain"]
    assert settings_until(focal, 2) == settings_until(plain, 2)
    assert settings_until(focal, 3) == focal != settings_until(plain, 3)


def test_states_of_the_demo_that_trainings_have_in_common():
    config = load_config(yaml.safe_load((REPOSITORY / "config" / "demo.yaml").read_text()))
    found = branches(config, study_rows.trainings(config, config.systems))
    assert found == {
        "pts_tfd": [4, 6, 12],
        "pts_tfd_afl": [4, 6],
        "pts_tfd_afl_tau10": [4],
        "pts_tfd_afl_tau30": [4, 6, 12],
        "pts_tfd_afl_gamma1": [4, 6],
        "pts_tfd_afl_gamma3": [4, 6],
        "pts_tfd_afl_standard": [4, 6],
    }


def test_a_state_at_a_place_that_is_not_its_own_is_passed_over(tiny, tmp_path):
    kept = Branches(tmp_path / "branches", [1, 2])
    train(tiny, tmp_path / "plain", "plain", kept)
    other = Branches(tmp_path / "other", [2])
    train(tiny, tmp_path / "seed1", "plain", other, seed=1)
    run = trainer(tiny, tmp_path / "focal", FOCAL)
    (strange,) = (tmp_path / "other").glob("*/resume.pt")
    kept._path(run, 2).write_bytes(strange.read_bytes())
    kept.enter(run)
    assert run.epoch == 1
