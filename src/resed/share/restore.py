"""`resed restore`: fetch a run that another clone shared, verify it, and unpack its records."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable

from resed.errors import ShareError
from resed.runtime.run_lock import UNWRITABLE
from resed.runtime.verify import refuse_bad, summary, verify
from resed.share import snakemake_records
from resed.share.cache import FOLDER, Cache, Object, listed, locked
from resed.share.dvc import SITE, Settings, dvc
from resed.share.runs import SharedRun

GIVE_UP = "make restore FORCE=1"
OF_AN_OBJECT = re.compile(r"\b[0-9a-f]{32}\b")  # in error messages of DVC about an object


def restore(
    run: SharedRun,
    url: str | None = None,
    force: bool = False,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Fetch a run from the remote, check it out, verify it and unpack Snakemake's records.

    Args:
        url: URL of the remote, if it is not that of .dvc/config; kept for this clone.
        force: overwrite local files that differ and were not shared; otherwise they are reported.

    Returns:
        The jobs that remain to be run: none if the configs are those of the shared run.

    Raises:
        ShareError: the run was not shared, the remote cannot be read or has damaged files, or
            local files would be overwritten. A damaged run is not checked out.
        AlteredError: a file differs from its checksum.
        LockedError: another run is using the results.
    """
    with run.alone():
        remote = _bring(run, url, force, say)
        snakemake_records.unpack(run)  # first, because the existing records are invalid
        findings = verify(run.results)
        refuse_bad(run.results, findings, say)
        say(summary(run.results, findings))
    jobs = snakemake_records.planned(run)
    left = f"{snakemake_records.in_words(jobs)} to run" if jobs else "nothing to be done"
    say(f"{run.dataset}: restored from {remote}; snakemake: {left}")
    return jobs


def _bring(run: SharedRun, url: str | None, force: bool, say: Callable[[str], None]) -> str:
    """Fetch objects into the cache and check out the files; return the name of the remote."""
    settings = Settings.read()
    cache = Cache(settings.cache)
    wanted = cache.drop_damaged(run)
    remote = settings.remote(url)
    if wanted:
        _fetch(run, cache, remote, say)
    try:
        dvc("checkout", *["--force"] * force, *run.stages)
    except ShareError as error:
        cure = f"share or move them first; {GIVE_UP} overwrites them"
        raise ShareError(error.problem, place=error.place, cure=cure) from None
    return remote


def _fetch(run: SharedRun, cache: Cache, remote: str, say: Callable[[str], None]) -> None:
    """Fetch the objects that are not in the cache; name each file that is missing or damaged."""
    failure = _failure("fetch", *run.stages)
    wanted = locked(run)
    while _of_objects(failure):
        # DVC stops at an unreadable list of a folder. Fetch the other objects without it.
        rest = [item for item in wanted if item.md5 not in failure]
        if not rest or len(rest) == len(wanted):
            break
        wanted = rest
        failure = _failure("fetch", *(item.path for item in rest))
    bad = cache.drop_damaged(run)
    if not failure and set(locked(run)) <= set(bad):
        failure = f"contains no files of {run.dataset}"
    if failure and not _of_objects(failure):
        cure = "correct its URL, its access or the network"
        raise ShareError(failure, place=f"remote {remote}", cure=cure)
    named = [file for item in bad for file in _within(cache, item) or [item]]
    for item in named:
        say(f"damaged or missing: {item.path}; delete from remote {' and '.join(item.places)}")
    if named:
        shutil.rmtree(SITE, ignore_errors=True)  # otherwise DVC keeps a damaged list
        first = named[0].path + f" and {len(named) - 1} more" * (len(named) > 1)
        problem = f"damaged or missing: {first}"
        cure = "delete the objects listed above, and run make share in an intact clone"
        raise ShareError(problem, place=f"remote {remote}", cure=cure)


def _failure(*arguments: str) -> str:
    """The message of DVC if it fails, otherwise ""."""
    try:
        dvc(*arguments)
    except ShareError as error:
        return str(error)
    return ""


def _of_objects(failure: str) -> bool:
    """Whether objects in the remote cause a failure, rather than access to it or this disk."""
    here = any(os.strerror(number) in failure for number in UNWRITABLE)
    return bool(OF_AN_OBJECT.search(failure)) and not here


def _within(cache: Cache, item: Object) -> list[Object]:
    """The damaged or missing files of a folder that DVC did not list; [] for a damaged list."""
    if not item.md5.endswith(FOLDER):
        return []
    told = ("ls", ".", item.path, "--dvc-only", "--recursive", "--json", "--show-hash")
    try:
        rows = json.loads(dvc(*told))
        entries = [{"md5": row["md5"], "relpath": row["path"]} for row in rows]
    except (ShareError, ValueError, KeyError):
        return []
    entries.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(entries, sort_keys=True).encode()  # the format of lists in DVC
    if hashlib.md5(text).hexdigest() + FOLDER != item.md5:
        return []
    return [file for file in listed(item, entries) if cache.state(file) != "ok"]
