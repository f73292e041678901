"""Numbers of a training that are infinite, NaN or too large: named, and never saved."""

import json
import shutil
from itertools import chain

import numpy as np
import pytest
import test_train_loop
import torch
from systems import base
from test_train_loop import CPU, FEATURES, SMALL, same, stratum, trainer, weights

from resed.config.loading import overlay
from resed.errors import ConfigError, DivergedError, StoreError
from resed.formats import checkpoint
from resed.formats.history import LOSS_COLUMNS
from resed.formats.store import create
from resed.settings import SystemSettings
from resed.train.augment import augment
from resed.train.batches import Batches
from resed.train.epoch_log import geometry
from resed.train.finite import KINDS, NumberError, StepNumbers
from resed.train.framework import frame_grid
from resed.train.resume import state_of

tiny = test_train_loop.tiny
BAD = [float("nan"), float("inf"), -float("inf")]


def files(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# ---- what is given -------------------------------------------------------------------------


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("role", ["weak", "development"])
def test_b4_a_store_with_features_that_are_not_finite_is_refused_with_the_clip(
    tiny, tmp_path, role, value
):
    shutil.copytree(tiny, tmp_path / "tiny")
    clips = [f"{role}{number}.wav" for number in range(5)]
    features = np.zeros((5, 100, 64), np.float32)
    features[3, 99, 63] = value
    with create(tmp_path / "tiny" / f"{role}.store", clips, FEATURES, role, "0" * 64) as writer:
        for row, clip in enumerate(features):
            writer.write(row, clip)
    with pytest.raises(StoreError, match=rf"the features of {role}3\.wav are not finite"):
        trainer(tmp_path / "tiny", tmp_path / "out")


@pytest.mark.parametrize("value", BAD)
def test_b4_input_that_is_not_finite_is_named(tiny, tmp_path, value):
    """After the features were checked: augmentation and noise can make such numbers."""
    run = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"augment": {"mixup": 0.0}}}))
    run.batches.strata["strong"].features = torch.full((5, 100, 64), value)
    with pytest.raises(
        DivergedError,
        match=r"^pts_tfd_afl: diverged at epoch 1 step 1: input of the student is not finite; ext",
    ):
        run.train()
    assert files(tmp_path) == []


def test_b4_noise_that_is_not_finite_is_named(tiny, tmp_path):
    run = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"teacher_noise": 1e39}}))
    with pytest.raises(
        DivergedError, match=r"input of the teacher .*lower schedule\.teacher_noise"
    ):
        run.train()


# ---- what arises in a step -------------------------------------------------------------------


class Fault:
    """Spoil one number in the given step of a training, counted from 0."""

    def __init__(self, run, step, spoil):
        self.step, self.spoil, self.inner = step, spoil, run.framework.after
        run.framework.after = self

    def __call__(self, step):
        self.inner(step)
        if step == self.step:
            with torch.no_grad():
                self.spoil()


def gradient(run, value):
    run.networks.student.tag_head.hidden.weight.grad[0, 0] = value


def second_moment(run, value):
    run.optimiser.state[run.networks.teacher.cnn[0].weight]["exp_avg_sq"][0, 0] = value


def weight(run, value):
    run.networks.teacher.cnn[0].weight[0, 0] = value


def projection(run, value):
    run.projections.student[0, 0] = value


def batch_variance(run, value):
    run.networks.student.cnn[1].running_var[3] = value


SPOILS = {
    "gradient student.tag_head.hidden.weight": gradient,
    r"optimiser state teacher.cnn.0.weight \(exp_avg_sq\)": second_moment,
    "weight teacher.cnn.0.weight": weight,
    "weight projections.student": projection,
    "batch statistic student.cnn.1.running_var": batch_variance,
}


@pytest.mark.parametrize("value", BAD[:2])
@pytest.mark.parametrize("what", SPOILS)
def test_b4_and_b9_numbers_are_named_and_the_last_epoch_stays(tiny, tmp_path, what, value):
    """In the second step of the second epoch; the state after the first is kept, byte by byte."""
    run = trainer(tiny, tmp_path)
    Fault(run, 3, lambda: SPOILS[what](run, value))
    with pytest.raises(
        DivergedError,
        match=rf"pts_tfd_afl: diverged at epoch 2 step 2: {what} is not finite; lower schedule",
    ):
        run.train()
    assert files(tmp_path) == ["energy.json", "history.csv", "resume.pt"]
    assert checkpoint.load_state(tmp_path / "resume.pt")["epoch"] == 1
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 2
    if SPOILS[what] is gradient and np.isinf(value):  # once: the next run ends as if undisturbed
        whole = trainer(tiny, tmp_path / "whole").train()
        assert whole.read_bytes() == trainer(tiny, tmp_path).train().read_bytes()


