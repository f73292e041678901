"""`resed share`: hand on a finished run, whole and verified."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from resed.errors import ShareError
from resed.runtime import checksums
from resed.runtime.verify import FileStatus, refuse_bad, summary, verify
from resed.share import dvc_views as show
from resed.share import instructions as others
from resed.share import snakemake_records as knowledge
from resed.share.cache import Cache, Object, shared
from resed.share.dvc import Settings, dvc
from resed.share.runs import AUDIO, Run, register

SOUND = re.compile(r"\.(aac|aiff?|au|caf|flac|m4a|mp[34]|ogg|opus|w64|wav|webm|wma)", re.I)


def share(
    run: Run,
    url: str | None = None,
    prepare: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Verify a run, commit it to DVC's cache and push it to the remote.

    Args:
        run: which.
        url: of the remote, where it is not that of .dvc/config; kept in this clone.
        prepare: leave it to DVC, which calls this (dvc repro), to commit and to push.
        say: takes a line at a time.

    Raises:
        ShareError: the run is not finished, its folders fit no stage, or DVC fails.
        AlteredError: a file is not the one that was made.
        LockedError: a run is at work.
    """
    with run.alone():
        _check(run, say)
        _add(run)
        if prepare:
            return
        settings = Settings.read()
        _commit(run, Cache(settings.cache), say)
        remote = settings.remote(url)
        dvc("push", *run.stages)
    say(f"{run.dataset}: pushed to {remote}")
    others.tell(run, settings.unknown_address(url), say)


def _check(run: Run, say: Callable[[str], None]) -> None:
    """Without sound, as it was made, and finished?"""
    _keep_sound(run)
    # Before the plan, in which an altered file is one more reason. What a share that was cut off
    # left half made is made anew below, and deleted no sooner: this one may be refused.
    findings = [found for found in verify(run.results) if not _made_here(run, found)]
    refuse_bad(run.results, findings, say)
    say(summary(run.results, findings))
    jobs = knowledge.planned(run)
    if jobs:
        raise ShareError(
            f"{run.results}: not finished, {knowledge.in_words(jobs)} to run; {run.cure}"
        )


def _made_here(run: Run, found: FileStatus) -> bool:
    """Whether share itself made that file, or its record."""
    places = [run.archive, run.pictures]
    places += [checksums.record_of(run.results, run.archive.relative_to(run.results))]
    places += [run.results / checksums.FOLDER / run.pictures.relative_to(run.results)]
    return any(place in (found.path, *found.path.parents) for place in places)


def _keep_sound(run: Run) -> None:
    """No sound lies where files are pushed from; ShareError names what does."""
    for split, place in run.file.splits.items() if run.file else ():
        for path, folder in ((place.audio, run.audio), (place.annotations, run.annotations)):
            if Path(path).parts[0] != folder.name:
                raise ShareError(
                    f"splits.{split}: {path} does not lie in {folder}, and sound must be told from "
                    "what is pushed; move it there, in the dataset file too"
                )
    for folder in (run.annotations, run.results):
        for path in folder.rglob("*"):
            if SOUND.fullmatch(path.suffix):
                raise ShareError(f"{path}: sound is never pushed; move it out of {folder}")


def _add(run: Run) -> None:
    """What a run leaves out and a clone needs; recorded as if a job had made it."""
    register(run)
    shutil.rmtree(run.results / checksums.FOLDER / "share", ignore_errors=True)
    show.write_metrics(run)
    made = [knowledge.pack(run), *show.copy_pictures(run)]
    for path in made:
        checksums.write(run.results, path.relative_to(run.results), checksums.digest(path))


def _commit(run: Run, cache: Cache, say: Callable[[str], None]) -> None:
    """Into the cache, and see that it is whole there: what is damaged there is put in anew."""
    if shared(run):
        for item in cache.drop_damaged(run):
            say(f"DVC's cache: {item.path} was damaged or missing; put in anew")
    tracked = [f"{AUDIO}@{run.dataset}"] if run.audio.is_dir() else []
    dvc("commit", "--force", *tracked, *run.stages)
    bad: list[Object] = cache.drop_damaged(run)
    if bad:
        raise ShareError(f"{cache.place(bad[0])}: {bad[0].path} is damaged there; check this disk")
