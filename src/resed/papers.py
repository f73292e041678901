"""Published numbers: config/papers/{name}.yaml, closed and typed. F1 in percent throughout."""

from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from resed.config import check, read_yaml
from resed.files import existing
from resed.settings import Positive, Strict

Percent = Annotated[float, Field(ge=0, le=100)]
Pair = tuple[Percent | None, Percent | None]  # development, evaluation; None: not printed
METRICS = ("event", "segment", "tags")


class SystemRow(Strict):
    """A row of the paper's Table 1. `id` is the paper's own, `row` the journal version's."""

    id: int
    row: int | None = None
    system: str
    event: Pair
    segment: Pair
    tags: Pair


class StageRow(Strict):
    """A row of Table 2: epochs before the focal loss, its exponent, and the scores."""

    tau: int
    gamma: float | None
    event: Pair
    segment: Pair
    tags: Pair


class ClassRow(Strict):
    """A row of Table 3 on evaluation: (event-F1, AT-F1) by average and by ESP windows."""

    average: tuple[Percent, Percent]
    esp: tuple[Percent, Percent]


class Table1(Strict):
    """Systems against metrics."""

    place: str
    rows: Annotated[list[SystemRow], Field(min_length=1)]


class Table2(Strict):
    """The study of the two-stage schedule."""

    place: str
    rows: Annotated[list[StageRow], Field(min_length=1)]


class Table3(Strict):
    """Class by class, average against event-specific windows."""

    place: str
    rows: dict[str, ClassRow]
    overall: ClassRow


class Paper(Strict):
    """What a paper prints, with the places where it stands."""

    name: str
    title: str
    authors: str
    published: str
    dataset: str
    clips: dict[str, Positive]
    settings: dict[str, float]
    table1: Table1
    table2: Table2 | None = None
    table3: Table3
    contradictions: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> "Paper":
        ids = [row.id for row in self.table1.rows]
        rows = [row.row for row in self.table1.rows if row.row is not None]
        if len(set(ids)) != len(ids) or len(set(rows)) != len(rows):
            raise ValueError("table1: an id or a row stands twice; number the rows apart")
        return self

    @cached_property
    def by_row(self) -> dict[int, SystemRow]:
        """The rows of Table 1 by the journal version's id, which `row` of a system refers to."""
        return {row.row: row for row in self.table1.rows if row.row is not None}


def load_paper(name: str, root: Path | str = ".") -> Paper:
    """Read config/papers/{name}.yaml. Raises ConfigError or MissingFileError in one line."""
    folder = Path(root) / "config" / "papers"
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
    path = existing(folder / f"{name}.yaml", f"known papers: {known}")
    return check(Paper, read_yaml(path), str(path))
