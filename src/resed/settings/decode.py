"""From posteriors to events and tags. Rows in comments: the table in docs/readings.md."""

from typing import Literal

from resed.settings.base import Fraction, Positive, Strict


class DecodeSettings(Strict):
    """Rows 8, 9, 10, 22 and 23: from posteriors to events and tags."""

    windows: Literal["average", "esp"] = "average"
    gate: Literal["student", "teacher", "soft", "none"] = "student"
    filter: Literal["two_pass", "one_pass", "opening_closing", "none"] = "two_pass"
    # W_c in frames: the nearest odd number; or rounded down twice as in Guided Learning's code,
    # even numbers included; or `fixed_window` for every class (Mean Teacher)
    window_frames: Literal["odd", "guided", "fixed"] = "odd"
    fixed_window: Positive = 5  # frames
    # AT of the tables: a class with an active frame left after the filters, or the clip posterior
    tags: Literal["after_filters", "clip"] = "after_filters"
    # lost: tags by a fresh attention head, as the baseline's checkpoints drop the trained one
    attention_head: Literal["kept", "lost"] = "kept"
    tag_threshold: Fraction = 0.5
    frame_threshold: Fraction = 0.5
