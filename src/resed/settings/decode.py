"""Settings of decoding. Row numbers refer to the tables of docs/readings.md."""

from typing import Annotated, Literal

from pydantic import Field

from resed.settings.base import Fraction, Strict

MOST_FRAMES = 36_000  # of a window, ten minutes at 60 frames per second
MOST_EVENTS = 10**9  # of a class
MOST_LOST_HEADS = 20  # of Mean Teacher, predicted for every clip


class DecodeSettings(Strict):
    """Rows 8, 9, 10, 22 and 23: from posteriors to events and tags."""

    windows: Literal["average", "esp"] = "average"
    gate: Literal["student", "teacher", "soft", "none"] = "student"
    filter: Literal["two_pass", "one_pass", "opening_closing", "none"] = "two_pass"
    # W_c in frames. odd: the nearest odd number; guided: rounded down twice, even numbers included
    # (Guided Learning); fixed: `fixed_window` for every class (Mean Teacher)
    window_frames: Literal["odd", "guided", "fixed"] = "odd"
    fixed_window: Annotated[int, Field(ge=1, le=MOST_FRAMES)] = 5  # frames
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
