"""Gate or ReLU, dropout and average pooling of maps on a CPU, a part of the frames at a time.

Plain modules read and write all maps of a batch once per operation: 340 MB in the first block of
Mean Teacher at full size. Here a part goes through all operations while it is in the cache, and the
backward pass, which is written out, computes it again instead of keeping it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from resed.train.drop import BYTE, WHOLE, drop_, kept_of, random_bits

# Elements of the maps in a part. Measured: with half as many, a step takes 7 % longer.
PART = 2**18

Linear = tuple[Tensor, Tensor]  # weight [inputs, channels] and bias [channels]
Part = tuple[slice, slice]  # clips and frames of pooled maps


def windows_of(maps: Tensor, pool: tuple[int, int]) -> Tensor:
    """A view by pooling windows: [window frames, window mels, clips, frames, mels, ...].

    Args:
        maps: [clips, frames, mels, ...]. The last frames and mels that fill no window are left out.
        pool: frames and mels of a window.
    """
    for axis, size in zip((1, 2), pool, strict=True):
        maps = maps.narrow(axis, 0, maps.shape[axis] // size * size)
    maps = maps.unflatten(2, (-1, pool[1])).unflatten(1, (-1, pool[0]))
    return maps.movedim((2, 4), (0, 1))


def pooled_gate(
    windows: Tensor, dropout: float, gate: Linear | None, first: Linear | None = None
) -> Tensor:
    """Pooled maps [clips, frames, mels, channels].

    Args:
        windows: float32 or float64 [window frames, window mels, clips, frames, mels, ...]: the maps
            at each position of each pooling window, or what `first` computes them from, which has
            no gradient.
        dropout: probability of an element to be set to 0; 0 outside of training.
        gate: the linear layer of the gate, as a function of `windows`; None: ReLU.
        first: a linear layer that computes the maps from `windows`; None: they are the maps.
    """
    channels = windows.shape[-1] if first is None else len(first[1])
    positions = windows.shape[0] * windows.shape[1]
    kept, bits = kept_of(dropout), None
    if kept < WHOLE:
        bits = random_bits((-(-positions // BYTE), *windows.shape[2:5], channels), kept)
    scale = WHOLE / max(kept, 1) / positions
    layers = [*(gate or (None, None)), *(first or (None, None))]
    pooled: Tensor = _PooledGate.apply(windows, bits, scale, channels, *layers)
    return pooled


class _Parts:
    """Memory for one part of the maps after another, rows [positions x cells, channels]."""

    def __init__(self, windows: Tensor, bits: Tensor | None, channels: int,
                 gate: Linear | None, first: Linear | None):  # fmt: skip
        self.windows, self.bits, self.gate, self.first = windows, bits, gate, first
        self.positions = windows.shape[0] * windows.shape[1]
        self.clips, self.frames, mels = windows.shape[2:5]
        self.inputs = windows.shape[5:].numel()
        per_frame = self.positions * mels * channels
        self.frames_at_once = max(1, min(self.frames, PART // per_frame))
        self.clips_at_once = max(1, min(self.clips, PART // (per_frame * self.frames)))
        rows = self.positions * mels * self.clips_at_once * self.frames_at_once
        self.given = windows.new_empty(rows * self.inputs)
        self.memory = windows.new_empty(3, rows, channels)

    def __iter__(self) -> Iterator[Part]:
        for clip in range(0, self.clips, self.clips_at_once):
            for frame in range(0, self.frames, self.frames_at_once):
                yield (slice(clip, clip + self.clips_at_once),
                       slice(frame, frame + self.frames_at_once))  # fmt: skip

    def read(self, part: Part) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What enters [rows, inputs]; activated maps, linear part, free memory [rows, channels].

        The activated maps are sigmoids (0 where dropped) with a gate, and rectified (dropped or
        not) without.
        """
        chosen = self.windows[:, :, *part]
        rows = chosen.shape[:5].numel()
        given = self.given[: rows * self.inputs]
        values, linear, free = self.memory[:, :rows]
        if self.first is None:
            given = given.view(rows, self.inputs)
            given.view(chosen.shape).copy_(chosen)
            maps = given
        else:  # few inputs per row: a row of memory per input is copied four times as fast
            given = given.view(self.inputs, rows)
            moved = chosen.permute(*range(5, chosen.dim()), *range(5))
            given.view(moved.shape).copy_(moved)
            given = given.t()
            maps = torch.addmm(self.first[1], given, self.first[0], out=values)
        if self.gate is None:
            torch.clamp(maps, min=0, out=values)
        else:
            torch.sigmoid(maps, out=values)
            torch.addmm(self.gate[1], given, self.gate[0], out=linear)
        if self.bits is not None:
            bits = self.bits[:, *part].reshape(len(self.bits), -1, values.shape[1])
            drop_(self.by_position(values), bits, self.by_position(free))
        return given, values, linear, free

    def by_position(self, rows: Tensor) -> Tensor:
        """A view [positions, cells, channels]."""
        return rows.view(self.positions, -1, rows.shape[1])


