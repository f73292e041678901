"""Scaling of log-mels per band before the first layer of a network that is trained alone."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from resed.extract.logmel import MARK
from resed.settings import ModelSettings

CHUNK = 256  # clips
LEAST = 1e-12  # variance


class Scaler(nn.Module):
    """Zero mean and unit deviation per band over the training clips.

    Frames past the end of a clip (MARK) are 0, the mean. The statistics are saved with the weights.
    """

    def __init__(self, mels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(mels))
        self.register_buffer("deviation", torch.ones(mels))

    def forward(self, mels: Tensor) -> Tensor:
        """[clips, frames, mels] -> the same shape."""
        return ((mels - self.mean) / self.deviation).masked_fill(mels == MARK, 0.0)


class BandNorm(nn.BatchNorm1d):
    """Batch normalisation per band of [clips, frames, mels]."""

    def forward(self, mels: Tensor) -> Tensor:
        """[clips, frames, mels] -> the same shape."""
        return super().forward(mels.flatten(0, 1)).view_as(mels)


def input_norm(mels: int, model: ModelSettings) -> nn.Module | None:
    """The layer of `model.input_norm`, or None for `none`."""
    if model.input_norm == "training_clips":
        return Scaler(mels)
    if model.input_norm == "none":
        return None
    return BandNorm(mels, affine=model.input_norm == "batch_norm")


def statistics(weighted: Iterable[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    """Mean and sample deviation per band over all frames, except those past the end of a clip.

    Args:
        weighted: features [clips, frames, mels], and how often each of them counts.
    """
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for features, times in weighted:
        for start in range(0, len(features), CHUNK):
            level = features[start : start + CHUNK].cpu().double().flatten(0, 1)
            level = level[level[:, 0] != MARK]
            count += times * len(level)
            total = total + times * level.sum(dim=0)
            squares = squares + times * level.square().sum(dim=0)
    mean = total / max(count, 1)
    variance = (squares - count * mean.square()) / max(count - 1, 1)
    return mean.float(), variance.clamp(min=LEAST).sqrt().float()
