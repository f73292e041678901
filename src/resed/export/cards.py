"""Facts of a model file for people."""

from pathlib import Path
from typing import Any

import yaml

from resed.errors import counted, some
from resed.formats.model_file import ModelFile, read_model_file

MOST_LISTED = 12  # classes of a model in one line
WIDTH = 80


def summary_of(name: str, path: Path) -> str:
    """One line: name, classes, size, window and sample rate."""
    model = read_model_file(path)
    classes = f"{counted(len(model.classes), 'class')} ({some(model.classes, MOST_LISTED)})"
    window = f"windows of {model.features.seconds:.1f} s at {model.features.sample_rate} Hz"
    return f"{name}: {classes}, {path.stat().st_size / 1e6:.1f} MB, {window}"


def facts_text(model: ModelFile) -> str:
    """What a model file states about itself, and its card, as YAML.

    Lists of mappings, such as the recordings of the training, are at the end, one line each.
    """
    card = model.card or "none"
    if not isinstance(card, dict):
        return _yaml({**facts_of(model), "card": card})
    lists = {key: value for key, value in card.items() if _is_list_of_mappings(value)}
    rest = {key: value for key, value in card.items() if key not in lists}
    text = _yaml({**facts_of(model), "card": rest})
    if not rest:
        text = text.removesuffix(" {}\n") + "\n"
    for key, rows in lists.items():
        lines = (_yaml(row, default_flow_style=True, width=float("inf")) for row in rows)
        text += "".join([f"  {_yaml(key).splitlines()[0]}:\n", *(f"  - {line}" for line in lines)])
    return text


def _is_list_of_mappings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _yaml(value: Any, **options: Any) -> str:
    options = {"width": WIDTH, "allow_unicode": True, "sort_keys": False} | options
    return yaml.safe_dump(value, **options)


def facts_of(model: ModelFile) -> dict[str, Any]:
    """What a model file states about itself besides its card: plain values."""
    common = model.settings.decode.frame_threshold
    windows = {label: round(window.window_s, 3) for label, window in model.windows.items()}
    return {
        "classes": list(model.classes),
        "trained": {key: model.training[key] for key in ("system", "seed")}
        | {"dataset": model.training["data"]["dataset"]},
        "thresholds": dict(model.thresholds) or common,
        "windows_s": windows,
        "versions": dict(model.versions),
    }
