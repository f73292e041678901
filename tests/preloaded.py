"""Plans of Snakemake without its start: a process that has imported it forks for each plan.

Imports are two thirds of the time of `python -m snakemake --dry-run`. A fork runs the same `main`
in the folder, the environment and the output of the caller.
"""

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


def plan(folder: Path, arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of `snakemake ARGUMENTS`, which must run no job."""
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "out"
        task = {
            "folder": str(folder),
            "arguments": arguments,
            "environment": environment,
            "out": str(out),
        }
        server = _server()
        server.stdin.write(json.dumps(task) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline()), out.read_text()


@cache
def _server() -> subprocess.Popen:
    """One per process of tests; it ends with it, at the end of its standard input."""
    return subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def serve() -> None:
    """Fork for each task on standard input; write exit codes on standard output."""

    for line in sys.stdin:
        if (child := os.fork()) == 0:
            _run(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(task: dict) -> None:
    from snakemake.cli import main

    code = 1
    try:
        os.chdir(task["folder"])
        os.environ.clear()
        os.environ.update(task["environment"])
        out = os.open(task["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, source in ((0, nothing), (1, out), (2, out)):
            os.dup2(source, descriptor)
        sys.argv, sys.path[0] = ["snakemake", *task["arguments"]], task["folder"]
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