@pytest.mark.parametrize("name", [c for c in LOSS_COLUMNS if c.startswith("loss.")])
def test_b4_each_term_of_the_loss_is_named(name):
    """The first in the order of the columns; the total is named only where no term is wrong."""
    network = torch.nn.Linear(2, 2)
    numbers = StepNumbers({"": network}, torch.optim.Adam(network.parameters()), 3, CPU,
                          largest_loss=1e5)  # fmt: skip
    fine = {column: torch.tensor(1.0) for column in LOSS_COLUMNS}
    numbers.add(0, {}, fine)
    numbers.add(1, {}, fine | {name: torch.tensor(torch.nan), "loss": torch.tensor(torch.nan)})
    numbers.add(2, {}, {column: torch.tensor(torch.nan) for column in LOSS_COLUMNS})
    with pytest.raises(NumberError, match=rf"^{name} is not finite$") as found:
        numbers.check({})  # as on a GPU: all steps of the epoch at once
    assert found.value.step == 1
    with pytest.raises(NumberError, match=rf"^{LOSS_COLUMNS[1]} is not finite$"):
        numbers.check({}, 2)
    assert set(KINDS) > set(LOSS_COLUMNS)


def test_b4_large_but_finite_numbers_are_no_error():
    network = torch.nn.Linear(2, 2)
    network.weight.data.fill_(3e38)
    numbers = StepNumbers({"": network}, torch.optim.Adam(network.parameters()), 1, CPU,
                          largest_loss=1e5)  # fmt: skip
    numbers.add(0, {"of the student": torch.full((3,), -3e38)}, {"loss": torch.tensor(1e5)})
    numbers.check({})


def test_b4_the_moving_average_is_checked(tmp_path):
    """The teacher of Mean Teacher, which no gradient reaches."""
    from resed.config.run import load_config
    from resed.train.framework import build_framework

    config = load_config()
    settings = config.system("mean_teacher").model_dump()
    settings["model"]["width"] = 0.05
    features = config.feature_sets["mean_teacher"].model_copy(update={"frames": 80})
    settings = SystemSettings.model_validate(settings)
    assert frame_grid(settings.model, features)[0] == 10
    framework = build_framework(settings, features, 2, [1.0, 1.0])
    trained = [p for p in framework.parameters() if p.requires_grad]
    numbers = StepNumbers({"": framework.networks}, torch.optim.Adam(trained), 1, CPU,
                          largest_loss=1e5)  # fmt: skip
    framework.networks.teacher.classify.bias[1] = torch.inf
    numbers.add(0, {}, {})
    with pytest.raises(NumberError, match=r"weight teacher\.classify\.bias is not finite"):
        numbers.check({})


@pytest.mark.parametrize("rate", [1e3, 1e5, 1e8, 1e12, 1e20, 1e30])
def test_b4_and_b9_a_rate_that_is_too_high_diverges_in_one_line(tiny, tmp_path, rate):
    run = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"learning_rate": rate}}))
    with pytest.raises(
        DivergedError,
        match=r"^pts_tfd_afl: diverged at epoch 1 step 2: .*; lower schedule\.learning_rate$",
    ):
        run.train()
    assert files(tmp_path) == []


@pytest.mark.parametrize("rate", [1e8, 1e9])
def test_b9_infinite_batch_statistics_are_not_saved(tiny, tmp_path, rate):
    """Without a largest loss, the variance of the second layer is the first to be infinite."""
    changes = {"learning_rate": rate, "largest_loss": 1e38}
    run = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": changes}))
    with pytest.raises(DivergedError, match=r"is not finite; lower schedule\.learning_rate"):
        run.train()
    assert files(tmp_path) == []


