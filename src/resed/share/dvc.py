"""Call DVC as a program: without questions, and with its own files inside the clone."""

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

IN_GIT = Path(".dvc/config")
SITE = Path(".dvc/tmp/site")  # DVC's cache of file hashes: in the clone, not in /var/tmp
CHATTER = ("Having any troubles", "Is your cache", "<http")
MOST_LINES = 6  # of an error message
END_S = 5.0  # for DVC to end after SIGTERM
# As python -m dvc, but it ends with this process, and holds the lock of the run's jobs until then:
# no other run begins while it writes.
FOLLOWING = """\
import runpy
from resed.runtime import orphans
orphans.follow()
runpy.run_module("dvc", run_name="__main__", alter_sys=True)
"""


def dvc(*arguments: str) -> str:
    """Run DVC; return what it printed. Its progress bars are shown on a terminal.

    Within SharedRun.alone DVC ends with this process, also on SIGTERM and Ctrl-C.

    Raises ShareError with DVC's own message if it fails.
    """
    if importlib.util.find_spec("dvc") is None:
        cure = 'make share installs it, as does pip install ".[share]"'
        raise ShareError("DVC is not installed", cure=cure)
    terminal = sys.stderr.isatty()
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
                told = _copy(process.stderr, terminal)
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
    told = b""
    while chunk := stream.read1():
        told += chunk
        if show:
            sys.stderr.buffer.write(chunk)
            sys.stderr.flush()
    return told.decode(errors="replace")


def _in_short(told: str) -> str:
    """DVC's error in one line, with paths as the user would write them."""
    text = told[told.find("ERROR: ") :] if "ERROR: " in told else told
    lines = [line.strip().removeprefix("ERROR: ") for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(CHATTER)]
    more = [f"{len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "; ".join([*lines[:MOST_LINES], *more]).replace(f"{Path.cwd()}/", "")


@dataclass(frozen=True)
class Settings:
    """DVC's configuration of this clone: `values` of all its files, `shared` of the one in git."""

    values: dict[str, str]
    shared: dict[str, str]

    @classmethod
    def read(cls) -> "Settings":
        """Ask DVC, which knows its config files and their order."""
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
        """Name and URL of the remote; switches verification on, and sets `url` for this clone.

        Raises ShareError if the configuration names no remote.
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
        """URL of the remote, if a fresh clone would not know it; else None."""
        key = f"remote.{self.values.get('core.remote')}.url"
        own = url or self.values.get(key, "")
        if "://" not in own:
            own = os.path.normpath(Path(own).absolute())  # as DVC lists paths
        return None if own == self.shared.get(key) else own
