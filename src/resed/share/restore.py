"""`resed restore`: fetch a run that another clone shared, verify it, and unpack its records."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from resed.errors import ShareError, some
from resed.runtime import checksums, left_out
from resed.runtime.verify import recorded, refuse_bad, summary, verify
from resed.share import (
    annotation_copies,
    folder_remote,
    pack,
    registry,
    snakemake_records,
)
from resed.share.carried_sound import may_lack
from resed.share.checkout import MOST_NAMED, Checkout
from resed.share.dvc import fetch_objects
from resed.share.fetch_objects import MISSING, TOO_LARGE
from resed.share.lock import locked, locked_stages
from resed.share.objects import TRUST, Cache, Object, named
from resed.share.runs import SharedRun
from resed.share.settings import DEFAULT_CACHE, Settings


def run_of(configs: Sequence[str]) -> SharedRun:
    """The run of these configs, or the only one that was shared; with the tier that was shared.

    Raises ShareError if there are no configs and none or several runs were shared, and the errors
    of SharedRun.of.
    """
    run = SharedRun.of(configs or registry.only_shared(locked_stages()))
    return replace(run, tier=registry.recorded(run).tier)


def restore(
    run: SharedRun,
    url: str | None = None,
    force: bool = False,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Fetch a run from its remote, write its files, verify it and unpack Snakemake's records.

    A run that is in evidence/ of this repository is read from there, without DVC, unless `url` is
    given. Of the tier evidence, the files that it lacks are listed as left out.

    Files that were not shared are never deleted or, without `force`, overwritten; they are named.

    Args:
        run: the run, with the tier to restore.
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
        source = _Origin.of(run, url)
        cache = source.cache
        files = _bring(run, source, outs, say)
        files += [*annotation_copies.places(run, files), *pack.unpack(run, cache, files)]
        archive = _archive(run, cache, files)
        snakemake_records.check(run, archive)
        checkout = Checkout(cache, files, outs, say)
        checkout.examine(force)
        checkout.write()
        absent = _absent(run, files) if run.tier == "evidence" else []
        # Before files are verified, because the existing records describe other files. By those of
        # what was left out, Snakemake finds changed settings of features and trainings.
        known = {item.path for item in files} | {f"{run.results.as_posix()}/{n}" for n in absent}
        snakemake_records.unpack(run, archive, known)
        left_out.write(run.results, absent)
        _verify(run, checkout, say)
    jobs = snakemake_records.planned(run)
    left = f"{snakemake_records.in_words(jobs)} to run" if jobs else "nothing to be done"
    what = "evidence " if run.tier == "evidence" else ""
    say(f"{run.title}: {what}restored from {source.name}; snakemake: {left}")
    return jobs


@dataclass(frozen=True)
class _Origin:
    """Where objects come from.

    Attributes:
        cache: DVC's cache of this clone.
        name: the remote, as it is named at the end.
        place: the remote in errors.
        fetch: called with the cache and MD5s; returns MD5 -> problem.
        cure: what to do if an object in it is damaged.
        named: prints damaged objects; returns the first and their number.
    """

    cache: Cache
    name: str
    place: str
    fetch: Callable[[Cache, list[str]], dict[str, str]]
    cure: str
    named: Callable[[Sequence[Object], Callable[[str], None]], str]

    @classmethod
    def of(cls, run: SharedRun, url: str | None) -> "_Origin":
        """The folder evidence/ for a run that is in it, otherwise the remote of DVC."""
        if needs_dvc(run, url):
            settings = Settings.read()
            name = settings.remote(url)
            cure = "delete the objects listed above, and run make share in an intact clone"
            return cls(Cache(settings.cache), name, f"remote {name}", _with_dvc, cure, named)
        folder = Settings.read().cache if find_spec("dvc") else DEFAULT_CACHE
        name, cure = f"{folder_remote.FOLDER}/", f"git checkout -- {folder_remote.FOLDER}"
        return cls(Cache(folder), name, name, folder_remote.fetch, cure, _first)


def needs_dvc(run: SharedRun, url: str | None) -> bool:
    """Whether a run is restored from a remote of DVC, and not from a folder of this repository."""
    return bool(url) or not registry.recorded(run).in_repository


def _with_dvc(cache: Cache, objects: list[str]) -> dict[str, str]:
    return fetch_objects(cache.folder, objects)


def _first(items: Sequence[Object], say: Callable[[str], None]) -> str:
    """The damaged objects of the folder remote, in one line."""
    places = [f"{folder_remote.REMOTE.place(item)} ({item.path})" for item in items]
    return some(places)


def _absent(run: SharedRun, files: Sequence[Object]) -> list[str]:
    """The files that the tier evidence leaves out: only their checksums were shared."""
    shared, found = {item.path for item in files}, []
    for name in recorded(run.results):
        record = checksums.record_of(run.results, name)
        if record.as_posix() in shared and not os.path.lexists(run.results / name):
            found.append(name.as_posix())
    return list(filter(may_lack, found))


def _bring(
    run: SharedRun,
    source: _Origin,
    outs: Sequence[Object],
    say: Callable[[str], None],
) -> list[Object]:
    """Fetch into the cache what it does not have; return the files of the run.

    The lists of folders are fetched and checked before any file.
    """
    what, cache = f"compare DVC's cache of {run.title}", source.cache
    lists = [item for item in outs if item.is_folder]
    bad = _fetch(source, lists, what)
    rest = [item for item in outs if item not in bad]
    files = cache.files(rest)
    bad += _fetch(source, files, what)
    if {*bad} >= {*outs}:
        cure = "correct its URL, its access or the network"
        raise ShareError(f"contains no files of {run.title}", place=source.place, cure=cure)
    if bad:
        problem = f"damaged or missing: {source.named(bad, say)}"
        raise ShareError(problem, place=source.place, cure=source.cure)
    return files


def _fetch(source: _Origin, items: Sequence[Object], what: str) -> list[Object]:
    """Fetch objects; return those that the remote does not have intact."""
    cache = source.cache
    wanted = cache.drop_damaged(items, what)
    if not wanted:
        return []
    problems = source.fetch(cache, sorted({item.md5 for item in wanted}))
    bad = cache.drop_damaged(wanted, what)
    for item in bad:
        problem = problems.get(item.md5, MISSING)
        if problem not in (MISSING, TOO_LARGE):
            cure = "correct its URL, its access or the network"
            raise ShareError(problem, place=source.place, cure=cure)
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
