"""One run at a time in a results folder, and none that a dead run locks out.

Snakemake's locks are files, which stay after a kill -9. Beside them a run holds a lock of the
kernel's, which ends with its process: where nobody holds that, Snakemake's locks are left-overs.
The one module that knows what Snakemake (9.27) looks like inside.
"""

import errno
import fcntl
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from resed.errors import ResedError
from resed.runtime import orphans as watch

STATE = Path(".snakemake")
OWNER = "RESED_OWNER"  # which run sent a job to a scheduler; not every scheduler hands it on
GRACE_S = 1.0  # a process that is being killed holds its lock a moment longer
ORPHANS_S = 30.0  # jobs of a dead run end within watch.POLL_S, if the machine is not too busy
POLL_S = 0.1
# What a file system without flock answers: NFS without lockd, FUSE, Lustre mounted without it.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
PROBE = 1 << 20  # bytes: with less, Snakemake can hardly write its records


class LockedError(ResedError):
    """Another run, or a job that one left behind, is at work in the results folder."""


def guard(workflow: Any, results: str) -> None:
    """Let jobs of `workflow` follow this process, and let it run only where no other run does.

    Plans (dry runs, summaries, graphs, --lint, --unlock) neither take the lock nor look at it. A
    process that Snakemake starts for a single job does nothing if another run has begun since, as
    after long in a queue. Refusal is one line and exit code 1.
    """
    path = STATE / "resed" / results.replace("/", "-")
    watch.announce(_beside(path, "jobs"))
    if workflow.is_main_process:
        os.environ.pop(OWNER, None)
    elif owner := os.environ.get(OWNER):
        with _one_line(results):
            _join(path, results, owner)
    execute = workflow.execute  # which Snakemake calls for runs and dry runs, and nothing else

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
    """Tell what the user can mend in one line, where Snakemake would print a traceback or nothing.

    A job's own line about a full disk may be lost: its log lies on the same disk.
    """
    try:
        yield
    except LockedError as error:
        sys.exit(f"resed: {error}")
    except Exception as error:
        mine = isinstance(error, OSError) and error.errno in UNWRITABLE
        if found := error if mine else _unwritable(Path(results)):
            place = found.filename or results
            sys.exit(f"resed: {place}: {found.strerror}; free space or mend the permissions")
        raise


def _unwritable(folder: Path) -> OSError | None:
    """Why no file can be made in `folder`, or nothing."""
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
    """Be the only run in `results` while the block runs; `path` is where its locks are.

    Waits for jobs of a run that was killed, and takes away the locks of Snakemake that it left.
    Yields the run's name, for its jobs; "" where the file system has no locks and nothing is held:
    Snakemake's own must do.

    Raises:
        LockedError: another run is alive, or may be; or jobs of a dead one do not end.
        OSError: the folder of the locks cannot be written.
    """
    with ExitStack() as held:
        try:
            owner = held.enter_context(_locking(path, results))
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            owner = ""
        yield owner


@contextmanager
def working(path: Path, results: str) -> Iterator[None]:
    """As `alone`, for what moves results and is no run of Snakemake's.

    What it starts and calls watch.follow ends with this process, and is waited for by the next run.

    Raises LockedError, OSError as `alone`.
    """
    with alone(path, results) as owner:
        if not owner and _left_locks(results):
            raise LockedError(
                f"{results}: Snakemake's locks say that a run is at work there; wait until it "
                "ends; if it is dead, give its command with --unlock"
            )
        before = os.environ.get(watch.RUN)
        watch.announce(_beside(path, "jobs"))
        try:
            yield
        finally:
            os.environ.pop(watch.RUN)
            if before is not None:
                os.environ[watch.RUN] = before


@contextmanager
def _locking(path: Path, results: str) -> Iterator[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(_beside(path, "run")) as run, _opened(_beside(path, "jobs")) as jobs:
        if not _locked(run, GRACE_S):
            raise LockedError(
                f"{results}: another run is at work there{_told(_read(run))}; "
                "wait until it ends, or end it"
            )
        _clean_after(_read(run), jobs, results)
        owner = uuid4().hex
        _write(run, owner)
        # From here on a job of the run before finds another's name.
        fcntl.flock(jobs, fcntl.LOCK_UN)
        try:
            yield owner
        finally:
            with suppress(OSError):
                os.ftruncate(run, 0)  # ended by itself: nothing to clean up


def _join(path: Path, results: str, owner: str) -> None:
    """Hold the lock of the jobs until this process ends; LockedError if `owner` runs no more."""
    jobs = os.open(_beside(path, "jobs"), os.O_RDWR)
    try:
        fcntl.flock(jobs, fcntl.LOCK_SH)  # a run that begins has it to itself until it is recorded
    except OSError as error:  # a node may mount without locks what its head mounts with them
        if error.errno not in NO_LOCKS:
            raise
    with _opened(_beside(path, "run")) as run:
        now = _read(run).get("owner")
    if now != owner:
        raise LockedError(f"{results}: this job's run has ended; the job does nothing")


def _clean_after(last: dict[str, Any], jobs: int, results: str) -> None:
    """Take the lock of the jobs once nothing of the run before is at work; remove its locks."""
    left = _left_locks(results)
    elsewhere = last and last["host"] != socket.gethostname()
    if left and elsewhere and _boot(last["machine"]) != _boot(watch.machine()):
        # Not all network file systems tell of locks on other machines.
        raise LockedError(
            f"{results}: it cannot be seen from here whether the last run{_told(last)} is alive; "
            "if it is dead, give the same command with --unlock, then without"
        )
    if not _locked(jobs, 0):
        print(f"resed: {results}: waiting for jobs of the last run to end", file=sys.stderr)
        if not _locked(jobs, ORPHANS_S):
            raise LockedError(
                f"{results}: jobs of the last run{_told(last)} are still at work; "
                "wait until they end, or end them"
            )
    if last:
        print(f"resed: {results}: the last run was cut off{_told(last)}", file=sys.stderr)
    for lock in left:
        lock.unlink(missing_ok=True)


def _left_locks(results: str) -> list[Path]:
    """Snakemake's locks on files in `results`: lists of names, a file for inputs and outputs each.

    Another run in this folder may work on another dataset: its locks stay.
    """
    found = []
    for lock in sorted(STATE.glob("locks/*.lock")):
        with suppress(FileNotFoundError):  # its run has ended meanwhile
            if f"\n{results}/" in "\n" + lock.read_text(encoding="utf-8"):
                found.append(lock)
    return found


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f"{path.name}.{kind}")


def _told(record: dict[str, Any]) -> str:
    return " (process {pid} on {host}, since {since})".format(**record) if record else ""


def _boot(machine: str) -> str:
    return machine.partition("/")[0]


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield handle
    finally:
        os.close(handle)


def _locked(handle: int, seconds: float) -> bool:
    """Take the lock, within so many seconds. Raises OSError where the file system has no locks."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_S)
        else:
            return True


def _read(handle: int) -> dict[str, Any]:
    """What the holder of the lock wrote; nothing where it has not written yet, or ended well."""
    try:
        return json.loads(os.pread(handle, 4096, 0))
    except ValueError:
        return {}


def _write(handle: int, owner: str) -> None:
    record = {
        "owner": owner,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "machine": watch.machine(),
        "since": datetime.now().isoformat(" ", "seconds"),
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(record).encode(), 0)
    os.fsync(handle)  # it must outlive a power cut
