"""Objects of DVC: files, and lists of folders, which their MD5 names; and the cache of a clone.

DVC does not hash the objects in its cache, so that it does not report changed bytes. This module
therefore hashes all objects before they are pushed and after they are fetched.
"""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from resed.errors import ShareError
from resed.formats.validation import TEXT, Fields, Kind, SourceFile
from resed.runtime.files import parse_json
from resed.runtime.progress import progress
from resed.share.paths import clash, fault, folds

FOLDER = ".dir"  # suffix of the object that lists a folder
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
FILE_MD5 = re.compile(r"[0-9a-f]{32}")
LARGEST_LIST = 16 << 20  # bytes of the list of a folder, which has about 100 bytes per file
TRUST = "use a remote and a commit that you trust; nothing was written"
OF_FILE = Kind("an MD5", lambda value: isinstance(value, str) and bool(FILE_MD5.fullmatch(value)))
ENTRY = Fields({"relpath": TEXT, "md5": OF_FILE})


@dataclass(frozen=True)
class Object:
    """The MD5 of a file in the cache, and the path of its file or folder in the working tree.

    `within` is the MD5 of the list of its folder, or "" for objects listed in dvc.lock.
    """

    md5: str
    path: str
    within: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether the object is the list of a folder."""
        return self.md5.endswith(FOLDER)

    @property
    def places(self) -> list[str]:
        """Its path in a cache or a remote, and the path of the list of its folder."""
        return [f"files/md5/{md5[:2]}/{md5[2:]}" for md5 in (self.md5, self.within) if md5]


def md5_of(path: Path) -> str:
    """Hex MD5 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "md5").hexdigest()


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
        if item.is_folder and path.stat().st_size > LARGEST_LIST:
            return "damaged"
        return "ok" if md5_of(path) == item.md5.removesuffix(FOLDER) else "damaged"

    def drop_damaged(self, items: Sequence[Object], what: str) -> list[Object]:
        """Delete damaged objects; return the objects that are now missing."""
        gone = []
        with ThreadPoolExecutor(os.cpu_count()) as pool, progress(len(items), what) as advance:
            for item, found in zip(items, pool.map(self.state, items), strict=True):
                if found == "damaged":
                    self.place(item).unlink()
                if found != "ok":
                    gone.append(item)
                advance(1)
        return gone

    def files(self, outs: Sequence[Object]) -> list[Object]:
        """The files of outputs whose objects are in the cache: of folders, by their lists.

        Raises ShareError for a list with paths that lead out of its folder or exist twice. Such a
        list is deleted from the cache, because DVC would follow it.
        """
        found = []
        for item in outs:
            if not item.is_folder:
                found.append(item)
                continue
            try:
                found += self._listed(item)
            except ShareError:
                self.place(item).unlink()
                raise
        return found

    def _listed(self, folder: Object) -> list[Object]:
        path = self.place(folder)
        source = SourceFile(Path(folder.path), ShareError, TRUST)
        try:
            entries = parse_json(path)
        except (ValueError, RecursionError) as error:
            raise source.wrong(f"its list {path.name} is not valid JSON ({error})") from None
        if not isinstance(entries, list):
            raise source.wrong(f"its list {path.name} is not a list")
        for entry in entries:
            source.check(entry, ENTRY, "an entry of its list")
            if wrong := fault(entry["relpath"]) or fault(f"{folder.path}/{entry['relpath']}"):
                raise source.wrong(f"{entry['relpath'][:80]!r} in its list {wrong}")
        names = [entry["relpath"] for entry in entries]
        if twice := clash(names, folds(Path("dvc.yaml"))):
            raise source.wrong(f"{twice!r} is in its list twice, or as a file and as a folder")
        return [Object(e["md5"], f"{folder.path}/{e['relpath']}", folder.md5) for e in entries]


def named(items: Sequence[Object], say: Callable[[str], None]) -> str:
    """Print damaged or missing objects, with what to delete; return the first and their number."""
    for item in items:
        say(f"damaged or missing: {item.path}; delete from remote {' and '.join(item.places)}")
    return items[0].path + f" and {len(items) - 1} more" * (len(items) > 1)
