"""Copies of the annotations in the folder of a named run, which travel with it.

Annotations are in data/{dataset}, which all runs of a dataset share, and a stage of DVC cannot have
a folder that another stage has. `restore` writes them to their place as any other file of the run:
it replaces none that was not shared.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from resed.runtime.files import atomic_path
from resed.share import copies
from resed.share.objects import Object
from resed.share.paths import files_below
from resed.share.runs import SharedRun


def remove_old(run: SharedRun) -> None:
    """Delete copies of annotations that no longer exist.

    Raises ShareError for other files, which resed share did not make.
    """
    if run.annotation_copies is not None:
        copies.remove_old(run.results, run.annotation_copies, _names(run))


def write(run: SharedRun) -> list[Path]:
    """Copy the annotations into the folder of a named run; return the copies, none if unnamed."""
    folder = run.annotation_copies
    if folder is None:
        return []
    for name in _names(run):
        with atomic_path(folder / name) as temporary:
            shutil.copyfile(run.annotations / name, temporary)
    return [folder / name for name in _names(run)]


def _names(run: SharedRun) -> list[Path]:
    below = (path.relative_to(run.annotations) for path in files_below(run.annotations))
    return [name for name in below if not any(part.startswith(".") for part in name.parts)]


def places(run: SharedRun, files: Sequence[Object]) -> list[Object]:
    """The annotations among the files of a named run, at their places in data/{dataset}."""
    folder = run.annotation_copies
    if folder is None:
        return []
    return [
        Object(item.md5, (run.annotations / Path(item.path).relative_to(folder)).as_posix())
        for item in files
        if folder in Path(item.path).parents
    ]
