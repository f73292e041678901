"""Check whether the config of a run fits the clips of a dataset."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from resed.acquire.run_inputs import check_acquire
from resed.check.dataset_file import DatasetDescription
from resed.check.messages import CheckMessages
from resed.config.loading import overlay, read_yaml
from resed.config.network_file import network_file
from resed.config.run import Config, load_config
from resed.config.study_rows import trainings
from resed.errors import ConfigError, ResedError, counted

Check = Callable[[Config, Path], Iterable[ResedError]]
TOLERANCE_S = 0.05  # between the length of the features and of the clips


def check_run_config(
    description: DatasetDescription,
    path: Path,
    base: Path,
    messages: CheckMessages,
    *,
    root: Path,
    late: int = 0,
    checks: Sequence[Check] = (),
) -> None:
    """Load an overlay on config/config.yaml, and compare it with the clips.

    Args:
        root: folder of the dataset.
        late: number of reference events that begin after clip_seconds.
        checks: functions of the config and `root` that return further errors.
    """
    try:
        values = overlay(read_yaml(base / "config" / "config.yaml"), read_yaml(path))
    except ResedError as error:
        messages.add(error)
        return
    named = str(values.get("dataset"))
    if named not in (description.name, str(description.path)):
        cure = f"set dataset: {description.name}"
        messages.error(f"{named} is another dataset", place=f"{path}.dataset", cure=cure)
    try:
        config = load_config(values | {"dataset": str(description.path)}, base)
    except ConfigError as error:
        if not error.place.startswith(str(description.path)):  # else reported already
            messages.error(str(error), place=path)
        return
    if late and config.audit.late_events == "refuse":
        problem = f"refuse, and {counted(late, 'reference event')} begin after clip_seconds"
        cure = "cut the files, raise clip_seconds, or set it to leave_out or count"
        messages.error(problem, place=f"{path}.audit.late_events", cure=cure)
    _check_acquire(config, path, messages)
    _check_features(description.clip_seconds, config, path, messages)
    _check_networks(config, path, messages)
    for further in checks:
        for error in further(config, root):
            messages.add(error)


def _check_acquire(config: Config, path: Path, messages: CheckMessages) -> None:
    """Check the soundbank and the annotations to follow, or the sources and the folder."""
    try:
        remarks = check_acquire(config.dataset_file, config.acquire)
    except ResedError as error:
        messages.add(error)
        return
    for remark in remarks:
        messages.note(remark, place=config.acquire.soundbank)


def _check_features(
    clip_seconds: float, config: Config, path: Path, messages: CheckMessages
) -> None:
    """Require features of the length of the clips."""
    for name in sorted({config.features_of(system) for system in config.systems}):
        features = config.feature_sets[name]
        tolerance = max(TOLERANCE_S, features.seconds_per_frame)
        if abs(features.seconds - clip_seconds) <= tolerance:
            continue
        frames = max(1, round(clip_seconds / features.seconds_per_frame))
        setting = f"features: {{frames: {frames}}}"
        if name != "default":
            setting = f"feature_overrides: {{{name}: {{frames: {frames}}}}}"
        problem = (
            f"the features {name} last {features.seconds:.3g} s, but the clips {clip_seconds:g} s"
        )
        messages.error(problem, place=path, cure=f"set {setting}")


def _check_networks(config: Config, path: Path, messages: CheckMessages) -> None:
    """Require at least one frame after pooling, and the file with networks of the user."""
    try:
        network_file(config)
    except ResedError as error:
        messages.add(error)
    for name in sorted(trainings(config, config.systems)):
        model = config.system(name).model
        if model.framework == "single":  # resed train checks these when it builds them
            continue
        key = "crnn" if model.framework == "mean_teacher" else "teacher"
        pooling = math.prod(time for time, _ in getattr(model, key).pools)
        frames = config.feature_sets[config.features_of(name)].frames
        if frames < pooling:
            messages.error(
                f"the pooling of {name} needs {pooling} frames, but its features have {frames}",
                place=path,
                cure=f"use a shorter hop and more frames, or lower model.{key}.pools",
            )
