"""make demo: one line per stage, the time left by cost, and what is shown if a run fails."""

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest

from snakemake_logger_plugin_resed.costs import COSTS, OTHER, PRIOR, Estimate
from snakemake_logger_plugin_resed.stages import (
    Stages,
    closing,
    duration,
    last_lines,
    run,
    stage_of,
)

SNAKEFILE = """
from snakemake_logger_plugin_resed.events import results_folder
results_folder("results/demo")
rule all:
    input: expand("scored{n}", n=range(2))
rule train:
    output: "trained{n}"
    log: "logs/{n}.log"
    message: "train {wildcards.n}, seed 0"
    shell:
        "echo begins > {log}; "
        "if [ {wildcards.n} = ${{BAD:-none}} ]; "
        "then echo 'resed: a.tsv: is empty; fill it' >> {log}; exit 1; fi; "
        "sleep ${{SECONDS_EACH:-0}}; touch {output}"
rule score_configured:
    input: "trained{n}"
    output: "scored{n}"
    shell: "touch {output}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def start(folder: Path, *words: str, **variables: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake_logger_plugin_resed.stages", "--cores", "1"]
    return subprocess.Popen(
        [*command, "--logger", "resed", *words],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"} | variables,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finished(folder: Path, *words: str, **variables: str) -> tuple[int, list[str]]:
    process = start(folder, *words, **variables)
    printed, _ = process.communicate(timeout=120)
    return process.returncode, printed.splitlines()


def test_one_line_per_stage_then_nothing_to_do(folder):
    (folder / "results/demo/report").mkdir(parents=True)
    (folder / "results/demo/report/summary.txt").write_text("PTS: highest event-F1\n")
    code, lines = finished(folder)
    assert code == 0, lines
    log = Path(lines[0].removeprefix("Log of Snakemake: "))
    assert (
        "rule train" in (folder / log).read_text()
        or "train 0, seed 0" in (folder / log).read_text()
    )
    assert lines[1].startswith("5 jobs, about ")
    assert [line.split()[:3] for line in lines[2:4]] == [
        ["train", "2", "jobs"],
        ["score", "2", "jobs"],
    ]
    assert all(line.endswith(" left") for line in lines[2:4])
    assert lines[4].startswith("done in ")
    page = "Page: results/demo/report/index.html"
    assert lines[5:] == ["PTS: highest event-F1", page]
    code, lines = finished(folder)
    assert (code, lines[1:]) == (0, ["nothing to do", "PTS: highest event-F1", page])


def test_a_failing_job_is_shown_with_its_error_and_log(folder):
    code, lines = finished(folder, BAD="1")
    assert code == 1
    at = lines.index("train 1, seed 0 failed: a.tsv: is empty; fill it")
    assert lines[at + 1].strip() == "its log: logs/1.log"
    assert lines[-1].startswith("not finished; the same command continues; log of Snakemake: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_snakemake_and_its_jobs_and_releases_the_lock(folder, number):
    process = start(folder, SECONDS_EACH="30")
    assert process.stdout.readline().startswith("Log of Snakemake")
    while not list(folder.glob("logs/*.log")):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=25)
    assert process.returncode == 128 + number
    assert " failed: " not in printed
    assert not list((folder / ".snakemake/locks").glob("*.lock"))
    assert not list(folder.glob("scored*"))


def test_an_error_before_the_first_job_is_shown(folder):
    code, lines = finished(folder, "--configfile", "absent.yaml")
    assert code == 1
    assert lines[1] == "resed: absent.yaml: no such file; check the path"


def test_the_time_left_is_that_of_the_costs_scaled_by_what_was_measured():
    jobs = {"train": 3, "report": 1, "unknown": 2}
    estimate = Estimate(jobs, cores=2)
    alone, each, other = COSTS["report"], COSTS["train"], OTHER
    assert estimate.left(0) == pytest.approx(alone + (3 * each + 2 * other) / 2)
    estimate.start(1, "train", 0)
    assert estimate.left(6) == pytest.approx(alone + (3 * each - 6 + 2 * other) / 2)
    assert estimate.end(1, 50) == "train"
    scale = (PRIOR + 50) / (PRIOR + each)
    expected = alone * scale + (2 * 50 + 2 * other * scale) / 2
    assert estimate.left(50) == pytest.approx(expected)
    assert estimate.end(9, 60) is None
    estimate.start(2, "train", 50)  # takes longer than expected
    assert estimate.left(500) == pytest.approx(alone * scale + (50 + 2 * other * scale) / 2)


def test_the_time_left_falls_to_zero():
    estimate = Estimate({"train": 2, "report": 1}, cores=1)
    now = 0.0
    for job, rule in enumerate(("train", "train", "report")):
        before = estimate.left(now)
        estimate.start(job, rule, now)
        now += 10
        estimate.end(job, now)
        assert estimate.left(now) < before
    assert estimate.left(now) == 0


def test_stages_of_rules():
    rules = ("train", "score_sanity", "decode_configured", "sanity", "admit")
    assert [stage_of(rule) for rule in rules] == ["train", "score", "decode", "decode", "audit"]


def test_the_status_names_running_jobs_and_the_time_left():
    stages = Stages(1, say=lambda line: None)
    assert stages.status(0) == "plan"
    stages.add({"event": "plan", "jobs": {"train": 1}}, 0)
    stages.add({"event": "start", "job": 4, "rule": "train", "title": "train pts\x1b[2J"}, 0)
    shown = stages.status(0)
    assert shown.startswith(f"{duration(COSTS['train'])} left: train pts")
    assert "\x1b" not in shown
    stages.add({"event": "end", "job": 4}, 5)
    assert stages.status(5) == "0 s left: plan"


def test_a_line_shows_the_progress_where_no_stage_ended_for_a_while(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SECONDS_EACH", "2")
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    monkeypatch.setattr("snakemake_logger_plugin_resed.stages.SILENT_S", 0.5)
    stream = StringIO()
    assert run(["--cores", "1", "--logger", "resed"], stream) == 0
    shown = [line for line in stream.getvalue().splitlines() if line.startswith("  ")]
    assert any(line.startswith("  train 0 of 2; ") for line in shown), shown
    assert any(line.startswith("  train 1 of 2; ") for line in shown)
    assert all(line.endswith(" s left") for line in shown)


def test_durations():
    assert [duration(s) for s in (0.4, 59.6, 61, 3600)] == [
        "0 s",
        "1 min 00 s",
        "1 min 01 s",
        "60 min 00 s",
    ]


def test_a_run_that_fails_without_a_line_of_resed_shows_the_end_of_the_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {n}\n\n" for n in range(9)))
    lines = list(closing(Stages(1, print), 1, log, 3))
    assert lines[:5] == [f"line {n}" for n in range(4, 9)]
    assert last_lines(tmp_path / "absent", 3) == []


def test_every_rule_has_a_cost():
    rules = set()
    for path in Path(__file__).parents[1].glob("workflow/rules/*.smk"):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == ["rule"] or words[:2] == ["use", "rule"]:
                rules.add(words[-2 if words[-1] == "with:" else -1].rstrip(":"))
    assert set(COSTS) - {"all"} <= rules
    assert json.dumps(COSTS)
