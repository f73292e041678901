"""A Slurm of the tests' own: one node, this machine, with GPUs that are plain files.

By hand: python tests/slurm/cluster.py COMMAND... runs a command on it, such as squeue or snakemake.
On Debian: apt install slurm-wlm munge. Neither systemd nor a configured cluster is touched.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

GPUS = 2
CPUS = 4  # more than there may be: trainings are to wait for a GPU, not for a core
MEMORY_MB = 64000
START_S = 60
DAEMONS = ("munged", "slurmctld", "slurmd")
WITH_THE_TESTS = ("setpriv", "--pdeathsig", "TERM")  # a daemon ends when the tests are killed
ENVIRONMENT = "SLURM_CONF"
GIVEN = "given"  # a line a job: its number, and the numbers of its GPUs
CONFIGURATION = """
ClusterName=resed
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
# The plugin looks a job up by squeue, which must not forget it before.
MinJobAge=3600
KillWait=5
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=200000,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
Prolog={folder}/prolog
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why no Slurm can be started here; nothing where one can."""
    absent = [name for name in (*DAEMONS, "sbatch", "squeue", "scontrol") if not _program(name)]
    return f"no {', '.join(absent)}: apt install slurm-wlm munge" if absent else ""


@contextmanager
def cluster(gpus: int = GPUS, cpus: int = CPUS) -> Iterator[dict[str, str]]:
    """Run a Slurm while the block runs; yields the environment that its commands need.

    All daemons run as the user who starts them. At the end its jobs are cancelled, and whatever
    is left of it is killed.

    Raises:
        RuntimeError: it did not start; the message holds the ends of its logs.
    """
    # Below pytest's own folders paths are too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="resed-slurm-"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_"))}
    environment[ENVIRONMENT] = str(folder / "slurm.conf")
    environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"  # for srun
    try:
        _configure(folder, gpus, cpus)
        with ExitStack() as running:
            running.callback(_kill_all, environment[ENVIRONMENT])
            for daemon in _commands(folder):
                running.enter_context(_daemon(daemon, environment))
            _wait_until_idle(environment, folder)
            try:
                yield environment
            finally:
                cancel_all(environment)
    finally:
        shutil.rmtree(folder)


def run(environment: dict[str, str], *command: str) -> str:
    """What a command of Slurm prints; nothing where it fails."""
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def devices(environment: dict[str, str]) -> dict[str, str]:
    """The GPUs that Slurm gave to each job that has begun: "" for none."""
    lines = (Path(environment[ENVIRONMENT]).parent / GIVEN).read_text().splitlines()
    return {job: given for job, _, given in (line.partition(" ") for line in lines)}


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin")


def _configure(folder: Path, gpus: int, cpus: int) -> None:
    host = socket.gethostname().partition(".")[0]
    controller, node = _free_ports(2)
    values = {
        "folder": folder,
        "host": host,
        "user": getpass.getuser(),
        "controller": controller,
        "node": node,
        "cpus": cpus,
        "gpus": gpus,
        "memory": MEMORY_MB,
    }
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
    devices = [folder / f"gpu{number}" for number in range(gpus)]
    for device in devices:
        device.symlink_to("/dev/null")  # Slurm gives out device files only
    lines = [f"NodeName={host} Name=gpu File={device} Flags=nvidia_gpu_env\n" for device in devices]
    (folder / "gres.conf").write_text("".join(lines))
    (folder / "prolog").write_text(f"""#!/bin/sh
echo "$SLURM_JOB_ID ${{SLURM_JOB_GPUS:-}}" >> {folder}/{GIVEN}
""")
    (folder / "prolog").chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    # The plugin takes SLURM_CONF from the environment of srun, which then looks in /etc.
    (folder / "srun").write_text(f"""#!/bin/sh
{ENVIRONMENT}={folder}/slurm.conf exec {_program("srun")} "$@"
""")
    (folder / "srun").chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)


def _free_ports(many: int) -> list[int]:
    """Ports that nobody uses now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(many)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _commands(folder: Path) -> Iterator[list[str]]:
    """The three daemons in the foreground, where they stay our children."""
    munged, controller, node = map(_program, DAEMONS)
    places = {
        "key-file": "munge.key",
        "socket": "munge.socket",
        "pid-file": "munge.pid",
        "log-file": "munge.log",
        "seed-file": "munge.seed",
    }
    options = [f"--{option}={folder / name}" for option, name in places.items()]
    yield [munged, "--foreground", "--force", *options]  # --force: whatever the mode of /tmp is
    yield [controller, "-D", "-f", str(folder / "slurm.conf")]
    yield [node, "-D", "-f", str(folder / "slurm.conf")]


@contextmanager
def _daemon(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        [*WITH_THE_TESTS, *command], env=environment, start_new_session=True, **quiet
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    until = time.monotonic() + START_S
    while run(environment, "sinfo", "--noheader", "--format=%T") != "idle":
        if time.monotonic() > until:
            logs = sorted(folder.glob("*.log"))
            ends = [f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in logs]
            raise RuntimeError("\n".join(["Slurm does not start", *ends]))
        time.sleep(0.2)


def cancel_all(environment: dict[str, str]) -> None:
    """Cancel all jobs, and wait until they have ended."""
    run(environment, "scancel", "--user", getpass.getuser())
    until = time.monotonic() + 15
    while run(environment, "squeue", "--noheader") and time.monotonic() < until:
        time.sleep(0.2)


def processes(configuration: str) -> list[int]:
    """Everything that runs with this Slurm's configuration in its environment."""
    word, found = f"{ENVIRONMENT}={configuration}".encode(), []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
    return [pid for pid in found if pid != os.getpid()]


def _kill_all(configuration: str) -> None:
    for pid in processes(configuration):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    if reason := missing():
        sys.exit(reason)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with cluster() as environment:
        sys.exit(subprocess.run(sys.argv[1:], env=environment, check=False).returncode)
