"""Run DVC as a program, without prompts and with its own files inside the clone."""

import codecs
import importlib.util
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from resed.errors import ShareError
from resed.escaping import plain, terminal

IN_GIT = Path(".dvc/config")
SITE = Path(".dvc/tmp/site")  # DVC's cache of file hashes, by default in /var/tmp
CHATTER = ("Having any troubles", "Is your cache", "<http")
MOST_LINES = 6  # lines of an error message
END_S = 5.0  # time for DVC to end after SIGTERM
# Like python -m dvc, but DVC ends with this process, and holds the lock for jobs of the run while
# it writes, so that no other run starts.
FOLLOWING = """\
import runpy
from resed.runtime import orphans
orphans.follow()
runpy.run_module("dvc", run_name="__main__", alter_sys=True)
"""


def dvc(*arguments: str) -> str:
    """Run DVC and return its output; progress bars are shown if stderr is a terminal.

    Within SharedRun.alone, DVC ends with this process, also on SIGTERM and Ctrl-C.

    Raises ShareError with the message of DVC if it fails.
    """
    if importlib.util.find_spec("dvc") is None:
        cure = 'run make share, which installs it, or pip install ".[share]"'
        raise ShareError("DVC is not installed", cure=cure)
    shown = sys.stderr.isatty()
    own = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(SITE.absolute())}
    own |= {"DVC_IGNORE_ISATTY": "1"} if terminal else {}  # progress bars in a pipe
    command = [sys.executable, "-c", FOLLOWING, *arguments]
    with tempfile.TemporaryFile() as printed:
        with subprocess.Popen(
            command,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                told = _copy(process.stderr, shown)
                process.wait()
            except BaseException:  # SIGTERM or Ctrl-C; leaving the block would wait for DVC
                _end(process)
                raise
        if process.returncode:
            raise ShareError(_in_short(told), place=f"dvc {arguments[0]}")
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


@dataclass(frozen=True)
class Settings:
    """The DVC configuration of this clone: `values` of all files, `shared` of the one in git."""

    values: dict[str, str]
    shared: dict[str, str]

    @classmethod
    def read(cls) -> "Settings":
        """Read the settings with DVC, which applies its config files in the right order."""
        values, shared = {}, {}
        for line in dvc("config", "--list", "--show-origin").splitlines():
            origin, _, setting = line.partition("\t")
            key, _, value = setting.partition("=")
            values[key] = value
            if Path(origin).parts[-2:] == IN_GIT.parts:
                shared[key] = value
        return cls(values, shared)

    @property
    def cache(self) -> Path:
        """The folder of its cache."""
        return Path(self.values.get("cache.dir", ".dvc/cache"))

    def remote(self, url: str | None) -> str:
        """Name and URL of the remote; enables verification, and sets `url` for this clone.

        Raises ShareError if the configuration has no default remote.
        """
        name = self.values.get("core.remote")
        if not name:
            raise ShareError("core.remote is not set", place=IN_GIT, cure=f"git checkout {IN_GIT}")
        if url:
            dvc("remote", "modify", "--local", name, "url", url)
        if self.values.get(f"remote.{name}.verify", "").lower() != "true":
            dvc("remote", "modify", "--local", name, "verify", "true")
        return f"{name} ({url or self.values.get(f'remote.{name}.url')})"

    def unknown_address(self, url: str | None) -> str | None:
        """URL of the remote if the configuration in git does not contain it, otherwise None."""
        key = f"remote.{self.values.get('core.remote')}.url"
        own = url or self.values.get(key, "")
        if "://" not in own:
            own = os.path.normpath(Path(own).absolute())  # the form in which DVC lists paths
        return None if own == self.shared.get(key) else own
