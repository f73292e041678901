"""Settings of the losses. Row numbers refer to the tables of docs/readings.md."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.settings.base import Epochs, EpochsFromZero, Fraction, Strict, Width


class WeakSettings(Strict):
    """Row 11: clip-level BCE of both models."""

    weight: Annotated[float, Field(ge=0)]
    clips: Literal["labelled", "weak"]  # labelled: weak and strong clips (eq. 4)
    # chosen: mean over these clips; batch: their sum, divided by all clips of the batch (Guided
    # Learning)
    average: Literal["chosen", "batch"]


class StrongSettings(Strict):
    """Row 12: frame-level BCE on strong clips."""

    weight: Annotated[float, Field(ge=0)]
    # max, mean: targets pooled to the teacher's cells; repeat: its posteriors repeated to frames
    teacher: Literal["max", "mean", "repeat", "none"]
    # Times to frames. nearest: rounded to the nearest frame, at least one frame per event; down:
    # both rounded down, so that events shorter than a frame are lost (Mean Teacher).
    rounding: Literal["nearest", "down"]


class ConsistencySettings(Strict):
    """Rows 13 and 14: clip-level consistency between teacher and student (eq. 3)."""

    weight: Annotated[float, Field(ge=0)]
    clips: Literal["all", "unlabeled"]
    average: Literal["chosen", "batch"]  # as in weak
    targets: Literal["hard", "soft"]
    loss: Literal["bce", "mse"]
    alpha_place: Literal["outside", "inside"]  # inside: BCE(a y, a p), Guided Learning
    alpha_lambda: Fraction
    alpha_start: EpochsFromZero  # s, epochs


class BetaSettings(Strict):
    """Row 15: beta = maximum * exp(-5 (1 - x)^2)."""

    maximum: Annotated[float, Field(ge=0)]
    # half: x = step / (half of all steps); full: epoch / epochs; epochs: epoch / ramp_epochs
    ramp: Literal["half", "full", "epochs", "constant"]
    ramp_epochs: Epochs


class DistillationSettings(Strict):
    """Rows 16 and 17: distillation of deep features (eqs. 1, 2 and 5)."""

    tfd: bool = False
    dfd: Literal["none", "mse", "distance"] = "none"
    dfd_clips: Literal["all", "weak_unlabeled"]
    tfd_weight: Annotated[float, Field(ge=0)]  # multiplied by beta, which both share
    dfd_weight: Annotated[float, Field(ge=0)]
    beta: BetaSettings
    # hint: teacher detached, W_t orthonormal and frozen, W_s trained; literal: both trained,
    # nothing detached (collapses); frozen: both orthonormal and frozen, nothing detached
    reading: Literal["hint", "literal", "frozen"]
    distance: Literal["euclidean", "rows_normalised", "mse_batch_norm"]
    align: Literal[
        "repeat", "pool", "linear"
    ]  # how the teacher's 6 cells and the 600 frames are aligned
    average: Literal["frames", "active"]  # mean over all frames (1/T), or over active frames
    dimension: Width


class FocalSettings(Strict):
    """Row 18: the adaptive focal loss of stage two (eq. 4)."""

    enabled: bool = False
    gamma: Annotated[float, Field(gt=0)]
    form: Literal["printed", "standard"]  # 1 - p^gamma, or (1 - p)^gamma
    detach_weight: bool = False
    positives_only: bool = False


class MeanTeacherSettings(Strict):
    """Consistency with the moving average of the student (Tarvainen and Valpola, 2017)."""

    consistency: Annotated[float, Field(ge=0)]  # largest weight, of the clip and the frame loss
    ramp: Annotated[float, Field(gt=0, le=1)]  # share of all steps in which it increases
    decay: Fraction  # of the moving average, per step; at most 1 - 1/(step + 1)
    # Statistics of the teacher's batch normalisation. own: of its own batches; averaged: the moving
    # average of those of the student, so that the teacher computes nothing without consistency
    statistics: Literal["own", "averaged"] = "own"
    # The weights that the checkpoint has for both networks; student: each has its own
    final: Literal["student", "teacher"] = "student"


class SingleSettings(Strict):
    """Weights of the losses of a network that is trained alone, on labels or on targets."""

    tags: Annotated[float, Field(ge=0)] = 1.0  # of clip-level BCE
    frames: Annotated[float, Field(ge=0)] = 0.0  # of frame-level BCE
    # all: every clip of a batch must have the target of each loss; labelled: a loss is that of the
    # clips that have its target. Left out of checkpoints at its default, as before it existed.
    clips: Annotated[Literal["all", "labelled"], Field(exclude_if=lambda clips: clips == "all")] = (
        "all"
    )

    @model_validator(mode="after")
    def _some(self) -> "SingleSettings":
        if not self.tags + self.frames:
            raise ValueError("tags or frames must be above 0")
        return self


class ObjectiveSettings(Strict):
    """The sum of losses (eqs. 3, 5 and 6).

    `mean_teacher` and `single` have an effect only in these frameworks.
    """

    # Limit of posteriors before a logarithm: [limit, 1 - limit]; where a posterior is beyond it,
    # the loss has no gradient. 0: losses of logits, without a limit; 1e-7: Keras (Guided Learning)
    posterior_limit: Annotated[float, Field(ge=0, lt=0.5)]
    weak: WeakSettings
    strong: StrongSettings
    consistency: ConsistencySettings
    distillation: DistillationSettings
    focal: FocalSettings
    mean_teacher: MeanTeacherSettings
    single: SingleSettings = SingleSettings()
