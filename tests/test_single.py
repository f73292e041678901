"""Networks that are trained alone: shapes, parameters, the recurrence, losses, a training."""

import numpy as np
import pytest
import torch
from systems import BASE
from test_train_loop import CPU, make_tiny, same, weights

from resed.config.dataset import load_dataset
from resed.config.loading import overlay
from resed.errors import ConfigError
from resed.formats.history import read_history
from resed.formats.posteriors import Posteriors
from resed.predict.inference import predict_splits
from resed.score.ranking import average_precision, macro_average_precision
from resed.settings import FeatureSettings, SystemSettings
from resed.train.frame_crnn import one_sided
from resed.train.framework import build_networks, frame_grid
from resed.train.model import Output, initialise, parameter_count
from resed.train.objective import Targets
from resed.train.setup import build_trainer
from resed.train.single import single_losses
from resed.train.sru import Sru, linear_recurrence

WELS = {
    "channels": [64, 128, 256, 512],
    "pools": [[4, 4], [2, 2], [2, 2], [2, 2]],
    "heads": [2048, 1024, 1024],
}
DEEP = {
    "channels": [64] * 4, "pools": [2] * 4, "layers": 2, "kernel": 2, "projection": 256,
    "projection_pool": 4, "hidden": 128,
}  # fmt: skip
SHALLOW = {"channels": [64] * 3, "pools": [4] * 3, "layers": 1, "kernel": 3, "hidden": 128}


def settings(changes=None, **model) -> SystemSettings:
    single = {"framework": "single", "input_norm": "standardise", **model}
    values = overlay(overlay(BASE, {"model": single}), changes or {})
    return SystemSettings.model_validate(values)


def network(frames=1000, classes=10, mels=64, **model):
    chosen = settings(**model).model
    features = FeatureSettings(frames=frames, n_mels=mels, hop=160, sample_rate=16000,
                               window=256, n_fft=512, f_max=8000)  # fmt: skip
    torch.manual_seed(0)
    return build_networks(chosen, features, classes, [1.0] * classes).student.eval()


# ---- WELS-Net -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("classes", "change", "parameters"),
    [
        (527, {}, 14_677_711),
        (10, {}, 14_147_786),
        (527, {"last": "batch_norm"}, 14_678_765),
        (527, {"last": "printed"}, 14_678_765),
    ],
)
def test_parameters_of_wels_net(classes, change, parameters):
    assert parameter_count(network(classes=classes, wels=WELS | change)) == parameters


@pytest.mark.parametrize(("frames", "segments"), [(96, 1), (500, 13), (1000, 29), (1024, 30)])
def test_segments_of_wels_net(frames, segments):
    """K = floor(T / 32) - 2; posteriors have a cell for each of floor(T / 32) pooled frames."""
    small = network(frames, wels=WELS, width=0.05)
    output = small(torch.zeros(2, frames, 64))
    assert output.features.shape[1] == segments
    assert output.frames.shape == (2, segments + 2, 10) and output.tags.shape == (2, 10)
    assert torch.equal(output.frames[:, 0], output.frames[:, 1])
    assert torch.equal(output.frames[:, -1], output.frames[:, -2])
    chosen = settings(wels=WELS).model
    grid = frame_grid(chosen, FeatureSettings(frames=frames, hop=160, sample_rate=16000,
                                              window=256, n_fft=512, f_max=8000))  # fmt: skip
    assert grid == (segments + 2, pytest.approx(0.32))


@pytest.mark.parametrize(
    ("pooling", "pooled"),
    [
        ("mean", lambda z: z.sigmoid().mean(1)),
        ("mean_logits", lambda z: z.mean(1).sigmoid()),
        ("max", lambda z: z.sigmoid().amax(1)),
    ],
)
def test_pooling_of_segments(pooling, pooled):
    mels = torch.randn(3, 200, 64)
    output = network(200, wels=WELS | {"pooling": pooling}, width=0.05)(mels)
    segments = output.frame_logits[:, 1:-1]
    torch.testing.assert_close(output.tags, pooled(segments))


def test_the_last_layer_as_printed_has_posteriors_from_a_relu():
    """Conv, batch normalisation and ReLU: half of the segments are 0, and some would exceed 1."""
    printed = network(200, wels=WELS | {"last": "printed"}, width=0.05)
    printed.last_norm.bias.data.normal_(0, 2)
    frames = printed(torch.randn(3, 200, 64)).frames
    assert (frames <= 1.01e-6).any() and (frames >= 1 - 1e-5).any()
    assert (frames >= 0).all() and (frames <= 1).all()


