"""Locks on files: held by one process, or shared by several, until it lets go or ends.

The kernel releases a lock together with its process, so nothing is left to clean up after a kill.
All locks of resed are taken here.
"""

import errno
import fcntl
import os
import time
from pathlib import Path

# Errors of a file system without locks: NFS without lockd, FUSE, Lustre mounted without them.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
POLL_S = 0.1


def take(descriptor: int, *, shared: bool = False, seconds: float | None = 0) -> bool:
    """Lock an open file; whether that succeeded within `seconds` (None: wait without limit).

    `shared`: with others that lock it so. Raises OSError where the file system has no locks.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if seconds is None:
        fcntl.flock(descriptor, kind)
        return True
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_S)
        else:
            return True


def release(descriptor: int) -> None:
    """Release a lock; closing the file does the same."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def open_locked(
    path: Path, *, seconds: float | None = 0, flags: int = 0, mode: int = 0o666
) -> int | None:
    """Open `path` for reading and writing, made if absent, and lock it for this process alone.

    Returns the descriptor, or None where another process holds the lock for longer than `seconds`
    (None: wait without limit). `flags` and `mode` are those of `os.open`. Whoever holds the lock
    may rename or remove the file: the file that is returned is the one at `path`.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, mode)
        try:
            locked = take(descriptor, seconds=seconds)
        except BaseException:
            os.close(descriptor)
            raise
        if locked and is_at(descriptor, path):
            return descriptor
        os.close(descriptor)
        if not locked:
            return None


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that `path` names."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
