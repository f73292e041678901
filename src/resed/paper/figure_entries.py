"""Figures of a paper as data."""

from typing import Literal

from pydantic import model_validator

from resed.paper.tables import Texts
from resed.settings import Strict


class FigureEntry(Strict):
    """A figure of the paper: its kind, what it shows, and its number in further editions.

    stages: a metric over the rows of some tables of systems, each row at its first cell.
    gain_by_base: the relative gain of `system` over `second`, by the scores of `second` between
    `edges`, and that of `control`. smoothing: frame posteriors of `system` before and after the
    filters of targets.
    """

    kind: Literal[
        *("class_weights", "confusion", "durations", "training_curves"),
        *("stages", "gain_by_base", "smoothing"),
    ]
    title: str
    system: str | None = None
    second: str = ""
    control: str = ""
    table: str | None = None
    tables: list[str] = []
    metric: str = ""
    edges: list[float] = []
    classes: list[str] = []
    note: str = ""
    editions: Texts = {}

    @model_validator(mode="after")
    def _complete(self) -> "FigureEntry":
        required = {
            **dict.fromkeys(("class_weights", "confusion", "smoothing"), ("system",)),
            "stages": ("tables", "metric"),
            "gain_by_base": ("system", "second", "control", "metric", "edges"),
        }
        for key in required.get(self.kind, ()):
            if not getattr(self, key):
                raise ValueError(f"kind {self.kind} requires {key}")
        if self.kind == "training_curves" and self.table is None:
            raise ValueError("kind training_curves requires table")
        return self
