"""Every option of the networks against NumPy, or against the layers that it must give."""

import numpy as np
import pytest
import torch
from systems import base
from torch import nn

from resed.settings import scaled
from resed.train.crnn import MeanTeacher
from resed.train.heads import FrameHead, GuidedTagHead, TagHead, class_shares
from resed.train.model import (
    Network,
    Recurrent,
    TeacherStudent,
    initialise,
    output_shape,
    student_cnn,
    teacher_cnn,
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def linear(layer, x):
    return x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()


def features(clips=3, cells=7, dimension=8):
    return np.random.default_rng(0).normal(size=(clips, cells, dimension))


# ---- heads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "none"])
@pytest.mark.parametrize("pooling", ["attention_time", "softmax_classes", "mean"])
def test_pooling_of_clip_posteriors(pooling, activation):
    torch.manual_seed(0)
    chosen = base("model.tag_head", hidden=16, pooling=pooling, activation=activation)
    head, x = TagHead(8, 4, chosen, 1.0), features()
    hidden = linear(head.hidden, x)
    hidden = np.maximum(hidden, 0) if activation == "relu" else hidden
    frames = sigmoid(linear(head.classify, hidden))
    if pooling == "mean":
        expected = frames.mean(axis=1)
        assert head.attend is None
    elif pooling == "attention_time":
        expected = (frames * softmax(linear(head.attend, hidden), 1)).sum(axis=1)
    else:
        weight = np.clip(softmax(linear(head.attend, hidden), 2), 1e-7, 1)
        expected = (frames * weight).sum(axis=1) / weight.sum(axis=1)
    found = head(torch.tensor(x, dtype=torch.float32)).sigmoid().detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("class_hidden", [0, 3])
def test_frame_head_of_each_class(class_hidden):
    """A class sees the first dimensions of the hidden layer, then its own small layers."""
    torch.manual_seed(0)
    shares = [1.0, 0.5, 0.25]
    chosen = base("model.frame_head", hidden=16, class_hidden=class_hidden)
    head, x = FrameHead(8, shares, chosen, 1.0), features()
    hidden = np.maximum(linear(head.hidden, x), 0)
    found = head(torch.tensor(x, dtype=torch.float32)).detach().numpy()
    for number, share in enumerate(shares):
        seen = hidden.copy()
        seen[:, :, int(share * 16) :] = 0
        rows = slice(number * max(1, class_hidden), (number + 1) * max(1, class_hidden))
        weight = head.classify.weight[rows].detach().double().numpy()
        score = seen @ weight.T + head.classify.bias[rows].detach().double().numpy()
        if class_hidden:
            last = head.second.weight[number, :, 0].detach().double().numpy()
            score = np.maximum(score, 0) @ last + head.second.bias[number].item()
        else:
            score = score[:, :, 0]
        np.testing.assert_allclose(found[:, :, number], score, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("minimum", "most"), [(0.04, 1), (0.5, 1), (0.1, 2), (0.1, 3)])
def test_d9_shares_of_dimensions(minimum, most):
    """Clips of at most `most` classes count, a clip of n classes 1/n for each of them.

    A share is m + (1 - m) times the count over the largest.
    """
    tags = [{0}, {0}, {0, 1}, {1, 2}, {0, 1, 2}, {2}, set()]
    thirds = np.array([2 + 1 / 2 + 1 / 3, 2 / 2 + 1 / 3, 1 + 1 / 2 + 1 / 3])
    counts = {1: np.array([2, 0, 1]), 2: np.array([2.5, 1.0, 1.5]), 3: thirds}[most]
    expected = minimum + (1 - minimum) * counts / counts.max()
    chosen = base("model.disentangled", enabled=True, minimum=minimum, most_classes=most)
    assert class_shares(tags, range(3), chosen) == pytest.approx(expected.tolist())
    assert class_shares(tags, range(3), base("model.disentangled")) == [1.0] * 3


@pytest.mark.parametrize(("average", "projection"), [(1, 0), (3, 0), (1, 16), (2, 16)])
def test_recurrent_layers_keep_their_input_beside_their_output(average, projection):
    torch.manual_seed(0)
    chosen = base("model.recurrent", layers=1, hidden=8, projection=projection)
    recurrent, x = Recurrent(8, chosen, 1.0, average), features(cells=7)
    cells = 7 // average
    pooled = x[:, : cells * average].reshape(3, cells, average, 8).mean(axis=2)
    inside = np.maximum(linear(recurrent.projection, pooled), 0) if projection else pooled
    found = recurrent(torch.tensor(x, dtype=torch.float32)).detach().numpy()
    assert found.shape == (3, cells, 8 + 16) and recurrent.dimension == 24
    np.testing.assert_allclose(found[:, :, :8], pooled, rtol=1e-5)
    for name, order in (("", slice(None)), ("_reverse", slice(None, None, -1))):
        state, weights = np.zeros((3, 8)), {}
        for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            weights[key] = getattr(recurrent.gru, f"{key}_l0{name}").detach().double().numpy()
        columns = slice(8, 16) if not name else slice(16, 24)
        for cell in range(cells)[order]:
            gates = inside[:, cell] @ weights["weight_ih"].T + weights["bias_ih"]
            memory = state @ weights["weight_hh"].T + weights["bias_hh"]
            (r, z, n), (hr, hz, hn) = np.split(gates, 3, axis=1), np.split(memory, 3, axis=1)
            update = sigmoid(z + hz)
            state = (1 - update) * np.tanh(n + sigmoid(r + hr) * hn) + update * state
            np.testing.assert_allclose(found[:, cell, columns], state, atol=1e-5)


# ---- layers --------------------------------------------------------------------------------


def layers(network):
    """What a network does, layer by layer: kernels with their channels, pools, dropouts."""
    found = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            found.append((layer.in_channels, layer.out_channels, layer.kernel_size[0]))
        if isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)):
            found.append(("pool", *layer.kernel_size))
        if isinstance(layer, nn.Dropout):
            found.append(("dropout", layer.p))
    return found


