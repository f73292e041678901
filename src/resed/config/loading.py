"""Read YAML and JSON into typed, closed models. Every error is one line with a cure."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from resed.config.yaml_reader import SHOWN, json_value, parse_yaml, read_bounded
from resed.errors import ConfigError
from resed.escaping import one_line
from resed.runtime.files import existing

Model = TypeVar("Model", bound=BaseModel)
MOST_NAMES = 8  # in an error message


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `above` into `below`: mappings merge key by key, other values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = overlay(merged[key], value)
        merged[key] = value
    return merged


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by path: {"schedule.epochs": 200}."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping safely. Raises ConfigError with the line that is wrong."""
    value = parse_yaml(read_bounded(existing(path, "check the path")), path)
    if not isinstance(value, dict):
        raise ConfigError(
            "must contain keys and values", place=path, cure="compare config/config.yaml"
        )
    return value


def read_settings(text: str, option: str = "--settings") -> dict[str, Any]:
    """Read settings from the command line: inline JSON, or the path of a YAML or JSON file.

    `option` is the option that the user gave, for the error message.
    """
    if not text.lstrip().startswith("{"):
        return read_yaml(Path(text))
    return json_value(text, option, "correct it, and quote it for the shell")


def check(model: type[Model], values: Any, place: str, if_missing: str = "add this key") -> Model:
    """Validate `values`. Raises ConfigError for the first error, with the path of its key.

    `if_missing` is the cure for a missing key.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _error(model, error.errors()[0], place, if_missing) from None


def check_overlay(model: type[BaseModel], values: Any, place: str) -> None:
    """Raise ConfigError for errors that do not depend on other layers: keys, types and ranges.

    Missing keys and rules over several keys are left to `check` of the merged settings, because
    another layer may set the other keys.
    """
    try:
        model.model_validate(values)
    except ValidationError as error:
        alone = [one for one in error.errors() if one["type"] not in ("value_error", "missing")]
        if alone:
            raise _error(model, alone[0], place) from None


def mistakes(model: type[BaseModel], values: Any, place: str) -> list[str]:
    """All errors of `values`, one line each; empty if there are none."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [str(_error(model, one, place)) for one in error.errors()]
    return []


def _error(
    model: type[BaseModel], mistake: Any, place: str, if_missing: str = "add this key"
) -> ConfigError:
    path = ".".join([place, *map(str, mistake["loc"])])
    if mistake["type"] == "extra_forbidden":
        return ConfigError("unknown key", place=path, cure=_suggest(model, mistake["loc"]))
    if mistake["type"] == "missing":
        return ConfigError("missing", place=path, cure=if_missing)
    given = "" if isinstance(mistake["input"], dict) else f" (given: {_shown(mistake['input'])})"
    message = mistake["msg"].removeprefix("Value error, ")
    return ConfigError(f"{message}{given}", place=path, cure="correct this key")


def nearest(name: str, names: Iterable[str], otherwise: str = "") -> str:
    """The cure for an unknown name: the nearest known names; without any, `otherwise`.

    `otherwise` is by default a list of the first known names.
    """
    names = list(names)
    if close := difflib.get_close_matches(name, names, n=3):
        return f"did you mean {' or '.join(close)}?"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return otherwise or f"known: {', '.join(names[:MOST_NAMES])}{more}"


def _shown(value: Any) -> str:
    """A wrong value in an error message; of a list the number of its values."""
    return f"{len(value)} values" if isinstance(value, list) else one_line(repr(value), SHOWN)


def _suggest(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    for key in location[:-1]:
        field = model.model_fields.get(str(key))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return "remove it"
        model = inner
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(model.model_fields)}"
