"""Every setting of a system as a closed, typed tree: what the paper leaves open is a key here.

Rows in comments are those of the table of ambiguities in docs/readings.md; the defaults are argued
there. All models refuse unknown keys.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


class Strict(BaseModel):
    """A closed and frozen settings object."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FeatureSettings(Strict):
    """Log-mel features, row 1: 64 mels and 600 frames for 10 s (hop 735 at 44.1 kHz)."""

    sample_rate: Positive = 44100  # Hz
    n_fft: Positive = 2048  # samples
    window: Positive = 1764  # samples: 40 ms
    hop: Positive = 735  # samples: 16.67 ms
    n_mels: Positive = 64
    f_min: Annotated[float, Field(ge=0)] = 0.0  # Hz
    f_max: Annotated[float, Field(gt=0)] = 22050.0  # Hz
    frames: Positive = 600  # a clip
    spectrum: Literal["magnitude", "power"] = "magnitude"
    floor: Annotated[float, Field(gt=0)] = 2.2e-16  # added before the natural logarithm

    @model_validator(mode="after")
    def _consistent(self) -> "FeatureSettings":
        if self.window > self.n_fft:
            raise ValueError(f"window {self.window} exceeds n_fft {self.n_fft}; lower the window")
        if not self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError("f_min < f_max <= sample_rate / 2 must hold; lower f_max")
        return self

    @property
    def seconds_per_frame(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.sample_rate

    @property
    def seconds(self) -> float:
        """Seconds of a clip."""
        return self.frames * self.hop / self.sample_rate


class TeacherSettings(Strict):
    """Row 2: five double-layer blocks that compress 600 frames to 6."""

    channels: list[Positive] = [16, 32, 64, 128, 256]
    pools: list[tuple[Positive, Positive]] = [(5, 4), (5, 2), (2, 2), (2, 2), (1, 1)]
    last_kernel: Literal[1, 3] = 1  # Guided Learning keeps 1 x 1 in its last block
    last_layers: Literal[1, 2] = 2  # "double-layer blocks"; Guided Learning has 1
    dropout: Fraction = 0.3

    @model_validator(mode="after")
    def _consistent(self) -> "TeacherSettings":
        if len(self.channels) != len(self.pools):
            raise ValueError("channels and pools must be of one length: one entry a block")
        return self


class StudentSettings(Strict):
    """Row 3: three single-layer blocks without temporal compression."""

    channels: list[Positive] = [160, 160, 160]
    kernels: list[Literal[1, 3, 5, 7]] = [5, 5, 3]
    pool_mels: Positive = 4
    dropout: Fraction = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> "StudentSettings":
        if len(self.channels) != len(self.kernels):
            raise ValueError("channels and kernels must be of one length: one entry a block")
        return self


class RecurrentSettings(Strict):
    """Rows 4 and 7: BGRUs after the CNN, in the AT branch of both models."""

    enabled: bool = True
    layers: Positive = 2
    hidden: Positive = 128  # a direction
    average_frames: Positive = 1  # student frames averaged before its BGRU: 600 steps are slow
    projection: Annotated[int, Field(ge=0)] = 0  # > 0: a Linear of this size before the BGRU


class TagHeadSettings(Strict):
    """Row 5: Linear and attention pooling of the AT branch."""

    hidden: Positive = 256
    activation: Literal["relu", "none"] = "relu"
    # guided: the head of Guided Learning (cATP), which has no Linear of its own
    pooling: Literal["attention_time", "softmax_classes", "guided", "mean"] = "attention_time"


class FrameHeadSettings(Strict):
    """Row 6: Linear with "larger hidden states", then one small FC a class, on CNN features."""

    hidden: Positive = 256
    class_hidden: Annotated[int, Field(ge=0)] = 0  # > 0: the small FCs have two layers


class DisentangledSettings(Strict):
    """Rows 5 and 6: disentangled features of Guided Learning (Lin et al. 2019), off as in Liang.

    A class sees only the first dimensions of its head's input, the more of them the more training
    clips hold at most `most_classes` classes, this one among them.
    """

    enabled: bool = False
    minimum: Fraction = 0.04  # m: share of the dimensions that the rarest class would see
    most_classes: Positive = 1  # n


class ModelSettings(Strict):
    """Architecture. `width` scales every channel and hidden size, so that a laptop can run it."""

    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    # Over mel bins, as Guided Learning. standardise: without learned scale and shift, which cost a
    # fifth of a CPU step, since they alone need a gradient with respect to the input.
    input_norm: Literal["batch_norm", "standardise", "none"] = "batch_norm"
    teacher: TeacherSettings = TeacherSettings()
    student: StudentSettings = StudentSettings()
    recurrent: RecurrentSettings = RecurrentSettings()
    tag_head: TagHeadSettings = TagHeadSettings()
    frame_head: FrameHeadSettings = FrameHeadSettings()
    disentangled: DisentangledSettings = DisentangledSettings()


class WeakSettings(Strict):
    """Row 11: clip-level BCE of both models."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    clips: Literal["labelled", "weak"] = "labelled"  # labelled: weak and strong clips (eq. 4)


class StrongSettings(Strict):
    """Row 12: frame-level BCE on strong clips."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    # max, mean: pool the targets to the teacher's cells; repeat: its posteriors to 600 frames
    teacher: Literal["max", "mean", "repeat", "none"] = "max"


class ConsistencySettings(Strict):
    """Rows 13 and 14: clip-level consistency between teacher and student (eq. 3)."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    clips: Literal["all", "unlabeled"] = "all"
    targets: Literal["hard", "soft"] = "hard"
    loss: Literal["bce", "mse"] = "bce"
    alpha_place: Literal["outside", "inside"] = "outside"  # inside: BCE(a y, a p), Guided Learning
    alpha_lambda: Fraction = 0.996
    alpha_start: Annotated[int, Field(ge=0)] = 30  # s, epochs


class BetaSettings(Strict):
    """Row 15: beta = maximum * exp(-5 (1 - x)^2)."""

    maximum: Annotated[float, Field(ge=0)] = 1.0
    # half: x = step / (half of all steps); full: epoch / epochs; epochs: epoch / ramp_epochs
    ramp: Literal["half", "full", "epochs", "constant"] = "half"
    ramp_epochs: Positive = 30


class DistillationSettings(Strict):
    """Rows 16 and 17: distillation of deep features (eqs. 1, 2 and 5)."""

    tfd: bool = False
    dfd: Literal["none", "mse", "distance"] = "none"
    dfd_clips: Literal["all", "weak_unlabeled"] = "all"
    tfd_weight: Annotated[float, Field(ge=0)] = 1.0  # beside beta, which both share
    dfd_weight: Annotated[float, Field(ge=0)] = 1.0
    beta: BetaSettings = BetaSettings()
    # hint: teacher detached, W_t frozen orthonormal, W_s trained; literal: both trained, nothing
    # detached (collapses); frozen: both frozen orthonormal, nothing detached
    reading: Literal["hint", "literal", "frozen"] = "hint"
    distance: Literal["euclidean", "rows_normalised", "mse_batch_norm"] = "euclidean"
    align: Literal["repeat", "pool", "linear"] = "repeat"  # teacher's 6 cells and 600 frames
    average: Literal["frames", "active"] = "frames"  # 1/T as printed, or over the mask
    dimension: Positive = 128


class FocalSettings(Strict):
    """Row 18: the adaptive focal loss of stage two (eq. 4)."""

    enabled: bool = False
    gamma: Annotated[float, Field(gt=0)] = 2.0
    form: Literal["printed", "standard"] = "printed"  # 1 - p^gamma, or (1 - p)^gamma
    detach_weight: bool = False
    positives_only: bool = False


class ObjectiveSettings(Strict):
    """The sum of losses (eqs. 3, 5 and 6)."""

    weak: WeakSettings = WeakSettings()
    strong: StrongSettings = StrongSettings()
    consistency: ConsistencySettings = ConsistencySettings()
    distillation: DistillationSettings = DistillationSettings()
    focal: FocalSettings = FocalSettings()


class BatchSettings(Strict):
    """Row 20: clips a batch from each training role.

    strata: each role has this many clips in every batch. random: only their sum holds, and clips
    are drawn from all roles together (Guided Learning); a loss without a clip is then 0.
    """

    sampling: Literal["strata", "random"] = "strata"
    weak: Positive = 6
    strong: Positive = 8
    unlabeled: Positive = 50


class AugmentSettings(Strict):
    """Beyond the paper, off by default: what makes few recordings go further."""

    roll: bool = False  # shift a clip and its labels around in time
    gain: Annotated[float, Field(ge=0)] = 0.0  # natural-log units, standard deviation a clip
    filter: Annotated[float, Field(ge=0)] = 0.0  # natural-log units, smooth random equaliser
    mixup: Fraction = 0.0  # share of clips added to another of the same role
    mel_mask: Annotated[int, Field(ge=0)] = 0  # mel bands masked a clip, at most


class ScheduleSettings(Strict):
    """Rows 19 to 21: epochs, stages, optimiser, batches, noise, selection."""

    epochs: Positive = 200
    stage_one: Annotated[int, Field(ge=0)] = 15  # tau: epochs before the focal loss
    steps_per_epoch: Positive | Literal["longest", "shortest"] = "longest"
    batch: BatchSettings = BatchSettings()
    learning_rate: Annotated[float, Field(gt=0)] = 0.0018
    decay: Annotated[float, Field(gt=0, le=1)] = 0.8
    decay_every: Positive = 20  # epochs
    reset_moments: bool = False  # forget Adam's moments at each decay, as Guided Learning's code
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    teacher_noise: Annotated[float, Field(ge=0)] = 0.15  # Gaussian, on the teacher's log-mels
    augment: AugmentSettings = AugmentSettings()
    selection: Literal["last", "held_out", "development"] = "last"
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of labelled clips kept aside
    evaluate_every: Positive = 1  # epochs between development scores in the history
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 on CUDA only

    @model_validator(mode="after")
    def _consistent(self) -> "ScheduleSettings":
        if self.selection == "held_out" and self.held_out == 0:
            raise ValueError("selection held_out needs held_out > 0; set schedule.held_out: 0.2")
        return self


class DecodeSettings(Strict):
    """Rows 8, 9, 10, 22 and 23: from posteriors to events and tags."""

    windows: Literal["average", "esp"] = "average"
    gate: Literal["student", "teacher", "soft", "none"] = "student"
    filter: Literal["two_pass", "one_pass", "opening_closing", "none"] = "two_pass"
    tag_threshold: Fraction = 0.5
    frame_threshold: Fraction = 0.5


class SystemSettings(Strict):
    """One system: model, objective, schedule and decoding recombine freely."""

    model: ModelSettings = ModelSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    decode: DecodeSettings = DecodeSettings()
