"""The base class of all settings and their common types."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


class Strict(BaseModel):
    """A closed and frozen settings object."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
