"""Gated recurrent units with piecewise linear gates, bidirectional, one layer (Keras 2.1)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

DIRECTIONS, GATES = 2, 3
SLOPE, MIDDLE = 0.2, 0.5  # of the piecewise linear sigmoid


class HardGru(nn.Module):
    """[clips, frames, dimension] -> [clips, frames, 2 hidden].

    With x the input and h the output (Cho et al., 2014, with the sigmoid s(a) = 0.2 a + 0.5, which
    is limited to [0, 1]):

        z = s(x W_z + h[t-1] U_z + b_z), r = s(x W_r + h[t-1] U_r + b_r)
        n = tanh(x W_n + (r h[t-1]) U_n + b_n)
        h[t] = z h[t-1] + (1 - z) n

    Parameters have the gates in the order z, r, n. W is uniform as of Glorot and Bengio (2010), for
    three gates at once; U is orthonormal, for three gates at once, too; biases are 0.

    Args:
        dropout: of x, with a mask per clip, direction and gate, which is the same in all frames.
    """

    def __init__(self, dimension: int, hidden: int, *, dropout: float = 0.0):
        super().__init__()
        self.hidden, self.dropout = hidden, dropout
        self.kernel = nn.Parameter(torch.empty(DIRECTIONS, dimension, GATES * hidden))
        self.recurrent = nn.Parameter(torch.empty(DIRECTIONS, hidden, GATES * hidden))
        self.bias = nn.Parameter(torch.zeros(DIRECTIONS, GATES * hidden))
        with torch.no_grad():
            for direction in range(DIRECTIONS):
                nn.init.xavier_uniform_(self.kernel[direction])
                nn.init.orthogonal_(self.recurrent[direction])

    def forward(self, values: Tensor) -> Tensor:
        """The outputs of both directions, forwards in time."""
        inside = self._inputs(values)
        inside = torch.stack([inside[0], inside[1].flip(1)]).transpose(0, 2)  # frames first
        gates, new = inside.transpose(1, 2).split([2 * self.hidden, self.hidden], dim=3)
        # The slope and the middle of the sigmoid are part of the sums before it.
        steps = (SLOPE * gates + MIDDLE).unbind(0), new.unbind(0)
        weights = self.recurrent.split([2 * self.hidden, self.hidden], dim=2)
        of_gates, of_new = SLOPE * weights[0], weights[1]
        state = values.new_zeros(DIRECTIONS, len(values), self.hidden)
        states = []
        for gate, candidate in zip(*steps, strict=True):
            both = torch.baddbmm(gate, state, of_gates).clamp(0, 1)
            keep, reset = both.chunk(2, dim=2)
            fresh = torch.baddbmm(candidate, reset * state, of_new).tanh()
            state = torch.lerp(fresh, state, keep)
            states.append(state)
        forwards, backwards = torch.stack(states, dim=2)
        return torch.cat([forwards, backwards.flip(1)], dim=2)

    def _inputs(self, values: Tensor) -> Tensor:
        """x W + b: [directions, clips, frames, gates * hidden]."""
        bias = self.bias[:, None, None]
        if not (self.training and self.dropout):
            return torch.einsum("ctd,kdg->kctg", values, self.kernel) + bias
        ones = values.new_ones(DIRECTIONS, GATES, len(values), 1, values.shape[2])
        masks = functional.dropout(ones, self.dropout)
        kernels = self.kernel.unflatten(2, (GATES, self.hidden))
        masked = values * masks  # [directions, gates, clips, frames, dimension]
        return torch.einsum("kectd,kdeh->kcteh", masked, kernels).flatten(3) + bias
