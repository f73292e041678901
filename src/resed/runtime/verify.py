"""Compare each file of a results folder, and the annotations, with the recorded checksum.

Logs and benchmarks have no records, because the shell and Snakemake write them and no result
depends on them.
"""

import os
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resed.errors import AlteredError, MissingFileError, some
from resed.escaping import one_line
from resed.runtime import checksums, left_out
from resed.runtime.files import walk
from resed.runtime.progress import progress

# Folders of results/{dataset} without files of the run; named runs are verified by themselves.
WITHOUT = (checksums.FOLDER, "logs", "benchmarks", checksums.NAMED_RUNS)
SHARED = "share"  # folder of the files that resed share adds
LINK = "a link that leads out of the results; replace it by a copy, or delete the link"
Status = Literal["ok", "altered", "missing", "unrecorded", "left out"]
BAD: tuple[Status, ...] = ("altered", "missing", "unrecorded")


@dataclass(frozen=True)
class FileStatus:
    """The status of one file; `size` is in bytes.

    `cure` is given for files to which the cure of results does not apply.
    """

    path: Path
    status: Status
    size: int = 0
    cure: str = ""


def verify(results: Path, threads: int | None = None) -> list[FileStatus]:
    """Compare all files below `results` with their records, in parallel.

    Returns the files sorted by path, followed by the annotations of data/{dataset}.

    Args:
        results: results/{dataset}.
        threads: number of files hashed at the same time; None: one per core.

    Raises MissingFileError if the folder does not exist or is empty.
    """
    known = set(recorded(results))
    absent = left_out.read(results)
    names = sorted({*_files(results, known), *known})
    if not names:
        cure = "check --results, or run snakemake"
        raise MissingFileError("no results in it", place=results, cure=cure)
    found = []
    pool = ThreadPoolExecutor(threads or os.cpu_count())
    with pool, progress(len(names), f"verify {results}") as advance:
        for status in pool.map(lambda name: _status(results, name, absent), names):
            found.append(status)
            advance(1)
    return found + list(_annotations(results))


def adopt(results: Path, found: Sequence[FileStatus]) -> None:
    """Record the current checksums of files that have no record, and are not behind a link."""
    for one in found:
        if one.status == "unrecorded" and one.path.is_file() and not one.cure:
            checksums.write(results, one.path.relative_to(results), checksums.digest(one.path))


def _files(results: Path, recorded: Collection[Path]) -> Iterator[Path]:
    """All files below `results` that require a record, as relative paths.

    Links within the results are followed. A link to a folder outside of them is yielded instead of
    its files, unless some of them have records.
    """
    with_records = {parent for name in recorded for parent in name.parents}
    for folder, folders, names in walk(results):
        here = folder.relative_to(results)
        if here == Path():
            folders[:] = [name for name in folders if name not in WITHOUT]
        outside = [name for name in folders if leads_outside(results, here / name)]
        folders[:] = [name for name in folders if name not in outside]
        yield from (here / name for name in outside if here / name not in with_records)
        for name in names:
            if not name.startswith(".") and name not in checksums.SCRATCH:
                yield here / name


def leads_outside(results: Path, name: Path) -> bool:
    """Whether `results`/`name` is a link that leads out of the results."""
    path = results / name
    target = Path(os.path.realpath(path))  # of links in circles, too
    return path.is_symlink() and not target.is_relative_to(os.path.realpath(results))


def recorded(results: Path) -> Iterator[Path]:
    """All results that have a record, as paths relative to `results`."""
    folder = results / checksums.FOLDER
    for path in folder.rglob(f"*{checksums.SUFFIX}"):
        own = folder / checksums.ANNOTATIONS not in path.parents
        if own and not path.name.startswith("."):
            yield path.relative_to(folder).with_name(path.name.removesuffix(checksums.SUFFIX))


def _status(results: Path, name: Path, absent: Collection[str] = ()) -> FileStatus:
    path = results / name
    try:
        value = checksums.read(results, name)
    except AlteredError:  # a file cannot be verified by a corrupt record
        return FileStatus(checksums.record_of(results, name), "altered")
    if not path.is_file():
        if value and name.as_posix() in absent and not os.path.lexists(path):
            return FileStatus(path, "left out")
        there = value is None and os.path.lexists(path)  # a pipe, a device, a link
        outside = there and leads_outside(results, name)
        return FileStatus(path, "unrecorded" if there else "missing", cure=LINK * outside)
    size = path.stat().st_size
    if value is None:
        return FileStatus(path, "unrecorded", size, LINK * leads_outside(results, name))
    return FileStatus(path, "ok" if checksums.digest(path) == value else "altered", size)


