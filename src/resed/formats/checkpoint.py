"""Checkpoints: whole or not there, loaded without executing anything, refused where foreign."""

import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from resed.errors import CheckpointError
from resed.runtime.files import atomic_path, existing

VERSION = 1
FORMAT = "resed checkpoint"


def save(path: Path, content: dict[str, Any]) -> None:
    """Write atomically; `content` holds tensors and plain values only. Equal ones, equal bytes."""
    # By way of memory: given a file, torch writes its name into it, and a full disk is no OSError.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, **content}, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: Path | str) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        CheckpointError: damaged, not a checkpoint of resed, or of another version; one line.
    """
    path = existing(path, "train the system first")
    cure = "delete it and train again"
    try:
        _check_whole(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for what is not a checkpoint
        what = (
            str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        )
        raise CheckpointError(f"{path}: not a checkpoint, or damaged ({what}); {cure}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of resed; {cure}")
    if content["version"] != VERSION:
        found = content["version"]
        raise CheckpointError(f"{path}: version {found}, this resed reads {VERSION}; {cure}")
    return content


def _check_whole(path: Path) -> None:
    """Raise BadZipFile for flipped bytes: torch compares no CRC and would load wrong weights.

    Of an entry marked as a folder it would even take what the memory happens to hold.
    """
    with zipfile.ZipFile(path) as archive:
        marked = (entry.filename for entry in archive.infolist() if entry.external_attr)
        bad = archive.testzip() or next(marked, None)
    if bad:
        raise zipfile.BadZipFile(f"{bad} is not as it was written")


def first_difference(ours: Any, theirs: Any, path: str = "") -> str | None:
    """The first key under which two nested settings differ, with both values; None if equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}, key=str):
            inner = f"{path}.{key}" if path else str(key)
            found = first_difference(ours.get(key), theirs.get(key), inner)
            if found:
                return found
        return None
    same = ours == theirs
    return None if same else f"{path}: {_short(theirs)} there, {_short(ours)} here"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
