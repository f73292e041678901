"""Files that are either whole or not there: atomic writes, hashes, JSON."""

import glob
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resed.errors import MissingFileError, ResedError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` when the block ends well.

    The temporary name keeps the suffix, because some writers choose the format by it. On an
    exception the temporary file is removed and `path` is left as it was; what a killed process left
    behind is removed by the next writer of the same path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as handle:  # on disk before the name is: a crash leaves no half
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is None:  # a failed write does not say which file
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*.part{glob.escape(path.suffix)}"):
        owner = left.name.removesuffix(path.suffix).removesuffix(".part").rpartition(".")[2]
        if owner.isdigit() and not _alive(int(owner)):
            left.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8 with LF line ends, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as JSON with sorted keys, atomically: equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file; MissingFileError or ResedError in one line where it is absent or broken."""
    path = existing(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ResedError(f"{path}: not valid JSON ({error}); delete it and make it again") from None


def existing(path: Path | str, cure: str = "check the path, or run the stage before") -> Path:
    """Return `path` if it is a file that exists, else raise MissingFileError."""
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file; {cure}")
    return path


def sha256(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(existing(path), "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
