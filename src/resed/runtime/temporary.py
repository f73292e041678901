"""Names of temporary files, and the removal of those that killed processes left."""

import hashlib
import os
import platform
import re
from pathlib import Path

from resed.runtime import orphans

LONGEST_NAME = 255  # bytes, of Linux, macOS and Windows
HOST = re.sub(r"[^\w-]", "_", platform.node())  # machines may share a folder
PART = re.compile(rf"\..+\.(?P<owner>\d+)@{HOST}\.part(\..+)?")  # temporary names of this machine


def own_tail(suffix: str = "") -> str:
    """The end of the temporary names of this process, before the suffix of a format."""
    return f".{os.getpid()}@{HOST}.part{suffix}"


def temporary_name(name: str, tail: str) -> str:
    """The name of a hidden file beside the file `name`: `.STEM` and `tail`.

    A name that would be longer than file systems allow is shortened, and stays one of its own.
    """
    stem = Path(name).stem if tail.endswith(Path(name).suffix) else name
    if len(f".{stem}{tail}".encode()) > LONGEST_NAME:
        own = hashlib.sha256(name.encode()).hexdigest()[:16]
        room = LONGEST_NAME - len(f"..{own}{tail}".encode())
        stem = f"{stem.encode()[:room].decode(errors='ignore')}.{own}"
    return f".{stem}{tail}"


_swept: set[Path] = set()  # once per process, because a folder may contain thousands of clips


def sweep(folder: Path) -> None:
    """Remove temporary files that killed processes of this machine left in a folder."""
    if folder in _swept:
        return
    _swept.add(folder)
    with os.scandir(folder) as entries:
        parts = [found for entry in entries if (found := PART.fullmatch(entry.name))]
    for part in parts:
        if not orphans.exists(int(part["owner"])):
            (folder / part.string).unlink(missing_ok=True)
