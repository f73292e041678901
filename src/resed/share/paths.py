"""Paths that other people wrote: in dvc.yaml, in dvc.lock and in the lists of folders.

Such a path is used only if it is relative, normal and visible, and if no part of it on this disk is
a link or a file in place of a folder.
"""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

LONGEST = 1024  # bytes of a path
LONGEST_NAME = 255  # bytes of the name of a file
DRIVE = re.compile(r"[A-Za-z]:")
# Unicode categories: control characters, invisible ones, half characters, line ends.
UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
DVC_FILES = re.compile(r"dvc\.(yaml|lock)|.*\.dvc", re.IGNORECASE)  # which DVC reads in any folder


def fault(path: str) -> str:
    """Why a path from outside is refused, as the end of a sentence; "" if it is accepted.

    Examples:
        >>> fault("tables/table.csv")
        ''
        >>> fault("../Snakefile")
        'leads out of this folder'
    """
    if any(unicodedata.category(letter) in UNPRINTABLE for letter in path):
        return "has control characters"
    parts = path.split("/")
    if not path:
        return "is empty"
    if path.startswith("/") or DRIVE.match(path) or ".." in parts:
        return "leads out of this folder"
    if "\\" in path:
        return "has a backslash"
    if len(path.encode()) > LONGEST or any(len(p.encode()) > LONGEST_NAME for p in parts):
        return "is too long"
    if "" in parts or "." in parts:
        return "is not in its shortest form"
    if any(part.startswith(".") for part in parts):
        return "is hidden"
    return "is a file of DVC" if any(map(DVC_FILES.fullmatch, parts)) else ""


def clash(paths: Iterable[str], fold: bool = False) -> str:
    """The first path that stands twice, or that is both a file and a folder; "" without one.

    `fold`: names that differ only in case or in their Unicode form are equal, as on most disks of
    macOS.
    """
    files: dict[str, str] = {}
    for path in paths:
        form = _form(path, fold)
        if form in files:
            return path
        files[form] = path
    for form, path in files.items():
        above = form.rpartition("/")[0]
        while above:
            if above in files:
                return path
            above = above.rpartition("/")[0]
    return ""


def _form(path: str, fold: bool) -> str:
    return unicodedata.normalize("NFC", path).casefold() if fold else path


def folds(known: Path) -> bool:
    """Whether this disk finds the file `known` by its name in capitals."""
    return known.with_name(known.name.upper()).exists()


class Folders:
    """The folders above files, each examined once without following links."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Path, str] | None] = {Path(): None}

    def obstacle(self, path: Path) -> tuple[Path, str] | None:
        """What stands in place of a folder above a relative path, and what it is; None: nothing."""
        above = path.parent
        if above not in self._known:
            self._known[above] = self.obstacle(above) or _no_folder(above)
        return self._known[above]


def _no_folder(path: Path) -> tuple[Path, str] | None:
    if path.is_symlink():
        return path, f"a link to {str(path.readlink())!r}"
    return (path, "not a folder") if os.path.lexists(path) and not path.is_dir() else None


def files_below(folder: Path) -> Iterable[Path]:
    """All entries below a folder that are not folders; links are entries and not followed."""
    if folder.is_symlink() or not folder.is_dir():
        return [folder] if os.path.lexists(folder) else []
    found = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        found += [Path(place, name) for name in (*names, *links)]
    return sorted(found)
