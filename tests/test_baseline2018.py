"""The DCASE 2018 Task 4 baseline against its public code, by tests/peers/make_baseline2018.py."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from peers import make_baseline2018 as made
from pydantic import ValidationError
from runs import REPOSITORY
from test_train_loop import FEATURES as TINY_FEATURES
from test_train_loop import make_tiny
from typer.testing import CliRunner

from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.loading import overlay, read_yaml
from resed.config.run import load_config
from resed.config.split_needs import refuse_missing_splits
from resed.decode.events import decode
from resed.errors import CheckpointError, ConfigError, StoreError
from resed.extract.logmel import MARK, clip_features
from resed.formats import checkpoint
from resed.formats.audio import read_audio
from resed.formats.history import read_history
from resed.formats.posteriors import Posteriors
from resed.formats.store import Store, create
from resed.formats.targets import TargetSet
from resed.formats.windows import Window
from resed.predict.inference import predict_splits
from resed.settings import DistilSettings, FeatureSettings, SystemSettings
from resed.train.batches import Stratum, features_of, hold_out
from resed.train.evaluate import macro_f1
from resed.train.frame_crnn import DebiasedNorm
from resed.train.framework import build_framework, build_networks
from resed.train.hard_gru import HardGru
from resed.train.input_norm import Scaler, statistics
from resed.train.model import parameter_count
from resed.train.objective import Targets
from resed.train.schedule import adam_step
from resed.train.selection import (
    Best,
    fixed_order,
    is_better,
    is_over,
    score_of,
    selecting,
    tag_thresholds,
)
from resed.train.setup import build_trainer

FIXTURE = Path(__file__).parent / "peers" / "baseline2018.npz"
CONFIG = load_config()
PASS_1 = CONFIG.system("baseline2018_pass1")
FEATURES = CONFIG.feature_sets["baseline2018"]


@pytest.fixture(scope="module")
def theirs():
    with np.load(FIXTURE) as file:
        return {name: file[name] for name in file}


@pytest.fixture(scope="module")
def meta(theirs):
    return json.loads(str(theirs["meta"]))


def settings(**changes) -> SystemSettings:
    return SystemSettings.model_validate(overlay(PASS_1.model_dump(), changes))


def without_dropout(**changes) -> SystemSettings:
    none = {"frame_crnn": {"dropout": 0.0, "input_dropout": 0.0}}
    return settings(**overlay({"model": none}, changes))


def features(frames: int = made.FRAMES) -> FeatureSettings:
    return FEATURES.model_copy(update={"frames": frames})


def our(name: str, network):
    """The tensor that has the name of Keras, in its shape."""
    number, kind = name.split(".", 1)
    kinds = {"conv2d": torch.nn.Conv2d, "batch_normalization": torch.nn.BatchNorm2d}
    layer, last = kind.rsplit(".", 1)
    if layer in kinds:
        tensor = [m for m in network.cnn if isinstance(m, kinds[layer])][int(number)]
        named = {"kernel": "weight", "gamma": "weight", "beta": "bias"}.get(last, last)
        named = named.replace("moving_mean", "running_mean").replace(
            "moving_variance", "running_var"
        )
        found = getattr(tensor, named)
        return found.permute(2, 3, 1, 0) if last == "kernel" else found
    if layer == "time_distributed":
        return network.classify.weight.mT if last == "kernel" else network.classify.bias
    named = {"kernel": "kernel", "recurrent_kernel": "recurrent", "bias": "bias"}[last]
    return getattr(network.recurrent, named)[int("backward" in layer)]


def gradient_of(name: str, network):
    """The gradient of the tensor that has the name of Keras, in its shape."""
    for parameter in network.parameters():
        parameter.data, parameter.grad = parameter.grad, parameter.data
    found = our(name, network).detach().clone()
    for parameter in network.parameters():
        parameter.data, parameter.grad = parameter.grad, parameter.data
    return found


def with_their_weights(meta, chosen: SystemSettings):
    """A framework whose network has the weights of the fixture, and an input that is not scaled."""
    torch.manual_seed(0)
    framework = build_framework(chosen, features(), made.CLASSES, [1.0] * made.CLASSES)
    network = framework.networks.student
    drawn = made.numbers({name: tuple(shape) for name, shape in meta["shapes"].items()})
    with torch.no_grad():
        for name, values in drawn.items():
            our(name, network).copy_(torch.from_numpy(values))
    return framework, network


PASSES = {1: {"tags": 1.0, "frames": 0.0}, 2: {"tags": 0.0, "frames": 1.0}}


def batch(step: int) -> tuple[torch.Tensor, Targets]:
    drawn = made.inputs()
    tags = torch.from_numpy(drawn["tags"][step])
    frames = tags[:, None].expand(-1, made.FRAMES, -1)
    targets = Targets(tags, frames, weak=0, strong=0, unlabeled=len(tags))
    return torch.from_numpy(drawn["mels"][step]), targets


# ---- network -----------------------------------------------------------------------------------


def test_parameters_as_keras_counts_them(meta):
    """126 090, of which 384 are running statistics of batch normalisation."""
    network = build_networks(settings().model, FEATURES, 10, [1.0] * 10).student
    running = sum(b.numel() for n, b in network.named_buffers() if "running" in n)
    assert parameter_count(network) + running == 126_090
    assert meta["parameters"] == {"first_pass": 126_090, "second_pass": 126_090}


def test_posteriors_are_those_of_keras(theirs, meta):
    _, network = with_their_weights(meta, without_dropout())
    with torch.no_grad():
        output = network.eval()(batch(0)[0])
    np.testing.assert_allclose(output.frames, theirs["pass2.predicted"], atol=2e-5)
    np.testing.assert_allclose(output.tags, theirs["pass1.predicted"], atol=2e-5)
    assert np.ptp(theirs["pass2.predicted"]) > 0.99  # frames from 0 to 1


@pytest.mark.parametrize("number", [1, 2])
def test_losses_and_gradients_are_those_of_keras(theirs, meta, number):
    framework, network = with_their_weights(
        meta, without_dropout(objective={"single": PASSES[number]})
    )
    mels, targets = batch(0)
    teacher, student = framework.outputs(mels, mels, targets)
    terms = framework.losses(teacher, student, targets, {})
    terms["loss"].backward()
    np.testing.assert_allclose(terms["loss"].item(), theirs[f"pass{number}.loss"], rtol=1e-5)
    output = student.tags if number == 1 else student.frames
    np.testing.assert_allclose(output.detach(), theirs[f"pass{number}.trained"], atol=2e-5)
    names = [n for n in meta["shapes"] if "moving" not in n and n.split(".", 1)[1] != "conv2d.bias"]
    assert len(names) == 17
    for name in names:
        gradient = gradient_of(name, network).flatten().numpy()
        norm = theirs[f"pass{number}.norm.{name}"]
        np.testing.assert_allclose(np.linalg.norm(gradient), norm, rtol=2e-4)
        wanted = theirs[f"pass{number}.gradient.{name}"]
        np.testing.assert_allclose(made.some(gradient), wanted, atol=1e-4 * norm, err_msg=name)


@pytest.mark.parametrize("number", [1, 2])
def test_steps_of_adam_are_those_of_keras(theirs, meta, number):
    """Four batches, in which weights move by up to 0.004.

    Adam divides gradients by their size, so that rounding errors of small ones are as large as the
    steps of others; biases of convolutions have no other gradient.
    """
    chosen = without_dropout(objective={"single": PASSES[number]})
    framework, network = with_their_weights(meta, chosen)
    optimiser = torch.optim.Adam(network.parameters(), lr=chosen.schedule.learning_rate)
    losses = []
    for step in range(made.STEPS):
        mels, targets = batch(step)
        terms = framework.losses(*framework.outputs(mels, mels, targets), targets, {})
        optimiser.zero_grad()
        terms["loss"].backward()
        adam_step(optimiser, step, chosen.schedule)
        losses.append(terms["loss"].item())
    np.testing.assert_allclose(losses, theirs[f"pass{number}.losses"], rtol=1e-2)
    apart = []
    for name in meta["shapes"]:
        if name.split(".", 1)[1] not in ("conv2d.bias", "batch_normalization.moving_mean"):
            ours = made.some(our(name, network).detach().flatten().numpy())
            wanted = theirs[f"pass{number}.after.{name}"]
            apart.append(np.abs(ours - wanted))
            assert apart[-1].max() < (1e-2 if "moving" in name else 4e-3), name
    assert np.median(np.concatenate(apart)) < 1e-4


def test_epsilon_of_adam_is_added_before_the_correction_of_the_bias():
    """Keras: p - a sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + 1e-7); the gradient is as small."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimiser = torch.optim.Adam([weight], lr=0.001)
    value = m = v = 0.0
    for step in range(3):
        gradient = 3e-7 * (step + 1)
        weight.grad = torch.full((1,), gradient, dtype=torch.float64)
        adam_step(optimiser, step, PASS_1.schedule)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        rate = 0.001 * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        value -= rate * m / (np.sqrt(v) + 1e-7)
        assert weight.item() == pytest.approx(value, rel=1e-9)
    assert optimiser.param_groups[0]["eps"] == 1e-8
    before = weight.item()
    adam_step(optimiser, 3, settings(schedule={"adam": "pytorch"}).schedule)
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    change = 0.001 * m / (1 - 0.9**4) / (np.sqrt(v / (1 - 0.999**4)) + 1e-8)
    assert weight.item() == pytest.approx(before - change, rel=1e-9)


