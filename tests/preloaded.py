"""Runs of Snakemake, `resed` and DVC without their start: forks of a process that imported them.

Imports are two thirds of the time of a plan and of most jobs of the tiny runs. A fork runs the same
`main` with the folder, the environment and the output of its caller. Not forked are runs that tests
kill or send to Slurm, and those of tests/kill_demo.py: they start as a user's do.

A job of such a run does not descend from its Snakemake, and so has no RESED_RUN: it ends with the
program that waits for it.

As a command, `python preloaded.py snakemake ARGUMENTS` has a server of its own, for example within
a namespace without a network.
"""

import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

PACKAGES = (
    *("snakemake.cli", "torch", "pandas", "scipy.signal", "scipy.stats", "matplotlib.pyplot"),
    *("seaborn", "sed_scores_eval", "librosa.filters", "soundfile", "jinja2", "dvc.cli.parser"),
    *("dvc.repo", "dvc_objects.fs.local", "configobj"),
)
PROGRAMS = ("snakemake", "resed", "python")
ENVIRONMENT = dict(os.environ)  # before any test: a Slurm ends what has its variables
RUN = "RESED_RUN"  # see resed.runtime.orphans
END_S = 5.0  # for a job whose client has ended, from SIGTERM to SIGKILL
# Hands its descriptors, arguments, folder and environment to the server, and ends as the job does.
CLIENT = """\
#!{python} -ISE
import json, os, socket, sys
if {program!r} == "python" and not sys.argv[1].endswith(("-c", "-m", ".py")):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
task = dict(program={program!r}, arguments=sys.argv[1:], folder=os.getcwd(),
            environment=dict(os.environ))
with socket.socket(socket.AF_UNIX) as server:
    server.connect({place!r})
    data = json.dumps(task).encode()
    socket.send_fds(server, [len(data).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(data)
    code = server.recv(8)
sys.exit(int(code) if code else 1)
"""


def plan(folder: Path, arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of `snakemake ARGUMENTS`; its jobs are forks, too."""
    return run(folder, "snakemake", arguments, environment)


def run(
    folder: Path, program: str, arguments: list[str], environment: dict[str, str]
) -> tuple[int, str]:
    """Exit code and output of `snakemake` or `resed` with arguments."""
    done = subprocess.run(
        [programs() / program, *arguments], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@cache
def programs() -> Path:
    """A folder with `snakemake`, `resed` and `python`; their server ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="resed-programs"))
    place = folder / "server"
    for program in PROGRAMS:
        text = CLIENT.format(python=sys.executable, program=program, place=str(place))
        (folder / program).write_text(text)
        (folder / program).chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, __file__, place], env=ENVIRONMENT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    programs.server = server  # its standard input is open as long as this process runs
    assert server.stdout.readline() == "ready\n", "the server of forked runs did not start"
    return folder


def serve(place: Path) -> None:
    """Fork for each client, until standard input ends."""
    import resed

    modules = [m.name for m in pkgutil.walk_packages(resed.__path__, "resed.")]
    for name in (*PACKAGES, *modules):
        with suppress(ImportError):
            if not name.endswith("__main__"):
                importlib.import_module(name)
    # Fingerprints rest on the content of each source file, which each process parses.
    from resed.runtime import fingerprint

    fingerprint._parsed = cache(fingerprint._parsed)
    for path in sorted(fingerprint.SOURCE.rglob("*.py")):
        fingerprint._parsed(path.read_bytes())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen(16)
        print("ready", flush=True)
        while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _keep(client, place.parent)
            client.close()
    for left in place.parent.iterdir():
        left.unlink()
    place.parent.rmdir()


def _keep(client: socket.socket, programs: Path) -> None:
    """Run what a client asks for, in a fork, and tell it the exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, descriptors, _, _ = socket.recv_fds(client, 8, 3)
    data, size = b"", int.from_bytes(head, "big")
    while len(data) < size:
        if not (more := client.recv(1 << 20)):  # the client was killed
            os._exit(1)
        data += more
    if (job := os.fork()) == 0:
        client.close()
        _run(json.loads(data), descriptors, programs)
    for descriptor in descriptors:
        os.close(descriptor)
    ended = os.pidfd_open(job)
    if ended not in select.select([client, ended], [], [])[0]:
        os.kill(job, signal.SIGTERM)
        if not select.select([ended], [], [], END_S)[0]:
            os.kill(job, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    with suppress(OSError):
        client.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def _main_of(program: str) -> Callable[[], object]:
    """What a program does with sys.argv."""
    if program == "snakemake":
        from snakemake.cli import main

        return main
    if program == "resed":
        from resed.cli import main

        return main
    if (script := sys.argv[1]).endswith(".py"):
        sys.argv, sys.path[0] = sys.argv[1:], str(Path(script).parent.absolute())
        return lambda: runpy.run_path(script, run_name="__main__")
    way, what = sys.argv[1:3]
    sys.argv = [way, *sys.argv[3:]]
    if way == "-c":
        return lambda: exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    return lambda: runpy.run_module(what, run_name="__main__", alter_sys=True)


def _run(task: dict, descriptors: list[int], programs: Path) -> None:
    code = 1
    try:
        os.chdir(task["folder"])
        os.environ.clear()
        os.environ.update(task["environment"])
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace", buffering=1)
        sys.argv = [str(programs / task["program"]), *task["arguments"]]
        # Jobs find `resed` beside the Python that runs Snakemake.
        sys.path[0], sys.executable = task["folder"], str(programs / "python")
        time.tzset()
        if task["program"] != "snakemake":
            os.environ.pop(RUN, None)
        _main_of(task["program"])()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[1] in PROGRAMS:
        sys.exit(subprocess.call([programs() / sys.argv[1], *sys.argv[2:]]))
    serve(Path(sys.argv[1]))
