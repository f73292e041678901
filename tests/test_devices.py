"""Leases of GPUs, with fake devices: an nvidia-smi of the test's own lists them."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from resed.errors import ConfigError, DeviceError
from resed.runtime.devices import device_for, leased, visible_devices

FOUR = [f"GPU-{letter * 4}" for letter in "abcd"]
JOB = """
import sys, time
from pathlib import Path
from resed.runtime.devices import leased, visible_devices
folder, many, seconds, log = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
with leased(visible_devices(), many, folder, say=lambda text: None) as device:
    with open(log, "a") as out:
        out.write(f"begin {device} {time.monotonic()}\\n")
    time.sleep(seconds)
    with open(log, "a") as out:
        out.write(f"end {device} {time.monotonic()}\\n")
"""


@pytest.fixture
def four_gpus(tmp_path, monkeypatch):
    """A machine on which nvidia-smi lists four GPUs."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    listed = "\\n".join(f"{i}, {name}" for i, name in enumerate(FOUR))
    program.write_text(f"#!/bin/sh\nprintf '{listed}\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "locks"


def start(folder: Path, many: int, seconds: float, log: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", JOB, str(folder), str(many), str(seconds), log])


def most_at_once(log: Path) -> Counter:
    """Device -> the largest number of jobs on it at a time."""
    rows = [line.split() for line in log.read_text().splitlines()]
    now, most = Counter(), Counter()
    for what, device, _ in sorted(rows, key=lambda row: (float(row[2]), row[0] == "begin")):
        now[device] += 1 if what == "begin" else -1
        most[device] = max(most[device], now[device])
    return most


@pytest.mark.parametrize(("many", "expected"), [(1, 1), (2, 2)])
def test_eight_jobs_on_four_devices_never_share_more_than_allowed(
    four_gpus, tmp_path, many, expected
):
    log = tmp_path / "log"
    jobs = [start(four_gpus, many, 0.8, log) for _ in range(8)]
    assert [job.wait(60) for job in jobs] == [0] * 8
    most = most_at_once(log)
    assert set(most) == set(FOUR)  # all are used
    assert max(most.values()) <= expected


def test_the_lease_of_a_killed_job_is_free_at_once(four_gpus, tmp_path):
    log = tmp_path / "log"
    jobs = [start(four_gpus, 1, 60, log) for _ in FOUR]
    try:
        until = time.monotonic() + 30
        while not log.exists() or log.read_text().count("begin") < 4:
            assert time.monotonic() < until
            time.sleep(0.05)
        jobs[0].send_signal(signal.SIGKILL)
        jobs[0].wait()
        begin = time.monotonic()
        with leased(FOUR, 1, four_gpus, say=lambda text: None) as device:
            assert device in FOUR
        assert time.monotonic() - begin < 1
    finally:
        for job in jobs:
            job.kill()
            job.wait()


def test_a_job_that_must_wait_says_so(tmp_path):
    said = []

    class Enough(Exception):
        pass

    def say(text):
        said.append(text)
        raise Enough

    with leased(FOUR[:1], 1, tmp_path), pytest.raises(Enough), leased(FOUR[:1], 1, tmp_path, say):
        pass
    assert said == ["waiting for a GPU: all of 1 have 1 jobs"]


def test_only_visible_devices_are_used_whatever_they_are_called(four_gpus, monkeypatch):
    assert visible_devices() == FOUR
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    assert visible_devices() == [FOUR[2], FOUR[0]]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{FOUR[1]},-1,3")
    assert visible_devices() == [FOUR[1]]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_devices() == []


def test_without_a_gpu_the_cpu_is_used_and_said(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = []
    with device_for("auto", say=said.append) as device:
        assert device.type == "cpu"
    assert said == ["on the CPU: no GPU is visible"]
    with pytest.raises(ConfigError, match="no CUDA device is visible; use"), device_for("cuda"):
        pass


def test_out_of_memory_is_one_line_with_the_setting(monkeypatch):
    import torch

    with pytest.raises(DeviceError, match="out of memory; lower schedule"), device_for("cpu"):
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_gpu_that_torch_cannot_use_is_told_and_not_held(four_gpus, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("resed.runtime.devices._lock_folder", lambda: four_gpus)
    said = []
    with device_for("auto", say=said.append) as device:
        assert device.type == "cpu"
        with leased(FOUR[:1], 1, four_gpus) as free:  # at once: nothing is held
            assert free == FOUR[0]
    assert "cannot use the machine's GPU" in said[0]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")


@pytest.mark.parametrize(
    ("chosen", "told"),
    [("1,0", "cannot use the machine's GPU"), ("", "no GPU is visible"), ("-1", "no GPU is")],
)
def test_a_gpu_that_a_scheduler_gave_is_told_where_torch_cannot_use_it(monkeypatch, chosen, told):
    """As on a node without nvidia-smi."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    said = []
    with device_for("auto", say=said.append) as device:
        assert device.type == "cpu"
    assert told in said[0]


@pytest.fixture
def cuda(four_gpus, monkeypatch):
    """A machine on which CUDA lists four GPUs and nvidia-smi fails."""
    import torch

    def properties(index):
        return SimpleNamespace(uuid=FOUR[index].removeprefix("GPU-"))

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device="cuda": f"fake {device}")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr("resed.runtime.devices._lock_folder", lambda: four_gpus)
    program = four_gpus.parent / "bin" / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'Driver/library version mismatch' >&2; exit 18\n")
    return program


def test_where_nvidia_smi_fails_devices_are_leased_as_cuda_tells(cuda):
    said = []
    with device_for("auto", say=said.append) as one, device_for("cuda", say=said.append) as two:
        assert (str(one), str(two)) == ("cuda:0", "cuda:1")
        assert "CUDA_VISIBLE_DEVICES" not in os.environ, "CUDA would not read it any more"
        with leased(FOUR[1:], 1, cuda.parents[1] / "locks") as free:  # a job that was told
            assert free == FOUR[2]
    assert said[:2] == [
        "nvidia-smi failed (Driver/library version mismatch); asking CUDA for the GPUs",
        "on fake cuda:0 (GPU-aaaa)",
    ]


def test_where_nvidia_smi_does_not_answer_it_is_said(cuda, monkeypatch):
    cuda.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr("resed.runtime.devices.ANSWER_S", 0.2)
    said = []
    with device_for("auto", say=said.append) as device:
        assert str(device) == "cuda:0"
    assert said[0] == "nvidia-smi failed (no answer in 0.2 s); asking CUDA for the GPUs"


def test_without_nvidia_smi_devices_are_leased_all_the_same(cuda, monkeypatch):
    cuda.unlink()
    monkeypatch.setenv("PATH", str(cuda.parent))
    said = []
    with device_for("auto", say=said.append) as one, device_for("auto", say=said.append) as two:
        assert one != two
    assert said == ["on fake cuda:0 (GPU-aaaa)", "on fake cuda:1 (GPU-bbbb)"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_told_and_not_waited_for(tmp_path, monkeypatch, number):
    def no_locks(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("resed.runtime.locks.fcntl.flock", no_locks)
    with pytest.raises(DeviceError) as error, leased(FOUR, 1, tmp_path, say=pytest.fail):
        pass
    assert str(error.value) == (
        f"{tmp_path}: this file system has no file locks; "
        "set TMPDIR to a folder on one that has, such as /tmp"
    )


def test_what_else_fails_is_not_taken_for_a_busy_device(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("resed.runtime.locks.fcntl.flock", broken)
    with pytest.raises(OSError, match=r"GPU-aaaa\.0"), leased(FOUR, 1, tmp_path, say=pytest.fail):
        pass