@pytest.mark.parametrize(("kernel", "count"), [(1, 2), (3, 2), (1, 1), (3, 1)])
def test_blocks_of_the_teacher(kernel, count):
    chosen = base("model.teacher", channels=[8, 16], pools=[[5, 4], [2, 1]], dropout=0.2,
                  last_kernel=kernel, last_layers=count)  # fmt: skip
    last = [(8, 16, kernel), (16, 16, kernel)][-count:] if count == 2 else [(8, 16, kernel)]
    assert layers(teacher_cnn(chosen, 1.0)) == [
        (1, 8, 3), (8, 8, 3), ("pool", 5, 4), ("dropout", 0.2),
        *last, ("pool", 2, 1), ("dropout", 0.2),
    ]  # fmt: skip


def test_blocks_of_the_base():
    """Five double-layer blocks to 6 x 2; three single-layer blocks that keep 600 frames."""
    sizes = [1, 16, 32, 64, 128, 256]
    expected = []
    for number, pool in enumerate([(5, 4), (5, 2), (2, 2), (2, 2), None]):
        kernel = 1 if number == 4 else 3
        inside, outside = sizes[number : number + 2]
        expected += [(inside, outside, kernel), (outside, outside, kernel)]
        expected += [("pool", *pool)] if pool else []
        expected.append(("dropout", 0.3))
    assert layers(teacher_cnn(base("model.teacher"), 1.0)) == expected
    assert layers(student_cnn(base("model.student"), 1.0)) == [
        (1, 160, 5), ("pool", 1, 4), (160, 160, 5), ("pool", 1, 4), (160, 160, 3), ("pool", 1, 4)
    ]  # fmt: skip


def test_blocks_of_the_student():
    chosen = base("model.student", channels=[8, 24], kernels=[7, 1], pool_mels=2, dropout=0.4)
    assert layers(student_cnn(chosen, 1.0)) == [
        (1, 8, 7), ("pool", 1, 2), ("dropout", 0.4), (8, 24, 1), ("pool", 1, 2), ("dropout", 0.4)
    ]  # fmt: skip