def test_average_pooling_is_another_network():
    mels = torch.randn(2, 200, 64)
    outputs = [network(200, wels=WELS | {"pool": pool}, width=0.05)(mels).tags
               for pool in ("max", "average")]  # fmt: skip
    assert not torch.allclose(*outputs)


def test_features_without_a_segment_are_refused():
    with pytest.raises(ConfigError, match="64 frames and 64 mels leave 0 segments"):
        network(64, wels=WELS, width=0.05)
    with pytest.raises(ConfigError, match=r"leave 29 segments of 3 mels"):
        network(1000, mels=128, wels=WELS, width=0.05)


# ---- CRNNs that keep every frame ------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "cell", "parameters"),
    [
        (DEEP, "sru", 332_298), (DEEP, "sru_v2", 332_810), (DEEP, "gru", 431_626),
        (DEEP | {"kernel": 3}, "sru", 475_978),
        (SHALLOW, "sru", 143_306), (SHALLOW, "sru_v2", 143_818), (SHALLOW, "gru", 226_250),
    ],
)  # fmt: skip
def test_parameters_of_frame_crnns(chosen, cell, parameters):
    assert parameter_count(network(240, frame_crnn=chosen | {"cell": cell})) == parameters


@pytest.mark.parametrize("chosen", [DEEP, SHALLOW, DEEP | {"pad": "grow"}, DEEP | {"kernel": 3}])
def test_frame_crnns_keep_every_frame_and_tags_are_their_mean(chosen):
    output = network(240, frame_crnn=chosen, width=0.1)(torch.randn(2, 240, 64))
    assert output.frames.shape == (2, 240, 10)
    torch.testing.assert_close(output.tags, output.frames.mean(1))


def test_padding_of_two_layers_is_centred():
    """An impulse through two convolutions of 2 x 2 that add is centred on its place."""
    impulse = torch.zeros(1, 1, 9, 9)
    impulse[0, 0, 4, 4] = 1
    ones = torch.ones(1, 1, 2, 2)
    for behind in (True, False):
        impulse = torch.conv2d(one_sided(1, behind=behind)(impulse), ones)
    rows = impulse[0, 0].sum(1)
    assert rows.tolist() == [0, 0, 0, 4, 8, 4, 0, 0, 0]


def test_dropout_follows_each_pooling():
    model = network(240, frame_crnn=SHALLOW | {"dropout": 0.25}, width=0.1)
    found = [layer.p for layer in model.cnn if isinstance(layer, torch.nn.Dropout)]
    assert found == [0.25] * 3


# ---- the recurrence -------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [2, 3, 7, 240])
def test_the_scan_equals_a_loop_in_values_and_gradients(frames):
    torch.manual_seed(frames)
    keep = torch.rand(3, frames, 5, dtype=torch.float64, requires_grad=True)
    new = torch.randn(3, frames, 5, dtype=torch.float64, requires_grad=True)
    state, states = torch.zeros(3, 5, dtype=torch.float64), []
    for frame in range(frames):
        state = keep[:, frame] * state + new[:, frame]
        states.append(state)
    loop, scan = torch.stack(states, 1), linear_recurrence(keep, new)
    torch.testing.assert_close(scan, loop)
    ours, theirs = (torch.autograd.grad(c.square().sum(), (keep, new)) for c in (scan, loop))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def by_steps(unit: Sru, inputs: np.ndarray) -> np.ndarray:
    """The equations of Lei et al., one direction, unit and frame at a time, in NumPy."""
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    weight, bias = unit.weight.detach().numpy(), unit.bias.detach().numpy()
    seen = unit.state_weight
    state_weight = np.zeros_like(bias) if seen is None else seen.detach().numpy()
    u = (inputs @ weight).reshape(*inputs.shape[:2], unit.units, unit.parts)
    skip = u[..., 3] if unit.parts == 4 else np.sqrt(3) * inputs
    half, output = unit.units // 2, np.zeros((*inputs.shape[:2], unit.units))
    for units, times in (
        (range(half), range(inputs.shape[1])),
        (range(half, unit.units), reversed(range(inputs.shape[1]))),
    ):
        state = np.zeros((len(inputs), unit.units))
        for time in times:
            for n in units:
                forget = sigmoid(u[:, time, n, 1] + state_weight[0, n] * state[:, n] + bias[0, n])
                reset = sigmoid(u[:, time, n, 2] + state_weight[1, n] * state[:, n] + bias[1, n])
                state[:, n] = forget * state[:, n] + (1 - forget) * u[:, time, n, 0]
                output[:, time, n] = reset * np.tanh(state[:, n]) + (1 - reset) * skip[:, time, n]
    return output


