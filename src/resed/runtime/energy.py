"""Energy of a process: CPU packages by RAPL, a GPU by NVML, and CPU seconds everywhere.

RAPL (Running Average Power Limit) are counters of the processor, which Linux shows as files; they
count all processes, so this process gets the part that it has of the busy CPU time. NVML is the
library of NVIDIA's driver; the energy of a GPU is divided by the number of processes that use it.
A meter that a machine lacks, or does not let this user read, is None. Both are read in the process
itself, so no package is required.
"""

import ctypes
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
STAT = Path("/proc/stat")
# Packages only: intel-rapl:0:0 is a part of intel-rapl:0, and intel-rapl-mmio:0 is the same again.
DOMAIN = re.compile(r"intel-rapl:\d+")
BUSY = (0, 1, 2, 5, 6)  # columns of /proc/stat: user, nice, system, irq, softirq
JOULES_PER_KWH = 3.6e6
SAMPLE_SECONDS = 1.0  # a RAPL counter may begin again after about five minutes
LIBRARY = "libnvidia-ml.so.1"
OK, MORE = 0, 7  # answers of NVML: success, and the buffer is too small


@dataclass(frozen=True)
class Usage:
    """What a process used.

    Attributes:
        seconds: wall time.
        cpu_seconds: CPU time of all threads.
        cpu_kwh: energy of CPU packages; None if it cannot be measured.
        gpu_kwh: energy of GPUs; 0 on a CPU, None if it cannot be measured.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    cpu_kwh: float | None = 0.0
    gpu_kwh: float | None = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        """The sum; an energy is None if it was not measured in both."""
        return Usage(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            _sum(self.cpu_kwh, other.cpu_kwh),
            _sum(self.gpu_kwh, other.gpu_kwh),
        )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


# ---- RAPL ----------------------------------------------------------------------------------------


class Counter:
    """One RAPL counter, in microjoules; it begins again after `largest`."""

    def __init__(self, folder: Path):
        self.path = folder / "energy_uj"
        self.largest = int((folder / "max_energy_range_uj").read_text())
        self.last = self._read()

    def _read(self) -> int:
        return int(self.path.read_text())

    def joules(self) -> float:
        """Joules since the last call."""
        now = self._read()
        used = now - self.last
        self.last = now
        return (used if used >= 0 else used + self.largest) / 1e6


def packages(folder: Path = POWERCAP) -> list[Counter]:
    """The counters of all CPU packages; empty if there are none or one cannot be read."""
    try:
        places = sorted(one for one in folder.iterdir() if DOMAIN.fullmatch(one.name))
        named = [one for one in places if (one / "name").read_text().startswith("package")]
        return [Counter(one) for one in named]
    except (OSError, ValueError):
        return []


def busy_seconds(stat: Path = STAT) -> float | None:
    """CPU seconds of all processes of this machine since it started; None if unknown."""
    try:
        first = stat.read_text().split("\n", 1)[0].split()
        ticks = sum(int(first[1 + column]) for column in BUSY)
    except (OSError, ValueError, IndexError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK")


# ---- NVML ----------------------------------------------------------------------------------------


class Gpu:
    """Energy of one GPU, by its counter, or by its power where it has none.

    Args:
        uuid: as nvidia-smi writes it, GPU-...
        library: name or path of NVML.

    Raises OSError if the library is missing or does not know the GPU.
    """

    def __init__(self, uuid: str, library: str = LIBRARY):
        self.nvml = ctypes.CDLL(library)
        self.device = ctypes.c_void_p()
        if self.nvml.nvmlInit_v2() != OK:
            raise OSError("NVML cannot be started")
        name = ctypes.c_char_p(uuid.encode())
        if self.nvml.nvmlDeviceGetHandleByUUID(name, ctypes.byref(self.device)) != OK:
            raise OSError(f"NVML does not know {uuid}")
        self.last, self.time = self._counter(), time.monotonic()
        self.power = self.watts()
        if self.last is None and self.power is None:
            raise OSError("NVML cannot read energy or power")

    def joules(self) -> float:
        """This process's joules since the last call: its part of those of the GPU.

        Raises OSError if they can no longer be read.
        """
        now, moment, power = self._counter(), time.monotonic(), self.watts()
        if now is not None and self.last is not None:
            used = max(0.0, now - self.last)
        elif power is not None and self.power is not None:  # the mean of two readings
            used = (self.power + power) / 2 * (moment - self.time)
        else:
            raise OSError("NVML cannot read energy or power any more")
        self.last, self.time, self.power = now, moment, power
        return used / self.processes()

    def watts(self) -> float | None:
        """The power that the GPU draws now; None if it cannot be read."""
        value = ctypes.c_uint()
        answer = self._ask("nvmlDeviceGetPowerUsage", ctypes.byref(value))
        return value.value / 1e3 if answer == OK else None

    def processes(self) -> int:
        """The number of processes that compute on the GPU; 1 if unknown."""
        count = ctypes.c_uint(0)
        answer = self._ask("nvmlDeviceGetComputeRunningProcesses_v3", ctypes.byref(count), None)
        return max(1, count.value) if answer in (OK, MORE) else 1

    def _counter(self) -> float | None:
        """Joules since the driver was loaded."""
        value = ctypes.c_ulonglong()
        answer = self._ask("nvmlDeviceGetTotalEnergyConsumption", ctypes.byref(value))
        return value.value / 1e3 if answer == OK else None

    def _ask(self, name: str, *values: object) -> int | None:
        function = getattr(self.nvml, name, None)  # older drivers lack some
        return None if function is None else function(self.device, *values)


def gpu(uuid: str, library: str = LIBRARY) -> Gpu | None:
    """The meter of a GPU; None if NVML cannot measure it, as a part of a GPU (MIG)."""
    try:
        return Gpu(uuid, library)
    except OSError:
        return None


# ---- the meter -----------------------------------------------------------------------------------


class Meter:
    """Measures what this process uses, from its creation on.

    Args:
        gpu: the meter of the GPU of this process; None: it has no GPU, or one without a meter.
        on_gpu: whether the process has a GPU.
        cpus: counters of the CPU packages; empty: they cannot be measured.
        busy: CPU seconds of all processes.
    """

    def __init__(
        self,
        gpu: Gpu | None = None,
        *,
        on_gpu: bool = False,
        cpus: Sequence[Counter] | None = None,
        busy: Callable[[], float | None] = busy_seconds,
    ):
        self.gpu, self.on_gpu, self.busy = gpu, on_gpu, busy
        self.cpus = packages() if cpus is None else list(cpus)
        self.cpu_joules, self.gpu_joules = 0.0, 0.0
        self.sampled = time.monotonic()
        self.began = self._moment()

    def sample(self) -> None:
        """Read the counters if it is time to; to be called about once a second."""
        if time.monotonic() - self.sampled >= SAMPLE_SECONDS:
            self._read()

    def take(self) -> Usage:
        """What was used since the last call, or since the meter was made."""
        self._read()
        now = self._moment()
        seconds, cpu = now[0] - self.began[0], now[1] - self.began[1]
        used = Usage(
            seconds,
            cpu,
            self.cpu_joules * self._part(cpu, now[2]) / JOULES_PER_KWH if self.cpus else None,
            None if self.on_gpu and self.gpu is None else self.gpu_joules / JOULES_PER_KWH,
        )
        self.cpu_joules, self.gpu_joules, self.began = 0.0, 0.0, now
        return used

    def _moment(self) -> tuple[float, float, float | None]:
        return time.monotonic(), time.process_time(), self.busy()

    def _part(self, cpu: float, busy: float | None) -> float:
        """The part of this process in the busy CPU time since the last `take`."""
        before = self.began[2]
        if busy is None or before is None or busy <= before:
            return 1.0
        return min(1.0, cpu / (busy - before))

    def _read(self) -> None:
        """Add the energy since the last reading; a meter that fails is not used again."""
        self.sampled = time.monotonic()
        try:
            self.cpu_joules += sum(counter.joules() for counter in self.cpus)
        except (OSError, ValueError):
            self.cpus = []
        try:
            self.gpu_joules += self.gpu.joules() if self.gpu else 0.0
        except OSError:
            self.gpu = None
