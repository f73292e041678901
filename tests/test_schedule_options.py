"""Every option of the schedule, of noise and of augmentation by value, on a training of seconds."""

import math

import numpy as np
import pytest
import test_train_loop
import torch
from systems import base
from test_train_loop import SMALL, trainer

from resed.config.loading import overlay
from resed.extract.logmel import NOTHING
from resed.formats import checkpoint
from resed.settings import AugmentSettings
from resed.train import schedule
from resed.train.augment import augment, noisy
from resed.train.batches import Stratum, hold_out
from resed.train.objective import Targets

tiny = test_train_loop.tiny


def run(tiny, tmp_path, **changes):
    """A finished training with changes of its schedule."""
    made = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": changes}))
    made.train()
    return made


# ---- optimiser -----------------------------------------------------------------------------


def test_the_rate_falls_by_decay_every_so_many_epochs(tiny, tmp_path):
    made = run(tiny, tmp_path, epochs=5, learning_rate=0.01, decay=0.5, decay_every=2)
    rates = [row["learning_rate"] for row in made.history]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.0025])


@pytest.mark.parametrize(("delay", "falls"), [(0, [2, 4, 6]), (1, [3, 5, 7]), (3, [5, 7])])
def test_d6_falls_of_the_rate_are_delayed(delay, falls):
    chosen = base("schedule", learning_rate=1.0, decay=0.5, decay_every=2, decay_delay=delay)
    rates = [schedule.learning_rate(epoch, chosen) for epoch in range(8)]
    assert [e for e in range(1, 8) if rates[e] == rates[e - 1] / 2] == falls
    assert rates[-1] == 0.5 ** len(falls)


@pytest.mark.parametrize("reset", [False, True])
def test_moments_are_forgotten_where_asked(tiny, tmp_path, reset):
    """Adam counts its own steps: two per epoch, from the last fall of the rate on if reset."""
    made = run(tiny, tmp_path, epochs=3, decay=0.5, decay_every=2, reset_moments=reset)
    steps = {int(state["step"]) for state in made.optimiser.state.values()}
    assert steps == ({2} if reset else {6})


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_weight_decay_is_added_to_the_gradient(tiny, tmp_path, decay):
    """One step of Adam moves by rate * sign(gradient + decay * weight), nearly."""
    made = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"weight_decay": decay}}))
    weight = made.networks.student.tag_head.hidden.weight
    before = weight.detach().clone()
    made._step(0, made.framework.moment(0, made.steps))
    gradient = weight.grad + decay * before
    large = gradient.abs() > 1e-4
    moved = (before - weight).detach()[large]
    rate = SMALL["schedule"]["learning_rate"]
    assert torch.allclose(moved, rate * gradient[large].sign(), rtol=1e-3, atol=1e-7)
    assert large.any()


def test_epochs_and_steps(tiny, tmp_path):
    made = run(tiny, tmp_path, epochs=4, steps_per_epoch=3)
    assert [row["step"] for row in made.history] == [3, 6, 9, 12]
    assert [row["epoch"] for row in made.history] == [0, 1, 2, 3]


@pytest.mark.parametrize(("tau", "stages"), [(0, [2, 2, 2]), (1, [1, 2, 2]), (5, [1, 1, 1])])
def test_stage_two_begins_after_tau_epochs(tiny, tmp_path, tau, stages):
    assert [row["stage"] for row in run(tiny, tmp_path, stage_one=tau).history] == stages


