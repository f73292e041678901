"""The two peers of Table 1 against their public code, librosa and plain NumPy."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peers.make_mean_teacher import CONSISTENCY, SHOWN, STRONG, UNLABELED, WEAK, inputs, numbers
from scipy.ndimage import median_filter
from systems import of_posteriors

from resed.config.dataset import load_dataset
from resed.config.run import load_config
from resed.decode.events import decode, guided_window
from resed.errors import ConfigError, ResultsError
from resed.extract.logmel import NOTHING, clip_features
from resed.formats.annotations import Event, read_events, read_tags
from resed.formats.posteriors import Posteriors
from resed.formats.store import create
from resed.formats.windows import Window
from resed.predict.inference import predict_splits
from resed.settings import DecodeSettings, FeatureSettings
from resed.train import schedule
from resed.train.augment import noisy
from resed.train.batches import Grid, frame_matrix
from resed.train.crnn import MeanTeacher, decibels, fresh_heads, statistics
from resed.train.framework import build_framework, build_networks, frame_grid
from resed.train.heads import class_shares
from resed.train.model import Output, parameter_count
from resed.train.objective import Targets
from resed.train.precision import arithmetic
from resed.train.setup import build_trainer

CPU = torch.device("cpu")
FIXTURE = Path(__file__).parent / "peers" / "mean_teacher.npz"
CONFIG = load_config()
MT, GL = CONFIG.system("mean_teacher"), CONFIG.system("guided_learning")
MT_FEATURES, GL_FEATURES = (CONFIG.feature_sets[n] for n in ("mean_teacher", "guided_learning"))


def peer(settings, features, classes=10, shares=None):
    torch.manual_seed(0)
    return build_networks(settings.model, features, classes, shares or [1.0] * classes)


# ---- features ------------------------------------------------------------------------------


def librosa_mels(wave, settings):
    import librosa

    window = np.hamming(settings.window) if settings.window_shape == "hamming" else "hann"
    spectrum = librosa.stft(
        wave.astype(np.float64), n_fft=settings.n_fft, hop_length=settings.hop,
        win_length=settings.window, window=window, center=True, pad_mode="reflect",
    )  # fmt: skip
    norm = "slaney" if settings.mel_norm == "slaney" else None
    bank = librosa.filters.mel(sr=44100, n_fft=settings.n_fft, n_mels=64, norm=norm)
    return (bank @ np.abs(spectrum)).T


@pytest.mark.parametrize("seconds", [10.0, 4.2])
def test_features_of_both_peers_are_librosas(seconds):
    wave = np.random.default_rng(0).normal(size=round(44100 * seconds)).astype(np.float32)
    ours = clip_features(wave, MT_FEATURES)
    theirs = librosa_mels(wave, MT_FEATURES)[:864]
    assert ours.shape == (864, 64)
    np.testing.assert_allclose(ours[: len(theirs)], theirs, rtol=2e-5)
    assert (ours[len(theirs) :] == NOTHING).all() and (seconds == 10) == (len(theirs) == 864)
    ours = clip_features(wave, GL_FEATURES)
    theirs = np.log(librosa_mels(wave, GL_FEATURES)[:500] + 2.2e-16)
    assert ours.shape == (500, 64)
    np.testing.assert_allclose(ours[: len(theirs)], theirs, atol=2e-5)
    assert not ours[len(theirs) :].any()


def test_decibels_are_librosas_and_the_rest_of_a_short_clip_is_0_db():
    import librosa

    rng = np.random.default_rng(0)
    mels = (10.0 ** rng.uniform(-7, 1, (2, 30, 64))).astype(np.float32)
    mels[1, 20:] = NOTHING
    found = decibels(torch.from_numpy(mels)).numpy()
    for clip, length in ((0, 30), (1, 20)):
        expected = librosa.amplitude_to_db(mels[clip, :length], ref=1.0, amin=1e-5, top_db=80)
        np.testing.assert_allclose(found[clip, :length], expected, atol=1e-4)
    assert (found[1, 20:] == 0).all()


def test_scaling_uses_every_frame_of_the_training_clips():
    rng = np.random.default_rng(0)
    parts = [torch.from_numpy(rng.uniform(0.01, 1, (n, 7, 4)).astype(np.float32)) for n in (3, 5)]
    mean, deviation = statistics(parts, chunk=2)
    level = np.concatenate([decibels(p).numpy().reshape(-1, 4) for p in parts])
    np.testing.assert_allclose(mean, level.mean(0), rtol=1e-5)
    np.testing.assert_allclose(deviation, level.std(0), rtol=1e-4)


def test_teacher_noise_is_positive_and_leaves_what_is_past_the_end():
    torch.manual_seed(0)
    mels = torch.rand(4, 100, 64)
    mels[0, 50:] = NOTHING
    out = noisy(mels, MT.schedule)
    added = (out - mels)[1:]
    assert (out[0, 50:] == NOTHING).all() and (added >= 0).all()
    assert added.mean().item() == pytest.approx(0.25 * (2 / np.pi) ** 0.5, rel=0.02)


# ---- Mean Teacher --------------------------------------------------------------------------


def test_mean_teacher_has_the_published_size_and_shapes():
    networks = peer(MT, MT_FEATURES)
    assert parameter_count(networks.student) == 214_356
    assert parameter_count(networks.teacher) == 0  # no gradient reaches it
    assert sum(p.numel() for p in networks.teacher.parameters()) == 214_356
    mels = torch.rand(2, 864, 64)
    shapes = []
    x = networks.student.front(mels).unsqueeze(1)
    for layer in networks.student.cnn:
        x = layer(x)
        if isinstance(layer, torch.nn.AvgPool2d):
            shapes.append(tuple(x.shape))
    assert shapes == [(2, 64, 432, 16), (2, 64, 216, 4), (2, 64, 108, 1)]
    out = networks.student(mels)
    assert out.frames.shape == (2, 108, 10) and out.tags.shape == (2, 10)
    assert frame_grid(MT.model, MT_FEATURES) == (108, pytest.approx(8 * 511 / 44100))
    norms = [m for m in networks.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.99)}
    pairs = zip(networks.student.parameters(), networks.teacher.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs), "drawn independently"


def test_clip_posterior_of_mean_teacher_in_numpy():
    """softmax over classes, clamped, then a weighted mean over time."""
    student = peer(MT, MT_FEATURES).student.eval()
    torch.nn.init.normal_(student.attend.weight)
    mels = torch.rand(1, 864, 64)
    features = student(mels).features
    encoded = student.gru(features)[0].detach().numpy()[0]
    score = (
        encoded @ student.attend.weight.detach().numpy().T + student.attend.bias.detach().numpy()
    )
    weight = np.exp(score - score.max(1, keepdims=True))
    weight = np.clip(weight / weight.sum(1, keepdims=True), 1e-7, 1)
    logits = encoded @ student.classify.weight.detach().numpy().T
    frames = 1 / (1 + np.exp(-(logits + student.classify.bias.detach().numpy())))
    expected = (frames * weight).sum(0) / weight.sum(0)
    np.testing.assert_allclose(student(mels).tags[0].detach().numpy(), expected, atol=1e-5)


def mean_teacher_batch(dtype=torch.float64):
    rng = np.random.default_rng(3)
    weak, strong, unlabeled, cells, classes = 2, 3, 2, 5, 4
    clips = weak + strong + unlabeled
    t = torch.tensor(rng.uniform(0.05, 0.95, (clips, classes)), dtype=dtype)
    s = torch.tensor(rng.uniform(0.05, 0.95, (clips, classes)), dtype=dtype)
    tf = torch.tensor(rng.uniform(0.05, 0.95, (clips, cells, classes)), dtype=dtype)
    sf = torch.tensor(rng.uniform(0.05, 0.95, (clips, cells, classes)), dtype=dtype)
    tags = torch.tensor(rng.integers(0, 2, (weak + strong, classes)), dtype=dtype)
    frames = torch.tensor(rng.integers(0, 2, (strong, cells, classes)), dtype=dtype)
    return t, s, tf, sf, Targets(tags, frames, weak, strong, unlabeled)


def test_mean_teacher_losses_equal_numpy_and_their_gradients_are_right():
    framework = build_framework(MT, MT_FEATURES, 4, [1.0] * 4)
    t, s, tf, sf, targets = mean_teacher_batch()
    empty = torch.zeros(0)
    found = framework.losses(
        of_posteriors(t, tf, empty), of_posteriors(s, sf, empty), targets, {"consistency": 1.3}
    )

    def bce(p, y):
        return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()

    np_s, np_sf = s.numpy(), sf.numpy()
    expected = {
        "loss.weak.student": bce(np_s[:2], targets.tags[:2].numpy()),
        "loss.strong.student": bce(np_sf[2:5], targets.frames.numpy()),
        "loss.consistency.teacher_to_student": 1.3 * ((np_s - t.numpy()) ** 2).mean(),
        "loss.consistency.frames": 1.3 * ((np_sf - tf.numpy()) ** 2).mean(),
    }
    expected["loss"] = sum(expected.values())
    assert {k: v.item() for k, v in found.items()} == pytest.approx(expected)

    def total(tags, frames):
        student = of_posteriors(tags, frames, empty)
        moment = {"consistency": 1.3}
        return framework.losses(of_posteriors(t, tf, empty), student, targets, moment)["loss"]

    assert torch.autograd.gradcheck(total, (s.requires_grad_(), sf.requires_grad_()))


@pytest.fixture(scope="module")
def original():
    """What the baseline's own code computes, from tests/peers/make_mean_teacher.py CHECKOUT OUT."""
    with np.load(FIXTURE) as found:
        values = dict(found)
    return {**values, "shapes": json.loads(str(values.pop("meta")))["shapes"]}


