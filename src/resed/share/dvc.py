"""Run DVC in a process of its own, without prompts and with its own files inside the clone."""

import codecs
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from resed.errors import ShareError
from resed.escaping import plain, terminal

SITE = Path(".dvc/tmp/site")  # DVC's cache of file hashes, by default in /var/tmp
CHATTER = ("Having any troubles", "Is your cache", "<http")
MOST_LINES = 6  # lines of an error message
END_S = 5.0  # time for DVC to end after SIGTERM
# DVC ends with this process, and holds the lock for jobs of the run while it writes, so that no
# other run starts.
FOLLOWING = """\
from resed.runtime import orphans
orphans.follow()
"""
# Like python -m dvc, but DVC writes config files as UTF-8, which it can read; it writes ASCII only.
COMMAND = f"""\
{FOLLOWING}
import functools, runpy
import configobj
init = configobj.ConfigObj.__init__
configobj.ConfigObj.__init__ = functools.partialmethod(init, default_encoding="utf-8")
runpy.run_module("dvc", run_name="__main__", alter_sys=True)
"""
FETCH = f"""\
{FOLLOWING}
from resed.share.fetch_objects import main
main()
"""


def dvc(*arguments: str) -> str:
    """Run DVC and return its output; progress bars are shown if stderr is a terminal.

    Within SharedRun.alone, DVC ends with this process, also on SIGTERM and Ctrl-C.

    Raises ShareError with the message of DVC if it fails.
    """
    return _run(COMMAND, arguments)


def fetch_objects(cache: Path, objects: list[str]) -> dict[str, str]:
    """Fetch objects into the cache; return MD5 -> problem of those that did not arrive.

    Raises ShareError with the message of DVC if the remote cannot be opened.
    """
    task = {"cache": str(cache.absolute()), "objects": objects}
    return json.loads(_run(FETCH, ("fetch",), json.dumps(task)))


def _run(program: str, arguments: tuple[str, ...], text: str = "") -> str:
    """Run a program with this Python; return what it prints."""
    if importlib.util.find_spec("dvc") is None:
        cure = 'run make share, which installs it, or pip install ".[share]"'
        raise ShareError("DVC is not installed", cure=cure)
    shown = sys.stderr.isatty()
    own = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(SITE.absolute()), "PYTHONUTF8": "1"}
    own |= {"DVC_IGNORE_ISATTY": "1"} if shown else {}  # progress bars in a pipe
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as told:
        told.write(text.encode())
        told.seek(0)
        with subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, **own},
            stdin=told,
            stdout=printed,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                messages = _copy(process.stderr, shown)
                process.wait()
            except BaseException:  # SIGTERM or Ctrl-C; leaving the block would wait for DVC
                _end(process)
                raise
        if process.returncode:
            raise ShareError(_in_short(messages), place=f"dvc {arguments[0]}")
        printed.seek(0)
        return printed.read().decode(errors="replace").strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    process.kill()


def _copy(stream: IO[bytes], show: bool) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    told = ""
    while chunk := stream.read1():
        text = decoder.decode(chunk)
        told += text
        if show:
            _show(text)
    return told


def _show(text: str) -> None:
    """Write output of DVC on a terminal; of its control sequences only the carriage return."""
    lines = text.replace("\x1b[A", "").split("\r")
    stream = terminal(sys.stderr)
    stream.write("\r".join(map(plain, lines)))
    stream.flush()


def _in_short(told: str) -> str:
    """The error of DVC in one line, with paths relative to the current folder."""
    text = told[told.find("ERROR: ") :] if "ERROR: " in told else told
    lines = [line.strip().removeprefix("ERROR: ") for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(CHATTER)]
    more = [f"{len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "; ".join([*lines[:MOST_LINES], *more]).replace(f"{Path.cwd()}/", "")
