"""The demo on a Slurm that the test starts: GPUs for those that train, and no orphans.

Skipped where Slurm is not installed. The small workflow of tests/test_kills.py shows kills.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "slurm"))
import cluster
from runs import REPOSITORY, copy_workflow, planned, snakemake
from test_kills import SNAKEFILE, alive, begin, end, job_command, said_by_resed, soon, written

from resed.runtime import orphans as watch

pytestmark = pytest.mark.integration
PROFILE = ("--workflow-profile", "workflow/profiles/slurm")
# Two cores for any job, and many looks at what is to end soon.
HERE = ("--max-threads", "2", "--slurm-init-seconds-before-status-checks", "2")
TINY = {
    "systems": ["pts", "pts_tfd"],
    "acquire": {"scale": 0.01},
    "sensitivity": {"report": False},
    "override": {
        "model": {"width": 0.05},
        "schedule": {"epochs": 2, "stage_one": 1, "steps_per_epoch": 2},
    },
}
# A table and a figure of all systems: the other tables, figures and pages take the same way.
TARGETS = ("table1", "results/demo/figures/figure7.svg")
ON_GPUS = {"train", "predict"}


@pytest.fixture(scope="module")
def slurm() -> Iterator[dict[str, str]]:
    """A Slurm of one's own with two GPUs, in this process's environment."""
    if reason := cluster.missing():
        pytest.skip(reason)
    with cluster.cluster() as environment, pytest.MonkeyPatch.context() as patch:
        for name in ("PATH", cluster.ENVIRONMENT):
            patch.setenv(name, environment[name])
        yield environment
    assert cluster.processes(environment[cluster.ENVIRONMENT]) == [], "left behind"


@pytest.fixture(scope="module")
def demo(slurm, tmp_path_factory) -> Path:
    """A folder in which the tiny demo has run on Slurm from audio to a table and a figure."""
    folder = copy_workflow(tmp_path_factory.mktemp("demo"))
    done = snakemake(folder, *TARGETS, *PROFILE, *HERE, overlay=TINY, forked=False)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "Traceback" not in done.stdout
    return folder


def jobs_of(environment: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """All jobs so far: (rule or group, state, GPUs asked for, numbers of the GPUs given)."""
    found = []
    for line in cluster.run(environment, "scontrol", "--oneliner", "show", "job").splitlines():
        fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
        rule = re.sub(r"_wildcards_.*", "", fields["Comment"]).removeprefix("rule_")
        asked = fields.get("TresPerJob", "")
        given = cluster.devices(environment).get(fields["JobId"], "")
        found.append((rule, fields["JobState"], asked, given))
    return found


def test_the_demo_runs_to_its_end(demo, slurm):
    results = demo / "results" / "demo"
    assert (results / "tables" / "table1.md").read_text().count("|") > 20
    assert "</svg>" in (results / "figures" / "figure7.svg").read_text()
    assert len(list((results / "score").rglob("metrics.json"))) == 2 * (2 * 3 + 6)
    assert {state for _, state, _, _ in jobs_of(slurm)} == {"COMPLETED"}
    assert planned(demo, *TARGETS, overlay=TINY) == [], "without Slurm, nothing is left to do"


def test_who_trains_gets_a_gpu_and_no_other_stage_does(demo, slurm):
    with_gpu = {rule for rule, _, asked, _ in jobs_of(slurm) if asked == "gres:gpu:1"}
    assert with_gpu == ON_GPUS
    for rule, _, asked, given in jobs_of(slurm):
        assert given in (("0", "1") if rule in ON_GPUS else ("",)), (rule, asked, given)
    trained = [given for rule, _, _, given in jobs_of(slurm) if rule == "train"]
    assert sorted(trained) == ["0", "1"], "each its own"
    for log in (demo / "results/demo/logs/train").rglob("*.log"):
        assert "no GPU is visible" not in log.read_text()


def test_short_jobs_are_sent_together(demo, slurm):
    rules = [rule for rule, *_ in jobs_of(slurm)]
    assert not {"decode", "score", "sanity", "tabulate", "draw"} & set(rules)
    assert len(rules) < 20, rules  # of 22 jobs of Snakemake


def test_the_profile_repeats_what_must_not_differ():
    """It is used in place of the default one: metadata made with one must fit the other."""
    ours, default = (
        yaml.safe_load((REPOSITORY / f"workflow/profiles/{name}/config.yaml").read_text())
        for name in ("slurm", "default")
    )
    for key in ("set-threads", "rerun-incomplete", "max-checksum-file-size", "quiet"):
        assert ours[key] == default[key]


# Kills.


@pytest.fixture
def small(slurm, tmp_path) -> Iterator[Path]:
    """A folder with the small workflow, whose job takes the time in the file `seconds`."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(job=job_command(tmp_path)))
    (tmp_path / "seconds").write_text("60")
    yield tmp_path
    cluster.cancel_all(slurm)


def start(folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "--executor", "slurm", "--jobs", "4"]
    command += ["--slurm-status-command", "squeue", "--rerun-incomplete", *HERE[2:]]
    environment = {k: v for k, v in os.environ.items() if k not in ("SNAKEMAKE_PROFILE", watch.RUN)}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def test_a_cancelled_job_stops_at_once_and_the_run_says_so(small, slurm):
    run = start(small)
    (job,) = soon(lambda: written(small / "results/x/pids"), 90)
    cluster.cancel_all(slurm)
    soon(lambda: not alive(job), 10)
    said, _ = run.communicate(timeout=90)
    assert run.returncode == 1
    assert "CANCELLED" in said
    assert not (small / "results/x/a.txt").exists()


def test_jobs_of_a_killed_run_are_waited_for(small):
    (small / "seconds").write_text("25")
    run = start(small)
    (job,) = soon(lambda: written(small / "results/x/pids"), 90)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=30)
    time.sleep(4 * watch.POLL_S)
    assert alive(job), "it follows the Snakemake of its own job"
    (small / "seconds").write_text("0")
    again = start(small)
    said, _ = again.communicate(timeout=150)
    assert again.returncode == 0, said
    assert any("waiting for jobs of the last run" in line for line in said_by_resed(said))
    assert (small / "results/x/b.txt").read_text() == "a\n"


def test_jobs_left_in_the_queue_do_nothing_once_another_run_has_begun(small, slurm):
    """A kill of Snakemake leaves them there, and Slurm starts them when there is room."""
    name, all_cpus = "--job-name=others", f"--cpus-per-task={cluster.CPUS}"
    assert cluster.run(slurm, "sbatch", name, all_cpus, "--output=/dev/null", "--wrap=sleep 600")
    in_state = ["squeue", "--noheader", "--format=%i", "--states"]
    soon(lambda: cluster.run(slurm, *in_state, "RUNNING"))
    run = start(small)
    (job,) = soon(lambda: cluster.run(slurm, *in_state, "PENDING").split(), 90)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=30)
    (small / "seconds").write_text("0")
    code, said = end(begin(small))
    assert code == 0, said
    made = (small / "results/x/a.txt").stat().st_mtime_ns
    cluster.run(slurm, "scancel", "--name=others")
    shown = ["scontrol", "show", "job", job]
    soon(lambda: "JobState=FAILED" in cluster.run(slurm, *shown), 60)
    (log,) = small.rglob(f"{job}.log")
    assert "resed: results/x: this job's run has ended; the job does nothing" in log.read_text()
    assert (small / "results/x/a.txt").stat().st_mtime_ns == made
