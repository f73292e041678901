"""Closed settings: YAML and JSON into typed models, every mistake one line with a cure."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from resed.errors import ConfigError
from resed.runtime.files import existing

Model = TypeVar("Model", bound=BaseModel)
# In C where PyYAML has it, ten times as fast: every job of a workflow reads these files again.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid on `below`: mappings merge key by key, anything else replaces."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = overlay(merged[key], value)
        merged[key] = value
    return merged


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping safely; ConfigError names the line where it is malformed."""
    try:
        value = yaml.load(existing(path).read_text(encoding="utf-8-sig"), _LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "not UTF-8 text"
        raise ConfigError(f"{path}{line}: not valid YAML ({what}); mend that line") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: must hold keys and values; compare config/config.yaml")
    return value


def read_settings(text: str, option: str = "--settings") -> dict[str, Any]:
    """Settings from the command line: inline JSON, or the path of a YAML or JSON file.

    `option` is what the user wrote them behind, for the message where they are not JSON.
    """
    if not text.lstrip().startswith("{"):
        return read_yaml(Path(text))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{option}: not valid JSON ({error}); quote it for the shell") from None


def check(model: type[Model], values: Any, place: str) -> Model:
    """Validate `values`; the first mistake becomes one line with its key's path and a cure."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_told(model, error.errors()[0], place)) from None


def check_overlay(model: type[BaseModel], values: Any, place: str) -> None:
    """Refuse what is wrong in an overlay wherever it is laid: unknown keys, types, ranges.

    Missing keys and rules over several keys are left to `check` of the whole, because another layer
    may hold the others.
    """
    try:
        model.model_validate(values)
    except ValidationError as error:
        alone = [one for one in error.errors() if one["type"] not in ("value_error", "missing")]
        if alone:
            raise ConfigError(_told(model, alone[0], place)) from None


def mistakes(model: type[BaseModel], values: Any, place: str) -> list[str]:
    """All that `check` would refuse, a line each; [] where nothing is wrong."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [_told(model, one, place) for one in error.errors()]
    return []


def _told(model: type[BaseModel], mistake: Any, place: str) -> str:
    path = ".".join([place, *map(str, mistake["loc"])])
    if mistake["type"] == "extra_forbidden":
        return f"{path}: unknown key; {_suggest(model, mistake['loc'])}"
    if mistake["type"] == "missing":
        return f"{path}: missing; add this key"
    given = "" if isinstance(mistake["input"], dict) else f" (given: {mistake['input']!r})"
    message = mistake["msg"].removeprefix("Value error, ")
    return f"{path}: {message}{given}; correct this key"


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
