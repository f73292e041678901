"""`resed restore`: what another clone shared, compared at every step, and Snakemake told of it."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable

from resed.errors import ShareError
from resed.runtime.run_lock import UNWRITABLE
from resed.runtime.verify import refuse_bad, summary, verify
from resed.share import snakemake_records as knowledge
from resed.share.cache import FOLDER, Cache, Object, listed, locked
from resed.share.dvc import SITE, Settings, dvc
from resed.share.runs import Run

GIVE_UP = "make restore FORCE=1"
OF_AN_OBJECT = re.compile(r"\b[0-9a-f]{32}\b")  # DVC's error is about one, not about the remote


def restore(
    run: Run,
    url: str | None = None,
    force: bool = False,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Fetch a run from the remote, check it out, verify it and hand Snakemake its records.

    Args:
        run: which.
        url: of the remote, where it is not that of .dvc/config; kept in this clone.
        force: give up files here that differ and were not shared; else they are left, and named.
        say: takes a line at a time.

    Returns:
        The jobs that are left to run: none, if the configs are those it was made with.

    Raises:
        ShareError: it was not shared, the remote cannot be read or holds damaged files, or files
            here are in the way. Nothing of a damaged run is checked out.
        AlteredError: a file is not the one that was made.
        LockedError: a run is at work.
    """
    with run.alone():
        remote = _bring(run, url, force, say)
        knowledge.unpack(run)  # at once: records of what lay here before are wrong now
        findings = verify(run.results)
        refuse_bad(run.results, findings, say)
        say(summary(run.results, findings))
    jobs = knowledge.planned(run)
    left = f"{knowledge.in_words(jobs)} to run" if jobs else "nothing to be done"
    say(f"{run.dataset}: restored from {remote}; snakemake: {left}")
    return jobs


def _bring(run: Run, url: str | None, force: bool, say: Callable[[str], None]) -> str:
    """Whole objects into the cache, files from there to where they belong; returns the remote."""
    settings = Settings.read()
    cache = Cache(settings.cache)
    wanted = cache.drop_damaged(run)
    remote = settings.remote(url)
    if wanted:
        _fetch(run, cache, remote, say)
    try:
        dvc("checkout", *["--force"] * force, *run.stages)
    except ShareError as error:
        raise ShareError(f"{error}; share or move them first; {GIVE_UP} gives them up") from None
    return remote


def _fetch(run: Run, cache: Cache, remote: str, say: Callable[[str], None]) -> None:
    """Fetch what the cache lacks; every file that did not come whole is named."""
    failure = _failure("fetch", *run.stages)
    wanted = locked(run)
    while _of_objects(failure):
        # DVC stops at a list of a folder that it cannot read: the rest without that.
        rest = [item for item in wanted if item.md5 not in failure]
        if not rest or len(rest) == len(wanted):
            break
        wanted = rest
        failure = _failure("fetch", *(item.path for item in rest))
    bad = cache.drop_damaged(run)
    if not failure and set(locked(run)) <= set(bad):
        failure = f"nothing of {run.dataset} is there"
    if failure and not _of_objects(failure):
        raise ShareError(f"remote {remote}: {failure}; mend its url, its access or the network")
    named = [file for item in bad for file in _within(cache, item) or [item]]
    for item in named:
        say(f"damaged or missing: {item.path}; delete there {' and '.join(item.places)}")
    if named:
        shutil.rmtree(SITE, ignore_errors=True)  # else a damaged list is believed once it is mended
        first = named[0].path + f" and {len(named) - 1} more" * (len(named) > 1)
        raise ShareError(
            f"remote {remote}: damaged or missing there: {first}; delete there what is named above "
            "and make share where it is whole"
        )


def _failure(*arguments: str) -> str:
    """What DVC says where it fails; else nothing."""
    try:
        dvc(*arguments)
    except ShareError as error:
        return str(error)
    return ""


def _of_objects(failure: str) -> bool:
    """Whether a failure is about objects in the remote, not about the way there or this disk."""
    here = any(os.strerror(number) in failure for number in UNWRITABLE)
    return bool(OF_AN_OBJECT.search(failure)) and not here


def _within(cache: Cache, item: Object) -> list[Object]:
    """The bad files of a folder whose list DVC kept back because of them; [] where it is bad."""
    if not item.md5.endswith(FOLDER):
        return []
    told = ("ls", ".", item.path, "--dvc-only", "--recursive", "--json", "--show-hash")
    try:
        rows = json.loads(dvc(*told))
        entries = [{"md5": row["md5"], "relpath": row["path"]} for row in rows]
    except (ShareError, ValueError, KeyError):
        return []
    entries.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(entries, sort_keys=True).encode()  # as DVC writes lists
    if hashlib.md5(text).hexdigest() + FOLDER != item.md5:
        return []
    return [file for file in listed(item, entries) if cache.state(file) != "ok"]
