"""One GPU per job: Snakemake counts GPUs, but does not assign them to jobs.

A lease is a lock on a small file; there is one file per device and job that may use it. The lock is
released when its process ends.
"""

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
from resed.runtime.fingerprint import use_device
from resed.runtime.locks import NO_LOCKS, open_locked

if TYPE_CHECKING:
    import torch

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_S = 0.25  # between two attempts to get a device
REPORT_S = 60.0  # between two messages while waiting
QUERY = ("nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader")
ANSWER_S = 30  # timeout of nvidia-smi, which is slow if the driver is busy


def visible_devices(say: Callable[[str], None] = print) -> list[str]:
    """UUIDs of the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, or all.

    Empty if nvidia-smi is not installed or fails (a failure is reported); only CUDA can then list
    the devices.
    """
    known = _installed(say)
    if VISIBLE not in os.environ or not known:
        return list(known.values())
    return [known.get(name, name) for name in _named()]


def _named() -> list[str]:
    """The devices listed in CUDA_VISIBLE_DEVICES."""
    names = [name.strip() for name in os.environ.get(VISIBLE, "").split(",")]
    if "-1" in names:  # CUDA ignores it and all names after it
        names = names[: names.index("-1")]
    return [name for name in names if name]


def _installed(say: Callable[[str], None]) -> dict[str, str]:
    """Index -> UUID, from nvidia-smi."""
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
    """Lease one of `devices` while the block runs; yield the device.

    A device has at most `jobs_per_gpu` leases, and unused devices are preferred. If no device is
    free, this function waits and reports it. `folder` contains the locks (default: one folder per
    user and machine); all jobs that share devices must use the same folder.

    Raises DeviceError if the file system of `folder` does not support locks.
    """
    folder = folder or _lock_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    reported = -REPORT_S
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
        if time.monotonic() - reported >= REPORT_S:
            reported = time.monotonic()
            say(f"waiting for a GPU: all of {len(devices)} have {jobs_per_gpu} jobs")
        time.sleep(POLL_S)


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"resed-gpus-{os.getuid()}"
    if folder.exists() and folder.stat().st_uid != os.getuid():
        raise DeviceError("belongs to another user", place=folder, cure="remove it, or set TMPDIR")
    return folder


def _try(path: Path) -> int | None:
    """An open, locked descriptor; None if another process holds the lock."""
    try:
        return open_locked(path, flags=os.O_NOFOLLOW, mode=0o600)
    except OSError as error:
        if error.errno in NO_LOCKS:  # waiting would not help
            cure = "set TMPDIR to a folder on one that has, such as /tmp"
            problem = "this file system has no file locks"
            raise DeviceError(problem, place=path.parent, cure=cure) from None
        error.filename = error.filename or str(path)
        raise


@contextmanager
def device_for(
    name: str, jobs_per_gpu: int = 1, say: Callable[[str], None] = print
) -> Iterator["torch.device"]:
    """The device of one job: "cpu", "cuda" (one leased GPU), or "auto" (a GPU if available).

    Must be entered before CUDA is initialised, because CUDA reads CUDA_VISIBLE_DEVICES once.

    Raises:
        ConfigError: `name` is "cuda", but no CUDA device is visible.
        DeviceError: the device is out of memory, or devices cannot be leased.
    """
    import torch

    with ExitStack() as held:
        chosen, own = torch.device("cpu"), ""
        if name != "cpu":
            chosen, own = _take(held, jobs_per_gpu, say)
        cuda = chosen.type == "cuda"
        use_device(torch.cuda.get_device_name(chosen) if cuda else chosen.type)
        if cuda:
            say(f"on {torch.cuda.get_device_name(chosen)} ({own})")
        elif name == "cuda":
            cure = "use --device cpu or auto"
            problem = "no CUDA device is visible"
            raise ConfigError(problem, place="--device cuda", cure=cure)
        elif own:
            say(f"on the CPU: this PyTorch ({torch.__version__}) cannot use the machine's GPU")
            held.close()
        else:
            say("on the CPU" + ": no GPU is visible" * (name == "auto"))
        try:
            yield chosen
        except torch.OutOfMemoryError:
            cure = (
                "lower schedule.batch of the system, let fewer jobs share the GPU (jobs_per_gpu), "
                "or use --device cpu"
            )
            raise DeviceError("out of memory", place=own or chosen.type, cure=cure) from None
        except MemoryError:
            cure = "run fewer jobs at a time (--cores), or lower schedule.batch"
            raise DeviceError("out of memory", cure=cure) from None


def _take(
    held: ExitStack, jobs_per_gpu: int, say: Callable[[str], None]
) -> tuple["torch.device", str]:
    """A leased GPU and its name; the CPU if there is no GPU that PyTorch can use."""
    import torch

    if devices := visible_devices(say):
        own = held.enter_context(leased(devices, jobs_per_gpu, say=say))
        os.environ[VISIBLE] = own
        return torch.device("cuda" if torch.cuda.is_available() else "cpu"), own
    if not torch.cuda.is_available():
        return torch.device("cpu"), ",".join(_named())  # which a scheduler may have set
    # Without nvidia-smi, the devices are counted by CUDA, which then does not read
    # CUDA_VISIBLE_DEVICES again. The device is therefore chosen by its index among the visible
    # ones. The name of its lock is its UUID, as in jobs that use nvidia-smi.
    devices = [_uuid(index) for index in range(torch.cuda.device_count())]
    own = held.enter_context(leased(devices, jobs_per_gpu, say=say))
    chosen = torch.device("cuda", devices.index(own))
    torch.cuda.set_device(chosen)  # the default device of later calls
    return chosen, own


def _uuid(index: int) -> str:
    """The UUID of a device in the format of nvidia-smi; its index if PyTorch has no UUID."""
    import torch

    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    return str(index) if uuid is None else f"GPU-{uuid}"
