"""Options for a training on strongly labelled mixes alone, each by its value."""

import numpy as np
import pytest
import test_acquire_soundbank
import torch
from runs import REPOSITORY
from systems import base
from test_schedule_options import batch

from resed.acquire.soundscapes.mixing import background
from resed.acquire.soundscapes.settings import soundscapes_of
from resed.acquire.soundscapes.soundbank_list import listed_recordings
from resed.config.dataset import load_dataset
from resed.errors import ConfigError, DatasetError
from resed.settings import AugmentSettings, FeatureSettings
from resed.train import schedule
from resed.train.augment import LEAST, augment, augment_magnitudes
from resed.train.batches import Batches, Stratum
from resed.train.crnn import Crnn, Gate
from resed.train.framework import build_framework
from resed.train.objective import Targets

bank, esc10 = test_acquire_soundbank.bank, test_acquire_soundbank.esc10
FEATURES = FeatureSettings(hop=1764, frames=40, scale="linear")
SMALL = {
    "framework": "mean_teacher",
    "crnn": {
        "channels": [4, 8],
        "pools": [[2, 8], [1, 8]],
        "hidden": 8,
        "layers": 1,
        "activation": "relu",
        "dropout_blocks": "none",
    },
}


def framework(**mean_teacher):
    torch.manual_seed(0)
    settings = base(
        "", model=SMALL, objective={"weak": {"clips": "labelled"}, "mean_teacher": mean_teacher}
    )
    return build_framework(settings, FEATURES, 3, [1.0] * 3)


def mixes(clips=6):
    rng = torch.Generator().manual_seed(1)
    mels = torch.rand(clips, 40, 64, generator=rng)
    tags = (torch.rand(clips, 3, generator=rng) > 0.5).float()
    frames = (torch.rand(clips, 20, 3, generator=rng) > 0.5).float()
    return mels, Targets(tags, frames, 0, clips, 0)


# ---- soundbank and mixing ------------------------------------------------------------------


def test_recordings_are_left_out_by_their_name(esc10, bank):
    def names(*left_out):
        soundbank = esc10.soundbank.model_copy(update={"leave_out": left_out})
        dataset = esc10.model_copy(update={"soundbank": soundbank})
        classes = soundscapes_of(dataset).classes
        return [one.name for one in listed_recordings(dataset, classes, bank)]

    every = names()
    assert len(every) == 50
    assert names("rooster_1", "rain_5") == [
        name for name in every if name not in ("rooster_1.wav", "rain_5.wav")
    ]
    with pytest.raises(DatasetError, match=r"leave_out: rooster_9 is not in .*clips\.csv"):
        names("rooster_1", "rooster_9")


def test_datasets_without_recordings_left_out_are_as_before_the_key_existed():
    """The recipes and parameters of their splits are equal, so they are not made again."""
    for name in ("demo", "esc10"):
        soundbank = load_dataset(name, REPOSITORY).soundbank
        assert set(soundbank.model_dump(mode="json")) == {"kind", "source"}
        assert type(soundbank).model_validate_json(soundbank.model_dump_json()) == soundbank
    everyday = load_dataset("everyday", REPOSITORY).soundbank
    assert everyday.model_dump(mode="json")["leave_out"] == ["1-40730-A", "2-96460-A"]


def test_a_background_can_be_silent():
    assert not background("silence", np.random.default_rng(0)).any()
    assert background("room", np.random.default_rng(0)).std() == pytest.approx(1, rel=1e-3)


def test_development_and_evaluation_sound_as_those_of_esc10():
    ours, theirs = (load_dataset(name, REPOSITORY) for name in ("everyday", "esc10"))
    for role in ("development", "evaluation"):
        assert ours.soundscapes["splits"][role] == theirs.soundscapes["splits"][role]
        assert ours.splits[role] == theirs.splits[role]
    assert ours.soundscapes["classes"] == theirs.soundscapes["classes"]
    assert ours.classes == theirs.classes


# ---- batches -------------------------------------------------------------------------------


