"""A full disk, a read-only folder, SIGTERM: exit 1 and one line, and no half file that is accepted.

Disks are small ones of the test's own, in a name space that takes them away with its last process.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
NAMESPACE = ("unshare", "--map-root-user", "--mount")
SNAKEFILE = """
import logging
from resed.runtime import run_lock
logging.raiseExceptions = False
run_lock.guard(workflow, "results/x")

rule all:
    input: "results/x/b.bin"

rule a:
    output: "results/x/a.bin"
    log: "results/x/logs/a.log"
    shell: "{python} write.py {{output}} 600 > {{log}} 2>&1"

rule b:
    input: "results/x/a.bin"
    output: "results/x/b.bin"
    log: "results/x/logs/b.log"
    shell: "{python} write.py {{output}} 3000 > {{log}} 2>&1"
"""
WRITE = """
import sys
from resed import cli
from resed.runtime.files import atomic_path
def write():
    with atomic_path(sys.argv[1]) as path, open(path, "wb") as handle:
        for _ in range(int(sys.argv[2])):
            handle.write(bytes(1000))
cli.app = write
cli.main()
"""
SAVE = """
from pathlib import Path
import torch
from resed import cli
from resed.formats.checkpoint import save
cli.app = lambda: save(Path("disk/seed0/checkpoint.pt"), {"weights": torch.zeros(200_000)})
cli.main()
"""
RUN = f"{shlex.quote(sys.executable)} -m snakemake --cores 1 --rerun-incomplete --show-failed-logs"


def shell(folder: Path, script: str) -> str:
    """Run a script where it may mount disks; what it printed."""
    try:
        subprocess.run([*NAMESPACE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets nobody but root mount a disk")
    done = subprocess.run(
        [*NAMESPACE, "bash", "-c", script],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if "permission denied" in done.stdout and "mount:" in done.stdout:
        pytest.skip("this system lets nobody but root mount a disk")
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def told(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("resed: ")]


@pytest.fixture
def folder(tmp_path):
    """A small workflow whose second file does not fit on a disk of 3 MB."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(python=shlex.quote(sys.executable)))
    (tmp_path / "write.py").write_text(WRITE)
    (tmp_path / "results").mkdir()
    return tmp_path


def test_a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_space(folder):
    said = shell(
        folder,
        f"mount -t tmpfs -o size=3000k tmpfs results; {RUN}; echo exit $?;"
        "echo left $(find results -type f | sort); mount -o remount,size=9000k results;"
        f"echo again; {RUN}; echo exit $?",
    )
    first, again = said.split("again\n")
    assert "exit 1" in first
    assert "left results/x/a.bin results/x/logs/a.log results/x/logs/b.log" in first
    where = "resed: results/x/b.bin: No space left on device; free disk space"
    assert told(first) == [where], first
    assert "exit 0" in again
    assert "rule a:" not in again, "what was finished stays"


@pytest.mark.parametrize("what", ["results", "."])
def test_a_disk_without_any_space_is_told_in_one_line(folder, what):
    """Not even a log can be written, or Snakemake's own records."""
    said = shell(
        folder,
        f"mkdir -p disk; mount -t tmpfs -o size=400k tmpfs disk; cp -r Snakefile write.py disk;"
        f"mkdir -p {'disk/results' if what == '.' else '.'};"
        f"{'cd disk' if what == '.' else 'mount --bind disk results'};"
        f"head -c 1m /dev/zero > results/filler 2> /dev/null; {RUN}; echo exit $?;"
        "find results -name '*.bin' -size +0",
    )
    assert "exit 1" in said
    assert said.rstrip().endswith("exit 1"), "nothing half is left"
    (line,) = told(said)
    assert line.endswith(": No space left on device; free disk space")


@pytest.mark.parametrize("what", ["results", "."])
def test_a_read_only_folder_is_told_in_one_line(folder, what):
    said = shell(
        folder,
        f"here=$PWD; mount --bind {what} {what}; mount -o remount,ro,bind {what} $here/{what};"
        f"cd $here; {RUN}; echo exit $?",
    )
    assert "exit 1" in said
    (line,) = told(said)
    assert line.endswith("Read-only file system; change the permissions")


def test_a_finished_run_may_be_read_only(folder):
    said = shell(
        folder,
        f"{RUN} --quiet all && mount --bind results results && mount -o remount,ro,bind results &&"
        f"{RUN}; echo exit $?",
    )
    assert "Nothing to be done" in said
    assert "exit 0" in said


def test_a_checkpoint_that_does_not_fit_is_told_in_one_line(tmp_path):
    said = shell(
        tmp_path,
        "mkdir disk; mount -t tmpfs -o size=100k tmpfs disk;"
        f"{shlex.quote(sys.executable)} -c {shlex.quote(SAVE)}; echo exit $?; find disk -type f",
    )
    assert said == (
        "resed: disk/seed0/checkpoint.pt: No space left on device; free disk space\nexit 1\n"
    )


def test_equal_checkpoints_are_equal_bytes(tmp_path):
    torch = pytest.importorskip("torch")
    from resed.formats.checkpoint import save

    paths = [tmp_path / name for name in ("checkpoint.pt", "resume.pt")]
    for path in paths:
        save(path, {"weights": torch.arange(3)})
    assert paths[0].read_bytes() == paths[1].read_bytes()


# SIGTERM, by which schedulers end what exceeds its time.


def acquire(folder: Path) -> subprocess.Popen:
    arguments = ["--dataset", "demo", "--root", folder / "data", "--split", "weak"]
    more = ["--scale", "0.02", "--processes", "2", "--record", folder / "weak.json"]
    code = "from resed.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "acquire", *arguments, *more],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("group", [False, True], ids=["process", "whole group"])
def test_sigterm_ends_a_command_cleanly_and_the_next_goes_on(tmp_path, group):
    process = acquire(tmp_path)
    until = time.monotonic() + 60
    while len(list(tmp_path.rglob("*.wav"))) < 5:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.01)
    (os.killpg if group else os.kill)(process.pid, signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode in ((143, 1) if group else (143,))
    lines = told(said)
    assert len(lines) == 1, said
    assert "Traceback" not in said
    if process.returncode == 143:
        assert lines == ["resed: ended by SIGTERM; run the same command again to continue"]
    assert not (tmp_path / "weak.json").exists()
    again = acquire(tmp_path)
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert not list(tmp_path.rglob("*.part*"))
