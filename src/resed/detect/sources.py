"""The sound files that `resed detect` is given: files, folders and patterns, and their names.

The name of a file is its path relative to the folder that was given. For a file, or for several
folders or files, it is relative to the folder that contains them all.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from resed.errors import AudioError, MissingFileError, ResedError
from resed.formats.annotations import CHANGED, clip_name_of
from resed.formats.clip_names import OTHER_SOUNDS, SOUNDS
from resed.runtime.checksums import absolute

# OTHER_SOUNDS are reported with the command that converts them, and not left out.
SUFFIXES = SOUNDS | OTHER_SOUNDS
LONGEST_NAME = 4096  # characters; as long as paths can be


@dataclass(frozen=True)
class SoundSource:
    """A sound file: its name in the tables, and its path. `error` is why it cannot be read."""

    name: str
    path: Path
    error: ResedError | None = None


def find_sources(given: Sequence[str], out: Path) -> list[SoundSource]:
    """All sound files of the given files, folders and patterns, sorted by name, each once.

    In folders, files are found by their suffix. Hidden files and folders, and the folder `out`, are
    left out; links are followed. What has the name of a sound file but is none (a folder, a pipe, a
    link that leads nowhere) and folders that cannot be read are returned with an error.

    Raises MissingFileError if one of `given` does not exist, AudioError if there is no sound file.
    """
    roots = list(dict.fromkeys(absolute(path) for one in given for path in _paths(one)))
    base = os.path.commonpath([root if root.is_dir() else root.parent for root in roots])
    found: dict[Path, ResedError | None] = {}
    for root in roots:
        if root.is_dir():
            found |= _Folder(root, out).sounds()
        else:
            found[root] = _not_a_file(root)
    if not found:
        cure = f"the suffixes of sound files are {' '.join(sorted(SOUNDS))}"
        raise AudioError("no sound file", place=some_places(given), cure=cure)
    sources = [_source(path, Path(base), error) for path, error in found.items()]
    return sorted(sources, key=lambda source: source.name)


def some_places(given: Sequence[str]) -> str:
    """The arguments, for an error."""
    return given[0] if len(given) == 1 else f"{given[0]} and {len(given) - 1} more"


def _paths(text: str) -> list[Path]:
    """The path, or the paths that match a pattern: of these, the sound files if there are any."""
    if os.path.lexists(text):
        return [Path(text)]
    paths: list[Path] = []
    if has_magic(text):  # Path.glob takes no absolute pattern
        paths = [Path(path) for path in sorted(glob(text, recursive=True))]  # noqa: PTH207
    if not paths:
        cure = "check the path, or quote the pattern"
        raise MissingFileError("no such file or folder", place=text, cure=cure)
    sounds = [path for path in paths if path.suffix.lower() in SUFFIXES]
    return sounds or paths


def _source(path: Path, base: Path, error: ResedError | None) -> SoundSource:
    name = path.relative_to(base).as_posix()
    if error is None:
        error = _unfit(name, path)
    return SoundSource(name, path, error)


def _unfit(name: str, path: Path) -> ResedError | None:
    """The error of a name that cannot be written into a table."""
    problem = ""
    if CHANGED.search(name):
        problem = "its name has a tab, a line end, or a space at one of its ends"
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        problem = "its name is not UTF-8"
    if clip_name_of(name) != name or len(name) > LONGEST_NAME:
        problem = "its name is that of an annotation, or too long"
    return AudioError(problem, place=path, cure="rename it") if problem else None


def _not_a_file(path: Path) -> ResedError | None:
    """The error of a path that is not a regular file, or None."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return _system_error(path, error)
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        cure = "rename it"
        return AudioError("a folder with the name of a sound file", place=path, cure=cure)
    cure = "streams are not read: record to a file first"
    return AudioError("a device, a pipe or a socket", place=path, cure=cure)


def _system_error(path: Path, error: OSError) -> ResedError:
    problem = f"cannot be read ({error.strerror or error})"
    return AudioError(problem, place=path, cure="check the link or the permissions")


class _Folder:
    """A folder that is searched; each folder is visited once, whatever links lead to it."""

    def __init__(self, root: Path, out: Path) -> None:
        self._root, self._visited = root, set[tuple[int, int]]()
        if identity := _identity(out):
            self._visited.add(identity)

    def sounds(self) -> dict[Path, ResedError | None]:
        """Path of each sound file -> None, or its error."""
        found: dict[Path, ResedError | None] = {}
        waiting = [self._root]
        while waiting:
            folder = waiting.pop()
            identity = _identity(folder)
            if identity in self._visited and folder != self._root:
                continue
            self._visited.add(identity or (0, 0))
            try:
                entries = sorted(_visible(folder), key=lambda entry: entry.name)
            except OSError as error:
                found[folder] = _system_error(folder, error)
                continue
            for entry in entries:
                path = folder / entry.name
                is_named = path.suffix.lower() in SUFFIXES
                if _is_folder(entry):
                    waiting.append(path)
                if is_named:
                    found[path] = _not_a_file(path)
        return found


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
