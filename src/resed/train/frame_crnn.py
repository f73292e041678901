"""CRNNs that keep every frame (Koutini et al., 2018, Tables 2 and 3)."""

from torch import Tensor, nn
from torch.nn import functional

from resed.errors import ConfigError
from resed.settings import FrameCrnnSettings, ModelSettings
from resed.train.hard_gru import HardGru
from resed.train.heads import scaled
from resed.train.input_norm import input_norm
from resed.train.model import Output, output_shape
from resed.train.precision import without_autocast
from resed.train.sru import Sru
from resed.train.wels import mean_logits


def one_sided(zeros: int, *, behind: bool) -> nn.ZeroPad2d:
    """Zeros such that a convolution keeps the size of a map.

    Half of them are on each side; an odd one is after the map if `behind`, otherwise before it.

    Args:
        zeros: rows and columns of zeros, the size of the kernel minus 1.
    """
    each, rest = divmod(zeros, 2)
    before, after = (each, each + rest) if behind else (each + rest, each)
    return nn.ZeroPad2d((before, after, before, after))


class DebiasedNorm(nn.BatchNorm2d):
    """Batch normalisation whose running statistics have no share of their first values, 0 and 1.

    They are moving averages that are divided by 1 - (1 - momentum)^t after t batches, as Kingma and
    Ba (2015) correct the moments of Adam: the new share of batch t is momentum divided by this.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """[clips, channels, frames, mels] -> the same shape."""
        if not self.training:
            return super().forward(maps)
        self.num_batches_tracked.add_(1)
        batches, momentum = int(self.num_batches_tracked), self.momentum
        share = momentum / (1 - (1 - momentum) ** batches) if momentum else 1 / batches
        statistics = self.running_mean, self.running_var
        return functional.batch_norm(
            maps, *statistics, self.weight, self.bias, training=True, momentum=share, eps=self.eps
        )


def frame_cnn(settings: FrameCrnnSettings, width: float) -> nn.Sequential:
    """Blocks of convolutions, batch normalisation and ReLU, each with a pooling."""
    layers: list[nn.Module] = []
    norm = DebiasedNorm if settings.statistics == "debiased" else nn.BatchNorm2d
    bias = settings.bias
    inside, number = 1, 0
    for channels, pool in zip(settings.channels, settings.pools, strict=True):
        outside = scaled(channels, width)
        for _ in range(settings.layers):
            grow = settings.pad == "grow"
            padding = settings.kernel // 2 if grow else 0
            if not grow:
                layers.append(one_sided(settings.kernel - 1, behind=number % 2 == 0))
            convolution = nn.Conv2d(inside, outside, settings.kernel, padding=padding, bias=bias)
            layers += [convolution, norm(outside), nn.ReLU(inplace=True)]
            inside, number = outside, number + 1
        layers.append(nn.MaxPool2d((1, pool)))
        if settings.dropout:
            layers.append(nn.Dropout(settings.dropout))
    if settings.projection:
        outside = scaled(settings.projection, width)
        layers += [nn.Conv2d(inside, outside, 1), nn.ReLU(inplace=True)]
        layers.append(nn.MaxPool2d((1, settings.projection_pool)))
    return nn.Sequential(*layers)


class FrameCrnn(nn.Module):
    """[clips, frames, mels] log-mels -> logits of every frame, and of the clips by their mean.

    Raises ConfigError if the pools leave no mel.
    """

    def __init__(self, mels: int, frames: int, classes: int, model: ModelSettings):
        super().__init__()
        assert model.frame_crnn is not None
        settings = model.frame_crnn
        hidden = scaled(settings.hidden, model.width)
        self.norm = input_norm(mels, model)
        self.cnn = frame_cnn(settings, model.width)
        try:
            shape = output_shape(self.cnn, frames, mels)
        except RuntimeError:
            raise ConfigError(
                f"the pools leave none of {mels} mels",
                place="model.frame_crnn.pools",
                cure="lower a pool, or raise n_mels",
            ) from None
        self.frames, self.dimension = frames, shape[1] * shape[3]
        self.recurrent: nn.Module
        if settings.cell == "gru":
            self.recurrent = nn.GRU(self.dimension, hidden, batch_first=True, bidirectional=True)
        elif settings.cell == "gru_hard":
            self.recurrent = HardGru(self.dimension, hidden, dropout=settings.input_dropout)
        else:
            self.recurrent = Sru(self.dimension, hidden, sees_state=settings.cell == "sru_v2")
        self.classify = nn.Linear(2 * hidden, classes)

    def forward(self, mels: Tensor, frame_clips: slice = slice(None)) -> Output:
        """Logits of a batch; frames only of `frame_clips`."""
        if self.norm is not None:
            mels = self.norm(mels)
        maps = self.cnn(mels.unsqueeze(1))
        grown = maps.shape[2] - self.frames  # pad: grow
        maps = maps[:, :, grown // 2 : maps.shape[2] - (grown - grown // 2)]
        features = maps.permute(0, 2, 3, 1).flatten(2)
        with without_autocast(features):
            encoded = self.recurrent(features.float())
        if isinstance(encoded, tuple):  # of nn.GRU, with its last state
            encoded = encoded[0]
        logits = self.classify(encoded).float()
        return Output(mean_logits(logits), logits[frame_clips], features)
