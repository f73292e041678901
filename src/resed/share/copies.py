"""Files that `resed share` adds to a run: views for DVC, and copies of annotations."""

from collections.abc import Collection
from pathlib import Path

from resed.errors import ShareError
from resed.runtime import checksums
from resed.share.paths import files_below


def remove_old(results: Path, folder: Path, kept: Collection[Path]) -> None:
    """Delete the files of a folder that `resed share` made earlier, except `kept`.

    Args:
        results: the results of the run, which have the checksum records of the files.
        kept: paths below the folder.

    Raises ShareError for other files, which `resed share` did not make.
    """
    for path in files_below(folder):
        if path.relative_to(folder) in kept:
            continue
        if not checksums.record_of(results, path.relative_to(results)).is_file():
            cure = f"move it out of {folder}"
            raise ShareError("not made by resed share", place=path, cure=cure)
        path.unlink()
