"""The finished runs of a clone: which files the archive carries, and what made every file."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from archive.entries import Entry
from archive.errors import ReleaseError
from resed.config.loading import read_yaml
from resed.config.run_name import RUNS as NAMED
from resed.errors import some
from resed.runtime import checksums
from resed.runtime.snakemake_metadata import read_record
from resed.runtime.staleness import Made
from resed.runtime.verify import refuse_bad, summary, verify
from resed.share import snakemake_records
from resed.share.registry import RUNS
from resed.share.runs import SharedRun

RESULTS = Path("results")
# Files of a run that the archive carries: what a reader compares. Features, checkpoints, posteriors
# and sound are left out; their checksums are in the table of provenance. `*` matches slashes, too.
CARRIED = (
    *("tables/*", "figures/*", "report/index.html", "report/summary.txt", "score/*/metrics.json"),
    *("train/*/history.csv", "calibrate/*.tsv", "acquire/*.json", "audit/audit.json"),
    *("audit/admitted.json", "audit/manifest.tsv", "benchmarks/*"),
)
COLUMNS = (
    *("path", "sha256", "carried", "rule", "job", "started", "ended"),
    *("stage", "code", "device", "packages"),
)
LATEST = 253402300799.0  # seconds: the end of the year 9999


@dataclass(frozen=True)
class Job:
    """A job of Snakemake.

    Attributes:
        rule: its rule.
        name: unique in the run: the path of its log, without folder and ending.
        started, ended: times in UTC, None if unknown.
        inputs: paths of its input files.
    """

    rule: str
    name: str
    started: datetime | None = None
    ended: datetime | None = None
    inputs: tuple[str, ...] = ()

    def times(self) -> tuple[str, str]:
        """Start and end in ISO 8601; empty if unknown."""
        return stamp(self.started), stamp(self.ended)


@dataclass(frozen=True)
class RunFile:
    """A file of a run: path, SHA-256, what made it (checksums.maker_of), and its job."""

    path: str
    sha256: str
    carried: bool
    maker: Mapping[str, Any]
    job: Job | None


@dataclass(frozen=True)
class CarriedRun:
    """A run in the archive.

    Attributes:
        run: the run.
        entries: its files in the archive, the table of provenance included.
        files: all its files, those that the archive does not carry included.
        stale: stage -> number of files that other code than this made.
    """

    run: SharedRun
    entries: list[Entry]
    files: list[RunFile]
    stale: Mapping[str, int]

    @cached_property
    def jobs(self) -> dict[Job, list[RunFile]]:
        """Job -> its files, by name."""
        found: dict[Job, list[RunFile]] = {}
        for file in self.files:
            if file.job:
                found.setdefault(file.job, []).append(file)
        return dict(sorted(found.items(), key=lambda item: (item[0].rule, item[0].name)))


def present() -> tuple[list[SharedRun], list[str]]:
    """The runs of workflow/runs.yaml that have tables here; and the other folders with tables."""
    listed = read_yaml(RUNS)
    entries = [*(listed.get("runs") or {}).values(), *(listed.get("named") or {}).values()]
    runs = [SharedRun.of([entry["configs"]]) for entry in entries]
    found = sorted((run for run in runs if _has_tables(run.results)), key=lambda run: run.key)
    known = {run.results for run in found}
    folders = [*RESULTS.glob("*"), *RESULTS.glob(f"*/{NAMED}/*")]
    others = sorted(path for path in folders if _has_tables(path) and path not in known)
    return found, [f"{path}, which {RUNS} does not have (make share adds it)" for path in others]


def _has_tables(results: Path) -> bool:
    return any((results / "tables").glob("*.csv"))


def check(run: SharedRun) -> None:
    """Raise AlteredError for altered files of a run, ReleaseError if jobs are left to run."""
    findings = verify(run.results)
    refuse_bad(run.results, findings, print, run.configs, run.is_leftover)
    print(summary(run.results, findings))
    if jobs := snakemake_records.planned(run):
        problem = f"not finished, {snakemake_records.in_words(jobs)} to run"
        cure = f"{run.cure}, or move this folder away"
        raise ReleaseError(problem, place=run.results, cure=cure)


def carried(run: SharedRun) -> CarriedRun:
    """The files of a run for the archive, with a table of what made every file."""
    jobs = _Jobs(run)
    files, entries = [], []
    for path in sorted(_files(run)):
        name = path.relative_to(run.results).as_posix()
        carry = path.is_file() and any(fnmatchcase(name, pattern) for pattern in CARRIED)
        record = checksums.record_of(run.results, name)
        digest = checksums.read(run.results, name) if record.is_file() else checksums.digest(path)
        if carry:
            entry = Entry(path.as_posix(), path.read_bytes())
            if entry.sha256 != digest:  # altered since `check`
                raise ReleaseError("changed while it was packed", place=path, cure="try again")
            entries.append(entry)
        maker = checksums.maker_of(record) or {}
        files.append(RunFile(path.as_posix(), digest, carry, maker, jobs.of(path)))
    if not any(file.job for file in files):
        cure = f"{run.cure}, or make restore"
        raise ReleaseError("Snakemake has no records of it", place=run.results, cure=cure)
    entries.append(Entry(f"provenance/{run.key}.csv", _table(files)))
    stale = {stage: len(names) for stage, names in Made.of(run.results).stale().items()}
    return CarriedRun(run, entries, files, stale)


def _files(run: SharedRun) -> Iterator[Path]:
    """Files with a record, which a restored run need not have, and benchmarks, which have none."""
    folder = run.results / checksums.FOLDER
    for record in folder.rglob(f"*{checksums.SUFFIX}"):
        name = record.relative_to(folder).as_posix().removesuffix(checksums.SUFFIX)
        path = run.results / name
        if checksums.ANNOTATIONS in record.relative_to(folder).parts[:1]:
            continue  # of data/{dataset}
        if not path.is_symlink() and not path.is_dir() and run.holds(path):
            yield path
    yield from (path for path in (run.results / "benchmarks").rglob("[!.]*") if path.is_file())


class _Jobs:
    """The jobs of a run, by the records of Snakemake; one of several outputs is one job."""

    def __init__(self, run: SharedRun) -> None:
        self._logs = f"{run.results.as_posix()}/logs/"
        self._root = run.results
        self._known: dict[tuple[str, tuple[str, ...]], Job] = {}
        self._folders: dict[Path, Job | None] = {}

    def of(self, path: Path) -> Job | None:
        """The job that made a file, or made the folder that it is in; None if unknown."""
        return self._recorded(path) or self._of_folder(path.parent)

    def _of_folder(self, folder: Path) -> Job | None:
        if folder == self._root or self._root not in folder.parents:
            return None
        if folder not in self._folders:
            self._folders[folder] = self._recorded(folder) or self._of_folder(folder.parent)
        return self._folders[folder]

    def _recorded(self, path: Path) -> Job | None:
        record = read_record(path)
        if record is None:
            return None
        key = record["rule"], tuple(record["log"])
        if key not in self._known:
            name = record["log"][0] if record["log"] else path.as_posix()
            name = name.removeprefix(self._logs).removesuffix(".log")
            inputs = record.get("input") or []
            inputs = tuple(one for one in inputs if isinstance(one, str))
            ends = (_time(record.get(key)) for key in ("starttime", "endtime"))
            self._known[key] = Job(record["rule"], name, *ends, inputs)
        return self._known[key]


def _time(value: Any) -> datetime | None:
    """A time of Snakemake's records, seconds since 1970, without fractions."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LATEST:
        return None
    return datetime.fromtimestamp(int(value), UTC)


def stamp(time: datetime | None) -> str:
    """A time in ISO 8601; empty if unknown."""
    return time.isoformat() if time else ""


def _table(files: list[RunFile]) -> bytes:
    """What made every file of a run, one row per file, as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for file in files:
        job = (file.job.rule, file.job.name, *file.job.times()) if file.job else ("",) * 4
        maker = [file.maker.get(name) or "" for name in ("stage", "code", "device")]
        packages = json.dumps(file.maker.get("packages") or {}, sort_keys=True)
        carry = str(file.carried).lower()
        writer.writerow((file.path, file.sha256, carry, *job, *maker, packages))
    return text.getvalue().encode()


def in_words(stale: Mapping[str, int]) -> str:
    """How many files other code than that of the archive made, as a sentence."""
    if not stale:
        return "The code in this archive made all files."
    listed = some([f"{stage} {number}" for stage, number in stale.items()], len(stale))
    return f"Files that other code than that in this archive made: {listed}."
