"""Settings of the targets of a next generation."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from resed.settings.base import Fraction, Strict
from resed.settings.decode import MOST_FRAMES

LARGEST_SIGMA = 1000.0  # frames


class DistilSettings(Strict):
    """How posteriors of teachers become targets. The order is gate, median, Gaussian, hard."""

    # posteriors: frames of the teachers; tags: the tag targets, repeated to all frames
    frames: Literal["none", "posteriors", "tags"] = "none"
    # labels: posteriors of classes that are absent by the labels become 0; own: of classes whose
    # tag posterior is below 0.5
    gate: Literal["none", "labels", "own"] = "none"
    median: Annotated[int, Field(ge=0, le=MOST_FRAMES)] = 0  # frames, odd; 0: no filter
    gaussian: Annotated[float, Field(ge=0, le=LARGEST_SIGMA)] = 0.0  # sigma in frames; 0: no filter
    # Posteriors from the threshold of the class on become 1, others 0; empty: soft targets
    hard: dict[str, Fraction] = {}
    # Where `hard` comes from. teacher: the tag thresholds of the only teacher, which was trained
    # with schedule.tag_thresholds
    thresholds: Literal["given", "teacher"] = "given"
    # A control: labels with the mean of positives and of negatives that the posteriors have
    labels_smoothed: bool = False
    # Onsets and offsets of strong labels on the grid of frames, as objective.strong.rounding
    rounding: Literal["nearest", "down"] = "nearest"

    @field_validator("median")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value and value % 2 == 0:
            raise ValueError("must be odd, so that the filter is centred; use 0 for none")
        return value

    @model_validator(mode="after")
    def _one_source_of_thresholds(self) -> "DistilSettings":
        if self.hard and self.thresholds == "teacher":
            raise ValueError("hard must be empty with thresholds: teacher")
        return self
