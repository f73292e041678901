"""Where the paper contradicts itself: config/papers/liang_contradictions.yaml, closed and typed.

Each entry names the figures that show it. They are computed where they can be (places of the
printed tables, formulas, parameter counts, the real annotations), and typed only where they come
from another publication (kind `cited`).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.config.closed import check, read_yaml
from resed.runtime.files import existing
from resed.settings import Strict

FILE = "liang_contradictions.yaml"


class PrintedFigure(Strict):
    """A number of a table or of the text; `place` as in `Paper.number`, or `stated.ID.PLACE`."""

    kind: Literal["printed"]
    label: str
    version: Literal["journal", "letter"]
    place: str


class ClassMeanFigure(Strict):
    """The mean over classes of a column of Table 3, to two decimals."""

    kind: Literal["class_mean"]
    label: str
    windows: Literal["average", "esp"]
    metric: Literal["event", "tags"]


class RecallFigure(Strict):
    """The highest F1 that a recall allows (at precision 1), and the lowest recall of an F1."""

    kind: Literal["highest_f1", "lowest_recall"]
    label: str
    percent: Annotated[float, Field(gt=0, le=100)]


class AnnotationFigure(Strict):
    """Events of a class, their mean duration in seconds, or clips, from the real annotations."""

    kind: Literal["events", "mean_seconds", "clips"]
    label: str
    split: Literal["weak", "unlabeled", "strong", "development", "evaluation"]
    event_label: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "AnnotationFigure":
        if (self.kind == "clips") == bool(self.event_label):
            raise ValueError("event_label goes with events and mean_seconds, and only with them")
        return self


class NetworkFigure(Strict):
    """Trainable parameters of a network of the system in a row of Table 1, at full size."""

    kind: Literal["parameters"]
    label: str
    row: int
    network: Literal["teacher", "student"]


class FormulaFigure(Strict):
    """A printed formula at some arguments.

    alpha: 1 - lambda^(e - s) at epochs e; beta: exp(-5 (1 - x)^2) at x; printed_weight: 1 - p^gamma
    and standard_weight: (1 - p)^gamma at posteriors p, with the paper's lambda, s and gamma.
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

    `found_by` lists the checks of resed.paper.legacy_consistency that find it, `claims` the claims
    that the
    printed tables do not bear out.
    """

    id: str
    text: str
    journal: str | None = None  # where it stands
    letter: str | None = None
    figures: list[Figure] = []
    found_by: list[str] = []
    claims: list[str] = []

    @model_validator(mode="after")
    def _placed(self) -> "Contradiction":
        if not (self.journal or self.letter):
            raise ValueError("names no place; give journal or letter")
        return self


class _File(Strict):
    contradictions: list[Contradiction]

    @model_validator(mode="after")
    def _unique(self) -> "_File":
        ids = [entry.id for entry in self.contradictions]
        if len(set(ids)) != len(ids):
            raise ValueError("an id stands twice; rename it")
        return self


def load_contradictions(root: Path | str = ".") -> list[Contradiction]:
    """Read config/papers/liang_contradictions.yaml; ConfigError or MissingFileError in one line."""
    path = existing(Path(root) / "config" / "papers" / FILE)
    return check(_File, read_yaml(path), str(path)).contradictions


def sentences(root: Path, name: str) -> tuple[str, ...]:
    """The texts that concern the paper `name`; none where there is no such list."""
    if not (root / "config" / "papers" / FILE).is_file():
        return ()
    version = name.removeprefix("liang_")
    return tuple(e.text for e in load_contradictions(root) if getattr(e, version, None))