def test_steps_of_an_epoch():
    """Batches of 6, 8 and 50 clips from 13, 8 and 120."""
    counts = {"weak": 13, "strong": 8, "unlabeled": 120}
    steps = {
        how: schedule.steps_per_epoch(base("schedule", steps_per_epoch=how), counts)
        for how in ("longest", "shortest", 7)
    }
    assert steps == {"longest": 3, "shortest": 1, 7: 7}
    few = {"weak": 3, "strong": 8, "unlabeled": 120}
    assert schedule.steps_per_epoch(base("schedule", steps_per_epoch="shortest"), few) == 1
    together = {"sampling": "random", "weak": 6, "strong": 8, "unlabeled": 50}
    for how, expected in (("longest", math.ceil(141 / 64)), ("shortest", 141 // 64)):
        chosen = base("schedule", steps_per_epoch=how, batch=together)
        assert schedule.steps_per_epoch(chosen, counts) == expected


@pytest.mark.parametrize("epoch", [0, 4, 5, 6, 60])
def test_alpha_by_hand(epoch):
    chosen = base("objective.consistency", alpha_start=5, alpha_lambda=0.9)
    assert schedule.alpha(epoch, chosen) == pytest.approx(1 - 0.9 ** max(0, epoch - 5))


# ---- selection -----------------------------------------------------------------------------


def test_development_is_scored_every_so_many_epochs_and_last(tiny, tmp_path):
    made = run(tiny, tmp_path, epochs=5, evaluate_every=2)
    scored = [row["epoch"] for row in made.history if "development.tags_f1" in row]
    assert scored == [1, 3, 4]


PARTS = {
    "tags": ["{}.tags_f1"],
    "tags_frames": ["{}.tags_f1", "{}.frame_f1"],
    "events_weak": ["held_out.event_f1", "held_out_weak.tags_f1"],
}


@pytest.mark.parametrize(
    ("place", "score"),
    [
        (p, s)
        for p in ("held_out", "development")
        for s in PARTS
        if (p, s) != ("development", "events_weak")
    ],
)
def test_the_best_epoch_by_each_score(tiny, tmp_path, place, score):
    changes = {"selection": place, "selection_score": score, "held_out": 0.4, "epochs": 4}
    made = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": changes}))
    rows, weights = [], []
    keys = [part.format(place) for part in PARTS[score]]
    values = iter([0.2, 0.9, 0.9, 0.1])
    scores = made._scores

    def scripted():
        """The scores of this epoch: only the sum of the right columns rises and falls."""
        found = dict.fromkeys(scores(), 0.0) | {"development.frame_f1": len(rows) / 9}
        value = next(values)
        found |= dict.fromkeys(keys, value / len(keys))
        others = [key for key in found if key not in keys]
        found |= dict.fromkeys(others, 1 - value)
        rows.append(found)
        weights.append({k: v.clone() for k, v in made.networks.state_dict().items()})
        return found

    made._scores = scripted
    content = checkpoint.load(made.train())
    assert content["epoch"] == 2, "the latest of equals"
    assert all(torch.equal(content["networks"][k], v) for k, v in weights[2].items())
    assert set(keys) <= set(rows[0])


@pytest.mark.parametrize(("ties", "kept"), [("latest", 3), ("first", 1)])
def test_d9_the_first_or_the_latest_of_equal_epochs(tiny, tmp_path, ties, kept):
    changes = {"selection": "development", "selection_score": "tags", "selection_ties": ties}
    made = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {**changes, "epochs": 4}}))
    values = iter([0.2, 0.9, 0.3, 0.9])
    made._scores = lambda: {"development.tags_f1": next(values), "development.frame_f1": 0.0}
    assert checkpoint.load(made.train())["epoch"] == kept


@pytest.mark.parametrize("ties", ["latest", "first"])
def test_d9_an_epoch_with_a_score_of_zero_is_kept_if_it_is_the_only_one(tiny, tmp_path, ties):
    changes = {"selection": "development", "selection_ties": ties, "epochs": 1}
    made = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": changes}))
    made._scores = lambda: {"development.tags_f1": 0.0, "development.frame_f1": 0.0}
    assert checkpoint.load(made.train())["epoch"] == 0


def test_without_selection_the_last_epoch_is_kept(tiny, tmp_path):
    made = run(tiny, tmp_path)
    assert checkpoint.load(tmp_path / "checkpoint.pt")["epoch"] == 2
    assert made.best.weights == {}


@pytest.mark.parametrize(
    ("clips", "share", "aside"),
    [(10, 0.2, 2), (10, 0.0, 0), (3, 0.1, 1), (4, 0.9, 3), (10, 0.25, 2)],
)
def test_held_out_clips(clips, share, aside):
    whole = Stratum("weak", torch.arange(clips).float().view(-1, 1, 1), torch.zeros(clips, 2))
    kept, out = hold_out(whole, share, seed=3)
    assert (len(kept), len(out)) == (clips - aside, aside)
    numbers = [part.features.flatten().int().tolist() for part in (kept, out)]
    assert sorted([*numbers[0], *numbers[1]]) == list(range(clips))
    assert numbers == [sorted(part) for part in numbers]
    again = hold_out(whole, share, seed=3)[1].features
    assert torch.equal(again, out.features)
    assert clips < 10 or not aside or not torch.equal(hold_out(whole, share, 4)[1].features, again)


# ---- noise and augmentation ----------------------------------------------------------------


@pytest.mark.parametrize("noise", ["gaussian", "absolute"])
@pytest.mark.parametrize("deviation", [0.0, 0.15, 0.4])
def test_noise_on_the_teachers_input(noise, deviation):
    torch.manual_seed(0)
    mels = torch.rand(4, 200, 64)
    mels[0, 100:] = NOTHING
    added = noisy(mels, base("schedule", noise=noise, teacher_noise=deviation)) - mels
    if not deviation:
        assert not added.any()
        return
    assert added[1:].std().item() == pytest.approx(
        deviation * (1 if noise == "gaussian" else (1 - 2 / math.pi) ** 0.5), rel=0.02
    )
    assert bool((added[1:] >= -1e-6).all()) == (noise == "absolute")
    assert bool(added[0, 100:].any()) == (noise == "gaussian")


