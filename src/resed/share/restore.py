"""`resed restore`: what another clone shared, compared at every step, and Snakemake told of it."""

from collections.abc import Callable

from resed.errors import ShareError
from resed.share import knowledge
from resed.share.cache import Cache, locked
from resed.share.dvc import Settings, dvc
from resed.share.runs import Run
from resed.verify import refuse_bad, summary, verify

GIVE_UP = "make restore FORCE=1"


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
        findings = verify(run.results)
        refuse_bad(run.results, findings, say)
        say(summary(run.results, findings))
        knowledge.unpack(run)
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
    failure = ""
    try:
        dvc("fetch", *run.stages)
    except ShareError as error:
        failure = str(error)
    bad = cache.drop_damaged(run)
    blamed = [item for item in bad if item.md5 in failure] or bad
    if (failure and not bad) or len(blamed) == len(locked(run)):
        what = failure or f"nothing of {run.dataset} is there"
        raise ShareError(f"remote {remote}: {what}; mend its url, its access or the network")
    for item in blamed:
        say(f"damaged or missing: {item.path}; delete there {' and '.join(item.places)}")
    if blamed:
        first = blamed[0].path + f" and {len(blamed) - 1} more" * (len(blamed) > 1)
        raise ShareError(
            f"remote {remote}: damaged or missing there: {first}; delete there what is named above "
            "and make share where it is whole"
        )