@pytest.mark.parametrize("rate", [1e31, 1e300, float("inf"), float("nan"), 0.0, -1.0])
def test_b4_a_rate_beyond_float32_is_refused_as_a_setting(tiny, tmp_path, rate):
    with pytest.raises(ConfigError, match=r"schedule\.learning_rate"):
        trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"learning_rate": rate}}))


@pytest.mark.parametrize(("largest", "stops"), [(1e5, False), (0.5, True)])
def test_b4_a_loss_above_the_largest_ends_the_training(tiny, tmp_path, largest, stops):
    run = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"largest_loss": largest}}))
    if not stops:
        assert run.train().is_file()
        return
    with pytest.raises(
        DivergedError, match=r"step 1: the loss is \d\.\d+, above schedule\.largest_loss; lower"
    ):
        run.train()


# ---- development -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", BAD[:2])
@pytest.mark.parametrize("selection", ["last", "development"])
def test_b4_posteriors_of_development_that_are_not_finite_are_named(
    tiny, tmp_path, value, selection
):
    run = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"selection": selection}}))
    features = run.evaluated["development"].features.clone()
    features[2, 7, 3] = value
    run.evaluated["development"].features = features
    with pytest.raises(
        DivergedError,
        match=r"epoch 1 step 2: posteriors of development of clip development2\.wav are not finite",
    ):
        run.train()
    assert files(tmp_path) == []


def test_b4_held_out_clips_keep_their_names(tiny, tmp_path):
    changes = {"selection": "held_out", "held_out": 0.4}
    run = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": changes}))
    aside = run.evaluated["held_out"]
    assert len(aside.clips) == 2 and set(aside.clips) < {f"strong{n}.wav" for n in range(5)}
    kept = run.batches.strata["strong"].clips
    assert sorted([*kept, *aside.clips]) == [f"strong{n}.wav" for n in range(5)]
    aside.features = torch.full_like(aside.features, torch.nan)
    with pytest.raises(DivergedError, match=rf"posteriors of held_out of clip {aside.clips[0]}"):
        run.train()


@pytest.mark.parametrize("side", ["teacher", "student"])
def test_b4_features_in_evaluation_mode_are_checked_before_their_rank(tiny, tmp_path, side):
    """Batch statistics can be too small for other clips; an eigenvalue routine fails at NaN."""
    run = trainer(tiny, tmp_path)
    norm = next(m for m in getattr(run.networks, side).cnn if isinstance(m, torch.nn.BatchNorm2d))
    norm.running_var.fill_(-1.0)  # its root is NaN
    with pytest.raises(NumberError, match=f"^features of the {side} in evaluation mode are not"):
        geometry(run.networks, run.projections, torch.randn(2, 100, 64))


def test_norms_of_features_do_not_overflow(tiny, tmp_path):
    """Squares of 1e25 exceed float32."""
    run = trainer(tiny, tmp_path)
    for network in (run.networks.teacher, run.networks.student):
        last = [m for m in network.cnn if isinstance(m, torch.nn.BatchNorm2d)][-1]
        last.bias.data.fill_(1e25)
    values = geometry(run.networks, None, torch.randn(2, 100, 64))
    assert all(np.isfinite(value) for value in values.values())
    assert values["feature_norm.student"] > 1e24


# ---- batches larger than the data --------------------------------------------------------------


@pytest.mark.parametrize("size", [6, 65_536])
@pytest.mark.parametrize("role", ["weak", "strong", "unlabeled"])
def test_c7_a_batch_larger_than_its_role_is_refused_before_it_is_allocated(
    tiny, tmp_path, role, size
):
    settings = overlay(SMALL, {"schedule": {"batch": {role: size}}})
    with pytest.raises(
        ConfigError,
        match=rf"^schedule\.batch\.{role}: a batch has {size} {role} clips, but 5 can be used in "
        "training; lower it to at most 5$",
    ):
        trainer(tiny, tmp_path, settings)


def test_c7_clips_held_out_do_not_count(tiny, tmp_path):
    changes = {"selection": "held_out", "held_out": 0.4, "batch": {"strong": 4}}
    with pytest.raises(ConfigError, match="4 strong clips, but 3 can be used in training"):
        trainer(tiny, tmp_path, overlay(SMALL, {"schedule": changes}))