def _annotations(results: Path) -> Iterator[FileStatus]:
    known, corrupt = checksums.recorded_annotations(results)
    for path in corrupt:
        yield FileStatus(path, "altered", cure=checksums.acquire_again(results, path))
    for one in known:
        status = one.status()
        size = 0 if status == "missing" else one.path.stat().st_size
        yield FileStatus(one.path, status, size, one.cure())


def refuse_bad(
    results: Path,
    found: Sequence[FileStatus],
    say: Callable[[str], None],
    configs: Sequence[str] | None = None,
    is_leftover: Callable[[Path], bool] | None = None,
) -> None:
    """Print all altered, missing and unrecorded files; raise AlteredError if there are any.

    Args:
        configs: the files after --configfile, for the commands in the message; None: unknown.
        is_leftover: whether no rule makes a file, given relative to `results`; None: unknown.
    """
    bad = [one for one in found if one.status in BAD]
    for one in bad:
        say(f"{one.status}: {one_line(one.path)}")  # a line end in a name is no new line
    if not bad:
        return
    counts = Counter(one.status for one in bad)
    what = ", ".join(f"{counts[status]} {status}" for status in BAD if counts[status])
    problem = f"{what}, of {len(found)} files"
    cures = _cures(bad, results, configs, is_leftover)
    raise AlteredError(problem, place=results, cure="; ".join(cures))


def _cures(
    bad: Sequence[FileStatus],
    results: Path,
    configs: Sequence[str] | None,
    is_leftover: Callable[[Path], bool] | None,
) -> Iterator[str]:
    """One sentence for each kind of file."""
    files = [one for one in bad if not one.cure and one.status != "unrecorded"]
    made = sorted({_described(results, one.path) for one in files})
    shared = [path for path in made if results / SHARED in path.parents]
    unmade = [path for path in made if is_leftover and is_leftover(path.relative_to(results))]
    if jobs := [path for path in made if path not in (*shared, *unmade)]:
        # Snakemake makes a missing file only if something needs it, so the files are named.
        words = ["snakemake", "--cores", "all", "--force", *map(os.path.relpath, jobs)]
        known = ["--configfile", *configs] if configs else []
        own = " (and your --configfile)" * (configs is None)
        removed = any(one.status == "missing" for one in files)
        folder = results / checksums.FOLDER
        yield f"run {shlex.join([*words, *known])}{own}, or make restore FORCE=1" + (
            f" (if you removed a file on purpose: delete its record in {folder})" * removed
        )
    if shared:
        known = ["--config", shlex.join(configs)] if configs else []
        own = " (and your --config)" * (configs is None)
        words = ["resed", "share", "--prepare", *known]
        yield f"run {shlex.join(words)}{own} for {results / SHARED}"
    if unmade:
        yield (
            f"no rule makes {some([str(path) for path in unmade])}, of systems or readings that "
            "the config does not name: delete them and their records in "
            f"{results / checksums.FOLDER}, or make restore FORCE=1"
        )
    if any(one.status == "unrecorded" and not one.cure for one in bad):
        yield (
            f"move or delete files that no run made, or resed verify --record --results {results}"
        )
    yield from (f"{one.path}: {one.cure}" for one in bad if one.cure)


def _described(results: Path, path: Path) -> Path:
    """The result that a file is, or whose record it is."""
    folder = results / checksums.FOLDER
    if folder not in path.parents:
        return path
    return results / path.relative_to(folder).with_name(path.name.removesuffix(checksums.SUFFIX))


def summary(results: Path, found: Sequence[FileStatus]) -> str:
    """The line to print if all files match their checksums, or were left out by a restore."""
    size = sum(one.size for one in found)
    absent = [str(one.path.relative_to(results)) for one in found if one.status == "left out"]
    there = len(found) - len(absent)
    more = f"; left out by the tier evidence: {left_out.in_words(absent)}" if absent else ""
    return f"{results}: all {there} files match their checksums ({size / 1e6:.1f} MB){more}"