@pytest.mark.parametrize("sees_state", [False, True])
@pytest.mark.parametrize("dimension", [6, 4])  # with a product for the skip connection, and without
def test_simple_recurrent_units_by_their_equations(dimension, sees_state):
    torch.manual_seed(1)
    unit = Sru(dimension, 2, sees_state=sees_state).double()
    torch.nn.init.normal_(unit.bias)
    inputs = torch.randn(2, 9, dimension, dtype=torch.float64)
    expected = by_steps(unit, inputs.numpy())
    np.testing.assert_allclose(unit(inputs).detach().numpy(), expected, atol=1e-12)


def test_simple_recurrent_units_equal_the_public_package():
    """Needs the package `sru`, which compiles at its import, so that CI does not have it."""
    package = pytest.importorskip("sru", reason="the package sru is not installed")
    for dimension in (64, 256):
        for first in (True, False):
            theirs = package.SRU(dimension, 128, num_layers=1, bidirectional=True, rescale=True,
                                 v1=first, use_tanh=True)  # fmt: skip
            cell, ours = theirs.rnn_lst[0], Sru(dimension, 128, sees_state=not first)
            with torch.no_grad():
                ours.weight.copy_(cell.weight)
                ours.bias.copy_(cell.bias.view(2, -1))
                if ours.state_weight is not None:
                    ours.state_weight.copy_(cell.weight_c.view(2, -1))
            inputs = torch.randn(50, 4, dimension)
            expected = theirs(inputs)[0].transpose(0, 1)
            torch.testing.assert_close(ours(inputs.transpose(0, 1)), expected, atol=5e-6, rtol=0)


# ---- losses, initial weights ----------------------------------------------------------------


def test_losses_are_means_of_cross_entropy_with_soft_targets():
    """Eqs. 1 and 2 of Kumar and Ithapu (2020), in NumPy."""
    random = np.random.default_rng(0)
    tags, frames = random.random((4, 3)), random.random((4, 5, 3))
    wanted, framed = random.random((4, 3)), random.random((4, 5, 3))
    logit = lambda p: torch.tensor(np.log(p / (1 - p)))  # noqa: E731
    output = Output(logit(tags), logit(frames), torch.zeros(4, 5, 1))
    targets = Targets(torch.tensor(wanted), torch.tensor(framed), 4, 0, 0)
    chosen = settings({"objective": {"single": {"tags": 0.5, "frames": 2.0}}}, wels=WELS)
    terms = single_losses(output, targets, chosen)
    bce = lambda p, t: -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))  # noqa: E731
    assert float(terms["loss.weak.student"]) == pytest.approx(0.5 * bce(tags, wanted))
    assert float(terms["loss.strong.student"]) == pytest.approx(2 * bce(frames, framed))
    assert float(terms["loss"]) == pytest.approx(0.5 * bce(tags, wanted) + 2 * bce(frames, framed))
    alone = settings({"objective": {"single": {"tags": 1.0, "frames": 0.0}}}, wels=WELS)
    assert "loss.strong.student" not in single_losses(output, targets, alone)


def test_initialisation_by_glorot_for_relu():
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(8, 16, 3)
    initialise(layer, settings(initialisation="glorot_relu", wels=WELS).model)
    bound = 2**0.5 * (6 / (8 * 9 + 16 * 9)) ** 0.5
    assert bound * 0.98 < float(layer.weight.abs().max().detach()) <= bound
    assert float(layer.bias.abs().max().detach()) == 0


def test_mean_average_precision_leaves_out_a_class_without_clips():
    posteriors = np.array([[0.9, 0.2, 0.1], [0.8, 0.7, 0.2], [0.1, 0.6, 0.3]])
    reference = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    # The first class: positives at ranks 1 and 3; the second: at rank 1; the third has none.
    expected = ((1 / 1 + 2 / 3) / 2 + 1) / 2
    assert macro_average_precision(posteriors, reference) == pytest.approx(expected)


@pytest.mark.parametrize("values", [3, 1000])  # with and without ties
def test_average_precision_is_that_of_scikit_learn(values):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(values)
    for clips in (1, 2, 7, 60):
        posteriors = (random.integers(0, values, clips) / values).astype(np.float32)
        reference = random.integers(0, 2, clips)
        reference[0] = 1
        expected = metrics.average_precision_score(reference, posteriors)
        assert average_precision(posteriors, reference) == pytest.approx(expected, abs=1e-12)


