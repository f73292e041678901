"""The splits that a system requires of a dataset, in which every training role is optional."""

from collections.abc import Collection

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
    if dataset.tags_only:
        _refuse_times(name, settings, dataset)


def _refuse_times(name: str, settings: SystemSettings, dataset: Dataset) -> None:
    """Raise ConfigError for choices by the times of events, which development lacks."""
    schedule = settings.schedule
    place = problem = cure = ""
    if settings.decode.search:
        place, cure = "decode.search", "set it to null"
        problem = "windows and thresholds are chosen by the events of development"
    elif schedule.selection == "development" and schedule.selection_score == "tags_frames":
        place, cure = "schedule.selection_score", "set it to tags or map"
        problem = "epochs are selected by the frames of development"
    if problem:
        raise ConfigError(
            f"{problem}, which has weak labels in {dataset.name}",
            place=f"systems.{name}.{place}",
            cure=cure,
        )


def refuse_missing_frames(tags_only: bool, dataset: Dataset, external: Collection[str]) -> None:
    """Raise ConfigError for a run that needs frames or events which are not kept or not known.

    Args:
        tags_only: whether posteriors of frames are left out.
        dataset: of the run.
        external: detectors that the run did not make.
    """
    if dataset.tags_only and external:
        raise ConfigError(
            f"detectors are scored by events, of which {dataset.name} has no reference",
            place="config.external",
            cure="leave it out",
        )
    if tags_only and not dataset.tags_only:
        raise ConfigError(
            f"{dataset.name} has strong labels, and events are decoded from frames",
            place="config.predict.tags_only",
            cure="set it to false, or use a dataset whose scored splits have weak labels",
        )
