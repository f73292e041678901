"""What is left of downloads once a split is through: kept where the next run can go on with it."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from resed.acquire.recordings.fetch.state import ClipState, read_states
from resed.acquire.recordings.source_states import parse
from resed.acquire.recordings.sources.plug import HIDDEN, flat
from resed.acquire.recordings.sources.settings import AnySource

OPEN = ("failed", "blocked")  # another run may bring these


def tidy(root: Path, split: str, sources: Sequence[AnySource]) -> None:
    """Remove what nobody needs any more: parts of clips that are settled, archives that were read.

    Parts of clips that failed stay, and archives that another split has still to read.
    """
    states = {split: read_states(root, split)}
    hidden = root / HIDDEN
    for folder in sorted((hidden / "incoming").glob(f"*/{split}")):
        unsettled = {flat(name) for name in _unsettled(states[split], folder.parent.name)}
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
        _remove_empty(hidden / name)


def _unsettled(states: Mapping[str, ClipState], source: str) -> set[str]:
    """Clips of which a source may still bring something."""
    return {
        name
        for name, entry in states.items()
        if entry.state != "present" and parse(entry.detail).get(source, ("",))[0] in OPEN
    }


def _belongs(name: str, clips: set[str]) -> bool:
    """Whether a file of `incoming` is of one of these clips: NAME, .NAME.part, .NAME.part.json."""
    base = name.removeprefix(".")
    while base:
        if base in clips:
            return True
        base = base.rpartition(".")[0]
    return False


def _remove_empty(folder: Path) -> None:
    if folder.is_dir():
        for inner in sorted(path for path in folder.rglob("*") if path.is_dir())[::-1]:
            if not any(inner.iterdir()):
                inner.rmdir()
        if not any(folder.iterdir()):
            folder.rmdir()
