"""Run Snakemake on a copy of the workflow: no test touches the results in the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import preloaded
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "workflow", "profiles", "config", "environment.yml")
# The demo at a tiny size: every kind of system and row, and the study of readings. At a threshold
# of 0.5 networks trained this little detect nothing, and most rows would have the same events.
TINY = {
    "systems": [
        "mean_teacher",
        "mean_teacher_lost_head",
        "guided_learning",
        "pts",
        "pts_tfd_afl",
        "pts_tfd_afl_esp",
    ],
    "acquire": {"scale": 0.01},
    "override": {
        "model": {"width": 0.05},
        "schedule": {"epochs": 2, "stage_one": 1, "steps_per_epoch": 2},
        "decode": {"frame_threshold": 0.42, "tag_threshold": 0.42},
    },
    "system_overrides": {
        "mean_teacher": {"schedule": {"epochs": 2}},
        "guided_learning": {"schedule": {"epochs": 2}},
        "pts_tfd_afl_esp": {"decode": {"frame_threshold": 0.25}},
    },
}


def copy_workflow(folder: Path) -> Path:
    """Copy what Snakemake reads into `folder`."""
    for part in PARTS:
        source, target = REPOSITORY / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return folder


def snakemake(
    folder: Path,
    *arguments: str,
    overlay: dict | None = None,
    before: tuple = (),
    variables: dict | None = None,
    config: str = "demo",
    forked: bool = True,
):
    """Run Snakemake in `folder` on a config, an overlay on top; the finished process.

    It and its jobs are `forked` from a process that has imported both (tests/preloaded.py), but
    not with `variables`, which are added to its environment. `before` is a command that runs all.
    """
    files = [f"config/{config}.yaml"]
    if overlay is not None:
        (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
        files.append("overlay.yaml")
    arguments = ("--cores", "2", *arguments, "--configfile", *files)
    environment = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
    forked = forked and not variables
    if forked and not before:
        code, printed = preloaded.plan(folder, list(arguments), environment)
        return subprocess.CompletedProcess(arguments, code, printed)
    program = [preloaded.__file__] if forked else ["-m"]
    return subprocess.run(
        [*before, sys.executable, *program, "snakemake", *arguments],
        cwd=folder,
        env=environment | (variables or {}),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def planned(
    folder: Path, *arguments: str, overlay: dict | None = None, config: str = "demo"
) -> list[str]:
    """Messages of all jobs that Snakemake would run; [] where there is nothing to do."""
    done = snakemake(folder, "--dry-run", *arguments, overlay=overlay, config=config)
    assert done.returncode == 0, done.stdout[-3000:]
    return jobs_of(done.stdout)


def jobs_of(printed: str) -> list[str]:
    """Messages of all jobs of a plan."""
    jobs = re.findall(r"^Job \d+: (.*)$", printed, re.MULTILINE)
    return [job for job in jobs if not job.startswith("all done")]


def verbs(jobs: list[str]) -> dict[str, int]:
    """How many jobs begin with each word."""
    words = [job.split()[0].rstrip(":") for job in jobs]
    return {word: words.count(word) for word in sorted(set(words))}
