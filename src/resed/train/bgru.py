"""A bidirectional GRU on a CPU, with the equations and the weights of `torch.nn.GRU`.

`torch.nn.GRU` runs each direction alone there and records every operation of every cell for the
backward pass. Here both directions are one batch and the backward pass is written out, which takes
less than half of the time for the small networks of the demo, and as long for those of the papers.
On other devices, and without gradients, the kernels of the library are used.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


def bgru(module: nn.GRU, features: Tensor) -> Tensor:
    """Output of `module`, of which all layers are bidirectional and batch_first.

    Args:
        features: float [clips, cells, dimensions].

    Returns float [clips, cells, 2 hidden].
    """
    if features.device.type != "cpu" or not torch.is_grad_enabled() or not module.training:
        return module(features)[0]
    for layer in range(module.num_layers):
        features = _layer(module, layer, features)
    return features


def _layer(module: nn.GRU, layer: int, features: Tensor) -> Tensor:
    def both(name: str) -> tuple[Tensor, Tensor]:
        one = getattr(module, f"{name}_l{layer}")
        return one, getattr(module, f"{name}_l{layer}_reverse")

    clips, cells, _ = features.shape
    gates = functional.linear(features, torch.cat(both("weight_ih")), torch.cat(both("bias_ih")))
    forward, backward = gates.view(clips, cells, 2, -1).permute(2, 1, 0, 3)
    given = torch.stack([forward, backward.flip(0)], dim=1)
    states = _Cells.apply(given, torch.stack(both("weight_hh")), torch.stack(both("bias_hh")))
    forward, backward = states.unbind(1)
    return torch.cat([forward, backward.flip(0)], dim=2).transpose(0, 1)


class _Cells(torch.autograd.Function):
    """The recurrence: r, z = sigmoid(.), n = tanh(a + r b), h' = n + z (h - n).

    Cells are in the order in which each direction reads them.
    """

    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """States of all cells.

        Args:
            ctx: of autograd.
            given: float [cells, 2, clips, 3 hidden], what the input gives to r, z and n.
            weight: float [2, 3 hidden, hidden].
            bias: float [2, 3 hidden].

        Returns float [cells, 2, clips, hidden].
        """
        cells, directions, clips, _ = given.shape
        hidden = weight.shape[2]
        states = given.new_zeros(cells + 1, directions, clips, hidden)
        recurrent = torch.empty_like(given)
        opened = torch.empty_like(given)  # r, z and n
        across, offset = weight.transpose(1, 2), bias[:, None]
        two = 2 * hidden
        for here, gates, inner, before, after in zip(
            given, opened, recurrent, states[:-1], states[1:], strict=True
        ):
            torch.baddbmm(offset, before, across, out=inner)
            torch.add(here[..., :two], inner[..., :two], out=gates[..., :two]).sigmoid_()
            reset, update, new = gates.chunk(3, dim=2)
            torch.addcmul(here[..., two:], reset, inner[..., two:], out=new).tanh_()
            torch.lerp(new, before, update, out=after)
        ctx.save_for_backward(opened, recurrent[..., two:], states, weight)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of `given`, `weight` and `bias`."""
        opened, inner, states, weight = ctx.saved_tensors
        cells, directions, clips, hidden = gradient.shape
        reset, update, new = opened.chunk(3, dim=3)
        before = states[:-1]
        # What a gradient of the state is multiplied by, for each gate
        to_new = (1 - update) * (1 - new * new)
        to_reset = to_new * inner * reset * (1 - reset)
        to_update = (before - new) * update * (1 - update)
        factors = torch.stack([to_reset, to_update, to_new * reset], dim=3)
        total = torch.empty_like(gradient)
        passed = torch.empty_like(factors)
        carried = torch.zeros_like(gradient[0])
        for cell in range(cells - 1, -1, -1):
            torch.add(gradient[cell], carried, out=total[cell])
            torch.mul(total[cell].unsqueeze(2), factors[cell], out=passed[cell])
            flat = passed[cell].view(directions, clips, 3 * hidden)
            carried = torch.baddbmm(total[cell] * update[cell], flat, weight)
        flat = passed.view(cells, directions, clips, 3 * hidden)
        by_direction = flat.transpose(0, 1).reshape(directions, cells * clips, 3 * hidden)
        states_before = before.transpose(0, 1).reshape(directions, cells * clips, hidden)
        of_weight = by_direction.transpose(1, 2) @ states_before
        of_bias = by_direction.sum(dim=1)
        of_given = torch.cat([flat[..., : 2 * hidden], total * to_new], dim=3)
        return of_given, of_weight, of_bias