def test_running_statistics_are_those_of_keras(theirs, meta):
    """Their first values, 0 and 1, have no share after four batches; in PyTorch they have 96 %.

    Keras multiplies variances of TensorFlow, which are unbiased, by n / (n - 1.001) once more: by
    1.00003 in the smallest map of the baseline.
    """
    _, network = with_their_weights(meta, without_dropout())
    with torch.no_grad():
        for step in range(made.STEPS):
            network.train()(batch(step)[0])
    names = [name for name in meta["shapes"] if "moving" in name]
    assert len(names) == 6
    for name in names:
        cells = made.CLIPS * made.FRAMES * made.MELS // 4 ** int(name[0])
        twice = cells / (cells - 1.001) if name.endswith("variance") else 1
        wanted = theirs[f"averages.{name}"] / twice
        np.testing.assert_allclose(our(name, network), wanted, rtol=2e-5, atol=2e-5)
    initial = settings(model={"frame_crnn": {"statistics": "initial"}}).model
    plain = build_networks(initial, features(), 10, [1.0] * 10).student
    assert not any(isinstance(module, DebiasedNorm) for module in plain.modules())


def test_first_weights_are_drawn_as_in_keras(theirs, meta):
    """Largest value and deviation of each tensor; recurrent matrices have orthonormal rows."""
    torch.manual_seed(0)
    network = build_networks(settings().model, features(), 10, [1.0] * 10).student
    for name in meta["shapes"]:
        values = our(name, network).detach().numpy()
        largest, deviation = theirs[f"start.{name}"]
        np.testing.assert_allclose(values.std(), deviation, rtol=0.1)
        if "recurrent" in name:
            np.testing.assert_allclose(values @ values.T, np.eye(64), atol=1e-5)
            np.testing.assert_allclose(theirs[f"product.{name}"], np.eye(4), atol=1e-5)
        else:
            np.testing.assert_allclose(np.abs(values).max(), largest, rtol=0.05)


