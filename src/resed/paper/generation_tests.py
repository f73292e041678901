"""Kinds of tests that decide claims on generations of systems, and on shares of classes.

The metric of a test may be an F1, or mAP or mAUC of clip posteriors. The scores of a later
generation depend on those of its teacher, and seed k of every generation is of one chain.
Differences are therefore computed per seed.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.paper.claim_fields import Reference
from resed.settings import Strict

Systems = Annotated[list[Reference], Field(min_length=2)]


class OnMetric(Strict):
    """The metric and the split of a test."""

    metric: str
    split: str = ""  # empty: the last of the paper


class RelativeMargin(OnMetric):
    """The first beats the second by `percent` of the score of the second."""

    kind: Literal["relative_margin"]
    first: Reference
    second: Reference
    percent: float


class Monotone(OnMetric):
    """Each system scores at least as high as the one before it in the list."""

    kind: Literal["monotone"]
    systems: Systems


class Diminishing(OnMetric):
    """Each system gains less over the one before it than that gained over its own predecessor."""

    kind: Literal["diminishing"]
    systems: Annotated[list[Reference], Field(min_length=3)]


class RelativeBound(Strict):
    """How many classes have a relative gain beyond `percent`, as the paper counts them.

    Above it if `percent` is positive, below it if it is negative.
    """

    percent: float
    classes: Annotated[int, Field(ge=0)]
    of: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _of_all(self) -> "RelativeBound":
        if self.classes > self.of:
            raise ValueError("classes must not exceed of, the number of all classes")
        return self


class ClassCounts(OnMetric):
    """As large a share of the classes as stated gains more, or loses more, than each bound.

    A share agrees if it is at most `within` from the stated one.
    """

    kind: Literal["class_counts"]
    first: Reference
    second: Reference
    bounds: Annotated[list[RelativeBound], Field(min_length=1)]
    within: Annotated[float, Field(gt=0, lt=1)] = 0.05


class GainByBase(OnMetric):
    """Classes in which the second scores low gain more, relatively, than those where it is high.

    Regression to the mean gives that for any other training. `control` is such a training, for
    example the second system with another seed: the difference must exceed that of the control.

    edges: scores of the second, ascending as fractions, that separate the groups of classes.
    """

    kind: Literal["gain_by_base"]
    first: Reference
    second: Reference
    control: Reference
    edges: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _ascending(self) -> "GainByBase":
        if sorted(set(self.edges)) != self.edges:
            raise ValueError("edges must be ascending")
        return self


class ClassSplit(OnMetric):
    """Each of the systems is the best of them in at least `least` classes."""

    kind: Literal["class_split"]
    systems: Systems
    least: Annotated[int, Field(gt=0)]


class FrameRuns(Strict):
    """More than the share `bound` of the active runs of frame posteriors is shorter than `seconds`.

    Runs of consecutive frames at the frame threshold of the system, without gate and filter, on
    evaluation. `median`: the share after a median filter of so many frames stands beside it.
    """

    kind: Literal["runs"]
    system: str
    seconds: Annotated[float, Field(gt=0)]
    bound: Annotated[float, Field(gt=0, lt=1)] = 0.5
    median: Annotated[int, Field(ge=1)] = 9

    @model_validator(mode="after")
    def _odd(self) -> "FrameRuns":
        if self.median % 2 == 0:
            raise ValueError("median must be odd, so that the filter is centred")
        return self
