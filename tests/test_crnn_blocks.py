"""Blocks of Mean Teacher on a CPU against the plain modules in float64, with bits read by NumPy."""

import copy

import numpy as np
import pytest
import torch
from systems import base
from torch import nn
from torch.autograd import gradcheck
from torch.nn import functional

from resed.train import crnn_blocks as fast
from resed.train import drop, pooled_gate
from resed.train.crnn import crnn_blocks

POOLS = [(2, 4), (3, 4), (1, 2)]  # windows of one byte, two bytes and a part of one
SIZE = (3, 1, 37, 49)  # frames and mels that fill no whole window


def network(dtype, activation="gate", dropout=0.0):
    torch.manual_seed(1)
    chosen = base(
        "model.crnn", channels=[16, 24, 8], pools=POOLS, activation=activation, dropout=dropout
    )
    made = crnn_blocks(chosen, 1.0).to(dtype)
    for layer in made:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return made


def mask(shape, kept):
    """The next mask [clips, channels, frames, mels] of the generator for windows of a block."""
    (clips, channels, frames, mels), pool = shape
    cells, positions = (clips, frames // pool[0], mels // pool[1]), pool[0] * pool[1]
    bits = drop.random_bits((-(-positions // 8), *cells, channels), kept).numpy()
    values = np.unpackbits(bits[None], axis=0, bitorder="little")
    values = values.reshape(8, *bits.shape).swapaxes(0, 1).reshape(-1, *cells, channels)
    values = values[:positions].reshape(*pool, *cells, channels).transpose(2, 5, 3, 0, 4, 1)
    return torch.from_numpy(values.reshape(clips, channels, cells[1] * pool[0], cells[2] * pool[1]))


def plain(layers, maps, kept=drop.WHOLE):
    """The modules one after another, with the masks of the same generator."""
    for layer in layers:
        if isinstance(layer, nn.Dropout):
            last = layer
        elif isinstance(layer, nn.AvgPool2d):
            if last.training and kept < drop.WHOLE:
                found = mask((maps.shape, layer.kernel_size), kept)
                frames, mels = found.shape[2:]
                maps = maps[:, :, :frames, :mels] * found * (drop.WHOLE / kept)
            maps = layer(maps)
        else:
            maps = layer(maps)
    return maps


def close(found, expected, tolerance):
    assert found.shape == expected.shape
    found = found.double()
    largest = expected.abs().max().item()
    assert (found - expected).abs().max().item() <= tolerance * largest


@pytest.mark.parametrize(
    ("dtype", "tolerance", "part"),
    [(torch.float64, 1e-10, 2**18), (torch.float64, 1e-10, 8000), (torch.float32, 1e-5, 2**18)],
)  # all clips at once, or a few frames
@pytest.mark.parametrize("activation", ["gate", "relu"])
@pytest.mark.parametrize(
    ("training", "dropout"), [(True, 0.0), (True, 0.5), (True, 0.3), (False, 0.3)]
)
def test_values_gradients_and_statistics_are_those_of_the_plain_modules(
    monkeypatch, dtype, tolerance, part, activation, training, dropout
):
    monkeypatch.setattr(pooled_gate, "PART", part)
    ours = network(dtype, activation, dropout).train(training)
    theirs = copy.deepcopy(ours).double()  # plain modules in float32 are up to 3e-5 from it
    maps = 2 * torch.randn(SIZE, dtype=dtype) + 3
    torch.manual_seed(7)
    found = fast.blocks(ours, maps)
    torch.manual_seed(7)
    expected = plain(theirs, maps.double(), drop.kept_of(dropout))
    close(found, expected, tolerance)
    factors = torch.linspace(-1, 2, found.numel(), dtype=torch.float64).view_as(found)
    for values in (found, expected):
        (values * factors).sum().backward()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        before_norm = isinstance(ours[int(name.split(".")[0])], nn.Conv2d) and "bias" in name
        if training and before_norm:  # without effect: 0 but for rounding
            assert one.grad.abs().max() < 100 * tolerance
        else:
            close(one.grad, other.grad, 2 * tolerance)
    for one, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        close(one, other.double(), tolerance)


def test_without_gradients_in_training_as_the_teacher():
    ours = network(torch.float64, dropout=0.5)
    theirs = copy.deepcopy(ours)
    maps = torch.randn(SIZE, dtype=torch.float64)
    torch.manual_seed(7)
    with torch.no_grad():
        found = fast.blocks(ours, maps)
    torch.manual_seed(7)
    expected = plain(theirs, maps, drop.WHOLE // 2)
    close(found, expected.detach(), 1e-10)
    assert not found.requires_grad
    assert torch.equal(ours[1].num_batches_tracked, torch.tensor(1))


def test_gradient_of_the_maps_that_enter():
    ours = network(torch.float64)
    maps = torch.randn(SIZE, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(fast.blocks(ours, maps).square().sum(), maps)
    (expected,) = torch.autograd.grad(ours(maps).square().sum(), maps)
    close(found, expected, 1e-10)


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_gradients_are_the_limits_of_differences(gated, first):
    torch.manual_seed(0)
    entered, channels = (3, 4) if first else (4, 4)

    def layer():
        sizes = (entered, channels), (channels,)
        return [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes]

    windows = torch.randn(2, 3, 1, 2, 2, entered, dtype=torch.float64, requires_grad=not first)
    layers = [layer() if chosen else None for chosen in (gated, first)]

    def pooled(windows, *_):
        torch.manual_seed(3)
        return pooled_gate.pooled_gate(windows, 0.25, *layers)

    inputs = [windows, *(value for made in layers if made for value in made)]
    assert gradcheck(pooled, inputs)


# ---- dropout --------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [1, 6554, 16384, 32768, 45875, 58982, 65535])
def test_share_of_bits_and_their_independence(kept):
    torch.manual_seed(0)
    first, second = (
        np.unpackbits(drop.random_bits((2**15,), kept).numpy()).astype(float) for _ in range(2)
    )
    share, count = kept / drop.WHOLE, len(first)
    spread = np.sqrt(share * (1 - share) / count)
    assert abs(first.mean() - share) < 5 * spread
    one = first - share
    pairs = [(one[:-by], one[by:]) for by in (1, 2, 7, 8, 63, 64, 65, 512)]
    for a, b in [*pairs, (one, second - share)]:  # between elements, and between steps
        deviation = share * (1 - share) / np.sqrt(len(a))
        # A rare bit is next to another so seldom that the sum is not yet normally distributed
        assert abs((a * b).mean()) < 5 * deviation + 2 / count
    places = first.reshape(-1, 64).mean(axis=0)
    assert np.abs(places - share).max() < 6 * spread * 8 + 64 / count, "each bit of a word"


@pytest.mark.parametrize(
    ("dropout", "kept"), [(0.0, 65536), (0.5, 32768), (0.1, 58982), (1.0, 0), (0.25, 49152)]
)
def test_share_that_is_kept(dropout, kept):
    assert drop.kept_of(dropout) == kept


def test_the_mean_is_kept_and_the_seed_decides():
    windows = torch.ones(2, 4, 4, 10, 8, 16)

    def drawn(seed, dropout=0.3):
        torch.manual_seed(seed)
        return pooled_gate.pooled_gate(windows, dropout, None)

    kept = drop.kept_of(0.3) / drop.WHOLE
    spread = np.sqrt((1 - kept) / kept / windows.numel())
    assert drawn(0).mean().item() == pytest.approx(1, abs=5 * spread)
    assert torch.equal(drawn(0), drawn(0)) and not torch.equal(drawn(0), drawn(1))
    torch.manual_seed(0)
    steps = [pooled_gate.pooled_gate(windows, 0.3, None) for _ in range(2)]
    assert not torch.equal(*steps)
    assert torch.equal(drawn(0, 1.0), torch.zeros(4, 10, 8, 16))
    assert torch.equal(drawn(0, 0.0), torch.ones(4, 10, 8, 16))


# ---- where the plain modules compute --------------------------------------------------------


@pytest.mark.parametrize("where", ["autocast", "tracing", "half", "meta", "float32"])
def test_plain_modules_elsewhere(monkeypatch, where):
    calls = []
    monkeypatch.setattr(fast, "_block", lambda layers, maps: calls.append(0) or layers(maps))
    made, maps = network(torch.float32).eval(), torch.randn(SIZE)
    if where == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            assert fast.blocks(made, maps).dtype == torch.bfloat16
    elif where == "tracing":

        class Whole(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = made

            def forward(self, values):
                return fast.blocks(self.layers, values)

        traced = torch.jit.trace(Whole(), maps, check_trace=False)
        assert torch.allclose(traced(maps), made(maps))
    elif where == "half":
        assert fast.blocks(made.bfloat16(), maps.bfloat16()).dtype == torch.bfloat16
    elif where == "meta":
        assert fast.blocks(made.to("meta"), maps.to("meta")).is_meta
    else:
        assert torch.equal(fast.blocks(made, maps), made(maps))
    assert len(calls) == (3 if where == "float32" else 0)


def test_windows_are_those_of_average_pooling():
    maps = torch.randn(2, 7, 9, 3)
    found = pooled_gate.windows_of(maps, (2, 4)).mean(dim=(0, 1))
    expected = functional.avg_pool2d(maps.permute(0, 3, 1, 2), (2, 4)).permute(0, 2, 3, 1)
    assert torch.allclose(found, expected, atol=1e-6)