def test_dropped_inputs_are_the_same_in_all_frames_and_differ_between_gates(theirs):
    """Two of the three gates change the states of the fixture, so that there are three kinds."""

    def kinds(states) -> set:
        rows = np.round(np.asarray(states).transpose(0, 2, 1).reshape(-1, 5), 4)
        return {tuple(row) for row in rows.tolist()}

    torch.manual_seed(0)
    gru = HardGru(64, 64, dropout=made.DROPOUT)
    with torch.no_grad():
        gru.kernel.copy_(torch.eye(64).repeat(1, 3))
        gru.recurrent.zero_()
        states = gru(torch.ones(2, 5, 64))
        kept = gru.eval()(torch.ones(2, 5, 64))
    one, other = states[..., :64], states[..., 64:].flip(1)
    assert kinds(one) == kinds(other) == kinds(theirs["masks"]) and len(kinds(one)) == 3
    assert not torch.equal(one, other) and not torch.equal(one[0], one[1])
    assert len(kinds(kept[..., :64])) == 1


def test_the_recurrence_is_that_of_a_loop_over_frames():
    """Written frame by frame in float64, in both directions; values and gradients."""
    torch.manual_seed(0)
    gru = HardGru(5, 4).double()
    gru.bias.data.uniform_(-1, 1)
    values = (3 * torch.randn(2, 7, 5)).double().requires_grad_()

    def gate(total):
        return (0.2 * total + 0.5).clamp(0, 1)

    def step(x, state, direction):
        kernels, recurrents = (
            gru.kernel[direction].split(4, 1),
            gru.recurrent[direction].split(4, 1),
        )
        z_bias, r_bias, n_bias = gru.bias[direction].split(4)
        z = gate(x @ kernels[0] + state @ recurrents[0] + z_bias)
        r = gate(x @ kernels[1] + state @ recurrents[1] + r_bias)
        new = torch.tanh(x @ kernels[2] + (r * state) @ recurrents[2] + n_bias)
        return z * state + (1 - z) * new

    outputs = [[None] * 7, [None] * 7]
    for direction, frames in ((0, range(7)), (1, range(6, -1, -1))):
        state = values.new_zeros(2, 4)
        for frame in frames:
            state = outputs[direction][frame] = step(values[:, frame], state, direction)
    slow = torch.cat([torch.stack(side, dim=1) for side in outputs], dim=2)
    fast = gru(values)
    torch.testing.assert_close(fast, slow)
    weight = torch.randn_like(fast)
    inputs = [values, *gru.parameters()]
    for one, other in zip(
        torch.autograd.grad((fast * weight).sum(), inputs),
        torch.autograd.grad((slow * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


# ---- features and scaler -----------------------------------------------------------------------


def test_features_are_those_of_the_public_code(theirs):
    for number, wave in enumerate(made.waves()):
        wanted = theirs[f"mels.{number}"].T
        ours = clip_features(wave, FEATURES)
        np.testing.assert_allclose(ours[: len(wanted)], wanted, atol=2e-4)
        assert ours.shape == (500, 64) and (ours[len(wanted) :] == MARK).all()
    assert wanted.min() < -30  # digital silence


def test_features_of_a_recording_are_librosas(shared):
    """The definition in the words of librosa, on ten seconds of recordings; 501 frames are 500."""
    import librosa

    parts = [
        read_audio(path, 44100) for path in sorted((shared / "data/esc10").glob("**/*.ogg"))[:2]
    ]
    wave = np.concatenate(parts)[:441_000].astype(np.float32)
    window = scipy.signal.windows.hamming(1764, sym=False)
    spectrum = librosa.stft(
        wave + np.spacing(1), n_fft=2048, hop_length=882, win_length=1764, window=window,
        center=True, pad_mode="reflect",
    )  # fmt: skip
    bank = librosa.filters.mel(sr=44100, n_fft=2048, n_mels=64, fmin=0, fmax=22050, norm="slaney")
    wanted = np.log(bank @ np.abs(spectrum) + np.spacing(1)).T
    assert wanted.shape == (501, 64)
    np.testing.assert_allclose(clip_features(wave, FEATURES), wanted[:500], atol=2e-4)


def made_store(clips) -> torch.Tensor:
    found = torch.full((len(clips), made.FRAMES, made.MELS), MARK)
    for row, clip in enumerate(clips):
        mels = torch.from_numpy(made.clip_features(clip).T)
        found[row, : len(mels)] = mels
    return found


def test_the_scaler_counts_weak_clips_twice_and_frames_past_the_end_never(theirs):
    weak, unlabeled = made_store(made.WEAK_CLIPS), made_store(made.UNLABELED_CLIPS)
    mean, deviation = statistics([(weak, 2), (unlabeled, 1)])
    np.testing.assert_allclose(mean, theirs["scaler.mean"], atol=1e-5)
    np.testing.assert_allclose(deviation, theirs["scaler.std"], rtol=1e-5)
    once, _ = statistics([(weak, 1), (unlabeled, 1)])
    assert (mean - once).abs().max() > 0.01
    scaler = Scaler(made.MELS)
    scaler.mean.copy_(mean)
    scaler.deviation.copy_(deviation)
    for clip in (0, 1):  # the first is short
        ours = scaler(made_store([clip]))[0].T[:, ::7]
        np.testing.assert_allclose(ours, theirs[f"scaled.{clip}"], atol=2e-5)
    assert not theirs["scaled.0"][:, -1].any()


# ---- schedule ----------------------------------------------------------------------------------


def trained(curve, schedule):
    """The last and the best epoch of a training with this curve; -1 for no best epoch."""
    history, best = [], Best()
    for epoch, value in enumerate(curve):
        history.append({"epoch": epoch, "held_out.tags_f1": value})
        score = score_of(history[-1], schedule)
        if score is not None and is_better(score, best, schedule):
            best = Best(score, epoch, {"weights": torch.zeros(1)})
        if is_over(history, schedule):
            break
    return [epoch, best.epoch]


@pytest.mark.parametrize("name", made.CURVES)
def test_stop_rule_and_best_epoch(meta, name):
    schedule = settings(schedule={"epochs": len(made.CURVES[name])}).schedule
    assert trained(made.CURVES[name], schedule) == meta["stops"][name]


def test_the_stop_rule_by_its_options():
    curve = made.CURVES["early_best"]

    def with_options(**changes):
        return trained(curve, settings(schedule=changes).schedule)

    assert with_options() == [22, 6]
    assert with_options(patience=3) == [10, 6]
    assert with_options(selection_after=0) == [16, 0]
    assert with_options(patience=0) == [64, 6]
    assert with_options(selection_ties="latest", patience=0) == [64, 64]
    assert with_options(patience_gain=0.5, selection_after=0) == [16, 0]


def test_tag_thresholds_are_those_of_the_public_code(theirs):
    """On the full batches: 32 of 44 clips. The last class has no clip, and threshold 0."""
    drawn = made.held_out()
    stratum = Stratum(
        "held_out", torch.zeros(made.HELD_OUT, 1, 1), torch.from_numpy(drawn["tags"]).byte()
    )
    scored = selecting(stratum, PASS_1.schedule)
    assert len(scored) == 32 and scored.clips == stratum.clips[:32]
    found = tag_thresholds(drawn["posteriors"][:32], scored.tags.numpy())
    np.testing.assert_allclose(found, theirs["thresholds"])
    assert found[-1] == 0 and {*found} == {0, 0.4, 0.5, 0.7}
    assert found != tag_thresholds(drawn["posteriors"], drawn["tags"])  # of all clips
    f1 = macro_f1(drawn["posteriors"][:32] >= 0.5, scored.tags.numpy())
    assert f1 == pytest.approx(theirs["f1_at_half"].mean())
    whole = settings(schedule={"selection_clips": "all"}).schedule
    assert selecting(stratum, whole) is stratum
    with pytest.raises(ConfigError, match="7 clips select the epoch, which do not fill a batch"):
        selecting(stratum.take(torch.arange(7)), PASS_1.schedule)


@pytest.mark.parametrize("count", [100, 1578])
def test_held_out_clips_are_those_of_the_public_code(theirs, count):
    names = [f"{number:04d}.wav" for number in range(count)]
    shuffled = [names[i] for i in np.random.default_rng(0).permutation(count)]
    order = fixed_order(shuffled)
    wanted = theirs[f"held_out.{count}"]
    assert [shuffled[i] for i in order[: len(wanted)]] == [names[i] for i in wanted]
    stratum = Stratum("weak", torch.zeros(count, 1, 1), clips=shuffled)
    kept, aside = hold_out(stratum, 0.2, 3, order)
    assert {*aside.clips} == {names[i] for i in wanted} and len(kept) + len(aside) == count
    assert aside.clips == [name for name in shuffled if name in {*aside.clips}]  # as listed
    assert {*hold_out(stratum, 0.2, 3)[1].clips} != {*aside.clips}  # seeded


# ---- a training --------------------------------------------------------------------------------

TINY = {
    "model": {"width": 0.1, "scaler": {"weak": 2, "unlabeled": 1}},
    "schedule": {"epochs": 4, "batch": {"weak": 2}, "selection_after": 1, "patience": 1},
}


@pytest.fixture
def tiny(tmp_path):
    """Five clips per split of two classes, whose features have frames past the end of clips."""
    make_tiny(tmp_path)
    tags = ("cat", "dog", "cat,dog", "dog", "cat")
    rows = [f"weak{number}.wav\t{labels}" for number, labels in enumerate(tags)]
    (tmp_path / "weak.tsv").write_text("\n".join(["filename\tevent_labels", *rows]) + "\n")
    short = TINY_FEATURES.model_copy(update={"short": "marked"})
    draw = np.random.default_rng(1)
    for role in ("weak", "unlabeled", "strong", "development"):
        clips = [f"{role}{number}.wav" for number in range(5)]
        (tmp_path / f"{role}.store").unlink()
        with create(tmp_path / f"{role}.store", clips, short, role, "0" * 64) as writer:
            for row in range(5):
                mels = draw.normal(size=(100, 64)).astype(np.float32) - 5
                mels[60 + 10 * row :] = MARK
                writer.write(row, mels)
    return tmp_path


def trainer(root, folder, changes=None, *, system="pass1", targets=None, without=()):
    torch.set_num_threads(1)
    roles = [r for r in ("weak", "unlabeled", "strong", "development") if r not in without]
    values = overlay(overlay(PASS_1.model_dump(mode="json"), TINY), changes or {})
    return build_trainer(
        load_dataset(root / "tiny.yaml"), root, system=system, settings=values, seed=0,
        stores={role: root / f"{role}.store" for role in roles}, folder=folder,
        device=torch.device("cpu"), targets=targets or {},
    )  # fmt: skip


PASS_2 = {
    "objective": {"single": {"tags": 0.0, "frames": 1.0}},
    "schedule": {
        "batch": {"weak": 0, "unlabeled": 3}, "selection": "weak", "tag_thresholds": False,
        "held_out": 0.0,
    },
}  # fmt: skip


def test_pass_2_is_pass_1_with_these_changes():
    changes = overlay(PASS_2, {"schedule": {"batch": {"unlabeled": 128}}})
    assert CONFIG.system("baseline2018") == settings(**changes)
    entry = CONFIG.catalogue["baseline2018"]
    assert entry.teachers == {"baseline2018_pass1": 1.0} and entry.labels == 0
    assert entry.distil == DistilSettings(frames="tags", thresholds="teacher")


def run_of(**changes):
    base = read_yaml(REPOSITORY / "config" / "config.yaml")
    systems = ["baseline2018_pass1", "baseline2018"]
    study = {"sensitivity": {"system": "baseline2018"}, "sanity_system": None}
    return load_config(overlay(base, {"dataset": "demo", "systems": systems} | study | changes))


def test_pass_2_learns_from_the_tags_of_pass_1_by_its_thresholds():
    found = run_of().generations
    assert found.taught() == {"baseline2018_pass1": ["unlabeled"]}
    options = " ".join(found.options("baseline2018", "unlabeled"))
    assert "--share baseline2018_pass1=1 --frames tags" in options
    assert options.endswith("--thresholds teacher") and "--hard" not in options
    plain = {"baseline2018_pass1": {"schedule": {"tag_thresholds": False}}}
    problem = r"baseline2018.distil.thresholds: thresholds of the teacher require one teacher"
    with pytest.raises(ConfigError, match=problem):
        run_of(system_overrides=plain)


def test_both_passes_on_a_small_dataset(tiny, tmp_path):
    """Pass 1, its thresholds and tags, targets in every frame, pass 2 selected by weak clips."""
    half = {"schedule": {"held_out": 0.4}}
    first = trainer(tiny, tmp_path / "1", half)
    assert {name: len(clips) for name, clips in first.evaluated.items()} == {
        "development": 5, "held_out": 2,
    }  # fmt: skip
    assert {role: len(clips) for role, clips in first.batches.strata.items()} == {"weak": 3}
    mean, deviation = statistics(
        [(features_of(Store.open(tiny / f"{role}.store")), times)
         for role, times in (("weak", 2), ("unlabeled", 1))]
    )  # fmt: skip
    saved = first.train()
    content = checkpoint.load_finished(saved)
    assert torch.equal(content["networks"]["student.norm.mean"], mean)
    assert torch.equal(content["networks"]["student.norm.deviation"], deviation)
    assert (mean + 5).abs().max() < 0.3 and (deviation - 1).abs().max() < 0.2
    thresholds = content["tag_thresholds"]
    history = read_history(tmp_path / "1/history.csv")
    scores = history["held_out.tags_f1"]
    assert content["epoch"] == 1 + int(np.argmax(scores[1:]))  # epoch 0 is not a candidate
    assert is_over([{"epoch": n, "held_out.tags_f1": s} for n, s in enumerate(scores)],
                   first.settings) or len(scores) == 4  # fmt: skip
    ((_, found),) = predict_splits(
        saved, {"unlabeled": tiny / "unlabeled.store"}, torch.device("cpu")
    )
    found.save(tmp_path / "unlabeled.npz")
    assert Posteriors.load(tmp_path / "unlabeled.npz").meta["tag_thresholds"] == thresholds
    run = CliRunner().invoke(
        app,
        ["distil", "--dataset", str(tiny / "tiny.yaml"), "--root", str(tiny), "--frames", "tags",
         "--teacher", f"pass1={tmp_path / 'unlabeled.npz'}", "--thresholds", "teacher",
         "--out", str(tmp_path / "targets.npz")],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    targets = TargetSet.load(tmp_path / "targets.npz")
    hard = np.stack([found.tags[:, n] >= np.float32(thresholds[c])
                     for n, c in enumerate(found.classes)], axis=1)  # fmt: skip
    assert (targets.tags == hard).all() and targets.meta["hard"] == thresholds
    assert (targets.frames == hard[:, None]).all() and targets.frames.shape == (5, 100, 2)
    second = trainer(tiny, tmp_path / "2", PASS_2, targets={"unlabeled": tmp_path / "targets.npz"})
    assert {role: len(clips) for role, clips in second.batches.strata.items()} == {"unlabeled": 5}
    assert len(second.evaluated["weak"]) == 3  # a full batch of five clips
    saved = second.train()
    history = read_history(tmp_path / "2/history.csv")
    assert checkpoint.load_finished(saved)["epoch"] == 1 + int(
        np.argmax(history["weak.tags_f1"][1:])
    )
    assert "tag_thresholds" not in checkpoint.load_finished(saved)
    assert (np.array(history["loss"]) == history["loss.strong.student"]).all()


def test_a_training_that_ended_early_ends_there_again(tiny, tmp_path):
    """Killed after an epoch and resumed: the same bytes; no epoch follows the last one."""
    changes = {"schedule": {"epochs": 30, "learning_rate": 1e-9, "held_out": 0.4}}
    whole = trainer(tiny, tmp_path / "whole", changes).train()
    assert len(read_history(tmp_path / "whole/history.csv")["epoch"]) == 1 + 1 + 2
    part = trainer(tiny, tmp_path / "part", changes)
    select = part._select

    def stop():
        if part.epoch == 2:
            raise KeyboardInterrupt
        select()

    part._select = stop
    with pytest.raises(KeyboardInterrupt):
        part.train()
    again = trainer(tiny, tmp_path / "part", changes).train()
    assert again.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("changes", "without", "problem"),
    [
        ({}, ("unlabeled",), r"model.scaler.unlabeled: requires clips of the split unlabeled"),
        (PASS_2, ("weak",), r"model.scaler.weak: requires clips of the split weak"),
        (
            overlay(PASS_2, {"model": {"input_norm": "none"}}),
            ("weak",),
            "schedule.selection: requires clips of the split weak",
        ),
        (
            {"schedule": {"augment": {"gain": 1}, "held_out": 0.4}},
            (),
            "augment.gain: requires complete clips",
        ),
        ({"schedule": {"batch": {"weak": 3}, "held_out": 0.4}}, (), "do not fill a batch of 3"),
        (
            {"schedule": {"selection_score": "events_weak", "held_out": 0.4}},
            (),
            "schedule.selection_score: events_weak requires held_out clips with strong labels",
        ),
    ],
)
def test_trainings_that_lack_clips_are_refused(tiny, tmp_path, changes, without, problem):
    if "none" in str(changes):  # without marked frames
        make_tiny(tiny)
    with pytest.raises(ConfigError, match=problem):
        trainer(tiny, tmp_path / "no", changes, without=without)


def test_roles_that_scale_or_select_are_read_too():
    """The workflow gives the stores of these roles to a training."""
    assert PASS_1.training_roles == ("weak",)
    assert list(PASS_1.read_roles) == ["weak", "unlabeled"]
    second = settings(**PASS_2)
    assert second.training_roles == ("unlabeled",)
    assert list(second.read_roles) == ["unlabeled", "weak"]
    plain = settings(**overlay(PASS_2, {"model": {"input_norm": "none"}}))
    assert plain.read_roles == {
        "unlabeled": "schedule.batch.unlabeled", "weak": "schedule.selection",
    }  # fmt: skip
    dataset = load_dataset("demo")
    few = {role: split for role, split in dataset.splits.items() if role != "unlabeled"}
    problem = r"model.scaler.unlabeled: single reads unlabeled clips, which demo lacks; change it"
    with pytest.raises(ConfigError, match=problem):
        refuse_missing_splits("pass1", PASS_1, dataset.model_copy(update={"splits": few}))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"model": {"scaler": {"strong": 0}}}, "greater than 0"),
        ({"model": {"frame_crnn": {"cell": "gru"}}}, "input_dropout requires cell: gru_hard"),
        ({"model": {"framework": "joint", "frame_crnn": None}}, "requires wels or frame_crnn"),
        ({"schedule": {"selection": "last", "tag_thresholds": False}}, "patience requires"),
        ({"schedule": {"selection": "last", "patience": 0}}, "tag_thresholds requires"),
        ({"schedule": {"selection": "weak"}}, "selection weak requires batch.weak: 0"),
        (
            {"schedule": PASS_2["schedule"] | {"selection_score": "tags_frames"}},
            "selection weak requires selection_score",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_refused(changes, problem):
    with pytest.raises(ValidationError, match=problem):
        settings(**changes)


def test_the_scaler_requires_roles():
    values = PASS_1.model_dump()
    values["model"]["scaler"] = {}
    with pytest.raises(ValidationError, match="requires a role in scaler"):
        SystemSettings.model_validate(values)


def test_marked_frames_require_the_scaler_and_logarithms():
    plain = settings(model={"input_norm": "standardise"}).model
    with pytest.raises(ConfigError, match="requires input_norm: training_clips"):
        build_networks(plain, FEATURES, 10, [1.0] * 10)
    with pytest.raises(ValidationError, match="marked requires scale: log"):
        FeatureSettings(short="marked", scale="linear")


def test_thresholds_of_a_teacher_without_any_are_refused(tiny, tmp_path):
    changes = {"schedule": {"tag_thresholds": False, "epochs": 1, "held_out": 0.4}}
    saved = trainer(tiny, tmp_path / "plain", changes).train()
    for out in ("a.npz", "b.npz"):
        ((_, found),) = predict_splits(
            saved, {"unlabeled": tiny / "unlabeled.store"}, torch.device("cpu")
        )
        found.save(tmp_path / out)
    words = ["distil", "--dataset", str(tiny / "tiny.yaml"), "--root", str(tiny), "--out",
             str(tmp_path / "no.npz"), "--thresholds", "teacher"]  # fmt: skip
    one = [*words, "--teacher", f"a={tmp_path / 'a.npz'}"]
    with pytest.raises(ConfigError, match="has no threshold for each class"):
        CliRunner().invoke(app, one, catch_exceptions=False)
    two = [*one, "--teacher", f"b={tmp_path / 'b.npz'}", "--share", "a=0.5", "--share", "b=0.5"]
    with pytest.raises(ConfigError, match="require one teacher of one training"):
        CliRunner().invoke(app, two, catch_exceptions=False)
    with pytest.raises(ConfigError, match="hard must be empty"):
        CliRunner().invoke(app, [*one, "--hard", "0.5"], catch_exceptions=False)
    assert not (tmp_path / "no.npz").exists()


# ---- decoding -----------------------------------------------------------------------------------


def test_events_are_those_of_the_public_code(theirs):
    """Zeros beyond the ends shorten events there: a whole clip, and 30 frames at either end."""
    frames = made.posteriors()
    tags = np.zeros((len(frames), made.CLASSES), np.float32)  # no gate
    clips = [str(number) for number in range(len(frames))]
    posteriors = Posteriors(frames, tags, tags, clips, made.LABELS, {"seconds_per_frame": 0.02})
    windows = {
        label: Window(label, 1, 1.0, 0.2, "average", None, None, "") for label in made.LABELS
    }

    def events(**changes):
        decoded = decode(posteriors, windows, settings(decode=changes).decode).events
        return {
            (clips.index(clip), made.LABELS.index(event.event_label), event.onset, event.offset)
            for clip, found in decoded.items()
            for event in found
        }

    wanted = {(c, label, on * 0.02, off * 0.02) for c, label, on, off in theirs["events"].tolist()}
    assert len(wanted) == len(theirs["events"]) > 100 and events() == wanted
    assert events(filter_edges="reflect") != wanted
    assert events(fixed_window=49) != wanted
    assert events(frame_threshold=0.51) != wanted


@pytest.mark.parametrize(
    "found", [{"cat": 0.5}, {"cat": 0.5, "dog": 2}, {"cat": 0.5, "dog": "x"}, 1]
)
def test_thresholds_of_a_checkpoint_are_one_number_per_class(tiny, tmp_path, found):
    changes = {"schedule": {"epochs": 1, "held_out": 0.4}}
    saved = trainer(tiny, tmp_path / "saved", changes).train()
    content = checkpoint.load_finished(saved)
    assert [*content["tag_thresholds"]] == ["cat", "dog"]
    checkpoint.save(saved, content | {"tag_thresholds": found})
    with pytest.raises(CheckpointError, match="tag_thresholds"):
        checkpoint.load_finished(saved)


@pytest.mark.parametrize("found", [{"cat": -0.1}, {"cat": None}, [0.5]])
def test_thresholds_of_posteriors_are_numbers_from_0_to_1(tmp_path, found):
    tags = np.full((1, 1), 0.5, np.float32)
    meta = {"seconds_per_frame": 0.02, "tag_thresholds": found}
    posteriors = Posteriors(tags[:, None], tags, tags, ["a.wav"], ["cat"], meta)
    with pytest.raises(StoreError, match="tag_thresholds"):
        posteriors.save(tmp_path / "no.npz")