class _PooledGate(torch.autograd.Function):
    """The sum of a gate or ReLU with dropout over each pooling window, times `scale`."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, bits: Tensor | None, scale: float, channels: int,
                *layers: Tensor | None) -> Tensor:  # fmt: skip
        """Pooled maps; see `pooled_gate`.

        Args:
            ctx: of autograd.
            windows: of `pooled_gate`.
            bits: of `drop_`, with cells as [clips, frames, mels]; None: no dropout.
            scale: factor of the sum.
            channels: of the result.
            layers: weight and bias of the gate and of the first layer, or None.
        """
        gate, first = _pair(layers[:2]), _pair(layers[2:])
        ctx.save_for_backward(windows, bits, *layers)
        ctx.scale, ctx.channels = scale, channels
        parts = _Parts(windows, bits, channels, gate, first)
        pooled = windows.new_empty(*windows.shape[2:5], channels)
        for part in parts:
            _, values, linear, _ = parts.read(part)
            if gate:
                values.mul_(linear)
            out = pooled[part]
            torch.sum(values.view(parts.positions, *out.shape), dim=0, out=out)
        return pooled.mul_(scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of `windows` and of the layers."""
        windows, bits, *layers = ctx.saved_tensors
        gate, first = _pair(layers[:2]), _pair(layers[2:])
        parts = _Parts(windows, bits, ctx.channels, gate, first)
        of_gate, of_first = ([None if layer is None else torch.zeros_like(layer) for layer in pair]
                             for pair in (layers[:2], layers[2:]))  # fmt: skip
        of_windows = _like_maps(windows) if ctx.needs_input_grad[0] else None
        gradient = gradient * ctx.scale
        for part in parts:
            given, values, linear, of_linear = parts.read(part)
            pooled = gradient[part].reshape(1, -1, ctx.channels)
            if gate:  # with s = sigmoid(x): d/dx of linear s is linear s (1 - s)
                torch.mul(parts.by_position(values), pooled, out=parts.by_position(of_linear))
                linear.mul_(of_linear)
                torch.addcmul(linear, linear, values, value=-1, out=values)
                _add_product(of_gate, given, of_linear)
            else:
                parts.by_position(values.sign_()).mul_(pooled)
            if first:
                _add_product(of_first, given, values)
            if of_windows is not None:
                if gate:
                    values.addmm_(of_linear, gate[0].t())
                chosen = of_windows[:, :, *part]
                chosen.copy_(values.view(chosen.shape))
        return of_windows, None, None, None, *of_gate, *of_first


def _pair(layer: Sequence[Tensor | None]) -> Linear | None:
    weight, bias = layer
    return None if weight is None or bias is None else (weight, bias)


def _like_maps(windows: Tensor) -> Tensor:
    """Memory for gradients, of which the maps that `windows` views are a view, too."""
    down, across, clips, frames, mels, channels = windows.shape
    return windows.new_empty(clips, frames, down, mels, across, channels).movedim((2, 4), (0, 1))


def _add_product(layer: Sequence[Tensor | None], given: Tensor, gradient: Tensor) -> None:
    weight, bias = layer
    assert weight is not None and bias is not None
    weight.addmm_(given.t(), gradient)
    bias.add_(gradient.sum(dim=0))
