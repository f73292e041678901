"""The splits that a system requires of a dataset, in which every training role is optional."""

from resed.config.dataset import Dataset
from resed.errors import ConfigError
from resed.settings import SystemSettings


def refuse_missing_splits(name: str, settings: SystemSettings, dataset: Dataset) -> None:
    """Raise ConfigError for a role that a training reads, or windows, that a dataset lacks."""
    framework = settings.model.framework
    for role, setting in settings.read_roles.items():
        if role in dataset.splits:
            continue
        trained = role in settings.training_roles
        if framework == "single":
            place = f"systems.{name}.{setting}"
            other = "set it to 0" if trained else "change it"
            cure = f"{other}, or use a dataset with the split {role}"
        else:
            place = f"systems.{name}.model.framework"
            cure = "add the split, or use systems with model.framework: single"
        problem = f"{framework} {'is trained on' if trained else 'reads'} {role} clips"
        raise ConfigError(f"{problem}, which {dataset.name} lacks", place=place, cure=cure)
    if settings.decode.calibrated and "strong" not in dataset.splits:
        raise ConfigError(
            f"windows are those of strong training clips, which {dataset.name} lacks",
            place=f"systems.{name}.decode",
            cure="set window_frames: fixed with a fixed_window, or filter: none",
        )
