"""What another clone needs and DVC does not move: files for git, and the words to type there."""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from resed.share.dvc import IN_GIT
from resed.share.runs import BASE, RUNS, Run

COMMITTED = "dvc.lock", str(RUNS)  # which share has just written


def tell(run: Run, address: str | None, say: Callable[[str], None]) -> None:
    """Say what to commit, and how others then have the run.

    `address` is the remote's, where a clone does not know it from .dvc/config.
    """
    words = ["git", "add", *COMMITTED, str(run.metrics.parent), *unsaved(run)]
    say(f"For others: {shlex.join(words)}; git commit; git push")
    for name in outside(run):
        say(f"{name}: not in this folder, so no clone has it; copy it here and share with that")
    remote = f" REMOTE={shlex.quote(address)}" if address else ""
    say(f"They then: make restore CONFIG={shlex.quote(' '.join(run.named))}{remote}")


def unsaved(run: Run) -> list[str]:
    """Files that a clone needs and git does not have as they are here.

    The run's own, though git be told to ignore them, and all of them where there is no git to ask;
    and what else of config/ was changed, such as the file of a system.
    """
    own = [name for name in _needed(run) if name not in outside(run)]
    changed = _git_lists("--", *own)
    if changed is None:
        return own
    others = _git_lists("--exclude-standard", "--", str(BASE.parent)) or []
    return list(dict.fromkeys([*changed, *others]))


def outside(run: Run) -> list[str]:
    """Files that the run needs and no clone can have."""
    here = f"{Path.cwd()}{os.sep}"  # not resolved: git tracks links
    return [
        name
        for name in _needed(run)
        if not os.path.normpath(Path(name).absolute()).startswith(here)
    ]


def _needed(run: Run) -> list[str]:
    return [*run.named, *([str(run.place)] if run.place else []), str(IN_GIT)]


def _git_lists(*arguments: str) -> list[str] | None:
    """Files that were changed or never added; None where git is not there or says no."""
    command = ["git", "ls-files", "-z", "--modified", "--others", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [name for name in done.stdout.split("\0") if name]
