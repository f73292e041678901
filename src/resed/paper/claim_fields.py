"""Fields that the tests of claims share: systems, metrics, splits, classes."""

from typing import Annotated

from pydantic import Field

from resed.settings import Strict

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
