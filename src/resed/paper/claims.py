"""A paper's comparative statements as tests: config/papers/{paper}/claims.yaml, closed and typed.

Each claim has a statement in our words, its place in each edition, and the test that decides it.
resed.judge applies the same test to the printed tables and to our runs. Systems are those of
config/systems, or such a system with one reading changed.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from resed.config.loading import check, read_yaml
from resed.errors import ConfigError
from resed.paper.numbers import Paper, load_paper, paper_file
from resed.settings import Strict

FILE = "claims.yaml"
UNBOUNDED = ("fewest", "short", "deviates")
Labels = Annotated[list[str], Field(min_length=1)]


class ReadingReference(Strict):
    """A system with one reading of readings.yaml; `default` is the unchanged system."""

    system: str
    reading: str


Reference = str | ReadingReference


class Cells(Strict):
    """Metrics and splits of a comparison; `load_claims` replaces empty ones by all of the paper."""

    metrics: list[str] = []
    splits: list[str] = []


class Pairs(Cells):
    """The first system of each pair against the second, in each of `classes`, or overall."""

    pairs: Annotated[list[tuple[Reference, Reference]], Field(min_length=1)]
    classes: list[str] = []


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
    """The first beats the second in all classes except `outside`, or in most classes."""

    kind: Literal["classes"]
    first: Reference
    second: Reference
    metrics: list[str] = []
    share: Literal["all", "most"]
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
    | TeacherTags
    | Parameters
    | Annotations
    | Confusion
    | Weights,
    Field(discriminator="kind"),
]


def labels_of(test: Test) -> list[str]:
    """Classes that a test names."""
    of_gains = [gain.event_label for gain in getattr(test, "gains", ()) if gain.event_label]
    return [*getattr(test, "classes", ()), *getattr(test, "outside", ()), *of_gains]


def references(test: Test) -> list[Reference]:
    """All systems that a test compares, in its order."""
    found = [side for pair in getattr(test, "pairs", ()) for side in pair]
    names = ("first", "second", "best", "system")
    found += [getattr(test, name) for name in names if hasattr(test, name)]
    return [*found, *getattr(test, "others", ()), *getattr(test, "systems", ())]


class Claim(Strict):
    """One statement, its place in each edition, and its test."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    statement: str
    places: Annotated[dict[str, str], Field(min_length=1)]
    test: Test

    @property
    def edition(self) -> str:
        """The first edition that has the claim; its tables give the printed verdict."""
        return next(iter(self.places))

    @property
    def place(self) -> str:
        """All places in one line."""
        return "; ".join(f"{edition} {place}" for edition, place in self.places.items())


class Claims(Strict):
    """All claims of a paper, in its order."""

    claims: Annotated[list[Claim], Field(min_length=1)]

    @model_validator(mode="after")
    def _unique(self) -> "Claims":
        ids = [claim.id for claim in self.claims]
        twice = [name for name in ids if ids.count(name) > 1]
        if twice:
            raise ValueError(f"the id {twice[0]} is used twice; rename one of the claims")
        return self


def load_claims(name: str, root: Path | str = ".") -> Claims:
    """Read config/papers/{name}/claims.yaml, with metrics and splits of the paper filled in.

    Raises ConfigError for a metric, split or edition that the paper does not have, or
    MissingFileError.
    """
    path = paper_file(name, FILE, root)
    paper = load_paper(name, root)
    claims = check(Claims, read_yaml(path), str(path)).claims
    return Claims(claims=[_filled(claim, paper, f"{path}: {claim.id}") for claim in claims])


def _filled(claim: Claim, paper: Paper, place: str) -> Claim:
    known = {"metrics": list(paper.metrics), "splits": paper.splits}
    _check_known(list(claim.places), list(paper.editions), "edition", place)
    test = _filled_test(claim.test, known, place)
    if isinstance(test, Margin):
        gains = [_filled_test(gain, known, place) for gain in test.gains]
        test = test.model_copy(update={"gains": gains})
    return claim.model_copy(update={"test": test})


def _filled_test(test: Any, known: dict[str, list[str]], place: str) -> Any:
    """Fill in empty metrics and splits; raise ConfigError for unknown ones."""
    changes: dict[str, Any] = {}
    for key, names in known.items():
        if (chosen := getattr(test, key, None)) is not None:
            _check_known(chosen, names, key.removesuffix("s"), place)
            changes[key] = chosen or names
    if (metric := getattr(test, "metric", None)) is not None:
        _check_known([metric], known["metrics"], "metric", place)
    if (split := getattr(test, "split", None)) is not None:
        changes["split"] = split or known["splits"][-1]
        _check_known([changes["split"]], known["splits"], "split", place)
    return test.model_copy(update=changes)


def _check_known(chosen: list[str], known: list[str], kind: str, place: str) -> None:
    for name in chosen:
        if name not in known:
            cure = f"use one of {', '.join(known)}"
            raise ConfigError(f"unknown {kind} {name}", place=place, cure=cure)
