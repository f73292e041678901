"""Stand-ins for packages that networks, losses and steps import but do not use.

A borrowed machine has PyTorch and NumPy and often no network. The modules of a training import
more: pydantic, which checks settings, and the packages that read files. Where one of these is not
installed, `install` serves a module in its place. That of pydantic makes settings without a check,
so they must be those of settings.json, which were checked when it was written. A name of any other
stand-in can be imported and called, and does nothing.
"""

import sys
import typing
from collections.abc import Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any, get_args, get_origin

PACKAGES = (
    *("pydantic", "pydantic_core", "pandas", "yaml", "markupsafe", "safetensors"),
    *("librosa", "scipy", "soundfile", "soxr", "rich", "threadpoolctl", "typer"),
)


class _Answers(type):
    """A class of which every attribute and every call is a class of this kind."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Answers(name, (), {})

    def __call__(cls, *values: Any, **options: Any) -> Any:
        return _Answers(cls.__name__, (), {})


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Answers(name, (), {})


# ---- pydantic ------------------------------------------------------------------------------------


def _field(default: Any = ..., *, default_factory: Any = None, **limits: Any) -> Any:
    return default_factory() if default_factory else default


def _decorator(*names: Any, **options: Any) -> Any:
    return lambda function: function


class BaseModel:
    """Settings: values of the fields given, and defaults of the others."""

    model_config: typing.ClassVar[dict[str, Any]] = {}
    model_fields: typing.ClassVar[dict[str, Any]] = {}

    def __init__(self, **values: Any):
        for name, hint in typing.get_type_hints(type(self)).items():
            if get_origin(hint) is typing.ClassVar:
                continue
            if name in values:
                setattr(self, name, _built(values[name], hint))
            elif getattr(type(self), name, ...) is not ...:
                setattr(self, name, getattr(type(self), name))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The values as mappings."""
        return {
            key: value.model_dump() if isinstance(value, BaseModel) else value
            for key, value in vars(self).items()
        }


def _built(value: Any, hint: Any) -> Any:
    """A value of JSON as its type hint describes it."""
    parts = [part for part in get_args(hint) if part is not ...]
    if isinstance(value, Mapping):
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return hint(**value)
        if get_origin(hint) is dict:
            return {key: _built(one, parts[1]) for key, one in value.items()}
        inner = next((part for part in parts if _takes_mapping(part)), None)
        return value if inner is None else _built(value, inner)
    if isinstance(value, list):
        origin = get_origin(hint)
        if origin in (tuple, list):
            of = parts if origin is tuple and ... not in get_args(hint) else parts[:1] * len(value)
            return origin(_built(one, part) for one, part in zip(value, of, strict=True))
        inner = next((part for part in parts if get_origin(part) in (tuple, list)), None)
        return value if inner is None else _built(value, inner)
    return value


def _takes_mapping(hint: Any) -> bool:
    return get_origin(hint) is dict or (isinstance(hint, type) and issubclass(hint, BaseModel))


OWN = {
    "pydantic": {
        "BaseModel": BaseModel,
        "ConfigDict": dict,
        "Field": _field,
        "ValidationError": ValueError,
        "field_validator": _decorator,
        "model_validator": _decorator,
        "model_serializer": _decorator,
    }
}


# ---- finding -------------------------------------------------------------------------------------


class _Finder(MetaPathFinder, Loader):
    """Finds what no other finder did."""

    def __init__(self) -> None:
        self.served: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in PACKAGES:
            return None
        self.served.add(name.partition(".")[0])
        return spec_from_loader(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _StandIn(spec.name)
        vars(module).update(OWN.get(spec.name, {}))
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do."""


FINDER = _Finder()


def install() -> None:
    """Serve stand-ins for the packages that are not installed, from now on."""
    if FINDER not in sys.meta_path:
        sys.meta_path.append(FINDER)