def with_numbers(network, shapes, prefix=""):
    """Our network with the weights of the fixture; the baseline has the same order of tensors."""
    drawn = numbers({prefix + name: tuple(shape) for name, shape in shapes.items()})
    network.front, network.dropout = torch.nn.Identity(), torch.nn.Identity()
    for layer in network.cnn:
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    floats = [b for _, b in network.named_buffers() if b.is_floating_point()]
    for ours, name in zip([*network.parameters(), *floats], shapes, strict=True):
        assert list(ours.shape) == shapes[name], name
        ours.data.copy_(torch.from_numpy(drawn[prefix + name]))
    return network


def test_posteriors_are_those_of_the_baselines_own_network(original):
    student = with_numbers(peer(MT, MT_FEATURES).student, original["shapes"]).eval()
    out = student(torch.from_numpy(inputs()["mels"]).float())
    np.testing.assert_allclose(out.frames.detach(), original["strong"], atol=2e-6)
    np.testing.assert_allclose(out.tags.detach(), original["weak"], atol=2e-6)
    assert original["strong"].min() < 0.15 and original["strong"].max() > 0.95


def test_a_training_step_is_that_of_the_baselines_own_code(original):
    """Posteriors, losses, every gradient and the batch statistics, with its BCELoss and MSELoss."""
    framework = build_framework(MT, MT_FEATURES, 10, [1.0] * 10)
    networks, given = framework.networks, inputs()
    student = with_numbers(networks.student, original["shapes"])
    with_numbers(networks.teacher, original["shapes"], "teacher.")
    strong = given["frames"].max(axis=1)  # tags of strong clips have no loss
    tags = torch.from_numpy(np.concatenate([given["tags"], strong])).float()
    targets = Targets(tags, torch.from_numpy(given["frames"]).float(), WEAK, STRONG, UNLABELED)
    mels, noise = (torch.from_numpy(given[name]).float() for name in ("mels", "noisy"))
    teacher, ours = framework.outputs(noise, mels, targets)
    np.testing.assert_allclose(ours.frames.detach(), original["trained.strong"], atol=1e-5)
    np.testing.assert_allclose(ours.tags.detach(), original["trained.weak"], atol=1e-5)
    terms = framework.losses(teacher, ours, targets, {"consistency": CONSISTENCY})
    for name in set(terms) - {"loss"}:
        assert terms[name].item() == pytest.approx(float(original[name]), rel=1e-5), name
    terms["loss"].backward()
    scale = max(float(original[f"norm.{name}"]) for name in list(original["shapes"])[:38])
    for name, parameter in zip(original["shapes"], student.parameters(), strict=False):
        gradient = parameter.grad.flatten()
        shown = original[f"gradient.{name}"]
        norm = float(original[f"norm.{name}"])
        if norm < 1e-9:  # biases before batch normalisation
            assert gradient.norm() < 1e-5 * scale, name
            continue
        assert gradient.norm().item() == pytest.approx(norm, rel=1e-3), name
        found = gradient[:: max(1, len(gradient) // SHOWN)][:SHOWN]
        np.testing.assert_allclose(found, shown, rtol=1e-3, atol=1e-4 * norm, err_msg=name)
    after = [key for key in original if key.startswith("after.")]
    floats = [b for _, b in student.named_buffers() if b.is_floating_point()]
    for key, ours in zip(after, floats, strict=True):
        np.testing.assert_allclose(ours, original[key], rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-9), (torch.float32, 2e-3)])
