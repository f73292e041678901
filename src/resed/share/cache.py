"""DVC's cache: is every object that a run needs there, and whole?

DVC trusts an object by its name: it says nothing of a flipped byte in its cache, and a pull that
met one in the remote leaves the file out without naming it. So objects are hashed here, before they
go out and after they came in.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from resed.config.closed import read_yaml
from resed.errors import ShareError
from resed.runtime.progress import progress
from resed.share.runs import Run

LOCK = Path("dvc.lock")
FOLDER = ".dir"  # suffix of the object that lists a folder
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass(frozen=True)
class Object:
    """A file of the cache by its MD5, and which file or folder of the working tree it is.

    `within` is the MD5 of the list of its folder; "" for what stands in dvc.lock itself.
    """

    md5: str
    path: str
    within: str = ""

    def __post_init__(self) -> None:
        """What is read here becomes a path, of which what is damaged is deleted."""
        if not MD5.fullmatch(str(self.md5)):
            raise ShareError(f"{LOCK}: {self.path}: {self.md5!r} is no MD5; git checkout {LOCK}")

    @property
    def places(self) -> list[str]:
        """Where it and the list of its folder lie in a cache or a remote."""
        return [f"files/md5/{md5[:2]}/{md5[2:]}" for md5 in (self.md5, self.within) if md5]


@dataclass(frozen=True)
class Cache:
    """The folder of objects by MD5."""

    folder: Path

    def place(self, item: Object) -> Path:
        """Where an object lies."""
        return self.folder / item.places[0]

    def state(self, item: Object) -> str:
        """ok, missing or damaged."""
        path = self.place(item)
        if not path.is_file():
            return "missing"
        with open(path, "rb") as handle:
            found = hashlib.file_digest(handle, "md5").hexdigest()
        return "ok" if found == item.md5.removesuffix(FOLDER) else "damaged"

    def drop_damaged(self, run: Run) -> list[Object]:
        """Delete what is damaged of the run's objects; returns what is now missing.

        What a folder holds is known from its list, which is an object itself; while that is missing
        the folder stands for its files.
        """
        folders = locked(run)
        gone = self._drop(folders, f"compare folders of {run.dataset}")
        present = [item for item in folders if item not in gone and item.md5.endswith(FOLDER)]
        lists = [json.loads(self.place(folder).read_text("utf-8")) for folder in present]
        pairs = zip(present, lists, strict=True)
        files = {item.md5: item for pair in pairs for item in listed(*pair)}
        return gone + self._drop(list(files.values()), f"compare DVC's cache of {run.dataset}")

    def _drop(self, items: Sequence[Object], what: str) -> list[Object]:
        gone = []
        with ThreadPoolExecutor(os.cpu_count()) as pool, progress(len(items), what) as advance:
            for item, found in zip(items, pool.map(self.state, items), strict=True):
                if found == "damaged":
                    self.place(item).unlink()
                if found != "ok":
                    gone.append(item)
                advance(1)
        return gone


def listed(folder: Object, entries: list[dict[str, str]]) -> list[Object]:
    """The files of a folder by its list."""
    return [Object(e["md5"], f"{folder.path}/{e['relpath']}", folder.md5) for e in entries]


def shared(run: Run) -> bool:
    """Whether all stages of the run stand in dvc.lock."""
    return not set(run.stages) - set(_stages())


def locked(run: Run) -> list[Object]:
    """The outputs of the run's stages as dvc.lock has them; ShareError where it has not."""
    if not shared(run):
        raise ShareError(
            f"{LOCK}: nothing of {run.dataset} is shared there; git pull the commit that has it, "
            f"or make it: {run.cure}"
        )
    stages = _stages()
    outs = [out for name in run.stages for out in stages[name].get("outs", [])]
    return [Object(out.get("md5", ""), out["path"]) for out in outs]


def _stages() -> dict:
    return (read_yaml(LOCK).get("stages") or {}) if LOCK.is_file() else {}
