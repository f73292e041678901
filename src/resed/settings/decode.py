"""Settings of decoding. Row numbers refer to the tables of docs/readings.md."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from resed.settings.base import Fraction, Strict

MOST_FRAMES = 36_000  # of a window, ten minutes at 60 frames per second
MOST_EVENTS = 10**9  # of a class
MOST_LOST_HEADS = 20  # of Mean Teacher, predicted for every clip
MOST_CHOICES = 100  # windows, or thresholds, of a search
Frames = Annotated[int, Field(ge=1, le=MOST_FRAMES)]


class SearchSettings(Strict):
    """Windows and thresholds that are chosen on development by event-based F1.

    If several are equal, the first window and then the first threshold of the lists is chosen.
    """

    windows: Annotated[list[Frames], Field(min_length=1, max_length=MOST_CHOICES)]  # frames, odd
    thresholds: Annotated[list[Fraction], Field(min_length=1, max_length=MOST_CHOICES)]
    # all: the one that is best for the mean over the classes; class: the best one of each class
    window: Literal["all", "class"]
    threshold: Literal["all", "class"]

    @field_validator("windows")
    @classmethod
    def _odd(cls, values: list[int]) -> list[int]:
        if any(value % 2 == 0 for value in values):
            raise ValueError("must be odd, so that the filter is centred")
        return values

    @field_validator("windows", "thresholds")
    @classmethod
    def _unique(cls, values: list[float]) -> list[float]:
        if len({*values}) < len(values):
            raise ValueError("must not have a value twice")
        return values


class DecodeSettings(Strict):
    """Rows 8, 9, 10, 22 and 23: from posteriors to events and tags."""

    windows: Literal["average", "esp"] = "average"
    gate: Literal["student", "teacher", "soft", "none"] = "student"
    filter: Literal["two_pass", "one_pass", "opening_closing", "none"] = "two_pass"
    # Frames beyond the ends of a clip in the median filters. reflect: mirrored; zeros: inactive, as
    # in scipy.signal.medfilt (the baseline of DCASE 2018)
    filter_edges: Literal["reflect", "zeros"] = "reflect"
    # W_c in frames. odd: the nearest odd number; guided: rounded down twice, even numbers included
    # (Guided Learning); fixed: `fixed_window` for every class (Mean Teacher)
    window_frames: Literal["odd", "guided", "fixed"] = "odd"
    fixed_window: Frames = 5  # frames
    # Tags: classes with an active frame after the filters, or classes by their clip posterior
    tags: Literal["after_filters", "clip"] = "after_filters"
    # lost: tags of a random attention head, because the baseline's checkpoints lack the trained one
    attention_head: Literal["kept", "lost"] = "kept"
    # Random heads whose clip posteriors are averaged, so that no single draw decides the tags
    lost_heads: Annotated[int, Field(ge=1, le=MOST_LOST_HEADS)] = 10
    tag_threshold: Fraction = 0.5
    frame_threshold: Fraction = 0.5
    # Not in the paper: in rows with a threshold per class, a class with fewer events on development
    # has the threshold that is best for all classes. With 20 events, F1 has a standard error of 0.1
    class_threshold_events: Annotated[int, Field(ge=1, le=MOST_EVENTS)] = 20
    # Windows and thresholds are chosen on development and replace those above; null: they are not
    search: SearchSettings | None = None

    @property
    def calibrated(self) -> bool:
        """Whether decoding uses the windows of `resed calibrate`, from strong training events."""
        fixed = self.search is not None or self.window_frames == "fixed"
        return self.filter != "none" and not fixed

    @model_validator(mode="after")
    def _consistent(self) -> "DecodeSettings":
        if self.filter_edges == "zeros" and self.filter == "opening_closing":
            raise ValueError("filter_edges zeros requires a median filter; set filter: one_pass")
        if self.search and self.search.windows != [1] and self.filter == "none":
            raise ValueError("search.windows must be [1] without a filter; set filter: one_pass")
        return self
