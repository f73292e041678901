"""The GRU of trainings on a CPU against torch.nn.GRU."""

import pytest
import torch

from resed.train.bgru import bgru


def gru(layers, **options):
    torch.manual_seed(0)
    options = {"batch_first": True, "bidirectional": True, "dtype": torch.float64} | options
    return torch.nn.GRU(5, 4, layers, **options)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cells", [1, 7])
def test_values_and_gradients_are_those_of_the_library(layers, cells):
    module = gru(layers)
    features = torch.randn(3, cells, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, cells, 8, dtype=torch.float64)
    ours, theirs = bgru(module, features), module(features)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    trained = [features, *module.parameters()]
    found = torch.autograd.grad((ours * weight).sum(), trained)
    expected = torch.autograd.grad((theirs * weight).sum(), trained)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


def test_gradients_are_those_of_finite_differences():
    module = gru(1)
    features = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: bgru(module, x), features)


@pytest.mark.parametrize("how", ["evaluated", "without gradients"])
def test_the_library_computes_what_is_not_trained(how, monkeypatch):
    module = gru(2)
    features = torch.randn(2, 4, 5, dtype=torch.float64)
    monkeypatch.setattr("resed.train.bgru._layer", None)  # calling it fails
    if how == "evaluated":
        out = bgru(module.eval(), features)
    else:
        with torch.no_grad():
            out = bgru(module, features)
    assert torch.equal(out, module(features)[0])
