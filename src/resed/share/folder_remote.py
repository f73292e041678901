"""evidence/: a remote of DVC that is a folder of this repository, and therefore in every clone.

`restore` reads it without DVC. `share` writes it only if a maintainer says so (`--publish`), within
bounds that keep clones small.
"""

import os
import shutil
import subprocess
import zlib
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from resed.errors import ShareError
from resed.runtime.progress import progress
from resed.share.fetch_objects import MISSING, TOO_LARGE
from resed.share.objects import LARGEST_LIST, MD5, Cache, Object
from resed.share.together import together

FOLDER = Path("evidence")
LARGEST_RUN = 20_000_000  # bytes of the files of one run
LARGEST_GIT = 60_000_000  # bytes of .git
REMOTE = Cache(FOLDER)  # a remote has the layout of a cache


def fetch(cache: Cache, objects: Sequence[str]) -> dict[str, str]:
    """Copy objects into the cache; return MD5 -> problem of those that are not there."""
    problems = {}
    with progress(len(objects), f"copy from {FOLDER}") as advance:
        for md5, problem in zip(
            objects, together(lambda md5: _fetch_one(cache, Object(md5, "")), objects), strict=True
        ):
            if problem:
                problems[md5] = problem
            advance(1)
    return problems


def _fetch_one(cache: Cache, item: Object) -> str:
    """Copy one object into the cache; return its problem or ""."""
    source = REMOTE.place(item)
    if not source.is_file() or _through_link(source):
        return MISSING
    if item.is_folder and source.stat().st_size > LARGEST_LIST:
        return TOO_LARGE
    _copy(source, cache.place(item))
    return ""


def _through_link(path: Path) -> bool:
    """Whether a path in the folder is, or leads through, a link."""
    return any(part.is_symlink() for part in (path, *path.parents[: len(path.parts) - 1]))


def _copy(source: Path, target: Path) -> None:
    """Copy an object without a sync of the disk; its MD5 is compared before it is used."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def publish(cache: Cache, items: Sequence[Object]) -> int:
    """Copy the objects of a run from the cache into the folder; return their bytes.

    Raises ShareError, and writes nothing, if the run or .git would be larger than its bound.
    """
    sizes = {item.md5: cache.place(item).stat().st_size for item in items}
    total = sum(sizes.values())
    if total > LARGEST_RUN:
        parts = Counter[str]()
        for item in items:
            parts["/".join(Path(item.path).parts[:3])] += sizes[item.md5]
        largest = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in parts.most_common(3))
        problem = f"{total / 1e6:.1f} MB, more than {LARGEST_RUN / 1e6:.0f} (largest: {largest})"
        raise ShareError(problem, place=FOLDER, cure="see browse.megabytes, or share elsewhere")
    new = [Object(md5, "") for md5 in sizes if not _is_there(Object(md5, ""))]
    _keep_git_small(cache, new)
    for _ in together(lambda item: _copy(cache.place(item), REMOTE.place(item)), new):
        pass
    return total


def _is_there(item: Object) -> bool:
    return REMOTE.state(item) == "ok"


def _keep_git_small(cache: Cache, new: Sequence[Object]) -> None:
    """Raise ShareError if .git would exceed its bound with these objects, compressed."""
    git = _git("rev-parse", "--git-common-dir")
    if git is None:
        cure = "start this command in a clone of the repository, with git installed"
        raise ShareError("cannot read the size of .git", place=FOLDER, cure=cure)
    now = sum(path.lstat().st_size for path in Path(git).rglob("*") if path.is_file())
    uncommitted = _git("ls-files", "--others", "-z", "--", str(FOLDER)) or ""
    places = [Path(name) for name in uncommitted.split("\0") if name]
    places += [cache.place(item) for item in new]
    added = sum(len(zlib.compress(path.read_bytes())) for path in places)
    if now + added > LARGEST_GIT:
        problem = f".git would have {(now + added) / 1e6:.1f} MB, of {added / 1e6:.1f} MB new files"
        cure = f"at most {LARGEST_GIT / 1e6:.0f} MB: publish a smaller run"
        raise ShareError(problem, place=FOLDER, cure=cure)


def prune(kept: Collection[str]) -> int:
    """Delete objects that no published run has; return their number. Other files stay."""
    gone = 0
    for path in sorted(FOLDER.glob("files/md5/*/*")):
        md5 = path.parent.name + path.name
        if MD5.fullmatch(md5) and md5 not in kept and path.is_file() and not path.is_symlink():
            path.unlink()
            gone += 1
    return gone


def _git(*arguments: str) -> str | None:
    """What git prints; None if it is not installed or fails."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.rstrip("\n")
