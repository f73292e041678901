"""DVC as a program, always called in the same way: asking nothing, its notes in the clone."""

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
SITE = Path(".dvc/tmp/site")  # DVC's notes of files' hashes: in the clone, not in /var/tmp
CHATTER = ("Having any troubles", "Is your cache", "<http")
MOST_LINES = 6  # of an error
END_S = 5.0  # for DVC to end by itself, once it is told to
# As python -m dvc, but it ends with this process, however that ends, and until it has, it holds the
# lock of the run's jobs: no other run begins while it writes.
FOLLOWING = """\
import runpy
from resed.runtime import orphans as watch
watch.follow()
runpy.run_module("dvc", run_name="__main__", alter_sys=True)
"""


def dvc(*arguments: str) -> str:
    """Run DVC; returns what it printed. Its bars show on a terminal.

    Within Run.alone it follows this process; it is ended where this one is told to end.

    Raises ShareError with DVC's own words where it fails.
    """
    if importlib.util.find_spec("dvc") is None:
        raise ShareError('DVC is not installed; make share does it, or pip install ".[share]"')
    terminal = sys.stderr.isatty()
    own = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(SITE.absolute())}
    own |= {"DVC_IGNORE_ISATTY": "1"} if terminal else {}  # bars, though it writes to a pipe
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
            except BaseException:  # SIGTERM, Ctrl-C; leaving the block would wait for DVC's end
                _end(process)
                raise
        if process.returncode:
            raise ShareError(f"dvc {arguments[0]}: {_in_short(told)}")
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
    """DVC's error in a line, with paths as the user would write them."""
    text = told[told.find("ERROR: ") :] if "ERROR: " in told else told
    lines = [line.strip().removeprefix("ERROR: ") for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(CHATTER)]
    more = [f"{len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "; ".join([*lines[:MOST_LINES], *more]).replace(f"{Path.cwd()}/", "")


@dataclass(frozen=True)
class Settings:
    """What this clone's configuration of DVC says, all of its files together.

    `shared`: what the one of them says that is in git.
    """

    values: dict[str, str]
    shared: dict[str, str]

    @classmethod
    def read(cls) -> "Settings":
        """Ask DVC, which knows where its files are and which of them wins."""
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
        """The remote in words, verification on; `url`, if given, is set for this clone.

        Raises ShareError where no remote is named.
        """
        name = self.values.get("core.remote")
        if not name:
            raise ShareError(".dvc/config: core.remote names no remote; git checkout .dvc/config")
        if url:
            dvc("remote", "modify", "--local", name, "url", url)
        if self.values.get(f"remote.{name}.verify", "").lower() != "true":
            dvc("remote", "modify", "--local", name, "verify", "true")
        return f"{name} ({url or self.values.get(f'remote.{name}.url')})"

    def unknown_address(self, url: str | None) -> str | None:
        """Url of the remote, or of the `url` set for it, where a clone of this does not know it."""
        key = f"remote.{self.values.get('core.remote')}.url"
        own = url or self.values.get(key, "")
        if "://" not in own:
            own = os.path.normpath(Path(own).absolute())  # as DVC lists those of its files
        return None if own == self.shared.get(key) else own
