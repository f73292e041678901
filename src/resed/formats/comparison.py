"""The result of `resed compare`: detectors with intervals, and pairs with differences, as JSON.

All scores and differences are fractions. An end of an interval is null where there is none.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from resed.errors import ResultsError
from resed.formats.validation import MADE_BY, SourceFile
from resed.runtime.files import write_json
from resed.settings import Strict

VERSION = 1
CURE = "run resed compare again"
ROUNDING = 1e-9
METRICS = ("event", "segment", "tags", "psds1", "psds2", "map")
MetricName = Literal["event", "segment", "tags", "psds1", "psds2", "map"]
Covers = Literal["clips and seeds", "clips", "seeds", "none"]
Verdict = Literal["better", "worse", "no difference shown"]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1, max_length=100_000)]


class _Estimate(Strict):
    """A value with its interval."""

    low: float | None
    high: float | None
    seeds: Count
    covers: Covers

    def inside(self, value: float) -> None:
        """Raise ValueError unless the interval contains the value."""
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high must both be numbers or both null")
        if self.low is None or self.high is None:
            return
        if not self.low - ROUNDING <= value <= self.high + ROUNDING:
            raise ValueError("the value must lie between low and high")


class ComparedScore(_Estimate):
    """A score of a detector: the mean over its seeds, and the value of each seed."""

    value: Share
    values: Annotated[list[Share], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> "ComparedScore":
        self.inside(self.value)
        if len(self.values) != self.seeds:
            raise ValueError("there must be one value per seed")
        return self


class ComparedDifference(_Estimate):
    """First minus second.

    Attributes:
        p: two-sided p-value of a difference of 0.
        p_holm: the p-value after Holm's correction for all differences of the file.
        verdict: whether the first is better or worse, by p_holm.
    """

    difference: Annotated[float, Field(ge=-1, le=1)]
    p: Share
    p_holm: Share
    verdict: Verdict

    @model_validator(mode="after")
    def _consistent(self) -> "ComparedDifference":
        self.inside(self.difference)
        if self.p_holm < self.p - ROUNDING:
            raise ValueError("p_holm must not be below p")
        sign = {"better": 1, "worse": -1}.get(self.verdict, 0)
        if sign and sign * self.difference <= 0:
            raise ValueError("the verdict must have the direction of the difference")
        return self


class ComparedDetector(Strict):
    """A detector: its files, one per seed, and its scores."""

    name: Text
    events: Annotated[list[Text], Field(min_length=1)]
    tags: list[Text]
    scores: list[Text]
    metrics: dict[MetricName, ComparedScore]


class ComparedPair(Strict):
    """Two detectors; `same_training`: seed k of both is one training."""

    first: Text
    second: Text
    same_training: bool
    metrics: dict[MetricName, ComparedDifference]


class Comparison(Strict):
    """The content of the file."""

    format: Literal[1]
    reference: Text
    clips: Count
    settings: dict[str, float | int | str]
    made_by: dict[str, Any] | None
    detectors: Annotated[list[ComparedDetector], Field(min_length=1)]
    pairs: list[ComparedPair]
    notes: list[Text]

    @model_validator(mode="after")
    def _consistent(self) -> "Comparison":
        names = [one.name for one in self.detectors]
        if len(set(names)) < len(names):
            raise ValueError("two detectors have the same name")
        pairs = {frozenset((pair.first, pair.second)) for pair in self.pairs}
        if len(pairs) < len(self.pairs) or any(len(pair) < 2 for pair in pairs):
            raise ValueError("a pair occurs twice, or is one detector")
        if not {name for pair in pairs for name in pair} <= set(names):
            raise ValueError("a pair names a detector that is not there")
        return self


def write_comparison(path: Path | str, comparison: Comparison) -> None:
    """Write the comparison atomically; equal comparisons give equal bytes."""
    write_json(path, comparison.model_dump(mode="json"))


def read_comparison(path: Path | str) -> Comparison:
    """Read and validate a comparison.

    Raises MissingFileError, or ResultsError with the key that is wrong.
    """
    source = SourceFile(Path(path), ResultsError, CURE)
    found = source.model(Comparison)
    if found.made_by is not None:
        source.check(found.made_by, MADE_BY, "made_by")
    return found