def test_blocks_of_mean_teacher():
    model = base("model", framework="mean_teacher", crnn={
        "channels": [8, 16], "pools": [[2, 8], [5, 8]], "dropout": 0.3, "hidden": 24, "layers": 3,
    })  # fmt: skip
    student = MeanTeacher(64, 40, 3, model).student
    assert layers(student) == [
        (1, 8, 3), ("dropout", 0.3), ("pool", 2, 8),
        (8, 16, 3), ("dropout", 0.3), ("pool", 5, 8), ("dropout", 0.3),
    ]  # fmt: skip
    gru = student.gru
    assert (gru.input_size, gru.hidden_size, gru.num_layers, gru.bidirectional) == (16, 24, 3, True)
    assert (student.cells, student.classify.in_features) == (4, 48)


@pytest.mark.parametrize("pool", [(1, 1), (2, 4), (3, 5), 7])
@pytest.mark.parametrize("kernel", [1, 2, 3, (2, 5)])
@pytest.mark.parametrize("padding", [0, 1, (0, 2)])
@pytest.mark.parametrize("size", [(1, 1), (6, 9), (23, 17)])
def test_the_shape_of_the_output_is_that_of_a_pass(size, padding, kernel, pool):
    pads = np.atleast_1d(padding).max()
    if pads > np.atleast_1d(kernel).min():
        padding = 0
    cnn = nn.Sequential(
        nn.Conv2d(1, 2, kernel, padding=padding, stride=(1, 2)), nn.ReLU(), nn.MaxPool2d(pool),
        nn.BatchNorm2d(2), nn.Dropout(), nn.Conv2d(2, 3, 3, padding=1), nn.AvgPool2d(pool),
    ).eval()  # fmt: skip
    try:
        expected = tuple(cnn(torch.zeros(1, 1, *size)).shape)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="has no output"):
            output_shape(cnn, *size)
    else:
        assert output_shape(cnn, *size) == expected


@pytest.mark.parametrize(
    ("size", "width", "expected"),
    [(160, 1, 160), (100, 1, 100), (160, 0.25, 40), (160, 0.05, 8), (16, 0.05, 8), (160, 0.26, 48)],
)
def test_width_rounds_up_to_a_multiple_of_eight(size, width, expected):
    assert scaled(size, width) == expected


