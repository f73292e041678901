"""Settings of the training. Row numbers refer to the tables of docs/readings.md."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.settings.base import ClipsOrNone, Epochs, EpochsFromZero, Fraction, Strict

LARGEST = 1e30  # Adam computes in float32
MOST_STEPS = 1_000_000  # each has a row of losses in memory


class BatchSettings(Strict):
    """Row 20: clips per batch of each training role.

    strata: every batch has this number of clips of each role. random: the clips of a batch, whose
    number is the sum, are drawn from all roles together (Guided Learning); a loss without clips is
    then 0. balanced: as strata, but the clips of roles with labels are drawn class by class, each
    class equally often (resed.train.balanced); a batch may have a clip twice.
    """

    sampling: Literal["strata", "random", "balanced"]
    # Orders of the clips. continued: an epoch continues where the last one stopped, so that every
    # clip is used equally often; per_epoch: each epoch begins with new random orders, so that it
    # draws its clips from all of a role (Mean Teacher)
    orders: Literal["continued", "per_epoch"]
    weak: ClipsOrNone
    strong: ClipsOrNone
    unlabeled: ClipsOrNone
    out_of_domain: ClipsOrNone = 0


class AugmentSettings(Strict):
    """Data augmentation, which is not in the paper and off by default."""

    roll: bool = False  # circular shift of a clip and its labels in time
    gain: Annotated[float, Field(ge=0)] = 0.0  # natural-log units, standard deviation per clip
    filter: Annotated[float, Field(ge=0)] = 0.0  # natural-log units, smooth random filter per clip
    mixup: Fraction = 0.0  # share of clips to which another clip of the same role is added
    # Largest number of masked mel bands per clip
    mel_mask: Annotated[int, Field(ge=0, le=4096)] = 0
    # Largest shift of the mel bands of a clip, up or down; the outermost band is repeated
    mel_shift: Annotated[int, Field(ge=0, le=4096)] = 0


class ScheduleSettings(Strict):
    """Rows 19 to 21: epochs, stages, optimiser, batches, noise, selection."""

    epochs: Epochs
    stage_one: EpochsFromZero  # tau: epochs before the focal loss
    # longest: until every clip was used; shortest: until one role has no more full batch
    steps_per_epoch: Annotated[int, Field(gt=0, le=MOST_STEPS)] | Literal["longest", "shortest"]
    batch: BatchSettings
    learning_rate: Annotated[float, Field(gt=0, le=LARGEST)]
    # Epsilon of Adam: 1e-8 after the correction of the bias, or 1e-7 before it (Keras 2.1)
    adam: Literal["pytorch", "keras"] = "pytorch"
    decay: Annotated[float, Field(gt=0, le=1)]
    decay_every: Epochs  # epochs
    # Epochs by which every decay is delayed. Guided Learning lowers the rate after epoch 10, 20 and
    # so on, counted from 0: the first decayed epoch is 11.
    decay_delay: EpochsFromZero
    reset_moments: bool = False  # reset Adam's moments at each decay, as Guided Learning
    weight_decay: Annotated[float, Field(ge=0, le=LARGEST)] = 0.0
    # A larger loss ends the training as diverged, as in Mean Teacher's code
    largest_loss: Annotated[float, Field(gt=0)]
    teacher_noise: Annotated[float, Field(ge=0)]  # standard deviation, on the teacher's input
    # gaussian: on log-mels; absolute: absolute values, on mel magnitudes (Mean Teacher)
    noise: Literal["gaussian", "absolute"]
    augment: AugmentSettings = AugmentSettings()
    # Clips by which an epoch is selected; weak: all weak clips, on which the system is not trained
    selection: Literal["last", "held_out", "development", "weak"]
    # Score of an epoch. tags: tag F1 of the student; tags_frames: the sum of tag and frame F1;
    # map: mean average precision of the tags of the student;
    # events_weak: event F1 of held-out strong clips plus tag F1 of held-out weak ones (MT)
    selection_score: Literal["tags", "tags_frames", "events_weak", "map"]
    # Which of several epochs with the best score: the latest (Guided Learning), the first (MT)
    selection_ties: Literal["latest", "first"]
    # full_batches: only as many of them, from the first on, as fill batches of the training
    selection_clips: Literal["all", "full_batches"] = "all"
    selection_after: EpochsFromZero = 0  # epochs that are not selected
    # > 0: the training ends with the first epoch after so many others in which the score of the
    # best one of patience was not exceeded by more than patience_gain. Begins after selection_after
    patience: EpochsFromZero = 0
    patience_gain: Fraction = 0.01
    # Also thresholds of the tags: per class the best F1 of 0, 0.1 to 1 on these clips, the lowest
    # of equal ones. The checkpoint has them, for targets of resed distil --hard teacher
    tag_thresholds: bool = False
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of clips excluded from training
    # seeded: drawn by the seed of the training, their number is rounded. fixed: for all seeds,
    # the first of the sorted clips, shuffled by Python's generator with seed 0; rounded up
    held_out_split: Literal["seeded", "fixed"] = "seeded"
    evaluate_every: Epochs = 1  # epochs between development scores in the history
    # Of training and prediction; recurrent layers and guided heads are always float32. auto:
    # bfloat16 on GPUs that support it (compute capability 8.0 and above), TF32 for the rest;
    # float32: without TF32; bfloat16: on any device
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    @model_validator(mode="after")
    def _consistent(self) -> "ScheduleSettings":
        if self.selection == "held_out" and self.held_out == 0:
            raise ValueError("selection held_out requires held_out > 0; set schedule.held_out: 0.2")
        if self.selection_score == "events_weak" and self.selection == "development":
            raise ValueError("selection_score events_weak requires selection: held_out")
        if self.selection == "last" and (self.patience or self.tag_thresholds):
            key = "patience" if self.patience else "tag_thresholds"
            raise ValueError(f"{key} requires selection by a score; set schedule.selection")
        if self.selection == "weak" and (self.batch.weak or self.held_out):
            raise ValueError("selection weak requires batch.weak: 0 and held_out: 0")
        if self.selection == "weak" and self.selection_score not in ("tags", "map"):
            raise ValueError("selection weak requires selection_score: tags or map")
        return self
