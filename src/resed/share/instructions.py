"""What another clone requires and DVC does not move: files for git, and the commands to run."""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from resed.share.dvc import IN_GIT
from resed.share.runs import BASE, RUNS, SharedRun

COMMITTED = "dvc.lock", str(RUNS)  # written by share


def tell(run: SharedRun, address: str | None, say: Callable[[str], None]) -> None:
    """Print what to commit, and how others then restore the run.

    `address` is the URL of the remote, if a clone does not know it from .dvc/config.
    """
    words = ["git", "add", *COMMITTED, str(run.metrics.parent), *unsaved(run)]
    say(f"For others: {shlex.join(words)}; git commit; git push")
    for name in outside(run):
        say(f"{name}: outside of this folder, so no clone has it; copy it here and share that")
    remote = f" REMOTE={shlex.quote(address)}" if address else ""
    say(f"They then: make restore CONFIG={shlex.quote(' '.join(run.named))}{remote}")


def unsaved(run: SharedRun) -> list[str]:
    """Files that a clone requires and git does not have in their current state.

    These are files of the run, even if git ignores them (all of them without git), and other
    changed files of config/, such as the file of a system.
    """
    own = [name for name in _needed(run) if name not in outside(run)]
    changed = _git_lists("--", *own)
    if changed is None:
        return own
    others = _git_lists("--exclude-standard", "--", str(BASE.parent)) or []
    return list(dict.fromkeys([*changed, *others]))


def outside(run: SharedRun) -> list[str]:
    """Files that the run requires and no clone can have."""
    here = f"{Path.cwd()}{os.sep}"  # not resolved: git tracks links
    return [
        name
        for name in _needed(run)
        if not os.path.normpath(Path(name).absolute()).startswith(here)
    ]


def _needed(run: SharedRun) -> list[str]:
    return [*run.named, *([str(run.place)] if run.place else []), str(IN_GIT)]


def _git_lists(*arguments: str) -> list[str] | None:
    """Files that were changed or never added; None if git is absent or fails."""
    command = ["git", "ls-files", "-z", "--modified", "--others", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [name for name in done.stdout.split("\0") if name]
