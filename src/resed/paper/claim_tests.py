"""The kinds of tests that decide claims, closed and typed.

A test compares systems of config/systems, or such a system with one reading changed. `resed.judge`
has the rule of each kind.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.paper.claim_fields import Cells, Labels, Pairs, Reference
from resed.paper.generation_tests import (
    ClassCounts,
    ClassSplit,
    Diminishing,
    FrameRuns,
    GainByBase,
    Monotone,
    RelativeMargin,
)
from resed.settings import Strict

UNBOUNDED = ("fewest", "short", "deviates")


class Better(Pairs):
    """The first beats the second."""

    kind: Literal["better"]


class PrintedGain(Strict):
    """A gain that the text states, in points of F1."""

    metric: str
    split: str = ""  # empty: the last of the paper
    event_label: str | None = None
    points: float


class Margin(Strict):
    """The first beats the second by the stated gains."""

    kind: Literal["margin"]
    first: Reference
    second: Reference
    gains: Annotated[list[PrintedGain], Field(min_length=1)]


class Range(Cells):
    """Every gain of the first over the second lies between two bounds, in points."""

    kind: Literal["range"]
    first: Reference
    second: Reference
    low: float
    high: float | None = None


class NoGain(Pairs):
    """The first does not improve on the second: it gains less than `margin` points."""

    kind: Literal["no_gain"]
    margin: Annotated[float, Field(gt=0)]


class BestOf(Cells):
    """No other row is better than `best`."""

    kind: Literal["best_of"]
    best: Reference
    others: Annotated[list[Reference], Field(min_length=1)]


class Sensitive(Cells):
    """On each metric two of the systems differ by at least `points`."""

    kind: Literal["sensitive"]
    systems: Annotated[list[Reference], Field(min_length=2)]
    points: Annotated[float, Field(gt=0)]


class MetricGain(Strict):
    """The gain of the first over the second is the largest (or smallest) on one metric."""

    kind: Literal["metric_gain"]
    first: Reference
    second: Reference
    end: Literal["largest", "smallest"]
    metric: str
    splits: list[str] = []


class Classes(Strict):
    """The first beats the second in all classes except `outside`, in most, or in all but one.

    `share`: all, most (more than half), almost_all (all but one), or the least share of the
    classes.
    """

    kind: Literal["classes"]
    first: Reference
    second: Reference
    metrics: list[str] = []
    share: Literal["all", "most", "almost_all"] | Annotated[float, Field(gt=0, lt=1)]
    outside: list[str] = []
    split: str = ""  # empty: the last of the paper


class ClassGain(Strict):
    """Macro-averaged over `classes` the first gains more over the second than over the others."""

    kind: Literal["class_gain"]
    first: Reference
    second: Reference
    metrics: list[str] = []
    classes: Labels
    split: str = ""  # empty: the last of the paper


class Extreme(Strict):
    """The classes `classes` have the lowest (or highest) F1 of all classes."""

    kind: Literal["extreme"]
    system: Reference
    metric: str
    end: Literal["lowest", "highest"]
    classes: Labels
    split: str = ""  # empty: the last of the paper


class Steadier(Cells):
    """The first varies less between seeds than the second."""

    kind: Literal["steadier"]
    first: Reference
    second: Reference


class Progress(Strict):
    """By the end of stage one, each of `classes` made at least `share` of its progress."""

    kind: Literal["progress"]
    system: str
    classes: Labels
    share: Annotated[float, Field(gt=0, le=1)]


class EarlyGain(Strict):
    """The first gains more over the second in the first `part` of the epochs than in the last."""

    kind: Literal["early_gain"]
    first: str
    second: str
    part: Annotated[float, Field(gt=0, le=0.5)]


class TeacherTags(Strict):
    """The teacher's clip tags are better than the student's, before any filter."""

    kind: Literal["teacher_tags"]
    system: Reference
    splits: list[str] = []


class Parameters(Strict):
    """The student has fewer trainable parameters than the teacher, or fewer operations per clip."""

    kind: Literal["parameters"]
    system: str
    measure: Literal["parameters", "operations"] = "parameters"


class Annotations(Strict):
    """A property of the strong training events.

    fewest: each of `classes` has the fewest events. short: the mean duration of each is below the
    median of the mean durations of all classes. imbalance: the largest class has at least `bound`
    times the events of the smallest. spread: in each, the 90th percentile of duration is at least
    `bound` times the 10th. windows: in each, the event-specific window differs from the average one
    by at least the share `bound`. closer: in each, more than the share `bound` of the events is
    closer to the event-specific duration than to the mean. deviates: the event-specific duration of
    each deviates more from the median duration of its evaluation events than in the median of all
    classes. Empty `classes`: all classes.
    """

    kind: Literal["annotations"]
    quantity: Literal["fewest", "short", "imbalance", "spread", "windows", "closer", "deviates"]
    classes: list[str] = []
    bound: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Annotations":
        if (self.bound is None) != (self.quantity in UNBOUNDED):
            raise ValueError(f"set bound for all quantities except {', '.join(UNBOUNDED)}")
        return self


class Confusion(Strict):
    """The diagonal of the tag confusion matrix lies between two shares in each of `classes`."""

    kind: Literal["confusion"]
    system: str
    classes: Labels
    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]


class Weights(Strict):
    """In the focal loss of a system, classes with lower posteriors get higher weights."""

    kind: Literal["weights"]
    system: str


Test = Annotated[
    Better
    | Margin
    | Range
    | NoGain
    | BestOf
    | Sensitive
    | MetricGain
    | Classes
    | ClassGain
    | Extreme
    | Steadier
    | Progress
    | EarlyGain
    | TeacherTags
    | Parameters
    | Annotations
    | Confusion
    | Weights
    | RelativeMargin
    | Monotone
    | Diminishing
    | ClassCounts
    | GainByBase
    | ClassSplit
    | FrameRuns,
    Field(discriminator="kind"),
]


def labels_of(test: Test) -> list[str]:
    """Classes that a test names."""
    of_gains = [gain.event_label for gain in getattr(test, "gains", ()) if gain.event_label]
    return [*getattr(test, "classes", ()), *getattr(test, "outside", ()), *of_gains]


def references(test: Test) -> list[Reference]:
    """All systems that a test compares, in its order."""
    found = [side for pair in getattr(test, "pairs", ()) for side in pair]
    names = ("first", "second", "best", "system", "control")
    found += [getattr(test, name) for name in names if hasattr(test, name)]
    return [*found, *getattr(test, "others", ()), *getattr(test, "systems", ())]