def test_d7_losses_are_those_of_bceloss_up_to_logits_of_ten(dtype, error):
    """BCELoss of sigmoids, as the baseline has it; float32 rounds its sigmoid by 6e-8 of 5e-5."""
    framework = build_framework(MT, MT_FEATURES, 1, [1.0])
    x = torch.linspace(-10, 10, 41, dtype=dtype).repeat(2).requires_grad_()
    y = torch.cat([torch.zeros(41), torch.ones(41)]).to(dtype)
    theirs = torch.nn.BCELoss()(x.sigmoid(), y)
    (slope,) = torch.autograd.grad(theirs, x)
    none = torch.zeros(0, 1, 1, dtype=dtype)
    weak = Targets(y[:, None], torch.zeros(1, 1, 1, dtype=dtype), 82, 1, 0)
    logits = torch.cat([x[:, None], torch.zeros(1, 1, dtype=dtype)])
    frames = torch.zeros(83, 1, 1, dtype=dtype)
    given = Output(logits, frames, none)
    found = framework.losses(given, given, weak, {"consistency": 0.0})["loss.weak.student"]
    assert found.item() == pytest.approx(theirs.item(), rel=error)
    (ours,) = torch.autograd.grad(found, x)
    np.testing.assert_allclose(ours, slope, atol=error / len(y))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_d7_a_wrong_frame_of_mean_teacher_has_a_gradient_up_to_logits_of_thirty(dtype):
    """p - y per frame, over the number of elements; BCELoss has none beyond 17 in float32."""
    framework = build_framework(MT, MT_FEATURES, 1, [1.0])
    exact = np.linspace(-30, 30, 121)
    for label in (0.0, 1.0):
        x = torch.tensor(exact, dtype=dtype).view(1, -1, 1).requires_grad_()
        frames = torch.full((1, 121, 1), label, dtype=dtype)
        given = Output(torch.zeros(1, 1, dtype=dtype), x, torch.zeros(0))
        targets = Targets(torch.zeros(1, 1, dtype=dtype), frames, 0, 1, 0)
        found = framework.losses(given, given, targets, {"consistency": 0.0})
        loss = found["loss.strong.student"]
        loss.backward()
        expected = np.logaddexp(0, exact) - label * exact
        assert loss.item() == pytest.approx(expected.mean(), rel=1e-6)
        gradient = x.grad.flatten().numpy() * 121
        np.testing.assert_allclose(gradient, 1 / (1 + np.exp(-exact)) - label, atol=1e-6)
        wrong = exact > 0 if label == 0 else exact < 0
        assert (np.abs(gradient[wrong]) > 0.5).all()


