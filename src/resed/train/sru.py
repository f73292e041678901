"""Simple recurrent units (Lei et al., 2018), bidirectional, one layer.

Version 1 is that of July 2018: gates see the input alone, so that the state is a linear recurrence,
which is computed for all frames at once. In version 2 the gates see the state, too.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def linear_recurrence(keep: Tensor, new: Tensor) -> Tensor:
    """c of c[t] = keep[t] c[t-1] + new[t], with c[-1] = 0.

    The frames are combined in pairs, fours and so on (Hillis and Steele, 1986), in log2(frames)
    operations on the whole tensor instead of one per frame.

    Args:
        keep, new: [clips, frames, units].
    """
    reach, frames = 1, keep.shape[1]
    while reach < frames:
        before = functional.pad(new[:, :-reach], (0, 0, reach, 0))
        factor = functional.pad(keep[:, :-reach], (0, 0, reach, 0), value=1.0)
        new, keep = keep * before + new, keep * factor
        reach *= 2
    return new


def _reversed_second_half(values: Tensor) -> Tensor:
    """Units of the second direction backwards in time, or forwards again."""
    forwards, backwards = values.chunk(2, dim=2)
    return torch.cat([forwards, backwards.flip(1)], dim=2)


class Sru(nn.Module):
    """[clips, frames, dimension] -> [clips, frames, 2 hidden].

    With x the input, u = x W, gates f and r, state c and output h (tanh on the state, skip
    connection s scaled by sqrt(3), as the public code of July 2018 has it):

        f = sigmoid(u1 + b_f), r = sigmoid(u2 + b_r)
        c[t] = f[t] c[t-1] + (1 - f[t]) u0[t]
        h[t] = r[t] tanh(c[t]) + (1 - r[t]) s[t]

    s is a further product u3, or sqrt(3) x where the input is as wide as the output. Version 2 adds
    v_f c[t-1] and v_r c[t-1] in the gates. W is uniform with variance 1 / dimension, its part for
    s sqrt(3) times that; biases are 0. In version 2 the parts for the gates and v are sqrt(1/2)
    times uniform values of variance 1 / dimension and 1.

    Args:
        sees_state: version 2, which is computed frame by frame.
    """

    def __init__(self, dimension: int, hidden: int, *, sees_state: bool = False):
        super().__init__()
        self.units = 2 * hidden
        self.parts = 3 if dimension == self.units else 4
        self.weight = nn.Parameter(torch.empty(dimension, self.units * self.parts))
        self.bias = nn.Parameter(torch.zeros(2, self.units))
        self.state_weight = nn.Parameter(torch.empty(2, self.units)) if sees_state else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights."""
        bound = (3 / self.weight.shape[0]) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)
        if self.parts == 4:
            self.weight.view(-1, self.units, 4)[..., 3] *= 3**0.5
        nn.init.zeros_(self.bias)
        if self.state_weight is not None:
            nn.init.uniform_(self.state_weight, -(3**0.5), 3**0.5)
            self.state_weight *= 0.5**0.5
            self.weight.view(-1, self.units, self.parts)[..., 1:3] *= 0.5**0.5  # of the gates

    def forward(self, inputs: Tensor) -> Tensor:
        """See the class."""
        products = (inputs @ self.weight).unflatten(2, (self.units, self.parts))
        value, forget, reset = (_reversed_second_half(products[..., n]) for n in range(3))
        skip = products[..., 3] if self.parts == 4 else 3**0.5 * inputs
        skip = _reversed_second_half(skip)
        forget, reset = forget + self.bias[0], reset + self.bias[1]
        if self.state_weight is None:
            kept = forget.sigmoid()
            state, reset = linear_recurrence(kept, (1 - kept) * value), reset.sigmoid()
        else:
            state, reset = self._with_state(value, forget, reset)
        return _reversed_second_half(reset * state.tanh() + (1 - reset) * skip)

    def _with_state(self, value: Tensor, forget: Tensor, reset: Tensor) -> tuple[Tensor, Tensor]:
        """States and reset gates of version 2."""
        assert self.state_weight is not None
        states, resets = [], []
        state = torch.zeros_like(value[:, 0])
        for frame in range(value.shape[1]):
            kept = (forget[:, frame] + self.state_weight[0] * state).sigmoid()
            resets.append((reset[:, frame] + self.state_weight[1] * state).sigmoid())
            state = kept * state + (1 - kept) * value[:, frame]
            states.append(state)
        return torch.stack(states, dim=1), torch.stack(resets, dim=1)
