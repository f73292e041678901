"""Teacher and student networks (section 2.1, Figure 1): CNN, BGRU, AT branch and AED branch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from resed.settings import (
    ModelSettings,
    RecurrentSettings,
    StudentSettings,
    TeacherSettings,
    scaled,
)
from resed.train.bgru import bgru
from resed.train.heads import FrameHead, GuidedTagHead, TagHead
from resed.train.precision import without_autocast


@dataclass
class Output:
    """Output of a network for a batch. Logits are float32; losses are computed from them.

    Attributes:
        tag_logits: [clips, classes] of the AT branch.
        frame_logits: [clips, cells, classes] of the AED branch (Liang et al.: 600 cells for the
            student, 6 for the teacher), only of the clips that were asked for.
        features: [clips, cells, dimensions] the flattened CNN output, F of eq. 2.
    """

    tag_logits: Tensor
    frame_logits: Tensor
    features: Tensor

    @property
    def tags(self) -> Tensor:
        """Clip posteriors."""
        return self.tag_logits.sigmoid()

    @property
    def frames(self) -> Tensor:
        """Frame posteriors."""
        return self.frame_logits.sigmoid()


def _block(
    inside: int, outside: int, kernel: int, pool: tuple[int, int] = (1, 1)
) -> list[nn.Module]:
    """Figure 2: convolution, batch normalisation, ReLU, and max-pooling if there is any.

    ReLU and max-pooling commute in values and gradients. Pooling comes first here, because ReLU is
    then applied to a map of a quarter of the size or less.
    """
    convolution = nn.Conv2d(inside, outside, kernel, padding=kernel // 2)
    pooling = [] if pool == (1, 1) else [nn.MaxPool2d(pool)]
    return [convolution, nn.BatchNorm2d(outside), *pooling, nn.ReLU(inplace=True)]


def teacher_cnn(settings: TeacherSettings, width: float) -> nn.Sequential:
    """Double-layer blocks with large temporal compression (row 2)."""
    layers: list[nn.Module] = []
    inside = 1
    last = len(settings.channels) - 1
    for number, (channels, pool) in enumerate(zip(settings.channels, settings.pools, strict=True)):
        outside = scaled(channels, width)
        kernel = settings.last_kernel if number == last else 3
        if number != last or settings.last_layers == 2:
            layers += _block(inside, outside, kernel)
            inside = outside
        layers += [*_block(inside, outside, kernel, pool), nn.Dropout(settings.dropout)]
        inside = outside
    return nn.Sequential(*layers)


def student_cnn(settings: StudentSettings, width: float) -> nn.Sequential:
    """Single-layer blocks that keep every frame (row 3)."""
    layers: list[nn.Module] = []
    inside = 1
    for channels, kernel in zip(settings.channels, settings.kernels, strict=True):
        outside = scaled(channels, width)
        layers += _block(inside, outside, kernel, (1, settings.pool_mels))
        if settings.dropout:
            layers.append(nn.Dropout(settings.dropout))
        inside = outside
    return nn.Sequential(*layers)


class Recurrent(nn.Module):
    """BGRU layers whose output is concatenated with their input (row 4)."""

    def __init__(self, dimension: int, settings: RecurrentSettings, width: float, average: int):
        super().__init__()
        self.average = average
        hidden = scaled(settings.hidden, width)
        inside = scaled(settings.projection, width) if settings.projection else dimension
        self.projection = nn.Linear(dimension, inside) if settings.projection else None
        self.gru = nn.GRU(inside, hidden, settings.layers, batch_first=True, bidirectional=True)
        self.dimension = dimension + 2 * hidden

    def forward(self, features: Tensor) -> Tensor:
        """[clips, cells, dimensions] -> [clips, cells / average, dimensions + 2 hidden]."""
        if self.average > 1:
            pooled = functional.avg_pool1d(features.transpose(1, 2), self.average)
            features = pooled.transpose(1, 2).contiguous()
        inside = functional.relu(self.projection(features)) if self.projection else features
        # Under autocast to bfloat16, cuDNN's RNNs run in float16: _cudnn_rnn_cast_reflatten of
        # PyTorch (aten/src/ATen/cudnn/AutocastRNN.cpp) always casts to kHalf. Without loss scaling,
        # most gradients are below the smallest number of float16, 6e-8.
        with without_autocast(inside):
            encoded = bgru(self.gru, inside.float())
        return torch.cat([features, encoded.to(features.dtype)], dim=2)


class Network(nn.Module):
    """One of the two models: CNN, then an AT branch with BGRU and an AED branch without."""

    def __init__(self, cnn: nn.Module, mels: int, shares: Sequence[float], *,
                 model: ModelSettings, frames: int, average: int):  # fmt: skip
        super().__init__()
        learned = model.input_norm == "batch_norm"
        normalised = model.input_norm != "none"
        self.norm = nn.BatchNorm1d(mels, affine=learned) if normalised else None
        self.cnn = cnn
        shape = output_shape(cnn, frames, mels)
        self.cells, self.dimension = shape[2], shape[1] * shape[3]
        recurrent = model.recurrent
        self.recurrent = (
            Recurrent(self.dimension, recurrent, model.width, average)
            if recurrent.enabled
            else None
        )
        tagged = self.recurrent.dimension if self.recurrent else self.dimension
        if model.tag_head.pooling == "guided":
            self.tag_head: GuidedTagHead | TagHead = GuidedTagHead(tagged, shares)
        else:
            self.tag_head = TagHead(tagged, len(shares), model.tag_head, model.width)
        separate = model.frame_head.source == "separate"
        self.frame_head = (
            FrameHead(self.dimension, shares, model.frame_head, model.width) if separate else None
        )

    def forward(self, mels: Tensor, frame_clips: slice = slice(None)) -> Output:
        """[clips, frames, mels] natural log-mels -> Output; frames only of `frame_clips`."""
        if self.norm is not None:
            mels = self.norm(mels.flatten(0, 1)).view_as(mels)
        image = mels.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        maps = self.cnn(image)
        features = maps.permute(0, 2, 3, 1).flatten(2)  # frequency-major: channels last
        frames = self.frame_head(features[frame_clips]) if self.frame_head else None
        encoded = self.recurrent(features) if self.recurrent else features
        if frames is None:
            assert isinstance(self.tag_head, GuidedTagHead)
            frames = self.tag_head.logits(encoded[frame_clips])
        return Output(self.tag_head(encoded), frames, features)


def output_shape(cnn: nn.Module, frames: int, mels: int) -> tuple[int, int, int, int]:
    """The shape of the output of a CNN for one clip, by the arithmetic of its layers.

    A pass over a tensor of the meta device has the same result, but loads the compiler of PyTorch,
    which took 40 % of the time in which `resed detect` starts.

    Raises RuntimeError if a layer has no output for this size.
    """
    channels, sizes = 1, [frames, mels]
    for layer in cnn.modules():
        if isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
        if isinstance(layer, nn.ZeroPad2d):
            left, right, top, bottom = layer.padding
            sizes = [sizes[0] + top + bottom, sizes[1] + left + right]
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            rules = (layer.kernel_size, layer.stride, layer.padding)
            kernels, strides, paddings = (_pair(rule) for rule in rules)
            sizes = [
                (size + 2 * padding - kernel) // stride + 1
                for size, kernel, stride, padding in zip(
                    sizes, kernels, strides, paddings, strict=True
                )
            ]
            if min(sizes) < 1:
                raise RuntimeError(f"{layer} has no output for {frames} frames of {mels} bands")
    return 1, channels, sizes[0], sizes[1]


def _pair(rule: int | tuple[int, int]) -> tuple[int, int]:
    """Of frames and of bands: PyTorch takes one number for both."""
    return (rule, rule) if isinstance(rule, int) else rule


class TeacherStudent(nn.Module):
    """Both networks of the joint framework.

    Args:
        shares: share of the head inputs that each class uses, 1 unless disentangled.
    """

    def __init__(
        self,
        settings: ModelSettings,
        mels: int,
        frames: int,
        classes: int,
        *,
        shares: Sequence[float] | None = None,
    ):
        super().__init__()
        width = settings.width
        shares = [1.0] * classes if shares is None else shares
        teacher = teacher_cnn(settings.teacher, width)
        student = student_cnn(settings.student, width)
        average = settings.recurrent.average_frames
        sizes = {"model": settings, "frames": frames}
        self.teacher = Network(teacher, mels, shares, **sizes, average=1)
        self.student = Network(student, mels, shares, **sizes, average=average)
        initialise(self, settings)
        self.to(memory_format=torch.channels_last)


@torch.no_grad()
def initialise(networks: nn.Module, settings: ModelSettings) -> None:
    """Configure batch normalisation, and initialise the weights.

    pytorch: the default of PyTorch. glorot: uniform, biases 0, the default of Keras. baseline:
    weights_init of the official baseline: convolutions Glorot with gain sqrt(2), linear layers
    N(0, 0.01), scales of batch normalisation N(1, 0.02), recurrent matrices orthogonal.
    glorot_relu: as glorot with gain sqrt(2).
    """
    how = settings.initialisation
    for module in networks.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum, module.eps = settings.norm_momentum, settings.norm_epsilon
            if how == "baseline" and module.affine:
                nn.init.normal_(module.weight, 1.0, 0.02)
        if how == "glorot" and isinstance(module, GuidedTagHead):
            module.start((6 / (module.seen + 1)).sqrt())
        if how == "pytorch" or not isinstance(module, (nn.Conv2d, nn.Linear, nn.GRU)):
            continue
        if isinstance(module, nn.GRU):
            for weight in module.parameters():
                if weight.dim() > 1:
                    nn.init.orthogonal_(weight)
            continue
        if how == "baseline" and isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
        else:
            nn.init.xavier_uniform_(module.weight, 1.0 if how == "glorot" else 2**0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def parameter_count(module: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
