"""Terminate orphaned processes: jobs whose run or shell was killed, and their workers.

SIGKILL of Snakemake, of the shell of a job or of its main process does not terminate the children.
They could write files that the next run reads, or keep a pipe open. A run therefore stores its
process in an environment variable, and each `resed` process of a job ends when that process ends.
Outside of a run, only the workers of a `resed` process end with it.
"""

import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from resed.runtime import locks

RUN = "RESED_RUN"  # set by a run for its jobs
POLL_S = 0.25  # between two checks whether the parent process runs
_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2) of Linux


class Terminated(BaseException):
    """SIGTERM was received. Not an Exception, so that `except Exception` does not catch it."""


@dataclass(frozen=True)
class Process:
    """A process; its start time distinguishes it from later processes with the same pid."""

    pid: int
    start: int  # clock ticks since boot; 0 without /proc
    machine: str

    @classmethod
    def own(cls) -> "Process":
        """This process."""
        return cls(os.getpid(), _stat(os.getpid())[1], machine())

    def alive(self) -> bool:
        """Whether it is still running. Valid on its own machine only."""
        return exists(self.pid) and _stat(self.pid)[1] == self.start


def exists(pid: int) -> bool:
    """Whether this machine has a process with this pid."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def machine() -> str:
    """Identifier of boot and process namespace, without spaces; pids are valid within it only."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    return os.uname().nodename


def announce(jobs_lock: Path) -> None:
    """Make all jobs that this process starts from now on end when it ends.

    A job holds `jobs_lock` (shared) while it runs, so that the next run can wait for it.
    """
    run = Process.own()
    os.environ[RUN] = f"{run.pid} {run.start} {run.machine} {jobs_lock}"


def follow() -> None:
    """End this process when its run ends, if there is a run, and forked workers with this process.

    Processes end by os._exit or SIGKILL within POLL_S; incomplete files keep their temporary names.
    """
    _follow_forks()
    words = os.environ.get(RUN, "").split(" ", 3)
    if len(words) != 4:
        return
    run = Process(int(words[0]), int(words[1]), words[2])
    _hold(Path(words[3]))
    if run.machine != machine():  # processes of a run outside this container are not visible
        return
    parent = os.getppid()
    if sys.platform == "linux":  # before Snakemake detects that the shell has ended
        import ctypes  # takes 5 ms

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if not _descends_from(run):
        os._exit(1)  # orphaned while Python was starting
    _watch(lambda: os.getppid() == parent and run.alive())


def terminate_cleanly() -> None:
    """Make SIGTERM raise Terminated, so that temporary files are removed."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(_signal: int, _frame: object) -> None:
    raise Terminated


@functools.cache  # hooks cannot be removed
def _follow_forks() -> None:
    os.register_at_fork(before=_remember, after_in_child=_follow_parent)


_forking = 0  # pid of the process that forks, read by its child
_watching = 0  # pid of the process that started a watch; a forked child inherits the value


def _remember() -> None:
    global _forking
    _forking = os.getpid()


def _follow_parent() -> None:
    if signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # pools terminate workers with it
    end_with_parent(_forking)


def end_with_parent(parent: int) -> None:
    """End this process, a child of the process `parent`, within POLL_S after `parent` ends."""
    global _watching
    if _watching != os.getpid():
        _watching = os.getpid()
        _watch(lambda: os.getppid() == parent)


def _watch(going: Callable[[], bool]) -> None:
    """End this process as soon as `going` is no longer true."""

    def watch() -> None:
        while going():
            time.sleep(POLL_S)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()


def _hold(lock: Path) -> None:
    """Hold the lock for jobs of a run until this process and its workers end, if possible."""
    with suppress(OSError):
        locks.take(os.open(lock, os.O_RDWR), shared=True)


def _descends_from(run: Process) -> bool:
    """Whether `run` is an ancestor of this process; without /proc, whether it is alive."""
    if not run.start:
        return run.alive()
    above = os.getppid()
    while above > 1 and above != run.pid:
        above = _stat(above)[0]
    return above == run.pid and run.alive()


def _stat(pid: int) -> tuple[int, int]:
    """Parent and start time of a process; zeros if it has ended or there is no /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0, 0
    fields = text.rpartition(")")[2].split()  # the name before it may contain spaces
    return (0, 0) if fields[0] in "ZX" else (int(fields[1]), int(fields[19]))
