"""Orphans end: a job whose run or shell was killed stops at once, and so do its pool workers.

SIGKILL of Snakemake, of the shell between or of a job's main process leaves what is below it at
work: it would go on writing what the next run reads, or hold a pipe open for ever. So a run names
itself in the environment, and every `resed` below follows it. `resed` used alone follows nothing;
its workers follow it.
"""

import fcntl
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

RUN = "RESED_RUN"  # set by a run for its jobs
POLL_S = 0.25  # how soon an orphan notices
_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2) of Linux


class Terminated(BaseException):
    """SIGTERM was received. No Exception, so that nothing swallows it on its way out."""


@dataclass(frozen=True)
class Process:
    """A process, told from later ones with the same number."""

    pid: int
    start: int  # clock ticks since boot; 0 where the system does not tell
    machine: str

    @classmethod
    def own(cls) -> "Process":
        """This process."""
        return cls(os.getpid(), _stat(os.getpid())[1], machine())

    def alive(self) -> bool:
        """Whether it still runs. Only its own machine can tell."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return _stat(self.pid)[1] == self.start


def machine() -> str:
    """Kernel and process namespace, without blanks: a pid means something in one of them only."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    return os.uname().nodename


def announce(jobs_lock: Path) -> None:
    """Name this process as the run that jobs started from here on follow.

    While a job lives it holds `jobs_lock` (shared), so that the next run can wait for its end.
    """
    run = Process.own()
    os.environ[RUN] = f"{run.pid} {run.start} {run.machine} {jobs_lock}"


def follow() -> None:
    """End with the run that started this process, if one did; forked workers end with this one.

    Ends are by os._exit or SIGKILL, within POLL_S: whatever is half written stays under its
    temporary name.
    """
    _follow_forks()
    words = os.environ.get(RUN, "").split(" ", 3)
    if len(words) != 4:
        return
    run = Process(int(words[0]), int(words[1]), words[2])
    _hold(Path(words[3]))
    if run.machine != machine():  # in a container the run's processes cannot be seen
        return
    parent = os.getppid()
    if sys.platform == "linux":  # at once, before Snakemake learns that its shell is dead
        import ctypes  # costs 5 ms, which `resed` alone saves

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if not _descends_from(run):
        os._exit(1)  # orphaned while Python was starting
    _watch(lambda: os.getppid() == parent and run.alive())


def terminate_cleanly() -> None:
    """Let SIGTERM raise Terminated: temporary files are removed on the way out."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(_signal: int, _frame: object) -> None:
    raise Terminated


@functools.cache  # hooks cannot be taken back
def _follow_forks() -> None:
    os.register_at_fork(before=_remember, after_in_child=_follow_parent)


_forking = 0  # the process that forks, as its child knows it


def _remember() -> None:
    global _forking
    _forking = os.getpid()


def _follow_parent() -> None:
    parent = _forking
    if signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a pool ends its workers by it
    _watch(lambda: os.getppid() == parent)


def _watch(going: Callable[[], bool]) -> None:
    """End this process as soon as `going` is no longer true."""

    def watch() -> None:
        while going():
            time.sleep(POLL_S)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()


def _hold(lock: Path) -> None:
    """Hold a run's lock of jobs until this process and its workers end; without it, no harm."""
    with suppress(OSError):
        fcntl.flock(os.open(lock, os.O_RDWR), fcntl.LOCK_SH | fcntl.LOCK_NB)


def _descends_from(run: Process) -> bool:
    """Whether `run` is among the processes above this one, as far as the system tells."""
    if not run.start:
        return run.alive()
    above = os.getppid()
    while above > 1 and above != run.pid:
        above = _stat(above)[0]
    return above == run.pid and run.alive()


def _stat(pid: int) -> tuple[int, int]:
    """Parent and start of a process; zeros for one that is dead, or where /proc does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0, 0
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return (0, 0) if fields[0] in "ZX" else (int(fields[1]), int(fields[19]))