def test_ramp_epoch_length_and_average_of_mean_teacher():
    framework = build_framework(MT, MT_FEATURES, 4, [1.0] * 4)
    # 1262 weak and 1636 strong clips after holding out a fifth, 14412 unlabeled: 210 steps
    counts = {"weak": 1262, "strong": 1636, "unlabeled": 14412}
    assert schedule.steps_per_epoch(MT.schedule, counts) == 210
    weight = [framework.moment(step, 210)["consistency"] for step in (0, 5250, 10500, 20000)]
    assert weight == pytest.approx([2 * np.exp(-5), 2 * np.exp(-1.25), 2, 2])
    student, teacher = framework.networks.student, framework.networks.teacher
    before = teacher.classify.weight.clone()
    framework.after(0)  # step 1: 1 - 1/2
    halfway = 0.5 * before + 0.5 * student.classify.weight
    assert torch.allclose(teacher.classify.weight, halfway)
    framework.after(5000)
    expected = 0.999 * halfway + 0.001 * student.classify.weight
    assert torch.allclose(teacher.classify.weight, expected)


def test_labels_are_rounded_down_and_short_events_vanish():
    grid = Grid(108, 8 * 511 / 44100, "down")
    events = [[Event("a", 0.10, 0.30, "cat"), Event("a", 0.95, 1.0, "dog")]]
    matrix = frame_matrix(events, ["cat", "dog"], grid)
    # 0.1 s is 1.08 frames, 0.3 s 3.24, 0.95 s and 1.0 s both lie in frame 10
    assert matrix[0, :, 0].nonzero()[0].tolist() == [1, 2]
    assert not matrix[0, :, 1].any()


