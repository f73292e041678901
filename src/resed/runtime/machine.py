"""The memory of this machine."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

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


def share_memory(workflow: Any) -> None:
    """Let local jobs of a Snakemake workflow share the memory of this machine.

    A limit that the user gave is kept, and so are jobs that run on other machines.
    """
    given = workflow.global_resources
    if given["_nodes"].value is None and "mem_mb" not in given:
        workflow.register_resource("mem_mb", memory_mb())
