"""Instructions after sharing: files to commit to git, and commands for other clones."""

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from resed.share.registry import RUNS
from resed.share.runs import BASE, METRICS, SharedRun
from resed.share.settings import IN_GIT

COMMITTED = "dvc.lock", str(RUNS)  # written by share


def tell(
    run: SharedRun, address: str | None, say: Callable[[str], None], also: Sequence[str] = ()
) -> None:
    """Print the files to commit, and the command with which others restore the run.

    `address` is the URL of the remote if .dvc/config does not contain it; `also` are more files to
    commit.
    """
    words = ["git", "add", *COMMITTED, str(METRICS), *also, *unsaved(run)]
    say(f"Commit and push: {shlex.join(words)}; git commit; git push")
    for name in outside(run):
        say(f"{name}: outside of this folder and of other clones; copy it here and share the copy")
    remote = f" REMOTE={shlex.quote(address)}" if address else ""
    say(f"Others then run: make restore CONFIG={shlex.quote(' '.join(run.named))}{remote}")


def unsaved(run: SharedRun) -> list[str]:
    """Files that a clone requires and whose current content is not committed to git.

    These are the files of the run, even if git ignores them (all of them without git), and other
    changed files in config/, such as the file of a system.
    """
    own = [name for name in _needed(run) if name not in outside(run)]
    changed = _git_lists("--", *own)
    if changed is None:
        return own
    others = _git_lists("--exclude-standard", "--", str(BASE.parent)) or []
    return list(dict.fromkeys([*changed, *others]))


def outside(run: SharedRun) -> list[str]:
    """Files that the run requires and that git cannot track."""
    here = f"{Path.cwd()}{os.sep}"  # not resolved: git tracks links
    return [
        name
        for name in _needed(run)
        if not os.path.normpath(Path(name).absolute()).startswith(here)
    ]


def _needed(run: SharedRun) -> list[str]:
    network = run.config.network_file if run.config else ""
    places = [run.place] if run.place else []
    return [*run.named, *map(str, places), *([network] if network else []), str(IN_GIT)]


def _git_lists(*arguments: str) -> list[str] | None:
    """Changed and untracked files; None if git is not installed or fails."""
    command = ["git", "ls-files", "-z", "--modified", "--others", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [name for name in done.stdout.split("\0") if name]