def test_d5_lost_heads_are_new_linear_layers():
    """Weights and biases uniform in +-1/sqrt(128), so a deviation of 0.051; drawn one by one."""
    student = peer(MT, MT_FEATURES).student.eval()
    heads = fresh_heads(student.attend, 3, 20)
    weights = torch.cat([head.weight.flatten() for head in heads])
    biases = torch.cat([head.bias for head in heads])
    bound = 128**-0.5
    for values in (weights, biases):
        assert values.abs().max() <= bound and values.std().item() == pytest.approx(
            bound / 3**0.5, rel=0.1
        )
        assert values.mean().abs() < 0.1 * bound
    theirs = torch.nn.Linear(128, 10)  # the rule of PyTorch itself
    assert theirs.weight.std().item() == pytest.approx(weights.std().item(), rel=0.05)
    assert theirs.weight.abs().max() <= bound
    first = fresh_heads(student.attend, 3, 2)
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(first, heads, strict=False))
    assert not torch.equal(heads[0].weight, heads[1].weight)
    assert not torch.equal(fresh_heads(student.attend, 4, 1)[0].weight, heads[0].weight)


def test_d5_a_lost_head_changes_tags_alone():
    """Each head gives the tags of a network that has it in place of its own."""
    student = peer(MT, MT_FEATURES).student.eval()
    torch.nn.init.normal_(student.attend.weight)
    mels = torch.rand(2, 864, 64)
    heads = fresh_heads(student.attend, 0, 3)
    lost, ours = student.lost_head_tags(mels, heads), student(mels)
    assert lost.shape == (3, 2, 10)
    for head, tags in zip(heads, lost, strict=True):
        student.attend = head
        theirs = student(mels)
        assert torch.equal(theirs.frames, ours.frames)
        assert torch.allclose(theirs.tags, tags, atol=1e-7)
        assert not torch.allclose(ours.tags, tags, atol=1e-6)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_d5_tags_are_the_mean_over_lost_heads(heads):
    tags = np.array([[[0.1, 0.9], [0.3, 0.8], [0.95, 0.1]]], np.float32)
    made = Posteriors(
        np.ones((1, 4, 2), np.float32), tags[:, 0], tags[:, 0], ["a"], ["cat", "dog"],
        {"seconds_per_frame": 0.1}, tags,
    )  # fmt: skip
    windows = {"cat": Window("cat", 1, 0.1, 0.1, "average", None, None, "")}
    settings = DecodeSettings(attention_head="lost", lost_heads=heads, gate="none", tags="clip")
    mean = tags[0, :heads].mean(axis=0)
    expected = tuple(c for c, p in zip(("cat", "dog"), mean, strict=True) if p >= 0.5)
    assert decode(made, windows, settings).tags == {"a": expected}
    with pytest.raises(ResultsError, match=r"decode\.lost_heads: the posteriors have 3 heads; set"):
        decode(made, windows, DecodeSettings(attention_head="lost", lost_heads=4))


def test_lost_head_is_refused_where_there_is_none():
    made = Posteriors(
        np.zeros((1, 4, 1), np.float32), np.zeros((1, 1), np.float32),
        np.zeros((1, 1), np.float32), ["a"], ["cat"], {"seconds_per_frame": 0.1},
    )  # fmt: skip
    windows = {"cat": Window("cat", 1, 0.3, 0.3, "average", None, None, "")}
    with pytest.raises(
        ResultsError, match="attention_head: lost requires posteriors of Mean Teacher"
    ):
        decode(made, windows, DecodeSettings(attention_head="lost"))


def test_features_of_the_other_framework_are_refused():
    with pytest.raises(ConfigError, match="takes linear mels"):
        build_networks(MT.model, FeatureSettings(), 10, [1.0] * 10)
    with pytest.raises(ConfigError, match="takes log mels"):
        build_networks(GL.model, MT_FEATURES, 10, [1.0] * 10)
    augmented = MT.model_dump() | {}
    augmented["schedule"]["augment"]["roll"] = True
    with pytest.raises(ConfigError, match=r"augment\.roll"):
        build_framework(type(MT).model_validate(augmented), MT_FEATURES, 2, [1.0] * 2)


# ---- Guided Learning -----------------------------------------------------------------------


def test_guided_learning_has_the_published_size_on_the_real_annotations(shared):
    metadata = shared / "data" / "dcase2019" / "metadata"
    dataset = load_dataset("dcase2019")
    tags = list(read_tags(metadata / "train" / "weak.tsv").values())
    events = read_events(metadata / "train" / "synthetic.tsv").values()
    tags += [tuple({e.event_label for e in clip}) for clip in events]
    shares = class_shares(tags, dataset.classes, GL.model.disentangled)
    networks = peer(GL, GL_FEATURES, 10, shares)
    assert parameter_count(networks.teacher) == 334_166
    assert parameter_count(networks.student) == 877_946
    plain = peer(GL, GL_FEATURES)
    assert parameter_count(plain.teacher) == 338_116
    assert parameter_count(plain.student) == 879_188


