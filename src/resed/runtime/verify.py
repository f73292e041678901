"""Every artefact of a results folder against the checksum that was recorded when it was made.

Logs and benchmarks have none: the shell and Snakemake write them, and no number rests on them. A
figure's own file of checksums is compared with what was recorded of the figure, and annotations,
which lie in data/, with what acquire recorded of them.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resed.errors import AlteredError, MissingFileError
from resed.runtime import acquired_annotations as acquired
from resed.runtime import checksums
from resed.runtime.progress import progress

WITHOUT = (checksums.FOLDER, "logs", "benchmarks")  # folders of results/{dataset}
PICTURES = (".png", ".svg")  # in the order in which the rules of figures hand them to sha256sum
Status = Literal["ok", "altered", "missing", "unrecorded"]
BAD: tuple[Status, ...] = ("altered", "missing", "unrecorded")


@dataclass(frozen=True)
class Finding:
    """What was found of one artefact; `path` is as the user would write it, size in bytes.

    `cure`: its own, where that of results does not fit.
    """

    path: Path
    status: Status
    size: int = 0
    cure: str = ""


def verify(results: Path, threads: int | None = None) -> list[Finding]:
    """Compare all artefacts below `results` with their records, in parallel; sorted by path.

    After them come the annotations that acquire recorded, of data/{dataset} beside results/.

    Args:
        results: results/{dataset}.
        threads: how many files are hashed at once; all cores where None.

    Raises MissingFileError where there is no such folder, or no artefact in it.
    """
    names = sorted({*_artefacts(results), *_recorded(results)})
    if not names:
        raise MissingFileError(f"{results}: no results in it; check --results, or run snakemake")
    findings = []
    pool = ThreadPoolExecutor(threads or os.cpu_count())
    with pool, progress(len(names), f"verify {results}") as advance:
        for finding in pool.map(lambda name: _finding(results, name), names):
            findings.append(finding)
            advance(1)
    return findings + list(_annotations(results, findings))


def adopt(results: Path, findings: list[Finding]) -> None:
    """Record what has no checksum yet, as it is now."""
    for finding in findings:
        if finding.status == "unrecorded":
            name = finding.path.relative_to(results)
            checksums.write(results, name, checksums.digest(finding.path))


def _artefacts(results: Path) -> Iterator[Path]:
    """All files below `results` that should have a record, relative to it."""
    for folder, folders, names in os.walk(results, followlinks=True):
        here = Path(folder).relative_to(results)
        if here == Path():
            folders[:] = [name for name in folders if name not in WITHOUT]
        for name in names:
            if not name.startswith(".") and name not in checksums.SCRATCH:
                yield here / name


def _recorded(results: Path) -> Iterator[Path]:
    """All files that have a record, relative to `results`."""
    folder = results / checksums.FOLDER
    for path in folder.rglob(f"*{checksums.SUFFIX}"):
        if not path.name.startswith("."):
            yield path.relative_to(folder).with_name(path.name.removesuffix(checksums.SUFFIX))


def _finding(results: Path, name: Path) -> Finding:
    path = results / name
    try:
        recorded = checksums.read(results, name)
    except AlteredError:  # the record is damaged: nothing vouches for the file
        return Finding(checksums.record_of(results, name), "altered")
    if not path.is_file():
        return Finding(path, "missing")
    size = path.stat().st_size
    if recorded is None:
        own = path.suffix == checksums.SUFFIX
        return Finding(path, _sums(results, name) if own else "unrecorded", size)
    return Finding(path, "ok" if checksums.digest(path) == recorded else "altered", size)


def _sums(results: Path, name: Path) -> Status:
    """Of a file that sha256sum wrote beside a figure: is it what follows from the records?"""
    run = Path("results", checksums.absolute(results).name)  # paths are as the workflow writes them
    expected = ""
    for picture in map(name.with_suffix, PICTURES):
        try:
            value = checksums.read(results, picture)
        except AlteredError:  # which is said where the record's own file is looked at
            return "altered"
        expected += checksums.line(value, run / picture) if value else ""
    if not expected:
        return "unrecorded"
    return "ok" if (results / name).read_bytes() == expected.encode() else "altered"


def _annotations(results: Path, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Annotation files by the records of acquire; a record that is altered vouches for nothing."""
    records = [
        finding.path
        for finding in findings
        if finding.path.parent == results / acquired.FOLDER
        and finding.status in ("ok", "unrecorded")
    ]
    for known in acquired.recorded(results, records):
        status = known.status()
        size = 0 if status == "missing" else known.path.stat().st_size
        yield Finding(known.path, status, size, known.cure())


def refuse_bad(results: Path, findings: list[Finding], say: Callable[[str], None]) -> None:
    """Name every artefact that is not as it was made; AlteredError if there is one."""
    bad = [finding for finding in findings if finding.status in BAD]
    for finding in bad:
        say(f"{finding.status}: {finding.path}")
    if not bad:
        return
    counts = Counter(finding.status for finding in bad)
    what = ", ".join(f"{counts[status]} {status}" for status in BAD if counts[status])
    raise AlteredError(f"{results}: {what}, of {len(findings)} files; {_cures(bad, results)}")


def _cures(bad: Sequence[Finding], results: Path) -> str:
    made = Counter(finding.status for finding in bad if not finding.cure)
    own = [f"{finding.path}: {finding.cure}" for finding in bad if finding.cure]
    return "; ".join([*([_cure(made, results)] if made else []), *own])


def _cure(counts: Counter[Status], results: Path) -> str:
    if set(counts) == {"unrecorded"}:
        return f"delete what no run made, or resed verify --record --results {results}"
    first = "delete what was altered, then " if counts["altered"] else ""
    folder = results / checksums.FOLDER
    given_up = f" (if it was to go: delete its record in {folder})" if counts["missing"] else ""
    return f"{first}run snakemake again or make restore{given_up}"


def summary(results: Path, findings: list[Finding]) -> str:
    """One line for when all is well."""
    size = sum(finding.size for finding in findings)
    return f"{results}: all {len(findings)} files are as they were made ({size / 1e6:.1f} MB)"
