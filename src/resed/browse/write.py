"""Collect, choose, encode and write: the whole page within its bounds."""

from pathlib import Path

from threadpoolctl import threadpool_limits

from resed.browse.detected_clips import DetectedClips
from resed.browse.folder import write_folder
from resed.browse.media import Carried, carry
from resed.browse.page import page
from resed.browse.run_clips import RunClips
from resed.config.stages import BrowseSettings
from resed.errors import ResultsError, counted
from resed.runtime.progress import progress

HEAD = 2000  # bytes more that a page of many clips has


def write_page(
    source: RunClips | DetectedClips, folder: Path, settings: BrowseSettings
) -> tuple[int, str]:
    """Write the page of a source; return its bytes, and the number of its clips in words.

    Raises ResultsError if the page has not even room for one clip, and the errors of the source and
    of `write_folder`.
    """
    collection = source.collection()
    empty = len(page(collection, Carried([], {}, len(collection.clips))).encode()) + HEAD
    count = min(settings.clips, len(collection.clips))
    # Matrices of one clip are small: waiting threads took more time than they saved.
    with threadpool_limits(1, "blas"), progress(count, "clips encoded") as advance:
        carried = carry(collection, source, settings, empty, advance=advance)
    if collection.clips and not carried.entries:
        problem = f"{settings.megabytes:g} megabytes have no room for a clip"
        raise ResultsError(problem, place="browse.megabytes", cure="raise it")
    text = page(collection, carried)
    write_folder(folder, text, carried.files)
    size = len(text.encode()) + sum(map(len, carried.files.values()))
    return size, f"{len(carried.entries)} of {counted(carried.candidates, 'clip')}"