WEAK, STRONG, UNLABELED = 40, 40, 40


def batch(frames=24, bands=16):
    """Clips that are told apart by their level; clip n of the labelled ones has class n mod 3."""
    rng = torch.Generator().manual_seed(0)
    clips = WEAK + STRONG + UNLABELED
    mels = torch.randn(clips, frames, bands, generator=rng)
    tags = torch.eye(3)[torch.arange(WEAK + STRONG) % 3]
    labels = torch.zeros(STRONG, frames, 3)
    for n in range(STRONG):
        labels[n, n % frames : n % frames + 5, (WEAK + n) % 3] = 1
    return mels, Targets(tags, labels, WEAK, STRONG, UNLABELED)


def augmented(**options):
    mels, targets = batch()
    torch.manual_seed(1)
    return mels, targets, *augment(mels, targets, AugmentSettings(**options))


def test_no_augmentation_by_default():
    mels, targets, after, labels = augmented()
    assert torch.equal(mels, after)
    assert labels is targets


def test_gain_is_one_number_per_clip():
    mels, _, after, _ = augmented(gain=0.5)
    gains = (after - mels).flatten(1)
    assert torch.allclose(gains, gains[:, :1].expand_as(gains), atol=1e-5)
    assert gains[:, 0].std().item() == pytest.approx(0.5, rel=0.2)
    assert gains[:, 0].mean().item() == pytest.approx(0.0, abs=0.15)


def test_filter_is_a_broken_line_over_the_bands():
    """Six points per clip, joined by straight lines; the same for all frames."""
    mels, _, after, _ = augmented(filter=0.3)
    curves = (after - mels)[:, 0].numpy()
    np.testing.assert_allclose((after - mels).numpy(), np.repeat(curves[:, None], 24, 1), atol=1e-5)
    places = np.linspace(0, 15, 6)  # bands 0, 3, 6, 9, 12, 15
    knots = curves[:, places.astype(int)]
    for curve, points in zip(curves, knots, strict=True):
        np.testing.assert_allclose(curve, np.interp(np.arange(16), places, points), atol=1e-5)
    assert knots.std() == pytest.approx(0.3, rel=0.1)


def test_masked_bands_are_a_run_at_the_clips_mean():
    mels, _, after, _ = augmented(mel_mask=5)
    widths = []
    for before, now in zip(mels, after, strict=True):
        hidden = (before != now).any(dim=0).nonzero().flatten().tolist()
        assert hidden == list(range(hidden[0], hidden[0] + len(hidden))) if hidden else True
        assert torch.allclose(now[:, hidden], before.mean().expand(24, len(hidden)), atol=1e-6)
        widths.append(len(hidden))
    assert set(widths) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_mixed_clips_have_the_labels_of_both(share):
    """Each role's clips with the next of that role: magnitudes add up, labels unite."""
    mels, targets, after, labels = augmented(mixup=share)
    changed = (mels != after).flatten(1).any(dim=1)
    assert changed.float().mean().item() == pytest.approx(share, abs=0.12)
    starts = {0: WEAK, WEAK: STRONG, WEAK + STRONG: UNLABELED}
    partner = [s + (n + 1) % count for s, count in starts.items() for n in range(count)]
    for n, other in enumerate(partner):
        expected = torch.log(mels[n].exp() + mels[other].exp()) if changed[n] else mels[n]
        assert torch.allclose(after[n], expected, atol=1e-5)
        if n < WEAK + STRONG:
            both = torch.maximum(targets.tags[n], targets.tags[other])
            assert torch.equal(labels.tags[n], both if changed[n] else targets.tags[n])
        if WEAK <= n < WEAK + STRONG:
            both = torch.maximum(targets.frames[n - WEAK], targets.frames[other - WEAK])
            kept = targets.frames[n - WEAK]
            assert torch.equal(labels.frames[n - WEAK], both if changed[n] else kept)


def test_rolled_clips_keep_sound_and_labels_together():
    mels, targets, after, labels = augmented(roll=True)
    shifts = set()
    for n in range(len(mels)):
        (shift,) = [s for s in range(24) if torch.equal(after[n], mels[n].roll(-s, 0))]
        shifts.add(shift)
        if WEAK <= n < WEAK + STRONG:
            moved = targets.frames[n - WEAK].roll(-shift, 0)
            assert torch.equal(labels.frames[n - WEAK], moved)
    assert len(shifts) > 15 and torch.equal(labels.tags, targets.tags)
