"""The lock file of a dataset: sizes, checksums and commits of remote listings.

It is stored next to the dataset file and committed with it. A record that changes later is refused
before any of its files is used.
"""

import json
from pathlib import Path
from typing import Any

from resed.errors import DatasetError
from resed.runtime.files import read_json, write_json
from resed.runtime.locks import take


class LockFile:
    """The file `{name}.lock.json` next to the dataset file `{name}.yaml`."""

    def __init__(self, dataset_file: Path):
        self._dataset_file = dataset_file
        self.path = dataset_file.with_name(f"{dataset_file.stem}.lock.json")

    def get(self, source: str) -> Any | None:
        """The locked listing of a source; None if there is none."""
        return self._read().get(source)

    def agree(self, source: str, listing: Any) -> None:
        """Lock the listing of a source, or compare it with the locked one.

        Raises DatasetError if they differ.
        """
        with self._dataset_file.open("rb") as handle:  # one writer at a time, without another file
            take(handle.fileno(), seconds=None)
            locked = self._read()
            if source not in locked:
                write_json(self.path, {**locked, source: listing})
            elif locked[source] != listing:
                change = _first_difference(locked[source], listing)
                raise DatasetError(
                    f"the listing of {source} changed since it was locked ({change})",
                    place=self.path,
                    cure=f"delete the entry {source} to accept it, or use another --source",
                )

    def _read(self) -> dict[str, Any]:
        if not self.path.is_file():
            return {}
        locked = read_json(self.path)
        if not isinstance(locked, dict):
            raise DatasetError("not a lock file", place=self.path, cure="restore it, or delete it")
        return locked


def _first_difference(locked: Any, listing: Any, key: str = "") -> str:
    if isinstance(locked, dict) and isinstance(listing, dict):
        for name in sorted(set(locked) | set(listing)):
            if locked.get(name) != listing.get(name):
                place = f"{key}.{name}".lstrip(".")
                return _first_difference(locked.get(name), listing.get(name), place)
    return f"{key or 'entry'}: {json.dumps(locked)} became {json.dumps(listing)}"