def test_guided_learning_has_the_published_shapes():
    networks = peer(GL, GL_FEATURES)
    assert (networks.teacher.cells, networks.teacher.dimension) == (5, 512)
    assert (networks.student.cells, networks.student.dimension) == (500, 160)
    mels = torch.randn(2, 500, 64)
    out = networks.student(mels)
    assert out.frames.shape == (2, 500, 10) and out.tags.shape == (2, 10)
    assert networks.teacher(mels).frames.shape == (2, 5, 10)
    logits = networks.student.tag_head.logits(out.features)
    assert torch.equal(out.frame_logits, logits), "frames are the attention's logits"
    assert out.frames.unique().tolist() == [0.5], "kernels start at zero"


def keras(target, output, epsilon=1e-7):
    """Keras's binary cross-entropy: clip, turn into logits, cross-entropy with logits.

    Keras 2.2 with TensorFlow: max(x, 0) - x z + log(1 + exp(-|x|)), in the precision of `output`.
    """
    low, high = output.dtype.type(epsilon), output.dtype.type(1 - epsilon)
    p = np.clip(output, low, high)
    x = np.log(p / (1 - p))
    return np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))


def guided_terms(x_t, x_s, tags, labelled, a, dtype=np.float64):
    """The four terms of GL's code, from logits [clips, classes]: means over classes, then clips."""
    with np.errstate(over="ignore"):
        p_t, p_s = (1 / (1 + np.exp(-x.astype(dtype))) for x in (x_t, x_s))
    m = np.zeros((len(x_t), 1), dtype)
    m[:labelled] = 1
    u = 1 - m
    y = np.zeros_like(p_t)
    y[:labelled] = tags
    terms = {
        "loss.weak.teacher": keras(y * m, p_t * m),
        "loss.weak.student": keras(y * m, p_s * m),
        "loss.consistency.teacher_to_student": keras((p_t > 0.5) * u, p_s * u),
        "loss.consistency.student_to_teacher": keras(
            dtype(a) * (p_s > 0.5) * u, dtype(a) * p_t * u
        ),
    }
    return {name: value.mean(axis=1).mean() for name, value in terms.items()}


