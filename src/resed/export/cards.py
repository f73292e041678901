"""Facts of a model file for people."""

from pathlib import Path
from typing import Any

from resed.errors import MOST_CLASSES, counted, some
from resed.formats.model_file import ModelFile, read_model_file


def summary_of(name: str, path: Path) -> str:
    """One line: name, classes, size, window and sample rate."""
    model = read_model_file(path)
    classes = f"{counted(len(model.classes), 'class')} ({some(model.classes, MOST_CLASSES)})"
    window = f"windows of {model.features.seconds:.1f} s at {model.features.sample_rate} Hz"
    return f"{name}: {classes}, {path.stat().st_size / 1e6:.1f} MB, {window}"


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
