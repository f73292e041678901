"""Fetch objects from the remote into DVC's cache, by their MD5 only.

This module runs in a process of its own. `dvc fetch` and `dvc checkout` follow the paths in
dvc.lock and in lists of folders. Here DVC gets no path: it opens the remote of its configuration,
and each object is copied to the place in the cache that its MD5 gives.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from resed.runtime.progress import progress
from resed.share.objects import FOLDER, LARGEST_LIST, Cache, Object

MISSING, TOO_LARGE = "missing", "too large"


def main() -> None:
    """Fetch the objects of the JSON on stdin; write JSON on stdout: MD5 -> problem.

    Input: {"cache": folder, "objects": [MD5, ...]}. The problem of an object that the remote does
    not have is "missing", of a list that is not read "too large". Errors of DVC are printed on
    stderr as DVC prints them; the exit code is then 1.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    task = json.load(sys.stdin)
    try:
        with Repo() as repo:
            remote = repo.cloud.get_remote_odb(command="fetch")
            problems = _fetch(remote, Cache(Path(task["cache"])), task["objects"])
    except DvcException as error:
        sys.exit(f"ERROR: {_words(error)}")
    print(json.dumps(problems))


def _fetch(remote: Any, cache: Cache, objects: list[str]) -> dict[str, str]:
    def fetch(md5: str) -> str:
        try:
            return _fetch_one(remote, cache, md5)
        except FileNotFoundError:
            return MISSING
        except Exception as error:  # of any file system of DVC, which has no common class
            return _words(error)

    objects = list(dict.fromkeys(objects))  # two threads would write one temporary file
    pool = ThreadPoolExecutor(remote.fs.jobs)
    with pool, progress(len(objects), "fetch from the remote") as advance:
        found = {}
        for md5, problem in zip(objects, pool.map(fetch, objects), strict=True):
            if problem:
                found[md5] = problem
            advance(1)
    return found


def _fetch_one(remote: Any, cache: Cache, md5: str) -> str:
    """Copy one object, atomically and read-only, as DVC does; return its problem or ""."""
    source, target = remote.oid_to_path(md5), cache.place(Object(md5, ""))
    if remote.fs.protocol == "local" and not Path(source).is_file():  # a pipe would never end
        return MISSING
    if md5.endswith(FOLDER) and (remote.fs.size(source) or 0) > LARGEST_LIST:
        return TOO_LARGE
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        remote.fs.get_file(source, os.fspath(temporary))
        temporary.chmod(0o444)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return ""


def _words(error: BaseException) -> str:
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    return " - ".join(dict.fromkeys(str(one) or type(one).__name__ for one in causes))
