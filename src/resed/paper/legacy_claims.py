"""The paper's comparative statements as tests: config/papers/liang_claims.yaml, closed and typed.

Each claim says in our words what the paper says, where, and which comparison between runs (or which
count) decides it. resed.judge applies the same test to the printed tables and to the runs here.
Systems are named by their row of the journal's Table 1, by their place in Table 2, or by a row with
one reading changed (config/readings.yaml).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.config.closed import check, read_yaml
from resed.paper.legacy_numbers import VERSIONS
from resed.runtime.files import existing
from resed.settings import Strict

FILE = "liang_claims.yaml"
Metric = Literal["event", "segment", "tags"]
Split = Literal["development", "evaluation"]
Labels = Annotated[list[str], Field(min_length=1)]


class StageReference(Strict):
    """A row of Table 2."""

    tau: int
    gamma: float | None
    form: Literal["printed", "standard"] = "printed"


class ReadingReference(Strict):
    """A row of Table 1 with one reading of config/readings.yaml; `default` is none changed."""

    row: int
    reading: str


Reference = int | StageReference | ReadingReference


class Cells(Strict):
    """On what a comparison looks: every metric on every split, unless the claim says less."""

    metrics: Annotated[list[Metric], Field(min_length=1)] = ["event", "segment", "tags"]
    splits: Annotated[list[Split], Field(min_length=1)] = ["development", "evaluation"]


class Pairs(Cells):
    """The first of each pair against the second; in each of the classes `classes`, or overall."""

    pairs: Annotated[list[tuple[Reference, Reference]], Field(min_length=1)]
    classes: list[str] = []


class Better(Pairs):
    """The first beats the second."""

    kind: Literal["better"]


class PrintedGain(Strict):
    """A gain that the text states, in points of F1."""

    metric: Metric
    split: Split = "evaluation"
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
    """The first brings nothing over the second: it gains less than `margin` points."""

    kind: Literal["no_gain"]
    margin: Annotated[float, Field(gt=0)]


class BestOf(Cells):
    """No other row is better than `best`."""

    kind: Literal["best_of"]
    best: Reference
    others: Annotated[list[Reference], Field(min_length=1)]


class Sensitive(Cells):
    """On each metric some two of the rows are at least `points` apart."""

    kind: Literal["sensitive"]
    systems: Annotated[list[Reference], Field(min_length=2)]
    points: Annotated[float, Field(gt=0)]


class MetricGain(Strict):
    """The gain of the first over the second is largest (or smallest) on one metric."""

    kind: Literal["metric_gain"]
    first: Reference
    second: Reference
    end: Literal["largest", "smallest"]
    metric: Metric
    splits: Annotated[list[Split], Field(min_length=1)] = ["development", "evaluation"]


class Classes(Strict):
    """Class by class the first beats the second: in all classes but `outside`, or in most."""

    kind: Literal["classes"]
    first: Reference
    second: Reference
    metrics: Annotated[list[Metric], Field(min_length=1)]
    share: Literal["all", "most"]
    outside: list[str] = []
    split: Split = "evaluation"


class ClassGain(Strict):
    """Macro-averaged over `classes` the first gains more over the second than over the others."""

    kind: Literal["class_gain"]
    first: Reference
    second: Reference
    metrics: Annotated[list[Metric], Field(min_length=1)]
    classes: Labels
    split: Split = "evaluation"


class Extreme(Strict):
    """The classes `classes` have the lowest (or highest) F1 of all."""

    kind: Literal["extreme"]
    system: Reference
    metric: Metric
    end: Literal["lowest", "highest"]
    classes: Labels
    split: Split = "evaluation"


class TeacherTags(Strict):
    """The teacher's clip tags are better than the student's, before any filter."""

    kind: Literal["teacher_tags"]
    system: Reference
    splits: Annotated[list[Split], Field(min_length=1)] = ["development", "evaluation"]


class Parameters(Strict):
    """The student has fewer trainable parameters than the teacher."""

    kind: Literal["parameters"]
    row: int


class Annotations(Strict):
    """A property of the strong training events.

    fewest: each of `classes` has the fewest events. short: each lasts less on average than half of
    the classes do. imbalance: the largest class has `bound` times the events of the smallest.
    spread: in each, the 90th percentile of duration is `bound` times the 10th. windows: in each,
    the event-specific window differs from the average one by the share `bound`. closer: in each,
    more than the share `bound` of events is closer to the event-specific duration than to the mean.
    No `classes`: all.
    """

    kind: Literal["annotations"]
    quantity: Literal["fewest", "short", "imbalance", "spread", "windows", "closer"]
    classes: list[str] = []
    bound: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Annotations":
        if (self.bound is None) != (self.quantity in ("fewest", "short")):
            raise ValueError("bound goes with all quantities but fewest and short")
        return self


class Confusion(Strict):
    """The diagonal of the tag confusion matrix lies between two shares in each of `classes`."""

    kind: Literal["confusion"]
    row: int
    classes: Labels
    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]


class Weights(Strict):
    """In the focal loss of a row, classes with lower posteriors get higher weights."""

    kind: Literal["weights"]
    row: int


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
    | TeacherTags
    | Parameters
    | Annotations
    | Confusion
    | Weights,
    Field(discriminator="kind"),
]


class Claim(Strict):
    """One statement, where it stands in each version, and its test."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    statement: str
    journal: str | None = None
    letter: str | None = None
    test: Test

    @model_validator(mode="after")
    def _placed(self) -> "Claim":
        if not (self.journal or self.letter):
            raise ValueError("names no place; give journal or letter")
        return self

    @property
    def version(self) -> str:
        """The version whose tables the printed verdict rests on: the journal's where it has it."""
        return "journal" if self.journal else "letter"

    @property
    def place(self) -> str:
        """Both places in one line."""
        parts = [f"{name} {getattr(self, name)}" for name in VERSIONS if getattr(self, name)]
        return "; ".join(parts)


class Claims(Strict):
    """All of them, in the order of the paper."""

    claims: Annotated[list[Claim], Field(min_length=1)]

    @model_validator(mode="after")
    def _unique(self) -> "Claims":
        ids = [claim.id for claim in self.claims]
        twice = [name for name in ids if ids.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} stands twice; rename one of them")
        return self


def load_claims(root: Path | str = ".") -> Claims:
    """Read config/papers/liang_claims.yaml; ConfigError or MissingFileError in one line."""
    path = existing(Path(root) / "config" / "papers" / FILE)
    return check(Claims, read_yaml(path), str(path))
