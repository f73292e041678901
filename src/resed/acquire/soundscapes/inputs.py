"""What soundscapes are made from, checked before the first job of a run: nothing is decoded."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resed.acquire.soundscapes.settings import Soundscapes, soundscapes_of
from resed.acquire.soundscapes.soundbank_list import check_soundbank
from resed.config.dataset import Dataset
from resed.config.stages import AcquireSettings
from resed.errors import DatasetError, ResedError


def check_inputs(
    dataset: Dataset, soundbank: Path | str | None, annotations: Path | str | None
) -> list[str]:
    """Check that the soundbank and the annotations to follow exist; return remarks, one line each.

    Raises DatasetError or MissingFileError with the cure.
    """
    scenes = soundscapes_of(dataset)
    if scenes.annotations == "given":
        for split in dataset.splits:
            find_annotations(dataset, scenes, split, annotations)
    return check_soundbank(dataset, soundbank)


def guard_inputs(
    workflow: Any, dataset: Dataset, settings: AcquireSettings, records: Sequence[Path]
) -> None:
    """Check the inputs of soundscapes when a run or a plan begins, unless all splits are acquired.

    A run ends in one line with exit code 1, before its first job. A plan is shown, with that line.
    `records` are the records of acquire.
    """
    execute = workflow.execute  # called for runs and dry runs only

    def execute_checked(*arguments: Any, executor_plugin: Any, **options: Any) -> Any:
        acquired = all(path.is_file() for path in records)
        if dataset.kind == "soundscapes" and workflow.is_main_process and not acquired:
            try:
                check_inputs(dataset, settings.soundbank, settings.annotations)
            except ResedError as error:
                if not executor_plugin.common_settings.dryrun_exec:
                    sys.exit(f"resed: {error}")
                print(f"resed: {error}", file=sys.stderr)
        return execute(*arguments, executor_plugin=executor_plugin, **options)

    workflow.execute = execute_checked


def find_annotations(
    dataset: Dataset, soundscapes: Soundscapes, split: str, folder: Path | str | None
) -> Path:
    """The annotation file of a split in a folder with one of the usual layouts.

    Raises DatasetError if `folder` is None, or the file is not in it.
    """
    name = Path(dataset.splits[split].annotations)
    where = f" from {soundscapes.annotations_source}" if soundscapes.annotations_source else ""
    cure = (
        f"download the annotations{where} and set acquire.annotations in the config, or "
        "--annotations, to their folder"
    )
    if folder is None:
        place = f"dataset {dataset.name}"
        raise DatasetError("no annotations to follow", place=place, cure=cure)
    short = Path(*name.parts[1:]) if len(name.parts) > 1 else name
    layouts = (name, Path("dataset") / name, short, Path(name.name))
    found = [Path(folder) / layout for layout in layouts if (Path(folder) / layout).is_file()]
    if not found:
        raise DatasetError(f"neither {name} nor {short} exists", place=folder, cure=cure)
    return found[0]
