"""What a run acquires from, checked before its first job: nothing is decoded or requested."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resed.acquire.soundscapes.inputs import check_inputs
from resed.config.dataset import Dataset
from resed.config.stages import AcquireSettings
from resed.errors import DatasetError, ResedError


def check_acquire(dataset: Dataset, settings: AcquireSettings) -> list[str]:
    """Check what a dataset is acquired from; return remarks, one line each.

    Soundscapes: soundbank, and annotations to follow. Recordings: sources, and the user's folder.

    Raises ConfigError, DatasetError or MissingFileError with the cure.
    """
    if dataset.kind == "soundscapes":
        return check_inputs(dataset, settings.soundbank, settings.annotations)
    from resed.acquire.recordings.sources.settings import chosen_sources  # slow to import

    chosen_sources(dataset, settings.sources, settings.folder)
    if settings.folder and not _exists(Path(settings.folder).expanduser()):
        place = f"acquire.folder: {settings.folder}"
        raise DatasetError("no such folder or archive", place=place, cure="correct this key")
    return []


def _exists(path: Path) -> bool:
    """Whether a path exists; False for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def guard_inputs(
    workflow: Any, dataset: Dataset, settings: AcquireSettings, records: Sequence[Path]
) -> None:
    """Check the inputs of acquire when a run or a plan begins, unless all splits are acquired.

    A run ends in one line with exit code 1, before its first job. A plan is shown, with that line.
    `records` are the records of acquire.
    """
    execute = workflow.execute  # called for runs and dry runs only

    def execute_checked(*arguments: Any, executor_plugin: Any, **options: Any) -> Any:
        if workflow.is_main_process and not all(path.is_file() for path in records):
            try:
                check_acquire(dataset, settings)
            except ResedError as error:
                if not executor_plugin.common_settings.dryrun_exec:
                    sys.exit(f"resed: {error}")
                print(f"resed: {error}", file=sys.stderr)
        return execute(*arguments, executor_plugin=executor_plugin, **options)

    workflow.execute = execute_checked
