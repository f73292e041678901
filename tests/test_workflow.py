"""The plan: which jobs there are, what a target needs, what a bad config is told. Nothing runs."""

import re

import pytest
from runs import REPOSITORY, copy_workflow, planned, snakemake, verbs

RULES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))


PLAIN = {"sensitivity": {"report": False}}  # without the study of readings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_workflow(tmp_path_factory.mktemp("plan"))


def test_a_job_a_stage_split_system_and_seed(folder):
    jobs = planned(folder)
    counts = verbs(jobs)
    assert counts == {
        "acquire": 5,
        "admit": 1,
        "audit": 1,
        "calibrate": 2,
        "choose": 11,  # thresholds, of the systems in Table 1
        "decode": 68,  # 2 splits of 16 systems, 11 thresholds of their own, 7 of the study
        "draw": 10,
        "extract": 15,  # 3 feature sets
        "repair": 1,
        "predict": 28,  # 14 checkpoints, 2 splits
        "report": 1,
        "sanity": 12,
        "score": 80,  # what is decoded, and 6 baselines
        "tabulate": 12,
        "train": 14,  # 16 systems, of which two share another's weights
    }
    trained = {job.split()[1].rstrip(",") for job in jobs if job.startswith("train")}
    assert "pts_tfd_afl" in trained
    assert "pts_tfd_afl_esp" not in trained, "system 9 shares the checkpoint of system 8"


def test_table3_needs_one_training(folder):
    jobs = planned(folder, "table3")
    assert [job for job in jobs if job.startswith("train")] == ["train pts_tfd_afl, seed 0"]
    assert "report" not in verbs(jobs)
    assert verbs(jobs)["tabulate"] == 1


def test_audit_is_a_target_of_its_own(folder):
    assert verbs(planned(folder, "audit")) == {"acquire": 5, "audit": 1}


def test_figures_and_tables_exist_where_their_systems_do(folder):
    jobs = planned(folder, overlay={"systems": ["pts"], "seeds": 2, **PLAIN})
    drawn = {job.removeprefix("draw ") for job in jobs if job.startswith("draw")}
    always = {"figure7", "figure7_all", "training_curves", "dag"}
    assert drawn == {"figure5_system3"} | always
    assert verbs(jobs)["train"] == 2
    assert verbs(jobs)["tabulate"] == 11, "what was not run is said in every table"


def test_the_whole_paper_is_the_default(folder):
    done = snakemake(folder, "--dry-run", "report", overlay={"dataset": "dcase2019"})
    assert done.returncode == 0, done.stdout[-2000:]
    assert "results/dcase2019/report/index.html" in done.stdout


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        ({"sedes": 3}, "config.sedes: unknown key; did you mean seeds?"),
        ({"seeds": "many"}, "config.seeds"),
        ({"acquire": {"scale": 2}}, "config.acquire.scale"),
        (
            {"override": {"model": {"widht": 2}}},
            "config.override.model.widht: unknown key; did you mean width?",
        ),
        (
            {"sensitivity": {"readings": ["gate.nonee"]}},
            "config.sensitivity.readings: reading gate.nonee: unknown option; known: student, ",
        ),
        (
            {"sensitivity": {"system": "ptss"}},
            "config.sensitivity.system: unknown system ptss; known: ",
        ),
        (
            {"sensitivity": {"override": {"schedule": {"epoch": 1}}}},
            "config.sensitivity.override.schedule.epoch: unknown key; did you mean epochs?",
        ),
    ],
)
def test_a_bad_config_is_refused_in_one_line(folder, overlay, told):
    done = snakemake(folder, overlay=overlay)
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if line.startswith("resed: ")]
    assert len(lines) == 1
    assert told in lines[0]
    assert "Traceback" not in done.stdout
    assert not (folder / "results").exists(), "refused before the first job"


def test_the_default_profile_is_found(folder):
    done = snakemake(folder, "--dry-run", "audit")
    assert "profiles/default" in done.stdout


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_are_wiring(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 130
    for name, body in re.findall(r"^rule (\w+):\n((?:(?: .*)?\n)*)", text, re.MULTILINE):
        assert body.lstrip().startswith('"""'), f"{name} does not say what happens"
        if "shell:" in body:
            lacking = [
                part
                for part in ("input:", "output:", "log:", "benchmark:", "conda:", "message:")
                if f"    {part}" not in body
            ]
            assert not lacking, f"{name} lacks {lacking}"
            assert body.count("resed ") - body.count("message") <= 2
            assert re.search(r"2>&1", body), f"{name} does not log its errors"
        assert "run:" not in body
        assert "script:" not in body


def test_snakefile_is_short_and_includes_every_rule_file():
    text = (REPOSITORY / "Snakefile").read_text()
    assert len(text.splitlines()) <= 60
    included = set(re.findall(r'include: "workflow/rules/(\w+)\.smk"', text))
    assert included == {path.stem for path in RULES}
