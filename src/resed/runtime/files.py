"""Files that are either complete or absent: atomic writes, hashes, JSON."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resed.errors import MissingFileError, OverwriteError, ResedError
from resed.runtime import checksums
from resed.runtime.json_text import parse_json
from resed.runtime.temporary import own_tail, sweep, temporary_name

LONGEST_SUFFIX = 16  # bytes; writers know formats by shorter ones


def is_special(path: Path) -> bool:
    """Whether a path is, or is a link to, something other than a file or a folder."""
    return path.exists() and not (path.is_file() or path.is_dir())


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds.

    The temporary name keeps the suffix, because some writers choose the format by it. After an
    exception, the temporary file is removed and `path` is unchanged. Temporary files of killed
    processes are removed by the next process that writes into the folder. In a run, the checksum of
    the file is recorded.

    Raises OverwriteError if `path` is a device, a pipe or a socket: a rename would replace it, and
    /dev/null would be a file from then on.
    """
    path = Path(path)
    if is_special(path):
        problem = "is a device, a pipe or a socket, which a file would replace"
        raise OverwriteError(problem, place=path, cure="write to another path")
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent.resolve())
    suffix = path.suffix if len(path.suffix.encode()) <= LONGEST_SUFFIX else ""
    temporary = path.with_name(temporary_name(path.name, own_tail(suffix)))
    try:
        yield temporary
        with open(temporary, "rb+") as handle:  # sync before the rename
            os.fsync(handle.fileno())
        checksums.record(temporary, path)
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is None:  # errors of failed writes have no file name
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8 with LF line ends, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_tsv(path: Path | str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a header line and one line per row, cells separated by tabs, atomically."""
    with tsv_writer(path, columns) as write:
        for row in rows:
            write(row)


@contextmanager
def tsv_writer(
    path: Path | str, columns: Iterable[str]
) -> Iterator[Callable[[Iterable[object]], None]]:
    """Write a header line; yield a function that writes the cells of one row, separated by tabs.

    The file appears at `path` when the block succeeds.
    """
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="\n") as handle,
    ):

        def write(row: Iterable[object]) -> None:
            handle.write("\t".join(map(str, row)) + "\n")

        write(columns)
        yield write


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as JSON with sorted keys, atomically; equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file. Raises MissingFileError, or ResedError if it is not valid JSON."""
    path = existing(path)
    try:
        return parse_json(path)
    except ValueError as error:
        cure = "delete it and make it again"
        raise ResedError(f"not valid JSON ({error})", place=path, cure=cure) from None


def existing(path: Path | str, cure: str = "check the path, or run the stage before") -> Path:
    """Return `path` if it is a file that exists, else raise MissingFileError.

    In a run, raise AlteredError if it is a result or an annotation file that differs from its
    recorded checksum, so that altered files are not used.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError("no such file", place=path, cure=cure)
    checksums.compare(path)
    return path


def walk(folder: Path, *, strict: bool = False) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder with its folders and files, as os.walk; links are followed, each folder once.

    Args:
        strict: raise the OSError of a folder that cannot be read; otherwise it is left out.
    """

    def refuse(error: OSError) -> None:
        if strict:
            raise error

    seen = set()
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield Path(place), folders, files


def sha256(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes."""
    return checksums.digest(existing(path))
