"""A GPU of its own for each job: Snakemake counts GPUs, but tells no job which one is free.

A lease is a lock on a small file, one for each place on each device. The kernel drops the lock with
the process that holds it, however that process ends: there is nothing to clean up after a kill.
"""

import fcntl
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from resed.errors import ConfigError, DeviceError

if TYPE_CHECKING:
    import torch

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_S = 0.25  # how soon a free place is noticed
TOLD_EVERY_S = 60.0
QUERY = ("nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader")


def visible_devices() -> list[str]:
    """The GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, else all, by UUID."""
    known = _installed()
    chosen = os.environ.get(VISIBLE)
    if chosen is None:
        return list(known.values())
    names = [name.strip() for name in chosen.split(",")]
    if "-1" in names:  # CUDA looks at nothing from there on
        names = names[: names.index("-1")]
    return [known.get(name, name) for name in names if name]


def _installed() -> dict[str, str]:
    """Index -> UUID as nvidia-smi lists them; none where there is no such program."""
    try:
        listed = subprocess.run(QUERY, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [line.split(",") for line in listed.stdout.splitlines() if "," in line]
    return {row[0].strip(): row[1].strip() for row in rows}


@contextmanager
def leased(
    devices: Sequence[str],
    jobs_per_gpu: int = 1,
    folder: Path | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[str]:
    """Hold a place on one of `devices` while the block runs; yields the device.

    No device has more than `jobs_per_gpu` holders, and an empty device is taken before a second
    place on a used one. Waits where all places are taken, and says so. `folder` holds the locks
    (one a user, on this machine); all jobs that share devices must share it.
    """
    folder = folder or _lock_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = -TOLD_EVERY_S
    while True:
        for place in range(jobs_per_gpu):
            for device in devices:
                handle = _try(folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', device)}.{place}")
                if handle is not None:
                    try:
                        yield device
                    finally:
                        os.close(handle)
                    return
        if time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            say(f"waiting for a GPU: all of {len(devices)} have {jobs_per_gpu} jobs")
        time.sleep(POLL_S)


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"resed-gpus-{os.getuid()}"
    if folder.exists() and folder.stat().st_uid != os.getuid():
        raise DeviceError(f"{folder}: belongs to another user; remove it, or set TMPDIR")
    return folder


def _try(path: Path) -> int | None:
    """An open, locked descriptor; None where another process holds the lock."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


@contextmanager
def device_for(
    name: str, jobs_per_gpu: int = 1, say: Callable[[str], None] = print
) -> Iterator["torch.device"]:
    """The device of one job: "cpu", "cuda" (one, leased), or "auto": a GPU where there is one.

    Must be entered before anything asks CUDA, which reads CUDA_VISIBLE_DEVICES once. Out of memory
    becomes one line.

    Raises:
        ConfigError: "cuda" was asked for in vain.
        DeviceError: the device's memory is too small.
    """
    import torch

    devices = visible_devices() if name != "cpu" else []
    with ExitStack() as held:
        if devices:
            own = held.enter_context(leased(devices, jobs_per_gpu, say=say))
            os.environ[VISIBLE] = own
        chosen = torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
        if chosen.type == "cuda":
            say(f"on {torch.cuda.get_device_name()} ({os.environ.get(VISIBLE, 'the only one')})")
        elif name == "cuda":
            raise ConfigError("--device cuda: no CUDA device is visible; use --device cpu or auto")
        elif devices:
            say(f"on the CPU: this PyTorch ({torch.__version__}) cannot use the GPU that is there")
            held.close()
        else:
            say("on the CPU" + ": no GPU is visible" * (name == "auto"))
        try:
            yield chosen
        except torch.OutOfMemoryError:
            raise DeviceError(
                f"{os.environ.get(VISIBLE, chosen.type)}: out of memory; lower schedule.batch of "
                "the system, let fewer jobs share the GPU (jobs_per_gpu), or use --device cpu"
            ) from None
        except MemoryError:
            raise DeviceError(
                "out of memory; run fewer jobs at a time (--cores), or lower schedule.batch"
            ) from None