@pytest.mark.parametrize(("size", "fits"), [(11, True), (12, False), (65_536, False)])
def test_c7_a_batch_of_all_roles_together_may_not_exceed_their_sum(tiny, tmp_path, size, fits):
    """2 + 2 + `size` of 15 clips; a single role may be larger than its own clips."""
    batch = {"sampling": "random", "unlabeled": size}
    settings = overlay(SMALL, {"schedule": {"batch": batch}})
    if fits:
        assert trainer(tiny, tmp_path, settings).batches.clips == 15
        return
    with pytest.raises(
        ConfigError, match=rf"^schedule\.batch: a batch has {size + 4} training clips, but 15 can"
    ):
        trainer(tiny, tmp_path, settings)


def test_c7_steps_of_an_epoch_are_bounded(tiny, tmp_path):
    with pytest.raises(ConfigError, match=r"schedule\.steps_per_epoch"):
        trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"steps_per_epoch": 10**12}}))


def test_c7_the_only_clip_of_its_role_is_not_mixed_with_itself():
    strata = {role: stratum(role, 3) for role in ("weak", "strong", "unlabeled")}
    batches = Batches(strata, base("schedule.batch", weak=1, strong=1, unlabeled=3), 0, CPU)
    mels, targets = batches(0)
    mixed, _ = augment(mels, targets, base("schedule.augment", mixup=1.0))
    assert torch.equal(mixed[:2], mels[:2])
    assert (mixed[2:] > mels[2:]).all()


# ---- batches of each epoch -----------------------------------------------------------------


def draws(orders, seed=0, epochs=4):
    """Clips of each epoch of three steps, by role, from 7, 4 and 30 clips."""
    strata = {
        "weak": stratum("weak", 7), "strong": stratum("strong", 4),
        "unlabeled": stratum("unlabeled", 30),
    }  # fmt: skip
    sizes = base("schedule.batch", weak=2, strong=1, unlabeled=5, orders=orders)
    batches = Batches(strata, sizes, seed, CPU, epoch=3)
    found = {}
    for role in strata:
        steps = [batches.indices(step)[role].tolist() for step in range(3 * epochs)]
        found[role] = [[*chain(*steps[3 * n : 3 * n + 3])] for n in range(epochs)]
    return found


def test_d10_each_epoch_draws_its_clips_anew():
    """Without repetition within an epoch, from all clips of the role; epochs are independent."""
    found = draws("per_epoch")
    for role, clips in (("weak", 7), ("strong", 4), ("unlabeled", 30)):
        for epoch in found[role]:
            assert len(set(epoch)) == len(epoch) and set(epoch) <= set(range(clips))
        assert len({tuple(epoch) for epoch in found[role]}) == 4
    first, second = found["unlabeled"][:2]
    assert set(first) & set(second), "15 of 30 twice: clips of the first epoch return in the second"
    assert found == draws("per_epoch") != draws("per_epoch", seed=1)


def test_d10_a_continued_order_uses_every_clip_before_any_returns():
    first, second = draws("continued")["unlabeled"][:2]
    assert sorted(first + second) == list(range(30))


def test_d10_a_short_role_begins_a_new_order_within_the_epoch():
    """`longest` epochs: three steps of two clips, from five."""
    strata = {role: stratum(role, 5) for role in ("weak", "strong", "unlabeled")}
    sizes = base("schedule.batch", weak=2, strong=2, unlabeled=2, orders="per_epoch")
    batches = Batches(strata, sizes, 0, CPU, epoch=5)
    for epoch in range(2):
        steps = range(5 * epoch, 5 * epoch + 5)
        drawn = np.concatenate([batches.indices(step)["weak"] for step in steps])
        assert sorted(drawn[:5]) == sorted(drawn[5:]) == list(range(5))


def test_d10_a_resumed_training_draws_the_same_clips(tiny, tmp_path):
    settings = overlay(SMALL, {"schedule": {"batch": {"orders": "per_epoch"}}})
    whole = weights(trainer(tiny, tmp_path / "whole", settings).train())
    first = trainer(tiny, tmp_path / "cut", settings)
    first._epoch()
    first.epoch += 1
    checkpoint.save(tmp_path / "cut" / "resume.pt", state_of(first))
    assert same(whole, weights(trainer(tiny, tmp_path / "cut", settings).train()))
    continued = weights(trainer(tiny, tmp_path / "other", json.loads(json.dumps(SMALL))).train())
    assert not same(whole, continued)
