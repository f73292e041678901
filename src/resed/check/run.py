"""The config that is to run on a dataset: does it fit the clips?"""

import math
from pathlib import Path

from resed.check.description import Description
from resed.check.findings import Findings
from resed.config.closed import overlay, read_yaml
from resed.config.run import Config, load_config
from resed.errors import ConfigError, ResedError
from resed.settings import FeatureSettings

SPARE_S = 0.05  # features may be a little shorter or longer than the clips


def check_run(description: Description, path: Path, base: Path, findings: Findings) -> None:
    """Load an overlay on config/config.yaml, and compare its features with the clips' length."""
    try:
        values = overlay(read_yaml(base / "config" / "config.yaml"), read_yaml(path))
    except ResedError as error:
        findings.wrong(str(error))
        return
    named = str(values.get("dataset"))
    if named not in (description.name, str(description.path)):
        findings.wrong(f"{path}.dataset: {named}; write dataset: {description.name}")
    try:
        config = load_config(values | {"dataset": str(description.path)}, base)
    except ConfigError as error:
        if str(description.path) not in str(error):  # of the dataset file all was said
            findings.wrong(f"{path}: {error}")
        return
    _check_features(description, config, path, findings)
    _check_networks(config, path, findings)


def _check_features(
    description: Description, config: Config, path: Path, findings: Findings
) -> None:
    """Clips of other lengths than the features cover lose their ends, or are mostly silence."""
    whole = description.clip_seconds
    for name in sorted({config.features_of(system) for system in config.systems}):
        features = config.feature_sets[name]
        if abs(features.seconds - whole) <= max(SPARE_S, features.seconds_per_frame):
            continue
        frames = frames_for(features, whole)
        setting = f"features: {{frames: {frames}}}"
        if name != "default":
            setting = f"feature_overrides: {{{name}: {{frames: {frames}}}}}"
        findings.wrong(
            f"{path}: features {name} cover {features.seconds:.3g} s, but the clips last "
            f"{whole:g} s; set {setting}"
        )


def _check_networks(config: Config, path: Path, findings: Findings) -> None:
    """A network that divides time by more than its features have frames has nothing left."""
    for name in sorted({config.trained_as(system) for system in config.systems}):
        model = config.system(name).model
        key = "crnn" if model.framework == "mean_teacher" else "teacher"
        divided = math.prod(time for time, _ in getattr(model, key).pools)
        frames = config.feature_sets[config.features_of(name)].frames
        if frames < divided:
            findings.wrong(
                f"{path}: {name} divides its {frames} frames by {divided} (model.{key}.pools); set "
                "features to more frames with a shorter hop, or pools that divide by less"
            )


def frames_for(features: FeatureSettings, seconds: float) -> int:
    """Frames that cover so many seconds."""
    return max(1, round(seconds / features.seconds_per_frame))