@pytest.mark.parametrize("alpha", [0.3, 0.05])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_guided_learning_losses_and_gradients_equal_the_formula_of_keras(alpha, dtype):
    """At logits up to +-30, where posteriors are beyond the clamp of 1e-7.

    Gradients are central differences of the formula in float64. Masked elements add 1e-7 each to
    the formula, a constant.
    """
    assert GL.objective.posterior_limit == 1e-7
    framework = build_framework(GL, GL_FEATURES, 4, [1.0] * 4)
    rng = np.random.default_rng(0)
    weak, strong, unlabeled = 4, 5, 6
    clips, labelled = weak + strong + unlabeled, weak + strong
    x_t, x_s = rng.uniform(-30, 30, (2, clips, 4))
    x_t[labelled:] = -np.abs(x_t[labelled:])  # as masked a p: no clamp from above with alpha
    x_t[-2:] *= -1
    tags = rng.integers(0, 2, (labelled, 4)).astype(float)
    none = torch.zeros(0, 5, 4, dtype=dtype)
    targets = Targets(torch.tensor(tags, dtype=dtype), none, weak, strong, unlabeled)
    given = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in (x_t, x_s)]
    found = framework.losses(
        *(Output(x, none, none) for x in given), targets,
        {"alpha": alpha, "beta": 0.0, "focal": False},
    )  # fmt: skip
    single = np.float64 if dtype == torch.float64 else np.float32
    expected = guided_terms(x_t, x_s, tags, labelled, alpha, single)
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, rel=1e-5, abs=2e-7), name
    assert found["loss"].item() == pytest.approx(sum(expected.values()), rel=1e-5)
    found["loss"].backward()

    def total(*logits):
        return sum(guided_terms(*logits, tags, labelled, alpha).values())

    for which, x in enumerate((x_t, x_s)):
        for place in np.ndindex(x.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = [x_t.copy(), x_s.copy()]
                moved[which][place] += step
                sides.append(total(*moved))
            slope = (sides[0] - sides[1]) / 2e-5
            assert given[which].grad[place].item() == pytest.approx(slope, abs=2e-6), place
    beyond = np.abs(x_s) > 16.2
    assert beyond.any() and (given[1].grad.numpy()[beyond] == 0).all(), (
        "Keras has no gradient there"
    )


def test_guided_learning_alpha_and_epoch_length():
    counts = {"weak": 1578, "strong": 2045, "unlabeled": 14412}
    assert schedule.steps_per_epoch(GL.schedule, counts) == 282
    assert schedule.alpha(99, GL.objective.consistency) == pytest.approx(0.314, abs=5e-4)
    assert schedule.alpha(5, GL.objective.consistency) == 0


def test_d6_the_rate_of_guided_learning_falls_at_epochs_11_21_and_so_on():
    """Its callback, at the end of epoch e: `if e > 0 and e % 10 == 0: rate *= 0.8`."""
    rate, expected = 0.0018, []
    for epoch in range(100):
        expected.append(rate)
        if epoch > 0 and epoch % 10 == 0:
            rate *= 0.8
    found = [schedule.learning_rate(epoch, GL.schedule) for epoch in range(100)]
    assert found == pytest.approx(expected)
    falls = [e for e in range(1, 100) if found[e] != found[e - 1]]
    assert falls == [11, 21, 31, 41, 51, 61, 71, 81, 91]
    assert MT.schedule.decay == 1.0


@pytest.mark.parametrize("system", [MT, GL], ids=["mean_teacher", "guided_learning"])
def test_d6_both_peers_are_float32_on_a_gpu(monkeypatch, system):
    """Also without TF32, which no GPU of 2019 had."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        assert arithmetic(system.schedule.precision, torch.device("cuda")) is None
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.allow_tf32
        assert arithmetic(CONFIG.system("pts").schedule.precision, torch.device("cuda"))
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def test_d9_mean_teacher_keeps_the_first_and_guided_learning_the_latest_of_equal_epochs():
    """`value > best` in the code of one, `f1 >= best_f1` in that of the other."""
    assert (MT.schedule.selection_ties, GL.schedule.selection_ties) == ("first", "latest")


def test_d10_guided_learning_adds_its_eps_to_the_waveform():
    """Digital silence, and a clip half silent: librosa's transform of y + eps, in float64."""
    assert GL_FEATURES.offset == GL_FEATURES.floor == np.spacing(1)
    wave = np.zeros(441000, np.float32)
    wave[220500:] = np.random.default_rng(0).normal(size=220500)
    for clip in (wave, np.zeros(441000, np.float32)):
        found = clip_features(clip, GL_FEATURES)
        expected = np.log(
            librosa_mels(clip.astype(np.float64) + np.spacing(1), GL_FEATURES) + np.spacing(1)
        )
        np.testing.assert_allclose(found, expected[:500], atol=1e-3)
    without = clip_features(wave, GL_FEATURES.model_copy(update={"offset": 0.0}))
    assert 1 < np.abs(without - clip_features(wave, GL_FEATURES)).max() < 2
    assert CONFIG.features.offset == 0.0 and MT_FEATURES.offset == 0.0


def test_windows_of_guided_learning_are_those_of_its_code(shared):
    """win_c = max(1, int(int(mean * 50) * 0.333)), on the real synthetic annotations."""
    events = read_events(shared / "data/dcase2019/metadata/train/synthetic.tsv").values()
    durations = {}
    for clip in events:
        for event in clip:
            durations.setdefault(event.event_label, []).append(event.offset - event.onset)
    for values in durations.values():
        mean = float(np.mean(values))
        assert guided_window(mean, 0.02) == max(1, int(int(mean * 50) * 0.333))


def test_guided_learning_decodes_as_its_code_does():
    rng = np.random.default_rng(0)
    frames = rng.random((3, 100, 2)).astype(np.float32)
    tags = np.array([[0.9, 0.2], [0.7, 0.8], [0.5, 0.1]], np.float32)
    made = Posteriors(frames, tags, tags, ["a", "b", "c"], ["cat", "dog"],
                      {"seconds_per_frame": 0.02})  # fmt: skip
    windows = {
        label: Window(label, 9, mean, 0.1, "average", None, None, "")
        for label, mean in (("cat", 0.26), ("dog", 0.37))
    }
    found = decode(made, windows, GL.decode)
    for row, clip in enumerate("abc"):
        for column, (label, size) in enumerate((("cat", 4), ("dog", 5))):
            score = frames[row, :, column] * (tags[row, column] >= 0.5)
            once = median_filter(score, size=size)
            twice = median_filter((once >= 0.5).astype(float), size=size)
            edges = np.flatnonzero(np.diff(np.r_[0, twice, 0]))
            expected = [(b * 0.02, e * 0.02) for b, e in zip(edges[::2], edges[1::2], strict=True)]
            events = [e for e in found.events[clip] if e.event_label == label]
            assert np.array([(e.onset, e.offset) for e in events]) == pytest.approx(
                np.array(expected)
            )
    assert found.tags == found.raw_tags == {"a": ("cat",), "b": ("cat", "dog"), "c": ("cat",)}


# ---- both train ----------------------------------------------------------------------------

DATASET = """
name: tiny
title: Tiny
kind: recordings
classes: [cat, dog]
splits:
""" + "".join(
    f"  {role}: {{audio: a, annotations: {role}.tsv, labels: {labels}, clips: 6}}\n"
    for role, labels in (("weak", "weak"), ("unlabeled", "none"), ("strong", "strong"),
                         ("development", "strong"), ("evaluation", "strong"))
)  # fmt: skip


@pytest.mark.parametrize("name", ["mean_teacher", "guided_learning"])
def test_both_peers_train_resume_and_predict(tmp_path, name):
    settings, base = CONFIG.system(name), CONFIG.feature_sets[name]
    features = base.model_copy(update={"frames": 160 if name == "mean_teacher" else 100})
    (tmp_path / "tiny.yaml").write_text(DATASET)
    rng = np.random.default_rng(0)
    for role in ("weak", "unlabeled", "strong", "development", "evaluation"):
        clips = [f"{role}{n}.wav" for n in range(6)]
        store = tmp_path / f"{role}.store"
        with create(store, clips, features, role, "0" * 64) as writer:
            for row in range(6):
                mels = rng.uniform(0.01, 1, (features.frames, 64)).astype(np.float32)
                writer.write(row, mels if features.scale == "linear" else np.log(mels))
        rows = {
            "weak": ["filename\tevent_labels", *(f"{c}\tcat" for c in clips)],
            "unlabeled": ["filename", *clips],
        }.get(role, ["filename\tonset\toffset\tevent_label"]
              + [f"{c}\t0.2\t1.0\tdog" for c in clips])  # fmt: skip
        (tmp_path / f"{role}.tsv").write_text("\n".join(rows) + "\n")
    small = settings.model_dump(mode="json", exclude={"decode"})
    small["model"]["width"] = 0.05
    small["schedule"] |= {"epochs": 2, "steps_per_epoch": 2}
    small["schedule"]["batch"] |= {"weak": 2, "strong": 2, "unlabeled": 2}
    stores = {r: tmp_path / f"{r}.store" for r in ("weak", "unlabeled", "strong", "development")}
    dataset = load_dataset(tmp_path / "tiny.yaml")

    def trainer(folder):
        torch.set_num_threads(1)
        return build_trainer(
            dataset, tmp_path, system=name, settings=small, seed=0, stores=stores,
            folder=tmp_path / folder, device=CPU,
        )  # fmt: skip

    path = trainer("whole").train()
    first = trainer("cut")
    first.settings = first.settings.model_copy(update={"epochs": 1})
    first._is_last = lambda: False
    first._epoch()
    first._select()
    first.epoch = 1
    from resed.formats import checkpoint
    from resed.train.resume import state_of

    checkpoint.save(tmp_path / "cut" / "resume.pt", state_of(first))
    again = trainer("cut").train()
    ours, theirs = (checkpoint.load(p)["networks"] for p in (path, again))
    assert all(torch.equal(ours[k], theirs[k]) for k in ours), "a resumed run ends the same"
    with (path.parent / "history.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    ((_, posteriors),) = predict_splits(path, {"evaluation": tmp_path / "evaluation.store"}, CPU)
    cells, seconds = frame_grid(settings.model, features)
    assert posteriors.frames.shape == (6, cells, 2)
    assert posteriors.seconds_per_frame == pytest.approx(seconds)
    assert (posteriors.lost_head_tags is not None) == (name == "mean_teacher")
    posteriors.save(tmp_path / "p.npz")
    kept = Posteriors.load(tmp_path / "p.npz").lost_head_tags
    assert (kept is None) == (posteriors.lost_head_tags is None)
    assert isinstance(build_networks(MT.model, MT_FEATURES, 2, [1.0] * 2), MeanTeacher)
    if name == "mean_teacher":
        assert rows[-1]["held_out.event_f1"] and rows[-1]["held_out_weak.tags_f1"]
