"""File locks, exclusive or shared, which are held until they are released or the process ends.

The kernel releases the locks of a process that is killed, so no cleanup is needed. All locks of
resed are acquired in this module.
"""

import errno
import fcntl
import os
import time
from pathlib import Path

# Errors of file systems that do not support locks: NFS without lockd, FUSE, Lustre without flock.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
POLL_S = 0.1


def take(descriptor: int, *, shared: bool = False, seconds: float | None = 0) -> bool:
    """Lock an open file; return whether this succeeded within `seconds` (None: no limit).

    A `shared` lock can be held by several processes. Raises OSError if the file system does not
    support locks.
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
    """Open `path` for reading and writing, create it if necessary, and lock it exclusively.

    Returns the descriptor, or None if another process holds the lock for longer than `seconds`
    (None: no limit). `flags` and `mode` are those of `os.open`. If the holder of the lock renames
    or removes the file, the file that is then at `path` is opened.
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
    """Whether an open file is the file at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
