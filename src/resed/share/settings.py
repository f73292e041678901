"""The DVC configuration of a clone: its remote and its cache.

`.dvc/config` is in git and comes from other people. DVC can run a command that stands in it
(`bearer_token_command`), and read files that it names, so only options that do neither are accepted
there.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from resed.errors import ShareError
from resed.share.dvc import dvc

IN_GIT = Path(".dvc/config")
LOCAL = Path(".dvc/config.local")
DEFAULT_CACHE = Path(".dvc/cache")
# Options that .dvc/config may have; all others belong in .dvc/config.local, which git ignores.
ACCEPTED = re.compile(
    r"core\.(remote|analytics|check_update|checksum_jobs|interactive)"
    r"|cache\.(type|slow_link_warning|shared)"
    r"|remote\..+\.(url|verify|jobs|checksum_jobs|region|endpointurl|user|port|timeout|auth|method"
    r"|connect_timeout|read_timeout|use_ssl|allow_anonymous_login|projectname|account_name)",
    re.IGNORECASE,
)
REMOTE = re.compile(r"\w[\w.-]*")
VERSIONED = re.compile(r"remote\..+\.(version_aware|worktree)", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """The DVC configuration of this clone: `values` of all files, `shared` of the one in git."""

    values: dict[str, str]
    shared: dict[str, str]

    @classmethod
    def read(cls) -> "Settings":
        """Read the settings with DVC, which applies its config files in the right order.

        Raises ShareError for an option that .dvc/config must not have.
        """
        values, shared = {}, {}
        for line in dvc("config", "--list", "--show-origin").splitlines():
            origin, _, setting = line.partition("\t")
            key, _, value = setting.partition("=")
            values[key] = value
            if Path(origin).parts[-2:] == IN_GIT.parts:
                shared[key] = value
        for key in shared:
            if not ACCEPTED.fullmatch(key):
                problem = f"{key[:80]} must not be set in a file that git tracks"
                raise ShareError(problem, place=IN_GIT, cure=f"move it to {LOCAL} if you trust it")
        for key, value in values.items():
            if VERSIONED.fullmatch(key) and value.lower() != "false":
                problem = f"{key[:80]}: remotes with versions are not supported"
                raise ShareError(problem, place=".dvc", cure="remove this option")
        return cls(values, shared)

    @property
    def cache(self) -> Path:
        """The folder of its cache."""
        return Path(self.values.get("cache.dir", str(DEFAULT_CACHE)))

    def remote(self, url: str | None) -> str:
        """Name and URL of the remote; enables verification, and sets `url` for this clone.

        Raises ShareError if the configuration has no default remote.
        """
        name = self.values.get("core.remote")
        if not name:
            raise ShareError("core.remote is not set", place=IN_GIT, cure=f"git checkout {IN_GIT}")
        if not REMOTE.fullmatch(name):  # DVC would read it as an option
            problem = f"core.remote: {name[:80]!r} is not the name of a remote"
            raise ShareError(problem, place=IN_GIT, cure="use letters, digits, dots and dashes")
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
