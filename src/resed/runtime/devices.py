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
from resed.runtime.run_lock import NO_LOCKS

if TYPE_CHECKING:
    import torch

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_S = 0.25  # how soon a free place is noticed
TOLD_EVERY_S = 60.0
QUERY = ("nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader")
ANSWER_S = 30  # more than a busy driver takes


def visible_devices(say: Callable[[str], None] = print) -> list[str]:
    """The GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, else all, by UUID.

    None where nvidia-smi is not there, or fails, which is said: then CUDA alone can tell.
    """
    known = _installed(say)
    if VISIBLE not in os.environ or not known:
        return list(known.values())
    return [known.get(name, name) for name in _named()]


def _named() -> list[str]:
    """The devices that CUDA_VISIBLE_DEVICES names."""
    names = [name.strip() for name in os.environ.get(VISIBLE, "").split(",")]
    if "-1" in names:  # CUDA looks at nothing from there on
        names = names[: names.index("-1")]
    return [name for name in names if name]


def _installed(say: Callable[[str], None]) -> dict[str, str]:
    """Index -> UUID as nvidia-smi lists them."""
    try:
        listed = subprocess.run(QUERY, capture_output=True, text=True, timeout=ANSWER_S, check=True)
    except FileNotFoundError:
        return {}
    except subprocess.TimeoutExpired:
        why = f"no answer in {ANSWER_S} s"
    except subprocess.CalledProcessError as error:
        why = " ".join((error.stderr + error.stdout).split())[:200] or f"exit {error.returncode}"
    except OSError as error:
        why = error.strerror
    else:
        rows = [line.split(",") for line in listed.stdout.splitlines() if "," in line]
        return {row[0].strip(): row[1].strip() for row in rows}
    say(f"nvidia-smi failed ({why}); asking CUDA for the GPUs")
    return {}


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

    Raises DeviceError where it lies on a file system without locks.
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
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError as error:  # waiting would not help
        os.close(handle)
        if error.errno in NO_LOCKS:
            raise DeviceError(
                f"{path.parent}: this file system has no file locks; set TMPDIR to one that has, "
                "such as /tmp"
            ) from None
        error.filename = str(path)
        raise
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
        DeviceError: the device's memory is too small, or there can be no leases.
    """
    import torch

    with ExitStack() as held:
        chosen, own = torch.device("cpu"), ""
        if name != "cpu":
            chosen, own = _take(held, jobs_per_gpu, say)
        if chosen.type == "cuda":
            say(f"on {torch.cuda.get_device_name(chosen)} ({own})")
        elif name == "cuda":
            raise ConfigError("--device cuda: no CUDA device is visible; use --device cpu or auto")
        elif own:
            say(f"on the CPU: this PyTorch ({torch.__version__}) cannot use the GPU that is there")
            held.close()
        else:
            say("on the CPU" + ": no GPU is visible" * (name == "auto"))
        try:
            yield chosen
        except torch.OutOfMemoryError:
            raise DeviceError(
                f"{own or chosen.type}: out of memory; lower schedule.batch of the system, let "
                "fewer jobs share the GPU (jobs_per_gpu), or use --device cpu"
            ) from None
        except MemoryError:
            raise DeviceError(
                "out of memory; run fewer jobs at a time (--cores), or lower schedule.batch"
            ) from None


def _take(
    held: ExitStack, jobs_per_gpu: int, say: Callable[[str], None]
) -> tuple["torch.device", str]:
    """A leased GPU and its name; the CPU where there is none, or none that PyTorch can use."""
    import torch

    if devices := visible_devices(say):
        own = held.enter_context(leased(devices, jobs_per_gpu, say=say))
        os.environ[VISIBLE] = own
        return torch.device("cuda" if torch.cuda.is_available() else "cpu"), own
    if not torch.cuda.is_available():
        return torch.device("cpu"), ",".join(_named())  # which a scheduler may have set
    # Who can count the devices without nvidia-smi is CUDA, and once it has, it reads
    # CUDA_VISIBLE_DEVICES no more: the device is chosen by its index among those that CUDA sees.
    # Named by the UUID, it is locked to jobs beside this one that nvidia-smi did answer.
    devices = [_uuid(index) for index in range(torch.cuda.device_count())]
    own = held.enter_context(leased(devices, jobs_per_gpu, say=say))
    chosen = torch.device("cuda", devices.index(own))
    torch.cuda.set_device(chosen)  # for what is asked of CUDA without naming a device
    return chosen, own


def _uuid(index: int) -> str:
    """A device's UUID as nvidia-smi writes it; its index where PyTorch does not tell."""
    import torch

    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    return str(index) if uuid is None else f"GPU-{uuid}"
