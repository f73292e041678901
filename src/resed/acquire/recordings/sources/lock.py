"""The lock file of a dataset: what remote listings said when they were first seen.

Sizes, checksums and commits are kept beside the dataset file and committed with it, so that a
record that changes later is noticed before a byte of it is used.
"""

import json
from pathlib import Path
from typing import Any

from resed.errors import DatasetError
from resed.runtime.files import read_json, write_json
from resed.runtime.locks import take


class LockFile:
    """`{name}.lock.json` beside the dataset file `{name}.yaml`."""

    def __init__(self, dataset_file: Path):
        self._dataset_file = dataset_file
        self.path = dataset_file.with_name(f"{dataset_file.stem}.lock.json")

    def get(self, source: str) -> Any | None:
        """What is locked for a source; None where nothing is."""
        return self._read().get(source)

    def agree(self, source: str, seen: Any) -> None:
        """Lock what was seen, or refuse it where something else is locked.

        Raises:
            DatasetError: the listing differs from the one that is locked.
        """
        with self._dataset_file.open("rb") as handle:  # one writer at a time, without a file more
            take(handle.fileno(), seconds=None)
            locked = self._read()
            if source not in locked:
                write_json(self.path, {**locked, source: seen})
            elif locked[source] != seen:
                change = _first_difference(locked[source], seen)
                raise DatasetError(
                    f"{self.path}: {source} is no longer what was locked ({change}); remove the "
                    f"entry {source} from this file to take the new one, or name other sources by "
                    "--source"
                )

    def _read(self) -> dict[str, Any]:
        if not self.path.is_file():
            return {}
        locked = read_json(self.path)
        if not isinstance(locked, dict):
            raise DatasetError(f"{self.path}: not a lock file; restore it, or delete it")
        return locked


def _first_difference(locked: Any, seen: Any, key: str = "") -> str:
    if isinstance(locked, dict) and isinstance(seen, dict):
        for name in sorted(set(locked) | set(seen)):
            if locked.get(name) != seen.get(name):
                place = f"{key}.{name}".lstrip(".")
                return _first_difference(locked.get(name), seen.get(name), place)
    return f"{key or 'entry'}: {json.dumps(locked)} became {json.dumps(seen)}"