def test_a_batch_can_lack_a_role():
    chosen = base("schedule.batch", weak=0, strong=4, unlabeled=0)
    strata = {
        role: Stratum(role, torch.rand(n, 5, 2), torch.ones(n, 3), torch.ones(n, 5, 3))
        for role, n in (("weak", 2), ("strong", 8), ("unlabeled", 3))
    }
    batches = Batches(strata, chosen, 0, torch.device("cpu"))
    mels, targets = batches(0)
    assert len(mels) == len(targets.tags) == len(targets.frames) == targets.strong == 4
    assert (targets.weak, targets.unlabeled) == (0, 0)
    used = np.concatenate([batches.indices(step)["strong"] for step in range(2)])
    assert sorted(used) == list(range(8))


@pytest.mark.parametrize(("rule", "steps"), [("longest", 3), ("shortest", 2)])
def test_a_role_that_is_not_used_does_not_count_for_the_length_of_an_epoch(rule, steps):
    batch = {"weak": 0, "strong": 4, "unlabeled": 0}
    chosen = base("schedule", steps_per_epoch=rule, batch=batch)
    assert schedule.steps_per_epoch(chosen, {"weak": 1, "strong": 10, "unlabeled": 99}) == steps


# ---- augmentation --------------------------------------------------------------------------


def test_shifted_bands_keep_their_frames_and_repeat_the_outermost_band():
    mels, targets = batch()
    torch.manual_seed(1)
    after, labels = augment(mels, targets, AugmentSettings(mel_shift=2))
    shifts = []
    for before, now in zip(mels.numpy(), after.numpy(), strict=True):
        expected = {
            by: np.pad(before, ((0, 0), (max(by, 0), max(-by, 0))), mode="edge")[
                :, max(-by, 0) : max(-by, 0) + 16
            ]
            for by in range(-2, 3)
        }
        (shift,) = [by for by, bands in expected.items() if np.array_equal(bands, now)]
        shifts.append(shift)
    assert set(shifts) == {-2, -1, 0, 1, 2}
    assert labels is targets


@pytest.mark.parametrize(
    "options", [{"gain": 0.5}, {"mixup": 0.5}, {"filter": 0.4}, {"mel_mask": 4}, {"mel_shift": 3}]
)
def test_magnitudes_are_augmented_as_their_logarithms(options):
    mels, targets = batch()
    chosen = AugmentSettings(**options)
    torch.manual_seed(1)
    expected, tags = augment(mels, targets, chosen)
    torch.manual_seed(1)
    found, labels = augment_magnitudes(mels.exp(), targets, chosen)
    assert torch.allclose(found, expected.exp(), rtol=1e-4)
    assert torch.equal(labels.tags, tags.tags)
    silent, _ = augment_magnitudes(torch.zeros_like(mels), targets, AugmentSettings(gain=0.1))
    assert silent.max() < 2 * LEAST
    assert augment_magnitudes(mels, targets, AugmentSettings())[0] is mels


def test_mean_teacher_augments_complete_clips_alone():
    settings = base("", model=SMALL, schedule={"augment": {"gain": 0.5}})
    made = build_framework(settings, FEATURES, 3, [1.0] * 3)
    mels, targets = mixes()
    found, _ = made.augment(mels, targets)
    gains = (found / mels).flatten(1)
    assert torch.allclose(gains, gains[:, :1].expand_as(gains), rtol=1e-4)
    with pytest.raises(ConfigError, match=r"augment\.gain: requires complete clips"):
        zeros = FEATURES.model_copy(update={"short": "zeros"})
        build_framework(settings, zeros, 3, [1.0] * 3)


# ---- Mean Teacher --------------------------------------------------------------------------


def test_tags_of_strong_clips_are_trained_on_if_weak_clips_are_all_labelled_ones():
    made = framework(consistency=0.0)
    mels, targets = mixes()
    teacher, student = made.outputs(mels, mels, targets)
    terms = made.losses(teacher, student, targets, {"consistency": 0.0})
    p, y = student.tags.detach().numpy(), targets.tags.numpy()
    expected = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    assert terms["loss.weak.student"].item() == pytest.approx(expected, rel=1e-5)


