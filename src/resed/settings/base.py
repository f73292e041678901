"""The base class of all settings and their common types."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0, le=10**9)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every random generator here accepts
Repetitions = Annotated[int, Field(gt=0, le=1000)]  # trainings of one system


class Strict(BaseModel):
    """A closed and frozen settings object."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
