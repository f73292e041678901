"""`resed restore`: fetch a run that another clone shared, verify it, and unpack its records."""

from collections.abc import Callable, Sequence
from pathlib import Path

from resed.errors import ShareError
from resed.runtime import checksums
from resed.runtime.verify import refuse_bad, summary, verify
from resed.share import annotation_copies, snakemake_records
from resed.share.checkout import MOST_NAMED, Checkout
from resed.share.dvc import fetch_objects
from resed.share.fetch_objects import MISSING, TOO_LARGE
from resed.share.lock import locked
from resed.share.objects import TRUST, Cache, Object, named
from resed.share.runs import SharedRun
from resed.share.settings import Settings


def restore(
    run: SharedRun,
    url: str | None = None,
    force: bool = False,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Fetch a run from the remote, write its files, verify it and unpack Snakemake's records.

    Files that were not shared are never deleted or, without `force`, overwritten; they are named.

    Args:
        url: URL of the remote, if it is not that of .dvc/config; kept for this clone.
        force: overwrite local files that differ and were not shared; otherwise they are reported.

    Returns:
        The jobs that remain to be run: none if the configs are those of the shared run.

    Raises:
        ShareError: the run was not shared, the remote cannot be read or has damaged files, paths
            lead out of the folders of the run, or local files would be overwritten. Nothing is
            written in these cases, except in DVC's cache.
        AlteredError: a file differs from its checksum.
        MissingFileError, NetworkFileError: the network file of the config is missing or no Python.
        LockedError: another run is using the results.
    """
    run.refuse_without_network()
    with run.alone():
        outs = locked(run)  # before DVC is started
        settings = Settings.read()
        cache, remote = Cache(settings.cache), settings.remote(url)
        files = _bring(run, cache, outs, remote, say)
        files += annotation_copies.places(run, files)
        archive = _archive(run, cache, files)
        snakemake_records.check(run, archive)
        checkout = Checkout(cache, files, outs, say)
        checkout.examine(force)
        checkout.write()
        # Before files are verified, because the existing records describe other files.
        snakemake_records.unpack(run, archive, {item.path for item in files})
        _verify(run, checkout, say)
    jobs = snakemake_records.planned(run)
    left = f"{snakemake_records.in_words(jobs)} to run" if jobs else "nothing to be done"
    say(f"{run.title}: restored from {remote}; snakemake: {left}")
    return jobs


def _bring(
    run: SharedRun,
    cache: Cache,
    outs: Sequence[Object],
    remote: str,
    say: Callable[[str], None],
) -> list[Object]:
    """Fetch into the cache what it does not have; return the files of the run.

    The lists of folders are fetched and checked before any file.
    """
    what = f"compare DVC's cache of {run.title}"
    lists = [item for item in outs if item.is_folder]
    bad = _fetch(cache, lists, remote, what)
    rest = [item for item in outs if item not in bad]
    files = cache.files(rest)
    bad += _fetch(cache, files, remote, what)
    if {*bad} >= {*outs}:
        cure = "correct its URL, its access or the network"
        raise ShareError(f"contains no files of {run.title}", place=f"remote {remote}", cure=cure)
    if bad:
        problem = f"damaged or missing: {named(bad, say)}"
        cure = "delete the objects listed above, and run make share in an intact clone"
        raise ShareError(problem, place=f"remote {remote}", cure=cure)
    return files


def _fetch(cache: Cache, items: Sequence[Object], remote: str, what: str) -> list[Object]:
    """Fetch objects; return those that the remote does not have intact."""
    wanted = cache.drop_damaged(items, what)
    if not wanted:
        return []
    problems = fetch_objects(cache.folder, sorted({item.md5 for item in wanted}))
    bad = cache.drop_damaged(wanted, what)
    for item in bad:
        problem = problems.get(item.md5, MISSING)
        if problem not in (MISSING, TOO_LARGE):
            cure = "correct its URL, its access or the network"
            raise ShareError(problem, place=f"remote {remote}", cure=cure)
    return bad


def _archive(run: SharedRun, cache: Cache, files: Sequence[Object]) -> Path:
    """The archive of Snakemake's records in the cache."""
    for item in files:
        if Path(item.path) == run.archive:
            return cache.place(item)
    problem = f"has no {run.archive}, the records of Snakemake"
    raise ShareError(problem, place="dvc.lock", cure=TRUST)


def _verify(run: SharedRun, checkout: Checkout, say: Callable[[str], None]) -> None:
    """Compare all shared files with their checksums; name the files that were not shared."""
    shared = {item.path for item in checkout.files}

    def is_shared(path: Path) -> bool:
        """Whether a file, or its record, was shared; annotations have records of another kind."""
        if run.results not in path.parents:
            return True
        record = checksums.record_of(run.results, path.relative_to(run.results))
        return not shared.isdisjoint((path.as_posix(), record.as_posix()))

    found = verify(run.results)
    own = [one for one in found if one.status == "ok" or is_shared(one.path)]
    refuse_bad(run.results, own, say, run.configs, run.is_leftover)
    kept = dict.fromkeys(checkout.kept(), "kept")
    kept |= {one.path: one.status for one in set(found) - set(own)}
    for path, status in sorted(kept.items())[:MOST_NAMED]:
        say(f"not shared, {status}: {path}")
    if len(kept) > MOST_NAMED:
        say(f"not shared: {len(kept) - MOST_NAMED} more")
    say(summary(run.results, own))
