"""`resed share`: verify a finished run and push it."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from resed.errors import ShareError, some
from resed.formats.media_list import unchanged_media
from resed.runtime import checksums
from resed.runtime.verify import FileStatus, refuse_bad, summary, verify
from resed.share import (
    annotation_copies,
    carried_sound,
    dvc_views,
    evidence,
    folder_remote,
    instructions,
    pack,
    snakemake_records,
)
from resed.share.dvc import dvc
from resed.share.lock import declared, is_locked, locked, unlock
from resed.share.objects import FILE_MD5, Cache, Object, md5_of
from resed.share.paths import Folders, fault, files_below
from resed.share.registry import recorded, register
from resed.share.runs import AUDIO, SharedRun
from resed.share.settings import Settings

SOUND = re.compile(r"\.(aac|aiff?|au|caf|flac|m4a|mp[34]|ogg|opus|w64|wav|webm|wma)", re.I)
# Folders that only runs with generations or composites have. Others share them empty, because DVC
# commits a stage only with all of its outputs.
OF_SOME_RUNS = ("distil", "choose")


def share(
    run: SharedRun,
    url: str | None = None,
    prepare: bool = False,
    say: Callable[[str], None] = print,
    publish: bool = False,
) -> None:
    """Verify a run, commit it to DVC's cache and push it to the remote.

    Args:
        run: the run; its tier says whether features, checkpoints and posteriors are pushed. With
            `prepare`, it is the tier of the last share.
        url: URL of the remote, if it is not that of .dvc/config; kept for this clone.
        prepare: do not commit and push; for `dvc repro`, in which DVC does both.
        publish: write into the folder evidence/ of this repository instead of the remote; only the
            tier evidence.

    Raises:
        ShareError: the run is not finished, its folders match no stage, or DVC fails.
        AlteredError: a file differs from its checksum.
        MissingFileError, NetworkFileError: the network file of the config is missing or no Python.
        LockedError: another run is using the results.
    """
    if publish and (run.tier != "evidence" or url):
        problem = "only the tier evidence is published, into evidence/ of this repository"
        raise ShareError(problem, place="--publish", cure="use --tier evidence, no --remote")
    run.refuse_without_network()
    if prepare:
        run = replace(run, tier=recorded(run).tier)
    with run.alone():
        outs = declared(run)  # before DVC is started
        pushed = [Path(path) for name in run.stages for path in outs[name]]
        _keep_inside(run, [*pushed, run.metrics, run.annotations])
        _check(run, prepare, say)
        if prepare:
            _add(run, recorded(run).in_repository)
            return
        settings = Settings.read()
        if not publish:
            evidence.keep_out(settings, url)
        _add(run)
        cache = Cache(settings.cache)
        _commit(run, cache, say)
        if publish:
            say(evidence.publish(run, cache))
            instructions.tell(run, None, say, [str(folder_remote.FOLDER)])
            return
        remote = settings.remote(url)
        dvc("push", *run.stages)
    what = "evidence " if run.tier == "evidence" else ""
    say(f"{run.title}: {what}pushed to {remote}")
    instructions.tell(run, settings.unknown_address(url), say)


def _check(run: SharedRun, prepare: bool, say: Callable[[str], None]) -> None:
    """Raise an error if the run has audio among its results, altered files, or jobs to run."""
    _keep_sound(run)
    # Verified before the plan, because Snakemake would rerun the jobs of altered files. Files of a
    # share that was killed are not verified, because they are made again below.
    findings = [found for found in verify(run.results) if not _made_here(run, found)]
    refuse_bad(run.results, findings, say, run.configs, run.is_leftover)
    say(summary(run.results, findings))
    absent = [one.path for one in findings if one.status == "left out"]
    if absent and not prepare:  # DVC records the hashes of all stages
        problem = f"only the evidence is here, without {some(list(map(str, absent)))}"
        cure = "share it in the clone that made it"
        raise ShareError(problem, place=run.results, cure=cure)
    jobs = snakemake_records.planned(run)
    if jobs:
        problem = f"not finished, {snakemake_records.in_words(jobs)} to run"
        raise ShareError(problem, place=run.results, cure=run.cure)


def _made_here(run: SharedRun, found: FileStatus) -> bool:
    """Whether resed share made the file or its record."""
    places = [run.archive, run.pictures, run.packed.parent]
    places += [run.annotation_copies] if run.annotation_copies else []
    folders = [place.relative_to(run.results) for place in places[1:]]
    places += [run.results / checksums.FOLDER / folder for folder in folders]
    places += [checksums.record_of(run.results, run.archive.relative_to(run.results))]
    return any(place in (found.path, *found.path.parents) for place in places)


def _keep_sound(run: SharedRun) -> None:
    """Raise ShareError for an audio file in a folder that is pushed.

    The clip browser has only sound of which the dataset file allows copies.
    """
    for split, place in run.file.splits.items() if run.file else ():
        for path, folder in ((place.audio, run.audio), (place.annotations, run.annotations)):
            if Path(path).parts[0] != folder.name:
                problem = f"{path} is not in {folder}, and audio must not be pushed"
                cure = "move it there, and change the dataset file"
                raise ShareError(problem, place=f"splits.{split}", cure=cure)
    carried = unchanged_media(run.results / carried_sound.CLIPS)
    for folder in (run.annotations, run.results):
        for path in folder.rglob("*"):
            pushed = folder != run.results or run.holds(path)
            if SOUND.fullmatch(path.suffix) and pushed and path not in carried:
                raise ShareError(
                    "audio is never pushed", place=path, cure=f"move it out of {folder}"
                )


def _keep_inside(run: SharedRun, outs: list[Path]) -> None:
    """Raise ShareError for a link, or for a name that restore refuses, among the files to push.

    A link would push what it leads to, such as a private key. Links of DVC into its cache are
    accepted.
    """
    folders = Folders()
    for out in outs:
        if obstacle := folders.obstacle(out):
            place, what = obstacle
            cure = "move the clone to the other disk; nothing is shared through links"
            raise ShareError(what, place=place, cure=cure)
        for path in files_below(out):
            if any(part.startswith(".") for part in path.parts):
                continue  # .dvcignore excludes hidden files
            if path.is_symlink() and not _leads_into_cache(path):
                problem = f"a link to {str(path.readlink())!r}"
                raise ShareError(problem, place=path, cure="replace it by a copy of the file")
            if wrong := fault(path.as_posix()):
                raise ShareError(f"its name {wrong}", place=repr(str(path)), cure="rename it")


def _leads_into_cache(path: Path) -> bool:
    """Whether a link leads to an object whose name is its MD5."""
    target = path.resolve()
    md5 = target.parent.name + target.name
    return bool(FILE_MD5.fullmatch(md5)) and target.is_file() and md5_of(target) == md5


def _add(run: SharedRun, in_repository: bool = False) -> None:
    """Add files that a clone requires and no job makes, and record their checksums."""
    register(run, in_repository)
    for name in OF_SOME_RUNS:
        (run.results / name).mkdir(exist_ok=True)
    dvc_views.remove_old_pictures(run)
    annotation_copies.remove_old(run)
    shutil.rmtree(run.results / checksums.FOLDER / "share", ignore_errors=True)
    dvc_views.write_metrics(run)
    made = [snakemake_records.pack(run), *dvc_views.copy_pictures(run)]
    made += annotation_copies.write(run)
    for path in made:
        checksums.write(run.results, path.relative_to(run.results), checksums.digest(path))
    for path in pack.write(run):  # with the records of all files but those above
        checksums.write(run.results, path.relative_to(run.results), checksums.digest(path))


def _commit(run: SharedRun, cache: Cache, say: Callable[[str], None]) -> None:
    """Commit to the cache and verify it; damaged objects are replaced."""
    what = f"compare DVC's cache of {run.title}"
    if is_locked(run):
        outs = locked(run)
        gone = cache.drop_damaged(outs, what)
        files = cache.files([item for item in outs if item not in gone])
        for item in gone + cache.drop_damaged(files, what):
            say(f"DVC's cache: {item.path} was damaged or missing; replaced")
    carried_sound.write_ignored(run)
    tracked = [run.stage(AUDIO)] if run.audio.is_dir() and not run.run else []
    dvc("commit", "--force", *tracked, *run.stages)
    unlock(run)
    outs = locked(run)
    bad: list[Object] = cache.drop_damaged(outs, what)
    bad += cache.drop_damaged(cache.files([item for item in outs if item not in bad]), what)
    if bad:
        problem = f"the object of {bad[0].path} is damaged"
        raise ShareError(problem, place=cache.place(bad[0]), cure="check this disk")
