"""resed: reproducible weakly supervised sound event detection, from audio to the last figure."""

from importlib import import_module

__version__ = "0.2.0"
# What `resed` offers to Python programs; imported when it is used, because PyTorch takes seconds.
_OFFERED = dict.fromkeys(("Detection", "Model", "load_model"), "resed.detect.model")


def __getattr__(name: str) -> object:
    if name not in _OFFERED:
        raise AttributeError(f"module 'resed' has no attribute {name!r}")
    return getattr(import_module(_OFFERED[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_OFFERED})
