"""Delete the files of downloads that no later run needs."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from resed.acquire.recordings.fetch.state import read_states
from resed.acquire.recordings.sources.adapter import HIDDEN, flat_name
from resed.acquire.recordings.sources.downloads import RETRIED
from resed.acquire.recordings.sources.settings import AnySource
from resed.formats.acquisition import ClipState


def remove_leftovers(root: Path, split: str, sources: Sequence[AnySource]) -> None:
    """Delete partial downloads of settled clips, and archives that all their splits have read.

    Partial downloads of clips that failed are kept, and archives that another split still needs.
    """
    states = {split: read_states(root, split)}
    hidden = root / HIDDEN
    for folder in sorted((hidden / "incoming").glob(f"*/{split}")):
        unsettled = {flat_name(name) for name in _unsettled(states[split], folder.parent.name)}
        for path in sorted(folder.iterdir()):
            if not _belongs(path.name, unsettled):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for source in sources:
        folder = hidden / "downloads" / source.name
        if not folder.is_dir():
            continue
        for other in source.splits:
            if other not in states:
                states[other] = read_states(root, other)
        if all(states[s] and not _unsettled(states[s], source.name) for s in source.splits):
            shutil.rmtree(folder)
    for name in ("incoming", "downloads"):
        _delete_empty(hidden / name)


def _unsettled(states: Mapping[str, ClipState], source: str) -> set[str]:
    """Clips that the source may deliver in a later run."""
    return {
        name
        for name, clip in states.items()
        if clip.state != "present"
        and source in clip.answers
        and clip.answers[source].state in RETRIED
    }


def _belongs(name: str, clips: set[str]) -> bool:
    """Whether a file is of one of the clips: NAME, .NAME.part or .NAME.part.json."""
    base = name.removeprefix(".")
    while base:
        if base in clips:
            return True
        base = base.rpartition(".")[0]
    return False


def _delete_empty(folder: Path) -> None:
    """Delete a folder and its subfolders if they contain no files."""
    if folder.is_dir():
        for inner in folder.iterdir():
            _delete_empty(inner)
        if not any(folder.iterdir()):
            folder.rmdir()
