"""Write shared files from DVC's cache into a clone, without loss of files that were not shared.

`dvc checkout` follows links, and deletes files that are not in the list of a folder. Here every
place is examined first, nothing is written through a link, and no file is deleted.
"""

import os
import shutil
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from resed.errors import ShareError
from resed.runtime.checksums import FOLDER
from resed.runtime.files import atomic_path
from resed.runtime.progress import progress
from resed.share.objects import Cache, Object, md5_of
from resed.share.paths import Folders, files_below
from resed.share.together import together

Place = Literal["absent", "equal", "shared", "own", "refused"]
MOST_NAMED = 100  # files named on the screen
GIVE_UP = "make restore FORCE=1"


@dataclass
class Checkout:
    """The files of a run, and what is at their places in this clone.

    Attributes:
        cache: the cache with the objects of all files.
        files: the files.
        outs: the outputs of dvc.yaml, which are files or folders.
        say: called with each line to print.
    """

    cache: Cache
    files: Sequence[Object]
    outs: Sequence[Object]
    say: Callable[[str], None]
    _missing: list[Object] = field(default_factory=list)

    def examine(self, force: bool) -> None:
        """Find the files to write; name the files of the user that are in their places.

        A file is overwritten if its content was shared before, and is therefore in the cache, or
        with `force`. Raises ShareError, and writes nothing, for other files, for links, and for
        anything else that is not a file.
        """
        folders = Folders()
        places = [Path(item.path, "x") for item in self._folders]
        places += [Path(item.path) for item in self.files]
        self._refuse(list(filter(None, map(folders.obstacle, places))))
        found = self._compare()
        self._refuse([_kind(Path(item.path)) for item, place in found if place == "refused"])
        own = [item.path for item, place in found if place == "own"]
        self._name(own, "overwritten" if force else "differs, and was never shared")
        if own and not force:
            problem = "differs from the shared file" + f", and {len(own) - 1} more" * (len(own) > 1)
            cure = f"share or move them first; {GIVE_UP} overwrites them"
            raise ShareError(problem, place=own[0], cure=cure)
        self._missing = [item for item, place in found if place != "equal"]

    def _compare(self) -> list[tuple[Object, Place]]:
        found = []
        what = "compare files of this clone"
        with ThreadPoolExecutor(os.cpu_count()) as pool, progress(len(self.files), what) as advance:
            for item, place in zip(self.files, pool.map(self._place, self.files), strict=True):
                found.append((item, place))
                advance(1)
        return found

    def _refuse(self, found: Sequence[tuple[Path, str]]) -> None:
        """Raise ShareError if there are places at which nothing is written."""
        if refused := list(dict.fromkeys(found)):
            self._name([f"{path}: {what}" for path, what in refused], "not replaced")
            (path, what), more = refused[0], len(refused) - 1
            problem = what + f", and {more} more" * (more > 0)
            cure = "move it away; restore replaces only files, and writes nothing through links"
            raise ShareError(problem, place=path, cure=cure)

    def write(self) -> None:
        """Write the files that `examine` found missing or different, each one atomically."""
        for item in self._folders:
            Path(item.path).mkdir(parents=True, exist_ok=True)
        with progress(len(self._missing), "write files") as advance:
            for _ in together(self._write_one, self._missing):
                advance(1)

    def _write_one(self, item: Object) -> None:
        with atomic_path(Path(item.path)) as temporary:
            shutil.copyfile(self.cache.place(item), temporary)

    def kept(self) -> list[Path]:
        """The files in the folders of the run that were not shared, without their checksums."""
        shared = {Path(item.path) for item in self.files}
        named = (Path(out.path) for out in self._folders if Path(out.path).name != FOLDER)
        below = (path for folder in named for path in files_below(folder))
        return sorted(path for path in below if path not in shared)

    @property
    def _folders(self) -> list[Object]:
        return [item for item in self.outs if item.is_folder]

    def _place(self, item: Object) -> Place:
        """What is at the place of a file; links are followed only to compare their content."""
        path = Path(item.path)
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "absent"
        if not stat.S_ISREG(mode) and not (stat.S_ISLNK(mode) and path.is_file()):
            return "refused"
        md5 = md5_of(path)
        if md5 == item.md5:
            return "equal"
        if stat.S_ISLNK(mode):
            return "refused"
        return "shared" if self.cache.state(Object(md5, item.path)) == "ok" else "own"

    def _name(self, names: Sequence[str], what: str) -> None:
        for name in names[:MOST_NAMED]:
            self.say(f"{what}: {name}")
        if len(names) > MOST_NAMED:
            self.say(f"{what}: {len(names) - MOST_NAMED} more")


def _kind(path: Path) -> tuple[Path, str]:
    if path.is_symlink():
        return path, f"a link to {str(path.readlink())!r}"
    return path, "a folder" if path.is_dir() else "not a file"
