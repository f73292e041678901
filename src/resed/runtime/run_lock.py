"""Allow one run at a time in a results folder; a killed run does not block the next one.

The locks of Snakemake are files, which remain after a kill -9. In addition, a run holds a kernel
lock, which is released when its process ends. If no process holds the kernel lock, the locks of
Snakemake are leftovers of a killed run. No other module depends on the internals of Snakemake
(9.27).
"""

import errno
import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from resed.errors import ResedError, cure_of
from resed.runtime import locks, orphans
from resed.runtime.json_text import parse_json

STATE = Path(".snakemake")
OWNER = "RESED_OWNER"  # the run that submitted a job; not all schedulers pass it to the job
GRACE_S = 1.0  # a process that is being killed still holds its lock for a moment
ORPHANS_S = 30.0  # jobs of a dead run end within orphans.POLL_S, unless the machine is very busy
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
RECORDED = ("pid", "host", "since")  # shown in errors about the holder of a lock
PROBE = 1 << 20  # free bytes that Snakemake needs to write its records


class LockedError(ResedError):
    """Another run, or a job of an earlier run, is using the results folder."""


def guard(workflow: Any, results: str) -> None:
    """Make jobs of `workflow` end with this process, and refuse to run if another run is active.

    Plans (dry runs, summaries, graphs, --lint, --unlock) do not use the lock. A process that
    Snakemake starts for a single job does nothing if another run has started since it was
    submitted, which happens after a long wait in a queue. Refusals are one line with exit code 1.
    """
    path = STATE / "resed" / results.replace("/", "-")
    orphans.announce(_beside(path, "jobs"))
    if workflow.is_main_process:
        os.environ.pop(OWNER, None)
    elif owner := os.environ.get(OWNER):
        with _one_line(results):
            _join(path, results, owner)
    execute = workflow.execute  # called for runs and dry runs only

    def execute_alone(*arguments: Any, executor_plugin: Any, **settings: Any) -> Any:
        planning = executor_plugin.common_settings.dryrun_exec
        locking = workflow.execution_settings.lock  # not with --nolock
        with ExitStack() as held:
            if workflow.is_main_process and locking and not planning:
                held.enter_context(_one_line(results))
                if owner := held.enter_context(alone(path, results)):
                    os.environ[OWNER] = owner
            return execute(*arguments, executor_plugin=executor_plugin, **settings)

    workflow.execute = execute_alone


@contextmanager
def _one_line(results: str) -> Iterator[None]:
    """Print errors that the user can fix in one line, instead of a traceback or nothing.

    A job cannot report a full disk itself if its log is on the same disk.
    """
    try:
        yield
    except LockedError as error:
        sys.exit(f"resed: {error}")
    except Exception as error:
        mine = isinstance(error, OSError) and error.errno in UNWRITABLE
        if found := error if mine else _unwritable(Path(results)):
            place = found.filename or results
            sys.exit(f"resed: {place}: {found.strerror}; {cure_of(found)}")
        raise


def _unwritable(folder: Path) -> OSError | None:
    """The error of creating a file in `folder`; None if it succeeds."""
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE))
            probe.flush()
    except OSError as error:
        error.filename = str(folder)
        return error
    return None


@contextmanager
def alone(path: Path, results: str) -> Iterator[str]:
    """Exclude other runs from `results` while the block runs; `path` is the path of the locks.

    Waits for the jobs of a killed run, and removes the Snakemake locks that it left. Yields the
    identifier of the run, for its jobs, or "" if the file system does not support locks; in that
    case only the locks of Snakemake protect the folder.

    Raises:
        LockedError: another run is or may be alive, or jobs of a killed run do not end.
        OSError: the folder of the locks is not writable.
    """
    with ExitStack() as held:
        try:
            owner = held.enter_context(_locking(path, results))
        except OSError as error:
            if error.errno not in locks.NO_LOCKS:
                raise
            owner = ""
        yield owner


@contextmanager
def working(path: Path, results: str) -> Iterator[None]:
    """Like `alone`, for commands that move results and are not runs of Snakemake.

    Processes that the block starts and that call orphans.follow end with this process; the next run
    waits for them.

    Raises LockedError and OSError like `alone`.
    """
    with alone(path, results) as owner:
        if not owner and _left_locks(results):
            problem = "Snakemake's locks are set, so a run may be using this folder"
            cure = "wait until it ends; if it is dead, run its command with --unlock"
            raise LockedError(problem, place=results, cure=cure)
        before = os.environ.get(orphans.RUN)
        orphans.announce(_beside(path, "jobs"))
        try:
            yield
        finally:
            os.environ.pop(orphans.RUN)
            if before is not None:
                os.environ[orphans.RUN] = before


