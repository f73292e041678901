"""Losses. Rows in comments: the table in docs/readings.md."""

from typing import Annotated, Literal

from pydantic import Field

from resed.settings.base import Fraction, Positive, Strict


class WeakSettings(Strict):
    """Row 11: clip-level BCE of both models."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    clips: Literal["labelled", "weak"] = "labelled"  # labelled: weak and strong clips (eq. 4)
    # chosen: mean over those clips; batch: their sum over all clips of the batch (Guided Learning)
    average: Literal["chosen", "batch"] = "chosen"


class StrongSettings(Strict):
    """Row 12: frame-level BCE on strong clips."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    # max, mean: pool the targets to the teacher's cells; repeat: its posteriors to 600 frames
    teacher: Literal["max", "mean", "repeat", "none"] = "max"
    # Times to frames: to the nearest, an event keeping at least one frame; or both rounded down,
    # so that events shorter than a frame vanish (Mean Teacher).
    rounding: Literal["nearest", "down"] = "nearest"


class ConsistencySettings(Strict):
    """Rows 13 and 14: clip-level consistency between teacher and student (eq. 3)."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    clips: Literal["all", "unlabeled"] = "all"
    average: Literal["chosen", "batch"] = "chosen"  # as in weak
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


class MeanTeacherSettings(Strict):
    """Consistency with the moving average of the student (Tarvainen and Valpola, 2017)."""

    consistency: Annotated[float, Field(ge=0)] = 2.0  # largest weight, of clips and frames alike
    ramp: Annotated[float, Field(gt=0, le=1)] = 0.5  # share of all steps over which it rises
    decay: Fraction = 0.999  # of the moving average, a step; 1 - 1/(step + 1) while that is less


class ObjectiveSettings(Strict):
    """The sum of losses (eqs. 3, 5 and 6); `mean_teacher` acts in that framework alone."""

    weak: WeakSettings = WeakSettings()
    strong: StrongSettings = StrongSettings()
    consistency: ConsistencySettings = ConsistencySettings()
    distillation: DistillationSettings = DistillationSettings()
    focal: FocalSettings = FocalSettings()
    mean_teacher: MeanTeacherSettings = MeanTeacherSettings()
