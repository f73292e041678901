"""Check whether all objects of a run are in DVC's cache and intact.

DVC does not hash the objects in its cache, so that it does not report changed bytes, and a pull
omits a damaged file of the remote without naming it. This module therefore hashes all objects
before they are pushed and after they are fetched.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from resed.config.loading import read_yaml
from resed.errors import ShareError
from resed.formats.validation import ANY, NAME, Fields, Kind, SourceFile, list_of
from resed.runtime.progress import progress
from resed.share.runs import SharedRun

LOCK = Path("dvc.lock")
FOLDER = ".dir"  # suffix of the object that lists a folder
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
OUTS = Kind(
    "a list of mappings with path and md5",
    lambda outs: isinstance(outs, list) and all(_has_path(out) for out in outs),
    optional=True,
)
STAGES = Fields({}, others=Fields({"outs": OUTS}, others=ANY))
LIST = list_of(Kind("a file with md5 and relpath", lambda entry: _is_entry(entry)))


@dataclass(frozen=True)
class Object:
    """The MD5 of a file in the cache, and the path of its file or folder in the working tree.

    `within` is the MD5 of the list of its folder, or "" for objects listed in dvc.lock.

    Raises ShareError for an invalid MD5, or a path outside of the working tree, because the files
    that contain them come from other people.
    """

    md5: str
    path: str
    within: str = ""

    def __post_init__(self) -> None:
        """Check both fields, which are used as paths."""
        cure = f"git checkout {LOCK}"
        if not MD5.fullmatch(str(self.md5)):
            raise ShareError(f"{self.path}: {self.md5!r} is not an MD5", place=LOCK, cure=cure)
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or "\0" in self.path:
            raise ShareError(f"{self.path!r} leads out of this folder", place=LOCK, cure=cure)

    @property
    def places(self) -> list[str]:
        """Its path in a cache or a remote, and the path of the list of its folder."""
        return [f"files/md5/{md5[:2]}/{md5[2:]}" for md5 in (self.md5, self.within) if md5]


@dataclass(frozen=True)
class Cache:
    """The folder of DVC's cache."""

    folder: Path

    def place(self, item: Object) -> Path:
        """The path of an object."""
        return self.folder / item.places[0]

    def state(self, item: Object) -> str:
        """The state of an object: ok, missing or damaged."""
        path = self.place(item)
        if not path.is_file():
            return "missing"
        with open(path, "rb") as handle:
            found = hashlib.file_digest(handle, "md5").hexdigest()
        return "ok" if found == item.md5.removesuffix(FOLDER) else "damaged"

    def drop_damaged(self, run: SharedRun) -> list[Object]:
        """Delete damaged objects of the run; return the objects that are now missing.

        The files of a folder are read from its list, which is also an object. If the list is
        missing, the folder is returned instead of its files.
        """
        folders = locked(run)
        gone = self._drop(folders, f"compare folders of {run.dataset}")
        present = [item for item in folders if item not in gone and item.md5.endswith(FOLDER)]
        lists = [self._list(folder) for folder in present]
        pairs = zip(present, lists, strict=True)
        files = {item.md5: item for pair in pairs for item in listed(*pair)}
        return gone + self._drop(list(files.values()), f"compare DVC's cache of {run.dataset}")

    def _list(self, folder: Object) -> list[dict[str, str]]:
        cure = "delete it and make restore again"
        return SourceFile(self.place(folder), ShareError, cure).json(LIST)

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
    """The files of a folder, according to its list."""
    return [Object(e["md5"], f"{folder.path}/{e['relpath']}", folder.md5) for e in entries]


def shared(run: SharedRun) -> bool:
    """Whether dvc.lock contains all stages of the run."""
    return not set(run.stages) - set(_stages())


def locked(run: SharedRun) -> list[Object]:
    """The outputs of all stages of the run in dvc.lock; ShareError if a stage is missing."""
    if not shared(run):
        cure = f"git pull the commit of the shared run, or make the results: {run.cure}"
        raise ShareError(f"{run.dataset} has not been shared", place=LOCK, cure=cure)
    stages = _stages()
    outs = [out for name in run.stages for out in stages[name].get("outs", [])]
    found = [Object(out.get("md5", ""), out["path"]) for out in outs]
    for item in found:
        if not {run.results, run.annotations} & {Path(item.path), *Path(item.path).parents}:
            problem = f"{item.path!r} is not in {run.results} or {run.annotations}"
            raise ShareError(problem, place=LOCK, cure=f"git checkout {LOCK}")
    return found


def _stages() -> dict:
    if not LOCK.is_file():
        return {}
    source = SourceFile(LOCK, ShareError, f"git checkout {LOCK}")
    return source.check(read_yaml(LOCK).get("stages") or {}, STAGES, "stages")


def _is_entry(entry: object) -> bool:
    known = isinstance(entry, dict) and NAME.holds(entry.get("relpath"))
    return known and MD5.fullmatch(str(entry.get("md5"))) is not None


def _has_path(out: object) -> bool:
    return isinstance(out, dict) and NAME.holds(out.get("path"))
