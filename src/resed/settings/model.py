"""Settings of the networks. Row numbers refer to the tables of docs/readings.md."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.settings.base import MOST_BLOCKS, Fraction, Layers, Pool, Strict, Width
from resed.settings.own import OwnSettings
from resed.settings.single import FrameCrnnSettings, WelsSettings

Role = Literal["weak", "strong", "unlabeled", "out_of_domain"]


def scaled(size: int, width: float) -> int:
    """`size` times `width`, rounded up to a multiple of 8 (vector units); exact at width 1."""
    if width == 1:
        return size
    return max(8, -(-int(size * width) // 8) * 8)


class _Blocks(Strict):
    """Convolution blocks: lists with one entry per block."""

    channels: Annotated[list[Width], Field(max_length=MOST_BLOCKS)]

    @model_validator(mode="after")
    def _one_entry_per_block(self) -> "_Blocks":
        other = "pools" if "pools" in type(self).model_fields else "kernels"
        if len(self.channels) != len(getattr(self, other)):
            raise ValueError(f"channels and {other} must have the same length, one entry per block")
        return self


class TeacherSettings(_Blocks):
    """Row 2: five double-layer blocks that compress 600 frames to 6."""

    pools: Annotated[list[tuple[Pool, Pool]], Field(max_length=MOST_BLOCKS)]  # frames, mels
    last_kernel: Literal[1, 3]  # Guided Learning: 1 x 1
    last_layers: Literal[1, 2]  # the paper: "double-layer blocks"; Guided Learning: 1
    dropout: Fraction


class StudentSettings(_Blocks):
    """Row 3: three single-layer blocks without temporal compression."""

    kernels: Annotated[list[Literal[1, 3, 5, 7]], Field(max_length=MOST_BLOCKS)]
    pool_mels: Pool
    dropout: Fraction = 0.0


class RecurrentSettings(Strict):
    """Rows 4 and 7: BGRUs after the CNN, in the AT branch of both models."""

    enabled: bool
    layers: Layers
    hidden: Width  # per direction
    average_frames: Pool = 1  # frames averaged before the student's BGRU
    # > 0: size of a linear layer before the BGRU
    projection: Annotated[int, Field(ge=0, le=4096)] = 0


class TagHeadSettings(Strict):
    """Row 5: linear layer and attention pooling of the AT branch."""

    hidden: Width
    activation: Literal["relu", "none"]
    # guided: the head of Guided Learning (cATP), which has no linear layer
    pooling: Literal["attention_time", "softmax_classes", "guided", "mean"]


class FrameHeadSettings(Strict):
    """Row 6: linear layer with "larger hidden states", then a small layer per class."""

    # separate: its own branch; attention: the attention logits of the guided tag head (Lin et al.)
    source: Literal["separate", "attention"]
    hidden: Width
    class_hidden: Annotated[int, Field(ge=0, le=4096)] = 0  # > 0: each class has two small layers


class DisentangledSettings(Strict):
    """Rows 5 and 6: disentangled features of Guided Learning (Lin et al. 2019).

    A class uses only the first dimensions of the input of its head. Their number grows with the
    number of training clips that have the class and at most `most_classes` classes in total.
    """

    enabled: bool = False
    minimum: Fraction  # m: share of the dimensions for a class without such clips
    most_classes: Annotated[int, Field(gt=0, le=10_000)]  # n


class CrnnSettings(_Blocks):
    """The network of the official Mean-Teacher baseline (turpaultn/DCASE2019_task4)."""

    # Average pooling: frames, mels
    pools: Annotated[list[tuple[Pool, Pool]], Field(max_length=MOST_BLOCKS)]
    dropout: Fraction
    hidden: Width  # of the BGRU, per direction
    layers: Layers
    # gate: Linear(x) * sigmoid(x) over channels, as in the baseline; relu takes half of the time
    activation: Literal["gate", "relu"] = "gate"
    dropout_blocks: Literal["all", "none"] = "all"  # whether blocks have dropout, or only the heads


class ModelSettings(Strict):
    """Architecture. `width` scales every channel and hidden size, for example for a laptop.

    framework joint: two networks that guide each other (Guided Learning, Liang et al.);
    mean_teacher: two networks `crnn`, where the teacher is the moving average of the student;
    single: one network, `wels`, `frame_crnn` or `own`, whichever has settings.
    """

    framework: Literal["joint", "mean_teacher", "single"]
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    # Per mel band, as in Guided Learning. standardise: without learned scale and shift, which take
    # a fifth of a step on a CPU, because they require a gradient with respect to the input.
    # training_clips: by the statistics of the clips of `scaler`, with framework: single.
    input_norm: Literal["batch_norm", "standardise", "none", "training_clips"]
    # Role -> how often its clips count in these statistics (DCASE 2018: weak 2, unlabeled 1); has
    # an effect only there
    scaler: dict[Role, Annotated[int, Field(gt=0, le=1000)]] = {}
    teacher: TeacherSettings
    student: StudentSettings
    recurrent: RecurrentSettings
    tag_head: TagHeadSettings
    frame_head: FrameHeadSettings
    disentangled: DisentangledSettings
    crnn: CrnnSettings
    wels: WelsSettings | None = None
    frame_crnn: FrameCrnnSettings | None = None
    # A class of the user. Without one, the key is left out of checkpoints, as before it existed.
    own: Annotated[OwnSettings | None, Field(exclude_if=lambda own: own is None)] = None
    # PyTorch's rule, Glorot's (Keras, Guided Learning), that of the Mean-Teacher baseline, or
    # Glorot's with gain sqrt(2) for ReLU (the authors of WELS-Net).
    initialisation: Literal["pytorch", "glorot", "baseline", "glorot_relu"]
    norm_momentum: Fraction  # of batch normalisation, in PyTorch's convention
    norm_epsilon: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _consistent(self) -> "ModelSettings":
        if self.frame_head.source == "attention" and self.tag_head.pooling != "guided":
            raise ValueError("frame_head.source attention requires tag_head.pooling: guided")
        pooled = self.recurrent.enabled and self.recurrent.average_frames > 1
        if self.frame_head.source == "attention" and pooled:
            raise ValueError("frame_head.source attention requires recurrent.average_frames: 1")
        if self.input_norm == "training_clips" and not self.scaler:
            raise ValueError("input_norm: training_clips requires a role in scaler")
        if self.input_norm == "training_clips" and self.wels is None and self.frame_crnn is None:
            raise ValueError("input_norm: training_clips requires wels or frame_crnn")
        kinds = ("wels", "frame_crnn", "own")
        chosen = [name for name in kinds if getattr(self, name) is not None]
        if len(chosen) != (self.framework == "single"):
            raise ValueError(
                "framework single requires one of wels, frame_crnn and own, the others none"
            )
        return self