# ---- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"model": {"wels": None}}, "framework single requires one of wels"),
        ({"model": {"frame_crnn": DEEP}}, "framework single requires one of wels"),
        ({"model": {"framework": "joint"}}, "framework single requires one of wels"),
        ({"model": {"wels": WELS | {"pools": [[4, 4]]}}}, "must have the same length"),
        ({"objective": {"single": {"tags": 0}}}, "tags or frames must be above 0"),
        (
            {"schedule": {"batch": {"weak": 0, "strong": 0, "unlabeled": 0}}},
            "batch has no clip",
        ),
    ],
)
def test_settings_that_fit_no_network_are_refused(changes, problem):
    with pytest.raises(ValueError, match=problem):
        settings(changes, wels=WELS) if "wels" not in changes.get("model", {}) else settings(
            changes
        )


@pytest.mark.parametrize("batch", [{"strong": 0}, {"out_of_domain": 2}])
def test_a_student_with_a_teacher_needs_strong_clips(batch):
    with pytest.raises(ValueError, match="batch requires strong clips"):
        SystemSettings.model_validate(overlay(BASE, {"schedule": {"batch": batch}}))


# ---- a training -----------------------------------------------------------------------------

SMALL = {
    "schedule": {
        "epochs": 3, "stage_one": 1, "steps_per_epoch": 2, "selection": "development",
        "selection_score": "map",
        "batch": {"weak": 2, "strong": 2, "unlabeled": 0},
    },
}  # fmt: skip


def trainer(root, folder, changes=None, roles=("weak", "strong", "development"), **model):
    torch.set_num_threads(1)
    values = settings(overlay(SMALL, changes or {}), width=0.05, **model).model_dump(mode="json")
    return build_trainer(
        load_dataset(root / "tiny.yaml"), root, system="tagger", settings=values, seed=0,
        stores={role: root / f"{role}.store" for role in roles}, folder=folder, device=CPU,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("single")
    make_tiny(root)
    return root


@pytest.mark.parametrize("model", [{"wels": WELS}, {"frame_crnn": SHALLOW}])
def test_a_training_of_one_network_resumes_and_predicts(tiny, tmp_path, model):
    """Killed after an epoch and resumed: the same bytes. The tags of the teacher are its own."""
    whole = trainer(tiny, tmp_path / "whole", **model).train()
    history = read_history(tmp_path / "whole/history.csv")
    assert "development.tags_map" in history and "loss.weak.student" in history
    part = trainer(tiny, tmp_path / "part", **model)
    save, calls = part._select, []

    def stop_after_one():
        save()
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    part._select = stop_after_one
    with pytest.raises(KeyboardInterrupt):
        part.train()
    resumed = trainer(tiny, tmp_path / "part", **model).train()
    assert same(weights(whole), weights(resumed))
    assert whole.read_bytes() == resumed.read_bytes()
    stores = {"evaluation": tiny / "evaluation.store"}
    ((_, found),) = predict_splits(whole, stores, CPU)
    ((_, tags),) = predict_splits(whole, stores, CPU, tags_only=True)
    assert tags.tags_only and tags.meta["tags_only"] and not found.tags_only
    np.testing.assert_array_equal(tags.tags, found.tags)
    assert np.array_equal(found.tags, found.teacher_tags) and found.lost_head_tags is None
    found.save(tmp_path / "posteriors.npz")
    assert Posteriors.load(tmp_path / "posteriors.npz").tags.shape == (5, 2)


def test_a_training_on_weak_clips_alone_needs_no_other_store(tiny, tmp_path):
    batch = {"schedule": {"batch": {"weak": 3, "strong": 0, "unlabeled": 0}, "held_out": 0.4,
                          "selection": "held_out"}}  # fmt: skip
    trainer(tiny, tmp_path, batch, ("weak", "development"), frame_crnn=SHALLOW).train()
    history = read_history(tmp_path / "history.csv")
    assert "held_out.tags_map" in history  # held-out weak clips choose the epoch


def test_clips_without_a_target_are_refused(tiny, tmp_path):
    batch = {"schedule": {"batch": {"unlabeled": 2}}}
    roles = ("weak", "strong", "unlabeled", "development")
    with pytest.raises(ConfigError, match="the unlabeled clips have no tags"):
        trainer(tiny, tmp_path, batch, roles, wels=WELS)
    frames = {"objective": {"single": {"frames": 1.0}}}
    with pytest.raises(ConfigError, match="the weak clips have no frames"):
        trainer(tiny, tmp_path, frames, frame_crnn=SHALLOW)
    with pytest.raises(ConfigError, match="requires clips of the split unlabeled"):
        trainer(tiny, tmp_path, batch, wels=WELS)
