"""WELS-Net, a clip tagger of segments without recurrence (Kumar and Ithapu, 2020, Table 1)."""

import torch
from torch import Tensor, nn

from resed.errors import ConfigError
from resed.settings import ModelSettings, WelsSettings
from resed.train.heads import scaled
from resed.train.input_norm import input_norm
from resed.train.model import Output, output_shape

LIMIT = 1e-6  # clip posteriors are limited to [LIMIT, 1 - LIMIT] where a logit is formed from them


def segment_count(frames: int, settings: WelsSettings) -> int:
    """Segments of a clip, K of Table 1: pooled frames less those that the first segment spans."""
    for pool, _ in settings.pools:
        frames //= pool
    return frames - settings.segment[0] + 1


def wels_grid(frames: int, settings: WelsSettings) -> tuple[int, int]:
    """Cells of the frame posteriors of a clip, and frames of the features per cell.

    The first and the last segment are repeated so that there is one cell per pooled frame.
    """
    step = 1
    for pool, _ in settings.pools:
        step *= pool
    return segment_count(frames, settings) + settings.segment[0] - 1, step


class WelsNet(nn.Module):
    """[clips, frames, mels] log-mels -> logits of segments and of the clips.

    Every block has two convolutions of 3 x 3 with batch normalisation and ReLU, then a pooling; L1
    spans `segment` without padding; L2 and later are 1 x 1. The clip posterior is the mean over
    segments (P).

    Raises ConfigError if mels are left after L1, or no segment is.
    """

    def __init__(self, mels: int, frames: int, classes: int, model: ModelSettings):
        super().__init__()
        assert model.wels is not None
        self.settings = settings = model.wels
        width = model.width
        layers: list[nn.Module] = []
        inside = 1
        pooling = nn.MaxPool2d if settings.pool == "max" else nn.AvgPool2d
        for channels, pool in zip(settings.channels, settings.pools, strict=True):
            outside = scaled(channels, width)
            layers += [*_layer(inside, outside, 3, 1), *_layer(outside, outside, 3, 1)]
            layers.append(pooling(pool))
            inside = outside
        kernel: tuple[int, int] = settings.segment
        for channels in settings.heads:
            outside = scaled(channels, width)
            layers += _layer(inside, outside, kernel, 0)
            inside, kernel = outside, (1, 1)
        self.norm = input_norm(mels, model)
        self.cnn = nn.Sequential(*layers)
        try:
            shape = output_shape(self.cnn, frames, mels)
        except RuntimeError:
            shape = (1, inside, 0, 0)
        if shape[2] < 1 or shape[3] != 1:
            raise ConfigError(
                f"{frames} frames and {mels} mels leave {shape[2]} segments of {shape[3]} mels",
                place="model.wels",
                cure="change pools or segment so that segments have one mel",
            )
        self.cells, self.dimension = shape[2] + settings.segment[0] - 1, shape[1]
        self.last = nn.Conv2d(inside, classes, 1)
        self.last_norm = nn.BatchNorm2d(classes) if settings.last != "sigmoid" else None

    def forward(self, mels: Tensor, frame_clips: slice = slice(None)) -> Output:
        """Logits of a batch; segments, repeated to cells, only of `frame_clips`."""
        if self.norm is not None:
            mels = self.norm(mels)
        maps = self.cnn(mels.unsqueeze(1))
        last = self.last(maps)
        if self.last_norm is not None:
            last = self.last_norm(last)
        segments = last.squeeze(3).mT.float()  # [clips, segments, classes]
        if self.settings.last == "printed":
            segments = _logits(segments.relu())
        logits = self._clip_logits(segments)
        return Output(logits, self._cells(segments[frame_clips]), maps.squeeze(3).mT)

    def _clip_logits(self, segments: Tensor) -> Tensor:
        if self.settings.pooling == "mean_logits":
            return segments.mean(dim=1)
        if self.settings.pooling == "max":
            return segments.amax(dim=1)
        return mean_logits(segments)

    def _cells(self, segments: Tensor) -> Tensor:
        """Repeat the first and the last segment, as many times as the segment spans cells."""
        before = (self.settings.segment[0] - 1) // 2
        after = self.settings.segment[0] - 1 - before
        first, last = segments[:, :1], segments[:, -1:]
        return torch.cat(
            [first.expand(-1, before, -1), segments, last.expand(-1, after, -1)], dim=1
        )


def _layer(
    inside: int, outside: int, kernel: int | tuple[int, int], padding: int
) -> list[nn.Module]:
    convolution = nn.Conv2d(inside, outside, kernel, padding=padding)
    return [convolution, nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]


def mean_logits(logits: Tensor) -> Tensor:
    """Logits of the mean over time of posteriors: [clips, cells, classes] -> [clips, classes]."""
    return _logits(logits.sigmoid().mean(dim=1))


def _logits(posteriors: Tensor) -> Tensor:
    """Logits of posteriors that are limited, so that they have a logarithm."""
    limited = posteriors.clamp(LIMIT, 1 - LIMIT)
    return limited.log() - (1 - limited).log()
