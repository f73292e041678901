"""The base class of all settings and their common types."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0, le=10**9)]
# Bounds far above what anybody trains, so that a mistyped number demands no terabytes of memory.
Width = Annotated[int, Field(gt=0, le=4096)]  # channels, hidden units, mel bands
Layers = Annotated[int, Field(gt=0, le=16)]
Pool = Annotated[int, Field(gt=0, le=4096)]  # cells along one axis
Samples = Annotated[int, Field(gt=0, le=1 << 20)]  # of a window or a hop: 24 s at 44.1 kHz
Clips = Annotated[int, Field(gt=0, le=65_536)]  # of a batch
ClipsOrNone = Annotated[int, Field(ge=0, le=65_536)]  # of a batch; 0: the role is not used
Epochs = Annotated[int, Field(gt=0, le=100_000)]
EpochsFromZero = Annotated[int, Field(ge=0, le=100_000)]
MOST_BLOCKS = 16  # of convolutions
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every random generator here accepts
Repetitions = Annotated[int, Field(gt=0, le=1000)]  # trainings of one system

NO_NUMBER = PydanticCustomError(
    "truth_for_a_number", "must be a number, not true or false (which yes and no are in YAML)"
)


class Closed(BaseModel):
    """A closed and frozen object."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Strict(Closed):
    """A closed and frozen object that people write in YAML."""

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, values: Any) -> Any:
        """Refuse true and false for numbers; Python takes them for 1 and 0."""
        for name, value in values.items() if isinstance(values, dict) else ():
            if _has_truth(value) and name in cls.model_fields:
                found = _types(cls.model_fields[name].annotation)
                if {int, float} & found and not {bool, Any} & found:
                    error = InitErrorDetails(type=NO_NUMBER, loc=(name,), input=value)
                    raise ValidationError.from_exception_data(cls.__name__, [error])
        return values


def _has_truth(value: Any) -> bool:
    """Whether a value is true or false, or a list or mapping of such values."""
    if isinstance(value, list | tuple | dict):
        return any(map(_has_truth, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool)


def _types(annotation: Any) -> set[Any]:
    """All types in an annotation; of literals the types of their values."""
    if inner := get_args(annotation):
        return set().union(*map(_types, inner))
    return {annotation if isinstance(annotation, type) or annotation is Any else type(annotation)}