def test_without_weak_clips_their_loss_is_0():
    made = framework(consistency=0.0)
    weak = made.settings.objective.weak.model_copy(update={"clips": "weak"})
    objective = made.settings.objective.model_copy(update={"weak": weak})
    made.settings = made.settings.model_copy(update={"objective": objective})
    mels, targets = mixes()
    terms = made.losses(*made.outputs(mels, mels, targets), targets, {"consistency": 0.0})
    assert terms["loss.weak.student"].item() == 0
    assert terms["loss"].item() == pytest.approx(terms["loss.strong.student"].item())


@pytest.mark.parametrize("statistics", ["own", "averaged"])
@pytest.mark.parametrize("consistency", [0.0, 1.0])
def test_the_teacher_computes_nothing_if_nothing_depends_on_it(statistics, consistency):
    made = framework(consistency=consistency, statistics=statistics)
    mels, targets = mixes()
    computed = []
    made.networks.teacher.register_forward_hook(lambda *_: computed.append(True))
    teacher, student = made.outputs(mels, mels, targets)
    assert bool(computed) == (statistics == "own" or consistency > 0)
    assert not teacher.tag_logits.requires_grad and student.tag_logits.requires_grad
    if not computed:
        assert torch.equal(teacher.frame_logits, student.frame_logits)


def test_averaged_statistics_are_the_moving_average_of_those_of_the_student():
    made = framework(consistency=0.0, statistics="averaged", decay=0.9)
    made.networks.scale(torch.full((64,), 3.0), torch.full((64,), 2.0))
    norms = [made.networks.student.cnn[1], made.networks.teacher.cnn[1]]
    expected = norms[1].running_var.clone()
    mels, targets = mixes()
    for step in range(4):
        made.outputs(mels, mels, targets)
        made.after(step)
        kept = min(1 - 1 / (step + 2), 0.9)
        expected = kept * expected + (1 - kept) * norms[0].running_var
        assert torch.allclose(norms[1].running_var, expected)
    assert (made.networks.teacher.front.mean == 3).all()
    assert not torch.allclose(norms[0].running_var, norms[1].running_var)


@pytest.mark.parametrize("final", ["student", "teacher"])
def test_weights_of_the_checkpoint(final):
    made = framework(consistency=0.0, statistics="averaged", final=final)
    weights = made.networks.state_dict()
    found = made.final(weights)
    assert list(found) == list(weights)
    assert not torch.equal(weights["student.classify.weight"], weights["teacher.classify.weight"])
    assert torch.equal(found["student.classify.weight"], weights[f"{final}.classify.weight"])
    assert torch.equal(found["teacher.classify.weight"], weights["teacher.classify.weight"])


@pytest.mark.parametrize("activation", ["gate", "relu"])
@pytest.mark.parametrize("blocks", ["all", "none"])
def test_blocks_have_gates_or_relu_with_or_without_dropout(activation, blocks):
    changes = {**SMALL["crnn"], "activation": activation, "dropout_blocks": blocks, "dropout": 0.4}
    model = base("model", framework="mean_teacher", crnn=changes)
    network = Crnn(64, 40, 3, model)
    gates = [m for m in network.cnn if isinstance(m, Gate)]
    relus = [m for m in network.cnn if isinstance(m, torch.nn.ReLU)]
    assert (len(gates), len(relus)) == ((2, 0) if activation == "gate" else (0, 2))
    drops = [m.p for m in network.cnn if isinstance(m, torch.nn.Dropout)]
    assert drops == [0.4 if blocks == "all" else 0.0] * 2
    assert network.dropout.p == 0.4
    if activation == "relu":
        block = network.cnn[:5].eval()
        mels = torch.rand(2, 1, 40, 64)
        plain = torch.nn.functional.relu(block[1](block[0](mels)))
        pooled = torch.nn.functional.avg_pool2d(plain, (2, 8))
        assert torch.allclose(block(mels), pooled, atol=1e-6)
