"""Orphaned processes end: a job whose run or shell was killed stops, and so do its workers.

SIGKILL of Snakemake, of the shell between or of a job's main process leaves its children running:
they would write files that the next run reads, or keep a pipe open. So a run names itself in the
environment, and every `resed` below it ends with it. `resed` used alone ends with nothing else; its
workers end with it.
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
POLL_S = 0.25  # how often a process looks whether its parent runs
_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2) of Linux


class Terminated(BaseException):
    """SIGTERM was received. Not an Exception, so that no handler of exceptions catches it."""


@dataclass(frozen=True)
class Process:
    """A process, distinguished from later ones with the same number."""

    pid: int
    start: int  # clock ticks since boot; 0 where /proc is absent
    machine: str

    @classmethod
    def own(cls) -> "Process":
        """This process."""
        return cls(os.getpid(), _stat(os.getpid())[1], machine())

    def alive(self) -> bool:
        """Whether it still runs. Only meaningful on its own machine."""
        return exists(self.pid) and _stat(self.pid)[1] == self.start


def exists(pid: int) -> bool:
    """Whether a process of this machine has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def machine() -> str:
    """Boot and process namespace, without blanks: a pid is only valid within one of them."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    return os.uname().nodename


def announce(jobs_lock: Path) -> None:
    """Name this process as the run with which all jobs started from now on end.

    A job holds `jobs_lock` (shared) while it runs, so that the next run can wait for its end.
    """
    run = Process.own()
    os.environ[RUN] = f"{run.pid} {run.start} {run.machine} {jobs_lock}"


def follow() -> None:
    """End with the run that started this process, if any; forked workers end with this process.

    Processes end by os._exit or SIGKILL, within POLL_S: half-written files keep their temporary
    names.
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
    if sys.platform == "linux":  # at once, before Snakemake learns that its shell is dead
        import ctypes  # takes 5 ms, so only where it is needed

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if not _descends_from(run):
        os._exit(1)  # orphaned while Python was starting
    _watch(lambda: os.getppid() == parent and run.alive())


def terminate_cleanly() -> None:
    """Let SIGTERM raise Terminated, so that temporary files are removed."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(_signal: int, _frame: object) -> None:
    raise Terminated


@functools.cache  # hooks cannot be removed
def _follow_forks() -> None:
    os.register_at_fork(before=_remember, after_in_child=_follow_parent)


_forking = 0  # the process that forks, as its child knows it
_watching = 0  # the process that watches its parent already: this one, or one that it was forked of


def _remember() -> None:
    global _forking
    _forking = os.getpid()


def _follow_parent() -> None:
    if signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a pool ends its workers by it
    end_with_parent(_forking)


def end_with_parent(parent: int) -> None:
    """End this process, a child of the process `parent`, soon after that has ended."""
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
    """Hold a run's lock of jobs until this process and its workers end, where that is possible."""
    with suppress(OSError):
        locks.take(os.open(lock, os.O_RDWR), shared=True)


def _descends_from(run: Process) -> bool:
    """Whether `run` is among the ancestors of this process, as far as /proc shows it."""
    if not run.start:
        return run.alive()
    above = os.getppid()
    while above > 1 and above != run.pid:
        above = _stat(above)[0]
    return above == run.pid and run.alive()


def _stat(pid: int) -> tuple[int, int]:
    """Parent and start of a process; zeros if it is dead, or /proc is absent."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0, 0
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return (0, 0) if fields[0] in "ZX" else (int(fields[1]), int(fields[19]))
