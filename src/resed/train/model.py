"""Teacher and student networks (section 2.1, Figure 1): CNN, BGRU, AT branch and AED branch."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from resed.settings import (
    FrameHeadSettings,
    ModelSettings,
    RecurrentSettings,
    StudentSettings,
    TagHeadSettings,
    TeacherSettings,
)


@dataclass
class Output:
    """What a network says of a batch; float32 probabilities.

    Attributes:
        tags: [clips, classes] clip posteriors of the AT branch.
        frames: [clips, cells, classes] frame posteriors of the AED branch; 600 cells for the
            student, 6 for the teacher. Only of the clips that were asked for.
        features: [clips, cells, dimensions] the flattened CNN output, F of eq. 2.
    """

    tags: Tensor
    frames: Tensor
    features: Tensor


def scaled(size: int, width: float) -> int:
    """`size` times `width`, rounded up to a multiple of 8 (vector units); exact at width 1."""
    if width == 1:
        return size
    return max(8, -(-int(size * width) // 8) * 8)


def _block(
    inside: int, outside: int, kernel: int, pool: tuple[int, int] = (1, 1)
) -> list[nn.Module]:
    """Figure 2: convolution, batch normalisation, ReLU; then max-pooling, where there is any.

    ReLU and max-pooling commute, values and gradients alike, so the pooling comes first here: ReLU
    then works on a map a quarter of the size or less.
    """
    convolution = nn.Conv2d(inside, outside, kernel, padding=kernel // 2)
    pooling = [] if pool == (1, 1) else [nn.MaxPool2d(pool)]
    return [convolution, nn.BatchNorm2d(outside), *pooling, nn.ReLU(inplace=True)]


def teacher_cnn(settings: TeacherSettings, width: float) -> nn.Sequential:
    """Double-layer blocks with a large time compression (row 2)."""
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
        self.gru = nn.GRU(dimension, hidden, settings.layers, batch_first=True, bidirectional=True)
        self.dimension = dimension + 2 * hidden

    def forward(self, features: Tensor) -> Tensor:
        """[clips, cells, dimensions] -> [clips, cells / average, dimensions + 2 hidden]."""
        if self.average > 1:
            pooled = functional.avg_pool1d(features.transpose(1, 2), self.average)
            features = pooled.transpose(1, 2).contiguous()
        return torch.cat([features, self.gru(features)[0]], dim=2)


class TagHead(nn.Module):
    """Linear and attention pooling over time (row 5)."""

    def __init__(self, dimension: int, classes: int, settings: TagHeadSettings, width: float):
        super().__init__()
        hidden = scaled(settings.hidden, width)
        self.hidden = nn.Linear(dimension, hidden)
        self.relu = settings.activation == "relu"
        self.classify = nn.Linear(hidden, classes)
        self.pooling = settings.pooling
        self.attend = nn.Linear(hidden, classes) if settings.pooling != "mean" else None

    def forward(self, features: Tensor) -> Tensor:
        """[clips, cells, dimensions] -> clip posteriors [clips, classes], float32."""
        hidden = self.hidden(features)
        hidden = functional.relu(hidden) if self.relu else hidden
        posteriors = self.classify(hidden).float().sigmoid()
        if self.attend is None:
            return posteriors.mean(dim=1)
        scores = self.attend(hidden).float()
        if self.pooling == "attention_time":
            return (posteriors * scores.softmax(dim=1)).sum(dim=1)
        weights = scores.softmax(dim=2).clamp(1e-7, 1)  # the Mean-Teacher baseline's code
        return (posteriors * weights).sum(dim=1) / weights.sum(dim=1)


class FrameHead(nn.Module):
    """Linear with larger hidden states, then one small FC a class (row 6)."""

    def __init__(self, dimension: int, classes: int, settings: FrameHeadSettings, width: float):
        super().__init__()
        hidden = scaled(settings.hidden, width)
        self.hidden = nn.Linear(dimension, hidden)
        self.classes = classes
        # Ten Linear(hidden, 1) side by side are one Linear(hidden, 10): same function, one product.
        inner = settings.class_hidden
        self.inner = nn.Linear(hidden, classes * inner) if inner else None
        self.classify = (
            nn.Conv1d(classes * inner, classes, 1, groups=classes)
            if inner
            else nn.Linear(hidden, classes)
        )

    def forward(self, features: Tensor) -> Tensor:
        """[clips, cells, dimensions] -> frame posteriors [clips, cells, classes], float32."""
        hidden = functional.relu(self.hidden(features))
        if self.inner is None:
            return self.classify(hidden).float().sigmoid()
        inner = functional.relu(self.inner(hidden)).transpose(1, 2)
        return self.classify(inner).transpose(1, 2).float().sigmoid()


class Network(nn.Module):
    """One of the two models: CNN, then an AT branch with BGRU and an AED branch without."""

    def __init__(self, cnn: nn.Sequential, mels: int, classes: int, model: ModelSettings,
                 frames: int, average: int):  # fmt: skip
        super().__init__()
        learned = model.input_norm == "batch_norm"
        normalised = model.input_norm != "none"
        self.norm = nn.BatchNorm1d(mels, affine=learned) if normalised else None
        self.cnn = cnn
        with torch.no_grad():
            shape = _probe(cnn, frames, mels)
        self.cells, self.dimension = shape[2], shape[1] * shape[3]
        recurrent = model.recurrent
        self.recurrent = (
            Recurrent(self.dimension, recurrent, model.width, average)
            if recurrent.enabled
            else None
        )
        tagged = self.recurrent.dimension if self.recurrent else self.dimension
        self.tag_head = TagHead(tagged, classes, model.tag_head, model.width)
        self.frame_head = FrameHead(self.dimension, classes, model.frame_head, model.width)

    def forward(self, mels: Tensor, frame_clips: slice = slice(None)) -> Output:
        """[clips, frames, mels] natural log-mels -> Output; frames only of `frame_clips`."""
        if self.norm is not None:
            mels = self.norm(mels.flatten(0, 1)).view_as(mels)
        image = mels.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        maps = self.cnn(image)
        features = maps.permute(0, 2, 3, 1).flatten(2)  # frequency-major, as channels last lies
        frames = self.frame_head(features[frame_clips])
        encoded = self.recurrent(features) if self.recurrent else features
        return Output(self.tag_head(encoded), frames, features)


def _probe(cnn: nn.Sequential, frames: int, mels: int) -> torch.Size:
    """The shape of the CNN's output, without touching its statistics or any random state."""
    training = cnn.training
    shape = cnn.eval()(torch.zeros(1, 1, frames, mels)).shape
    cnn.train(training)
    return shape


class TeacherStudent(nn.Module):
    """Both networks of the joint framework."""

    def __init__(self, settings: ModelSettings, mels: int, frames: int, classes: int):
        super().__init__()
        width = settings.width
        teacher = teacher_cnn(settings.teacher, width)
        student = student_cnn(settings.student, width)
        average = settings.recurrent.average_frames
        self.teacher = Network(teacher, mels, classes, settings, frames, average=1)
        self.student = Network(student, mels, classes, settings, frames, average)
        self.to(memory_format=torch.channels_last)


def parameter_count(module: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
