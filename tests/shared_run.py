"""A small finished run, whose files are made in seconds by one small program.

Real are the configs, common.smk, the checksums and all of DVC; the jobs write a line a file.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import preloaded
from runs import REPOSITORY, copy_workflow, snakemake

PROGRAMS = Path(sys.executable).parent
CONFIG = "config/demo.yaml"
OVERLAY = {"systems": ["pts", "pts_tfd"], "sensitivity": {"report": False}}
FILES = ("dvc.yaml", ".dvcignore", ".gitignore")

SNAKEFILE = """
configfile: "config/config.yaml"
include: "workflow/rules/common.smk"

JOB = f"{sys.executable} job.py"
SYSTEM = f"{RESULTS}/{{stage}}/evaluation/{{{{system}}}}/seed0"

rule all:
    default_target: True
    input:
        f"{RESULTS}/report/index.html",
        f"{RESULTS}/figures/dag.png",
        f"{RESULTS}/distil/weak/pts/seed0.npz",

rule audit:
    output: f"{RESULTS}/acquire/strong.json", f"{RESULTS}/audit/manifest.tsv"
    message: "audit"
    shell: "{JOB} {output}"

rule extract:
    input: f"{RESULTS}/audit/manifest.tsv"
    output: f"{RESULTS}/extract/default/strong.store"
    message: "extract"
    shell: "{JOB} {output} -- {input}"

rule distil:  # of systems with teachers; this run has no composite, and no folder choose
    input: f"{RESULTS}/audit/manifest.tsv"
    output: f"{RESULTS}/distil/weak/pts/seed0.npz"
    message: "distil"
    shell: "{JOB} {output} -- {input}"

rule train:
    input: f"{RESULTS}/extract/default/strong.store"
    output: f"{RESULTS}/train/{{system}}/seed0/checkpoint.pt"
    benchmark: f"{RESULTS}/benchmarks/train/{{system}}.tsv"
    params: rate=lambda wildcards: CONFIG.system(wildcards.system).schedule.learning_rate
    message: "train {wildcards.system}"
    shell: "{JOB} {output} {params.rate} -- {input}"

rule predict:
    input: f"{RESULTS}/train/{{system}}/seed0/checkpoint.pt"
    output: f"{RESULTS}/predict/evaluation/{{system}}/seed0.npz"
    message: "predict {wildcards.system}"
    shell: "{JOB} {output} -- {input}"

rule score:
    input: f"{RESULTS}/predict/evaluation/{{system}}/seed0.npz"
    output:
        f"{RESULTS}/calibrate/{{system}}.json",
        SYSTEM.format(stage="decode") + "/events.tsv",
        SYSTEM.format(stage="score") + "/metrics.json",
    message: "score {wildcards.system}"
    shell: "{JOB} {output} -- {input}"

rule table:
    input: expand(SYSTEM.format(stage="score") + "/metrics.json", system=CONFIG.systems)
    output:
        f"{RESULTS}/tables/table1.csv",
        f"{RESULTS}/tables/table1.json",
        f"{RESULTS}/repair/repairs.tsv",
    params: rates=[CONFIG.system(name).schedule.learning_rate for name in CONFIG.systems]
    message: "table"
    shell: "{JOB} {output} {params.rates} -- {input}"

rule draw:
    input: f"{RESULTS}/audit/manifest.tsv"
    output: f"{RESULTS}/figures/dag.png", f"{RESULTS}/figures/dag.json"
    message: "draw"
    shell: "{JOB} {output} -- {input}"

rule report:
    input: f"{RESULTS}/tables/table1.csv", ancient(f"{RESULTS}/figures/dag.json")
    output: f"{RESULTS}/report/index.html"
    message: "report"
    shell: "{JOB} {output} -- {input[0]}"
"""

# Arguments: files to make and numbers, then, after --, files to read.
JOB = """
import sys
from resed.errors import ResedError
from resed.formats.tables import Column, Table, View, tidy
from resed.runtime.files import existing, write_text

made, read = " ".join(sys.argv[1:]).partition(" -- ")[::2]
try:
    told = "".join(existing(path).read_text() for path in read.split())[:200]
except ResedError as error:
    sys.exit(f"resed: {error}")
numbers = [word for word in made.split() if word[0].isdigit()]
place = {"group": "paper", "threshold": "configured", "split": "evaluation"}
rows = [
    place | {"system": name, "metric": metric, "value": value}
    for name, rate in zip(("pts", "pts_tfd"), numbers)
    for metric, value in (("event", rate), ("tags", 50))
]
view = View(keys=("system",), columns=(Column(title="System", field="system"),))
table = Table("table1", "Table", (), tidy(rows), view, {}, {}) if rows else None
for path in made.split():
    if not path[0].isdigit():
        line = " ".join([path, *numbers]) + "\\n"
        text = line + told
        if "/table1." in path:
            text = table.csv() if path.endswith(".csv") else table.json()
        write_text(path, text)
"""


def git(folder: Path, *arguments: str) -> str:
    """What git prints, run as somebody."""
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    command = ["git", *who, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def make_run(folder: Path) -> Path:
    """A git repository with a finished run, its sound and its annotations."""
    folder.mkdir()
    copy_workflow(folder)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "job.py").write_text(JOB)
    sound = folder / "data" / "demo" / "audio" / "clip.wav"
    sound.parent.mkdir(parents=True)
    sound.write_bytes(b"sound that is not ours to share")
    (folder / "data" / "demo" / "metadata").mkdir()
    (folder / "data" / "demo" / "metadata" / "strong.tsv").write_text("filename\n")
    done = snakemake(folder, overlay=OVERLAY)
    assert done.returncode == 0, done.stdout[-3000:]
    return track(folder)


def track(folder: Path) -> Path:
    """Make a repository of git and DVC of a folder in which a run has finished."""
    for name in FILES:
        shutil.copy(REPOSITORY / name, folder)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(REPOSITORY / ".dvc" / name, folder / ".dvc")
    git(folder, "init", "--initial-branch", "main")
    commit(folder, "a run")
    return folder


def commit(folder: Path, message: str) -> None:
    """Commit all that git may see."""
    git(folder, "add", "--all")
    git(folder, "commit", "--message", message)


def clone(folder: Path, to: Path) -> Path:
    """A fresh clone."""
    git(folder.parent, "clone", str(folder), str(to))
    return to


def resed(folder: Path, command: str, *arguments: str) -> tuple[int, str]:
    """Exit code and all words of `resed share`, `restore` or `verify` there."""
    configs = ["--config", f"{CONFIG} overlay.yaml"]
    return run(folder, str(preloaded.programs() / "resed"), command, *configs, *arguments)


def dvc(folder: Path, *arguments: str) -> str:
    """What DVC prints, where it succeeds."""
    code, told = run(folder, str(preloaded.programs() / "python"), "-m", "dvc", *arguments)
    assert code == 0, told
    return told


def run(folder: Path, *command: str) -> tuple[int, str]:
    """Exit code and all words of a command."""
    own = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "tmp" / "site")}
    own["PATH"] = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **own},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout
