"""Killed runs: orphans end, leftover locks do not block, and two runs never mix.

These tests use a small Snakefile; tests/kill_demo.py kills the real workflow.
"""

import errno
import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import preloaded
import pytest

from resed.errors import ResedError
from resed.runtime import locks, run_lock
from resed.runtime import orphans as watch
from resed.share.runs import SharedRun

JOB = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from resed.runtime import orphans as watch
watch.follow()
pids, seconds, workers = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
with ProcessPoolExecutor(workers or 1) as pool:
    busy = [pool.submit(time.sleep, seconds) for _ in range(workers)]
    found = [os.getpid(), *(list(pool._processes) if workers else [])]
    pids.with_suffix(".part").write_text(" ".join(map(str, found)))
    pids.with_suffix(".part").rename(pids)
    time.sleep(seconds)
"""
# A run: announces itself, then starts a shell that starts a job, as Snakemake does.
RUN = """
import subprocess, sys
from pathlib import Path
from resed.runtime import orphans as watch
watch.announce(Path(sys.argv[1]))
shell = subprocess.Popen(["bash", "-c", sys.argv[2] + "; true"])
print(shell.pid, flush=True)
shell.wait()
"""
SNAKEFILE = """
from resed.runtime import run_lock
run_lock.guard(workflow, "results/x")

rule all:
    input: "results/x/b.txt"

rule a:
    input: "job.py"
    output: "results/x/a.txt"
    shell: "{job} results/x/pids $(cat seconds) 0 2>&1 | cat; echo a > {{output}}"

rule b:
    input: "results/x/a.txt"
    output: "results/x/b.txt"
    shell: "cat {{input}} > {{output}}"
"""
# A DVC that would write for ever, deaf or not to SIGTERM; and who calls it.
DVC = """
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.SIG_IGN)
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path("part").write_text(str(os.getpid()))
Path("part").rename("pids")
while True:
    time.sleep(0.05)
"""
SHARING = """
import signal, sys
from resed.runtime import orphans as watch
from resed.share import dvc
from resed.share.runs import SharedRun
watch.terminate_cleanly()
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in background
dvc.END_S = 0.5
with SharedRun((), "x").alone():
    dvc.dvc("fetch", sys.argv[1])
"""
REFUSED = "resed: results/x: another run is using this folder (process {} on "


def job_command(folder: Path) -> str:
    (folder / "job.py").write_text(JOB)
    return f"{shlex.quote(sys.executable)} job.py"


def soon(condition: Callable[[], object], seconds: float = 30) -> object:
    """Wait until `condition` holds, and return what it gave."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def written(path: Path) -> list[int]:
    """The pids in a file that a job writes."""
    return soon(lambda: path.exists() and [int(word) for word in path.read_text().split()])


@pytest.fixture
def run(tmp_path):
    """Start a run with a job: (process of the run, pid of its shell, pids of job and workers)."""
    started = []

    def start(workers: int = 0, seconds: float = 60, **environment: str):
        lock = tmp_path / "jobs"
        lock.touch()
        command = f"{job_command(tmp_path)} pids {seconds} {workers} | cat"
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, lock, command],
            cwd=tmp_path,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        shell = int(process.stdout.readline())
        pids = written(tmp_path / "pids")
        started.extend([process.pid, shell, *pids])
        return process, shell, pids

    yield start
    for pid in filter(alive, started):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("victim", ["run", "shell", "job"])
def test_what_is_below_a_killed_process_ends(run, victim):
    process, shell, pids = run(workers=2)
    assert len(pids) == 3
    os.kill({"run": process.pid, "shell": shell, "job": pids[0]}[victim], signal.SIGKILL)
    begin = time.monotonic()
    soon(lambda: not any(map(alive, pids)), 10)
    assert time.monotonic() - begin < 3  # POLL_S twice, on a busy machine
    process.communicate(timeout=10)  # nobody holds the pipe


def test_a_job_of_a_live_run_is_left_alone(run):
    process, _, _ = run(workers=1, seconds=4 * watch.POLL_S)
    assert process.wait(30) == 0


def test_a_job_of_a_run_that_is_dead_already_does_not_begin(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    begun = start_alone(tmp_path, f"{gone.pid} 12 {watch.machine()} lock")
    assert begun.wait(30) == 1
    assert not (tmp_path / "pids").exists()


def test_another_process_with_the_number_of_the_run_is_not_the_run(tmp_path):
    begun = start_alone(tmp_path, f"{os.getpid()} 12 {watch.machine()} lock")
    assert begun.wait(30) == 1


@pytest.mark.parametrize("value", ["", "1 12 another/machine lock", "nonsense"])
def test_without_a_run_of_this_machine_nothing_is_followed(tmp_path, value):
    begun = start_alone(tmp_path, value, seconds=3 * watch.POLL_S)
    assert begun.wait(30) == 0
    assert (tmp_path / "pids").exists()


def test_resed_alone_outlives_its_shell(tmp_path):
    command = f"{job_command(tmp_path)} pids 60 0 & sleep 60"
    environment = {k: v for k, v in os.environ.items() if k != watch.RUN}
    shell = subprocess.Popen(["bash", "-c", command], cwd=tmp_path, env=environment)
    (pid,) = written(tmp_path / "pids")
    shell.kill()
    shell.wait()
    time.sleep(4 * watch.POLL_S)
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


def start_alone(folder: Path, value: str, seconds: float = 60) -> subprocess.Popen:
    """A job below a run that the environment names, true or not."""
    command = shlex.split(f"{job_command(folder)} pids {seconds} 0")
    return subprocess.Popen(command, cwd=folder, env=os.environ | {watch.RUN: value})


# Runs of Snakemake.


def small_workflow(folder: Path) -> Path:
    """Write the small workflow into `folder`; jobs take no time."""
    (folder / "Snakefile").write_text(SNAKEFILE.format(job=job_command(folder)))
    (folder / "seconds").write_text("0")
    return folder


@contextmanager
def in_a_job(folder: Path, seconds: int) -> Iterator[tuple[Path, subprocess.Popen]]:
    """The folder of the small workflow and a run of it that is in the middle of a job."""
    (folder / "seconds").write_text(str(seconds))
    process = begin(folder)
    written(folder / "results" / "x" / "pids")
    (folder / "seconds").write_text("0")
    yield folder, process
    process.kill()
    process.wait()


@pytest.fixture
def folder(tmp_path):
    """A folder with the small workflow; jobs take no time."""
    return small_workflow(tmp_path)


@pytest.fixture
def busy(folder):
    """A run that is in the middle of a job."""
    with in_a_job(folder, 60) as run:
        yield run


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A run in the middle of a job, for commands beside it that must leave it alone."""
    with in_a_job(small_workflow(tmp_path_factory.mktemp("beside")), 600) as run:
        # A single job, as Snakemake starts it on a cluster, finds its input there.
        (run[0] / "results/x/a.txt").write_text("a\n")
        yield run


def has_lock(folder: Path, process: subprocess.Popen) -> bool:
    """Whether a run has the lock of the small workflow's results, in its name."""
    record = folder / ".snakemake/resed/results-x.run"
    locked = locks.open_locked(record) is None
    return locked and json.loads(record.read_text())["pid"] == process.pid


def inherited() -> dict[str, str]:
    """The environment without what Snakemake and a run above set."""
    return {k: v for k, v in os.environ.items() if k not in ("SNAKEMAKE_PROFILE", watch.RUN)}


def begin(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--rerun-incomplete", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=inherited() | environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def end(process: subprocess.Popen) -> tuple[int, str]:
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def said_by_resed(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("resed: ")]


@pytest.mark.parametrize("group", [False, True], ids=["snakemake alone", "whole group"])
def test_after_a_kill_the_same_command_comes_home(busy, group):
    folder, process = busy
    (job,) = written(folder / "results" / "x" / "pids")
    assert list(folder.glob(".snakemake/locks/*"))
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    code, said = end(begin(folder))
    assert code == 0, said
    (line,) = [line for line in said_by_resed(said) if "waiting" not in line]
    assert f"resed: results/x: the last run was killed (process {process.pid} on " in line
    assert not alive(job)
    assert (folder / "results/x/b.txt").read_text() == "a\n"
    code, said = end(begin(folder))
    assert (code, said_by_resed(said)) == (0, []), "what was cleaned up is not told twice"


@pytest.mark.parametrize("group", [False, True], ids=["snakemake alone", "whole group"])
def test_sigterm_ends_a_run_cleanly(busy, group):
    """Alone, Snakemake waits for the jobs that run: this job is ended after it."""
    folder, process = busy
    (job,) = written(folder / "results" / "x" / "pids")
    (os.killpg if group else os.kill)(process.pid, signal.SIGTERM)
    if not group:
        time.sleep(1)
        assert process.poll() is None
        os.kill(job, signal.SIGTERM)
    assert end(process)[0] == 1
    assert not list(folder.glob(".snakemake/locks/*"))
    code, said = end(begin(folder))
    assert (code, said_by_resed(said)) == (0, [])


def test_of_two_started_together_one_refuses_in_one_line(folder):
    (folder / "seconds").write_text("5")
    both = [begin(folder), begin(folder)]
    (_, refusal), (code, said) = sorted(map(end, both), key=lambda ended: ended[0], reverse=True)
    assert code == 0, said
    assert len(said_by_resed(refusal)) == 1, refusal
    assert "another run is using this folder" in refusal
    assert "Traceback" not in refusal
    assert sorted(process.returncode for process in both) == [0, 1]


@pytest.mark.parametrize(
    "arguments",
    [
        "--dry-run",
        "--lint",
        "--summary",
        "--dag",
        "--rulegraph",
        "--list-rules",
    ],
)
def test_plans_neither_refuse_nor_lock(beside, arguments):
    folder, process = beside
    code, said = preloaded.plan(
        folder, ["--cores", "1", "--rerun-incomplete", arguments], inherited()
    )
    assert code == (1 if arguments == "--lint" else 0), said  # the small rules have no logs
    assert said_by_resed(said) == []
    assert has_lock(folder, process)


@pytest.mark.parametrize(
    "arguments",
    [
        "--unlock",
        "--nolock --mode subprocess --target-jobs b: --allowed-rules b",
        "--nolock --mode remote --target-jobs b: --allowed-rules b",
    ],
)
def test_single_jobs_neither_refuse_nor_lock(beside, arguments):
    folder, process = beside
    code, said = end(begin(folder, *arguments.split()))
    assert code == 0, said
    assert said_by_resed(said) == []
    assert has_lock(folder, process)


@pytest.mark.parametrize("arguments", ["", "--touch", "a"])
def test_what_writes_is_refused_beside_a_run(beside, arguments):
    folder, process = beside
    code, said = end(begin(folder, *arguments.split()))
    assert code == 1
    (line,) = said_by_resed(said)
    assert line.startswith(REFUSED.format(process.pid))
    assert re.search(r", since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\); wait until it ends", line)
    assert "Traceback" not in said
    assert has_lock(folder, process)


def test_jobs_that_outlive_their_run_are_waited_for(busy, monkeypatch):
    folder, process = busy
    with subprocess.Popen(  # a job that does not notice, such as one on another machine
        ["flock", "--shared", ".snakemake/resed/results-x.jobs", "sleep", "6"], cwd=folder
    ) as job:
        process.kill()
        code, said = end(begin(folder))
        assert code == 0, said
        assert job.poll() == 0, "the run began before the job had ended"
    assert "resed: results/x: waiting for jobs of the last run to end" in said


SENT = ["--nolock", "--mode", "remote", "--target-jobs", "a:", "--allowed-rules", "a"]


def owner(folder: Path) -> str:
    return json.loads((folder / ".snakemake/resed/results-x.run").read_text())["owner"]


@pytest.mark.parametrize("ended", [False, True], ids=["another runs", "none runs"])
def test_a_job_that_waited_longer_than_its_run_lived_does_nothing(busy, ended):
    """A job that a scheduler starts after its run was killed."""
    folder, process = busy
    sent = {run_lock.OWNER: owner(folder)}
    process.kill()
    process.wait()
    (folder / "seconds").write_text("0" if ended else "60")
    (folder / "results/x/pids").unlink()
    another = begin(folder)
    pids = written(folder / "results/x/pids")
    if ended:
        assert end(another)[0] == 0
    (folder / "seconds").write_text("0")
    code, said = end(begin(folder, *SENT, "--forcerun", "a", **sent))
    assert code == 1
    assert said_by_resed(said) == [
        "resed: results/x: this job's run has ended; the job does nothing"
    ]
    assert "Traceback" not in said
    assert written(folder / "results/x/pids") == pids
    if not ended:
        os.killpg(another.pid, signal.SIGKILL)
        another.wait()


def test_a_job_of_this_run_works_and_is_waited_for(busy):
    folder, process = busy
    (folder / "seconds").write_text("4")
    (folder / "results/x/pids").unlink()
    job = begin(folder, *SENT, **{run_lock.OWNER: owner(folder)})
    written(folder / "results/x/pids")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (folder / "seconds").write_text("0")
    code, said = end(begin(folder))
    assert (code, job.poll()) == (0, 0), said


def test_locks_of_other_results_stay(folder):
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/x/a.txt\nresults/x/b.txt\n")
    (locks / "1.output.lock").write_text("results/xy/a.txt\n")
    (folder / "seconds").write_text("60")
    process = begin(folder)
    written(folder / "results" / "x" / "pids")
    held = {path.name: path.read_text() for path in locks.iterdir()}
    assert held.pop("1.output.lock") == "results/xy/a.txt\n"
    assert set(held) == {"0.input.lock", "0.output.lock"}
    assert f"{process.pid}" in (folder / ".snakemake/resed/results-x.run").read_text()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_run_of_another_machine_is_not_called_dead(busy):
    folder, process = busy
    record = folder / ".snakemake/resed/results-x.run"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    told = json.loads(record.read_text()) | {"host": "node7", "machine": "elsewhere/1"}
    record.write_text(json.dumps(told))
    code, said = end(begin(folder))
    assert code == 1
    (line,) = said_by_resed(said)
    assert "may still be alive on another machine" in line
    assert "on node7" in line
    assert line.endswith("run the same command with --unlock, then without")
    assert end(begin(folder, "--unlock"))[0] == 0
    assert end(begin(folder))[0] == 0


@pytest.fixture
def sharing(tmp_path, monkeypatch):
    """Start who calls a DVC that does not end: (process of the caller, pid of DVC)."""
    (tmp_path / "dvc").mkdir()
    (tmp_path / "dvc" / "__init__.py").touch()
    (tmp_path / "dvc" / "__main__.py").write_text(DVC)
    monkeypatch.chdir(tmp_path)
    started = []

    def start(word: str = ""):
        process = subprocess.Popen(
            [sys.executable, "-c", SHARING, word],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        (pid,) = written(tmp_path / "pids")
        started.extend([process.pid, pid])
        return process, pid

    yield start
    for pid in filter(alive, started):
        os.kill(pid, signal.SIGKILL)


def test_dvc_ends_with_a_killed_share_or_restore(sharing):
    process, pid = sharing()
    with open(".snakemake/resed/results-x.jobs") as jobs, pytest.raises(BlockingIOError):
        fcntl.flock(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until DVC has ended
    process.kill()
    process.wait()
    begin = time.monotonic()
    with SharedRun((), "x").alone():
        assert not alive(pid)
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("word", ["", "deaf"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_dvc_ends_with_a_share_that_is_told_to_end(sharing, number, word):
    process, pid = sharing(word)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode
    assert ("Terminated" if number == signal.SIGTERM else "KeyboardInterrupt") in said
    assert not alive(pid)


class Told(Exception):
    """Raised by the fake workflow to show that it was called."""


def fake_workflow():
    """As much of a workflow of Snakemake as guard looks at."""

    def execute(executor_plugin):
        raise Told

    settings = SimpleNamespace(lock=True)
    return SimpleNamespace(execute=execute, is_main_process=True, execution_settings=settings)


LOCAL = SimpleNamespace(common_settings=SimpleNamespace(dryrun_exec=False))


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def left(request, tmp_path, monkeypatch):
    """A lock that Snakemake left on results/x, where the file system has no locks of the kernel."""

    def no_locks(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(watch.RUN, "")
    monkeypatch.setattr("resed.runtime.locks.fcntl.flock", no_locks)
    lock = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/x/a.txt\n")
    return lock


def test_a_file_system_without_locks_is_no_hindrance(left):
    workflow = fake_workflow()
    run_lock.guard(workflow, "results/x")
    with pytest.raises(Told):
        workflow.execute(executor_plugin=LOCAL)
    assert left.exists(), "whether a run lives cannot be told: Snakemake's own lock must do"


def test_without_locks_share_and_restore_go_by_those_of_snakemake(left):
    with SharedRun((), "other").alone():
        assert os.environ[watch.RUN], "what is started is followed all the same"
    assert os.environ[watch.RUN] == ""
    with pytest.raises(ResedError, match="locks are set, so a run may be using this folder"):
        SharedRun((), "x").alone().__enter__()
    left.unlink()
    with SharedRun((), "x").alone():
        pass


def test_a_job_on_a_node_without_locks_still_knows_its_run(left):
    states = left.parents[1] / "resed"
    states.mkdir()
    (states / "results-x.jobs").touch()
    (states / "results-x.run").write_text('{"owner": "me"}')
    run_lock._join(states / "results-x", "results/x", "me")
    with pytest.raises(run_lock.LockedError, match="this job's run has ended"):
        run_lock._join(states / "results-x", "results/x", "another")


def test_a_lock_that_goes_away_as_it_is_read_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").symlink_to("gone")  # listed, but not there
    with SharedRun((), "x").alone():
        pass


def test_other_failures_of_a_run_are_not_taken_for_full_disks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(watch.RUN, "")
    workflow = fake_workflow()
    run_lock.guard(workflow, "results/x")
    with pytest.raises(Told):
        workflow.execute(executor_plugin=LOCAL)
    assert not (tmp_path / "results").exists()
