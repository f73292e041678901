"""Epochs, stages, optimiser, batches, noise, selection (rows: docs/readings.md)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.settings.base import Fraction, Positive, Strict


class BatchSettings(Strict):
    """Row 20: clips a batch from each training role.

    strata: each role has this many clips in every batch. random: only their sum holds, and clips
    are drawn from all roles together (Guided Learning); a loss without a clip is then 0.
    """

    sampling: Literal["strata", "random"]
    weak: Positive
    strong: Positive
    unlabeled: Positive


class AugmentSettings(Strict):
    """Beyond the paper, off by default: what makes few recordings go further."""

    roll: bool = False  # shift a clip and its labels around in time
    gain: Annotated[float, Field(ge=0)] = 0.0  # natural-log units, standard deviation a clip
    filter: Annotated[float, Field(ge=0)] = 0.0  # natural-log units, smooth random equaliser
    mixup: Fraction = 0.0  # share of clips added to another of the same role
    mel_mask: Annotated[int, Field(ge=0)] = 0  # mel bands masked a clip, at most


class ScheduleSettings(Strict):
    """Rows 19 to 21: epochs, stages, optimiser, batches, noise, selection."""

    epochs: Positive
    stage_one: Annotated[int, Field(ge=0)]  # tau: epochs before the focal loss
    # longest: until every clip was seen; shortest: while every role has clips for a full batch
    steps_per_epoch: Positive | Literal["longest", "shortest"]
    batch: BatchSettings
    learning_rate: Annotated[float, Field(gt=0)]
    decay: Annotated[float, Field(gt=0, le=1)]
    decay_every: Positive  # epochs
    reset_moments: bool = False  # forget Adam's moments at each decay, as Guided Learning's code
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    teacher_noise: Annotated[float, Field(ge=0)]  # on the teacher's input, deviation
    # gaussian: added to log-mels; absolute: its absolute value, on mel magnitudes (Mean Teacher)
    noise: Literal["gaussian", "absolute"]
    augment: AugmentSettings = AugmentSettings()
    selection: Literal["last", "held_out", "development"]
    # What the best epoch is best at: the student's tag F1; that plus frame F1; or, as Mean Teacher,
    # event F1 on held-out strong clips plus tag F1 on held-out weak ones
    selection_score: Literal["tags", "tags_frames", "events_weak"]
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of labelled clips kept aside
    evaluate_every: Positive = 1  # epochs between development scores in the history
    # Of training and prediction alike; recurrent layers and guided heads are float32 in any case.
    # auto: bfloat16 on GPUs that have it (compute capability 8.0 and above), TF32 for what is not;
    # float32: without TF32; bfloat16: on any device
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    @model_validator(mode="after")
    def _consistent(self) -> "ScheduleSettings":
        if self.selection == "held_out" and self.held_out == 0:
            raise ValueError("selection held_out needs held_out > 0; set schedule.held_out: 0.2")
        if self.selection_score == "events_weak" and self.selection == "development":
            raise ValueError("selection_score events_weak needs selection: held_out")
        return self
