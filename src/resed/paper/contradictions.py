"""Contradictions of a paper: config/papers/{paper}/contradictions.yaml, closed and typed.

Each entry lists the figures (values) that show it. They are computed from the printed tables,
formulas, parameter counts or the real annotations. Only figures of another publication (kind
`cited`) are given as numbers in the file.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.config.dataset import Role
from resed.config.loading import check, read_yaml
from resed.paper.numbers import paper_file
from resed.settings import Strict

FILE = "contradictions.yaml"


class PrintedFigure(Strict):
    """A number of a table or of the text; see `Paper.number` for `place`."""

    kind: Literal["printed"]
    label: str
    place: str


class RelativeFigure(Strict):
    """By how many percent of the second printed number the first one exceeds it."""

    kind: Literal["relative"]
    label: str
    first: str
    second: str


class ClassMeanFigure(Strict):
    """The mean over classes of a column of a class table, to two decimals."""

    kind: Literal["class_mean"]
    label: str
    table: str
    column: str
    metric: str


class RecallFigure(Strict):
    """The highest F1 that a recall allows (at precision 1), and the lowest recall of an F1."""

    kind: Literal["highest_f1", "lowest_recall"]
    label: str
    percent: Annotated[float, Field(gt=0, le=100)]


class AnnotationFigure(Strict):
    """Events of a class, their mean duration in seconds, or clips, from the real annotations.

    knee_height: the largest distance of the distribution of durations from its diagonal (Kneedle).
    average_window, esp_window: the windows of eq. 7 in seconds, without a guard.
    """

    kind: Literal["events", "mean_seconds", "clips", "knee_height", "average_window", "esp_window"]
    label: str
    split: Role
    event_label: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "AnnotationFigure":
        if (self.kind == "clips") == bool(self.event_label):
            raise ValueError("kind clips excludes event_label, the others require it")
        return self


class NetworkFigure(Strict):
    """Trainable parameters of a network of a system, at full size."""

    kind: Literal["parameters"]
    label: str
    system: str
    network: Literal["teacher", "student"]


class FormulaFigure(Strict):
    """A printed formula, evaluated at the arguments `at`.

    alpha: 1 - lambda^(e - s) at epochs e; beta: exp(-5 (1 - x)^2) at x; printed_weight: 1 - p^gamma
    and standard_weight: (1 - p)^gamma at posteriors p. lambda, s and gamma are those of the paper's
    settings.
    """

    kind: Literal["alpha", "beta", "printed_weight", "standard_weight"]
    label: str
    at: Annotated[list[float], Field(min_length=1)]


class CitedFigure(Strict):
    """A number of another publication, with its source."""

    kind: Literal["cited"]
    label: str
    value: float
    source: str


Figure = Annotated[
    PrintedFigure
    | RelativeFigure
    | ClassMeanFigure
    | RecallFigure
    | AnnotationFigure
    | NetworkFigure
    | FormulaFigure
    | CitedFigure,
    Field(discriminator="kind"),
]


class Contradiction(Strict):
    """One contradiction.

    `places` has its place in each edition. `found_by` lists the checks of resed.paper.discrepancies
    that find it. `claims` lists the claims that the printed tables do not support.
    """

    id: str
    text: str
    places: Annotated[dict[str, str], Field(min_length=1)]
    figures: list[Figure] = []
    found_by: list[str] = []
    claims: list[str] = []

    @property
    def place(self) -> str:
        """All places in one line."""
        return "; ".join(f"{edition} {place}" for edition, place in self.places.items())


class _File(Strict):
    contradictions: list[Contradiction]

    @model_validator(mode="after")
    def _unique(self) -> "_File":
        ids = [entry.id for entry in self.contradictions]
        if len(set(ids)) != len(ids):
            raise ValueError("an id is used twice; rename one of the entries")
        return self


def load_contradictions(name: str, root: Path | str = ".") -> list[Contradiction]:
    """Read config/papers/{name}/contradictions.yaml. Raises ConfigError or MissingFileError."""
    path = paper_file(name, FILE, root)
    return check(_File, read_yaml(path), str(path)).contradictions
