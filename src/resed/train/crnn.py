"""The official baseline of DCASE 2019 Task 4: a CRNN, with its moving average as teacher.

It follows the public code (turpaultn/DCASE2019_task4). The method is Mean Teacher (Tarvainen and
Valpola, 2017).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resed.extract.logmel import NOTHING
from resed.settings import CrnnSettings, ModelSettings, scaled
from resed.train.bgru import bgru
from resed.train.crnn_blocks import blocks
from resed.train.heads import class_attention, pooled
from resed.train.model import Output, initialise, output_shape
from resed.train.precision import without_autocast

LEAST = 1e-5  # lower limit of magnitudes
RANGE = 80.0  # dB below the loudest bin of a clip; lower levels are raised


class Decibels(nn.Module):
    """Mel magnitudes to decibels, scaled per mel band to zero mean and unit deviation.

    Frames past the end of a clip (NOTHING) are 0 dB before scaling, as in the baseline. The
    statistics are those of the training clips and are saved with the weights.
    """

    def __init__(self, mels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(mels))
        self.register_buffer("deviation", torch.ones(mels))

    def forward(self, magnitudes: Tensor) -> Tensor:
        """[clips, frames, mels] -> the same shape."""
        return (decibels(magnitudes) - self.mean) / self.deviation


def decibels(magnitudes: Tensor) -> Tensor:
    """20 log10 of magnitudes [clips, frames, mels], in a range of 80 dB; 0 past the end."""
    past = magnitudes == NOTHING
    level = 20 * magnitudes.clamp(min=LEAST).log10()
    floor = level.masked_fill(past, -torch.inf).amax(dim=(1, 2), keepdim=True) - RANGE
    return torch.maximum(level, floor).masked_fill(past, 0.0)


def statistics(strata: list[Tensor], chunk: int = 256) -> tuple[Tensor, Tensor]:
    """Mean and deviation per mel band in dB, over all frames of several [clips, frames, mels]."""
    count, total, squares = 0, 0.0, 0.0
    for features in strata:
        for start in range(0, len(features), chunk):
            level = decibels(features[start : start + chunk].cpu()).double().flatten(0, 1)
            count += len(level)
            total = total + level.sum(dim=0)
            squares = squares + level.square().sum(dim=0)
    mean = torch.as_tensor(total) / count
    deviation = (torch.as_tensor(squares) / count - mean.square()).clamp(min=1e-12).sqrt()
    return mean.float(), deviation.float()


class Gate(nn.Module):
    """The baseline's "GLU" over channels: Linear(x) * sigmoid(x)."""

    def __init__(self, channels: int):
        super().__init__()
        self.linear = nn.Linear(channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        """[clips, channels, frames, mels] -> the same shape."""
        return self.linear(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) * maps.sigmoid()


def crnn_blocks(settings: CrnnSettings, width: float) -> nn.Sequential:
    """Blocks of convolution, batch normalisation, gate, dropout and average pooling."""
    layers: list[nn.Module] = []
    inside = 1
    for channels, pool in zip(settings.channels, settings.pools, strict=True):
        outside = scaled(channels, width)
        convolution = nn.Conv2d(inside, outside, 3, padding=1)
        gate = Gate(outside) if settings.activation == "gate" else nn.ReLU(inplace=True)
        layers += [convolution, nn.BatchNorm2d(outside), gate]
        dropout = settings.dropout if settings.dropout_blocks == "all" else 0.0
        layers += [nn.Dropout(dropout), nn.AvgPool2d(pool)]
        inside = outside
    return nn.Sequential(*layers)


class Crnn(nn.Module):
    """[clips, 864, 64] mel magnitudes -> logits of 108 frames and of the clips."""

    def __init__(self, mels: int, frames: int, classes: int, model: ModelSettings):
        super().__init__()
        settings = model.crnn
        hidden = scaled(settings.hidden, model.width)
        self.front = Decibels(mels)
        self.cnn = crnn_blocks(settings, model.width)
        shape = output_shape(self.cnn, frames, mels)
        self.cells, self.dimension = shape[2], shape[1] * shape[3]
        self.gru = nn.GRU(
            self.dimension, hidden, settings.layers, batch_first=True, bidirectional=True
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.classify = nn.Linear(2 * hidden, classes)
        self.attend = nn.Linear(2 * hidden, classes)

    def forward(self, mels: Tensor, frame_clips: slice = slice(None)) -> Output:
        """Logits of a batch; frames only of `frame_clips`.

        As in the code of the baseline, attention is normalised over classes, not over time. The
        clip posterior is the mean of the frames, weighted by the attention.
        """
        features, encoded = self._encode(mels)
        frames = self.classify(encoded).float()
        tags = pooled(frames, class_attention(self.attend(encoded).float()))
        return Output(tags, frames[frame_clips], features)

    def _encode(self, mels: Tensor) -> tuple[Tensor, Tensor]:
        """Output of the CNN, and of the BGRU: two [clips, cells, dimensions]."""
        maps = blocks(self.cnn, self.front(mels).unsqueeze(1))
        features = maps.permute(0, 2, 3, 1).flatten(2)
        with without_autocast(features):  # see model.Recurrent: it would be float16
            encoded = bgru(self.gru, features.float())
        return features, self.dropout(encoded)

    @torch.no_grad()
    def lost_head_tags(self, mels: Tensor, heads: Sequence[nn.Linear]) -> Tensor:
        """Clip posteriors by each of several attention heads, float32 [heads, clips, classes]."""
        encoded = self._encode(mels)[1]
        frames = self.classify(encoded).float()
        tags = [pooled(frames, class_attention(head(encoded).float())) for head in heads]
        return torch.stack(tags).sigmoid()


def fresh_heads(like: nn.Linear, seed: int, count: int) -> list[nn.Linear]:
    """Attention heads as after loading a checkpoint of the baseline, drawn one after another.

    The state_dict of the baseline lacks that head, so that the clip tags of a restored model come
    from a new one. The network is rebuilt without the baseline's own initialisation: the rule of
    nn.Linear applies, weights and biases uniform in [-1 / sqrt(n), 1 / sqrt(n)] for n inputs.
    """
    generator = torch.Generator().manual_seed(seed)
    bound = like.in_features**-0.5
    heads = []
    for _ in range(count):
        head = nn.Linear(like.in_features, like.out_features)
        for values in (head.weight, head.bias):
            nn.init.uniform_(values, -bound, bound, generator=generator)
        heads.append(head.to(like.weight.device))
    return heads


class MeanTeacher(nn.Module):
    """Student and teacher with separate first weights; the teacher averages the student."""

    def __init__(self, mels: int, frames: int, classes: int, model: ModelSettings):
        super().__init__()
        self.student = Crnn(mels, frames, classes, model)
        self.teacher = Crnn(mels, frames, classes, model)
        initialise(self, model)
        self.teacher.requires_grad_(False)
        if model.crnn.activation == "relu":
            self.to(memory_format=torch.channels_last)  # a third faster; a gate permutes anyway

    def scale(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the statistics of the training clips in both networks."""
        for network in (self.student, self.teacher):
            network.front.mean.copy_(mean)
            network.front.deviation.copy_(deviation)

    @torch.no_grad()
    def average(self, step: int, decay: float, *, statistics: bool = False) -> None:
        """Move the teacher towards the student after optimiser step `step`, counted from 1.

        Args:
            statistics: also those of batch normalisation; otherwise only parameters are averaged,
                and the teacher has its own statistics.
        """
        kept = min(1 - 1 / (step + 1), decay)
        for mean, value in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            mean.mul_(kept).add_(value, alpha=1 - kept)
        for mean, value in zip(self.teacher.buffers(), self.student.buffers(), strict=True):
            if statistics and mean.is_floating_point():
                mean.mul_(kept).add_(value, alpha=1 - kept)
