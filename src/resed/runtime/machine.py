"""The memory of this machine."""

import os
from contextlib import suppress
from pathlib import Path

# Limits of a container or a batch job, in bytes; "max" where there is none.
CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_mb() -> int:
    """Memory that this process and its jobs can use, in MB: of the machine or of its container."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CGROUPS:
        with suppress(OSError, ValueError):
            found.append(int(path.read_text(encoding="ascii")))
    return min(found) // 1_000_000