def test_width_scales_every_size():
    whole, half = (TeacherStudent(base("model", width=w), 64, 600, 10) for w in (1, 0.5))
    for one, two in zip(layers(whole), layers(half), strict=True):
        if isinstance(one[0], int):
            assert two == (max(1, one[0] // 2), one[1] // 2, one[2])
    assert half.student.recurrent.gru.hidden_size == 64
    assert half.student.tag_head.hidden.out_features == 128
    assert half.student.frame_head.hidden.out_features == 128


@pytest.mark.parametrize(
    ("changes", "size", "depth"),
    [({}, 128, 2), ({"hidden": 32, "layers": 1}, 32, 1), ({"projection": 64}, 128, 2)],
)
def test_recurrent_layers_of_both_networks(changes, size, depth):
    networks = TeacherStudent(
        base("model", recurrent={**changes, "average_frames": 10}), 64, 600, 10
    )
    for network in (networks.teacher, networks.student):
        assert (network.recurrent.gru.hidden_size, network.recurrent.gru.num_layers) == (
            size,
            depth,
        )
        assert (network.recurrent.projection is not None) == ("projection" in changes)
    assert (networks.teacher.recurrent.average, networks.student.recurrent.average) == (1, 10)
    without = TeacherStudent(base("model", recurrent={"enabled": False}), 64, 600, 10)
    assert without.student.recurrent is None and without.teacher.recurrent is None


@pytest.mark.parametrize("norm", ["batch_norm", "standardise", "none"])
def test_scaling_of_the_input(norm):
    """Each mel band to mean 0 and deviation 1 over the batch; learned scale and shift or none."""
    torch.manual_seed(0)
    model = base("model", input_norm=norm, width=0.05, student={"channels": [8], "kernels": [3]})
    cnn = nn.Identity()
    network = Network(cnn, 16, [1.0] * 3, model=model, frames=20, average=1)
    mels = 3 + 2 * torch.randn(4, 20, 16)
    found = network.train()(mels).features
    learned = {"batch_norm": 2, "standardise": 0}.get(norm)
    if norm == "none":
        assert network.norm is None and torch.equal(found, mels)
        return
    assert len(list(network.norm.parameters())) == learned
    flat = mels.numpy().reshape(-1, 16).astype(np.float64)
    expected = (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)
    np.testing.assert_allclose(found.detach().numpy().reshape(-1, 16), expected, atol=1e-4)


def test_frames_come_from_the_attention_where_asked():
    model = base("model", width=0.05, tag_head={"pooling": "guided"},
                 frame_head={"source": "attention"}, recurrent={"enabled": False})  # fmt: skip
    student = TeacherStudent(model, 64, 100, 3).student
    assert student.frame_head is None and isinstance(student.tag_head, GuidedTagHead)
    nn.init.normal_(student.tag_head.attend)
    out = student.eval()(torch.randn(2, 100, 64))
    logits = student.tag_head.logits(out.features)
    assert torch.equal(out.frames, logits.sigmoid())
    apart = TeacherStudent(base("model", width=0.05), 64, 100, 3).student
    assert isinstance(apart.frame_head, FrameHead) and isinstance(apart.tag_head, TagHead)


# ---- first weights -------------------------------------------------------------------------


def fresh(**changes):
    torch.manual_seed(0)
    stack = nn.Sequential(
        nn.Conv2d(8, 16, 3), nn.BatchNorm2d(400), nn.BatchNorm1d(9, affine=False),
        nn.Linear(200, 100), nn.GRU(12, 8), GuidedTagHead(64, [1.0, 0.5]),
    )  # fmt: skip
    before = {name: value.clone() for name, value in stack.state_dict().items()}
    initialise(stack, base("model", **changes))
    return stack, before


@pytest.mark.parametrize("how", ["pytorch", "glorot", "baseline"])
def test_first_weights(how):
    stack, before = fresh(initialisation=how, norm_momentum=0.3, norm_epsilon=0.002)
    conv, norm, plain, dense, gru, guided = stack
    assert [(n.momentum, n.eps) for n in (norm, plain)] == [(0.3, 0.002)] * 2
    if how == "pytorch":
        assert all(torch.equal(stack.state_dict()[name], value) for name, value in before.items())
        return
    gain = 2**0.5 if how == "baseline" else 1.0
    bound = gain * (6 / (8 * 9 + 16 * 9)) ** 0.5
    assert conv.weight.abs().max().item() == pytest.approx(bound, rel=0.02)
    assert conv.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not conv.bias.any() and not dense.bias.any()
    if how == "glorot":
        limit = (6 / 300) ** 0.5
        assert dense.weight.abs().max().item() == pytest.approx(limit, rel=0.01)
        assert dense.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.03)
        assert (norm.weight == 1).all()
        for rows, size in ((guided.classify[:64], 64), (guided.classify[64:], 32)):
            limit = (6 / (size + 1)) ** 0.5
            assert 0.9 * limit < rows.abs().max().item() <= limit
    else:
        assert dense.weight.std().item() == pytest.approx(0.01, rel=0.03)
        assert norm.weight.std().item() == pytest.approx(0.02, rel=0.2)
        assert norm.weight.mean().item() == pytest.approx(1.0, abs=0.005)
        assert torch.equal(guided.classify, before["5.classify"])
    for weight in gru.parameters():
        if weight.dim() == 2:
            assert torch.allclose(weight.T @ weight, torch.eye(weight.shape[1]), atol=1e-5)