@contextmanager
def _locking(path: Path, results: str) -> Iterator[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(_beside(path, "run")) as run, _opened(_beside(path, "jobs")) as jobs:
        if not locks.take(run, seconds=GRACE_S):
            problem = f"another run is using this folder{_who(_read(run))}"
            raise LockedError(problem, place=results, cure="wait until it ends, or end it")
        _clean_after(_read(run), jobs, results)
        owner = uuid4().hex
        _write(run, owner)
        # Jobs of earlier runs that start after this point find this run and do nothing.
        locks.release(jobs)
        try:
            yield owner
        finally:
            with suppress(OSError):
                os.ftruncate(run, 0)  # not killed: nothing to clean up


def _join(path: Path, results: str, owner: str) -> None:
    """Hold the lock for jobs until this process ends; LockedError if the run `owner` has ended."""
    jobs = os.open(_beside(path, "jobs"), os.O_RDWR)
    try:
        locks.take(jobs, shared=True, seconds=None)  # a run holds it while it starts
    except OSError as error:  # the folder may be mounted without locks
        if error.errno not in locks.NO_LOCKS:
            raise
    with _opened(_beside(path, "run")) as run:
        now = _read(run).get("owner")
    if now != owner:
        raise LockedError("this job's run has ended; the job does nothing", place=results)


def _clean_after(last: dict[str, Any], jobs: int, results: str) -> None:
    """Acquire the lock for jobs when all jobs of the last run have ended; remove its locks."""
    left = _left_locks(results)
    elsewhere = last and last.get("host") != socket.gethostname()
    if left and elsewhere and _boot(str(last.get("machine"))) != _boot(orphans.machine()):
        # Not all network file systems show the locks of other machines.
        problem = f"the last run{_who(last)} may still be alive on another machine"
        cure = "if it is dead, run the same command with --unlock, then without"
        raise LockedError(problem, place=results, cure=cure)
    if not locks.take(jobs):
        print(f"resed: {results}: waiting for jobs of the last run to end", file=sys.stderr)
        if not locks.take(jobs, seconds=ORPHANS_S):
            problem = f"jobs of the last run{_who(last)} are still working"
            raise LockedError(problem, place=results, cure="wait until they end, or end them")
    if last:
        print(f"resed: {results}: the last run was killed{_who(last)}", file=sys.stderr)
    for lock in left:
        lock.unlink(missing_ok=True)


def _left_locks(results: str) -> list[Path]:
    """The lock files of Snakemake for `results`, which list the inputs or outputs of a run.

    Locks of runs on other datasets, and of other named runs of this one, are not returned.
    """
    own = re.compile(rf"^{re.escape(results)}/(?!runs/)", re.MULTILINE)
    # A run reads scores of the run that it is compared with, but no other file of it.
    read = re.compile(rf"^{re.escape(results)}/(?!runs/|score/)", re.MULTILINE)
    found = []
    for lock in sorted(STATE.glob("locks/*.lock")):
        with suppress(FileNotFoundError):  # the run has just ended
            told = read if lock.name.endswith(".input.lock") else own
            if told.search(lock.read_text(encoding="utf-8")):
                found.append(lock)
    return found


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f"{path.name}.{kind}")


def _who(record: dict[str, Any]) -> str:
    if not all(key in record for key in RECORDED):
        return ""
    return " (process {pid} on {host}, since {since})".format(**record)


def _boot(machine: str) -> str:
    return machine.partition("/")[0]


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield handle
    finally:
        os.close(handle)


def _read(handle: int) -> dict[str, Any]:
    """The record of the holder of the lock; {} if it has not written one, or has ended."""
    try:
        found = parse_json(os.pread(handle, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(handle: int, owner: str) -> None:
    record = {
        "owner": owner,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "machine": orphans.machine(),
        "since": datetime.now().isoformat(" ", "seconds"),
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(record).encode(), 0)
    os.fsync(handle)  # to survive a power failure
