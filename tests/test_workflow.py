"""Plans: the jobs, the jobs of each target, and errors of invalid configs. No job is run."""

import os
import re
import shlex
import subprocess
import sys

import preloaded
import pytest
import yaml
from runs import REPOSITORY, copy_workflow, jobs_of, planned, snakemake, verbs

PARTS = ("input", "output", "log", "benchmark", "conda", "threads", "resources", "message")
RULES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))


PLAIN = {"sensitivity": {"report": False}}  # without the study of readings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_workflow(tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def demo(folder):
    """The output of Snakemake for the plan of the demo."""
    done = snakemake(folder, "--dry-run")
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_one_job_per_stage_system_and_seed(demo):
    jobs = jobs_of(demo)
    counts = verbs(jobs)
    assert counts == {
        "acquire": 5,
        "admit": 1,
        "audit": 1,
        "browse": 1,
        "calibrate": 2,
        "decode": 24,  # 16 systems and 8 rows of the study, on all splits and at both thresholds
        "draw": 10,
        "extract": 3,  # feature sets
        "repair": 1,
        "predict": 14,  # checkpoints
        "report": 1,
        "sanity": 1,
        "score": 25,  # what is decoded, and all baselines
        "tabulate": 6,  # five tables of the paper, and the one of the study
        "judge": 1,
        "train": 14,  # 16 systems, of which two share another's weights
    }
    assert len(jobs) <= 110
    trained = {job.split()[1].rstrip(",") for job in jobs if job.startswith("train")}
    assert "pts_tfd_afl" in trained
    assert "pts_tfd_afl_esp" not in trained, "system 9 shares the checkpoint of system 8"


def test_the_plan_ends_with_a_table_that_fits_a_screen(demo):
    lines = demo.rstrip().splitlines()
    begin = max(i for i, line in enumerate(lines) if line.startswith("job "))
    assert len(lines) - begin <= 25
    assert max(map(len, lines[begin:-1])) <= 80
    assert lines[begin + 2].split() == ["acquire", "5"]
    assert lines[-3].startswith("total ")


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
    assert verbs(jobs)["tabulate"] == 5, "what was not run is listed in every table"


def test_the_whole_paper_is_the_default(folder):
    done = snakemake(folder, "--dry-run", "report", overlay={"dataset": "dcase2019"})
    assert done.returncode == 0, done.stdout[-2000:]
    assert "results/dcase2019/report/index.html" in done.stdout


def test_d10_readings_of_claims_are_run_by_default_if_they_cost_no_training(folder):
    """Also without the study; a reading of the study that requires a training is not."""
    text = (REPOSITORY / "config" / "config.yaml").read_text()
    systems = yaml.safe_load(text)["systems"]
    plain = {"systems": systems, "system_overrides": {}, "sensitivity": {"readings": []}}
    plain["sensitivity"] |= PLAIN["sensitivity"]
    jobs = planned(folder, "tables", overlay=plain)
    scored = {job.split()[1].rstrip(",") for job in jobs if job.startswith("score")}
    readings = {name for name in scored if "@" in name}
    assert {name.partition("@")[2] for name in readings} == {
        *("default", "filter.none", "gate.none", "window_frames.fixed"),
    }
    trained = {job.split()[1].rstrip(",") for job in jobs if job.startswith("train")}
    assert not any("@" in name for name in trained)
    assert "pts_tfd_afl_tau0" in trained, "d8: the focal loss without stage one"


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        ({"sedes": 3}, "config.sedes: unknown key; did you mean seeds?"),
        ({"seeds": "many"}, "config.seeds"),
        ({"acquire": {"scale": 2}}, "config.acquire.scale"),
        ({"acquire": {"scales": {"weak": 0}}}, "config.acquire.scales.weak"),
        ({"acquire": {"scales": {"out_of_domain": 0.5}}}, "config.acquire.scales: unknown split"),
        (
            {"override": {"model": {"widht": 2}}},
            "config.override.model.widht: unknown key; did you mean width?",
        ),
        (
            {"sensitivity": {"readings": ["gate.nonee"]}},
            "config.sensitivity.readings: reading gate.nonee: unknown option; did you mean none?",
        ),
        (
            {"sensitivity": {"system": "ptss"}},
            "config.sensitivity.system: unknown system ptss; did you mean pts?",
        ),
        (
            {"sensitivity": {"override": {"schedule": {"epoch": 1}}}},
            "config.sensitivity.override.schedule.epoch: unknown key; did you mean epochs?",
        ),
    ],
)
def test_a_bad_config_is_refused_in_one_line(folder, overlay, told):
    done = snakemake(folder, "--dry-run", overlay=overlay)
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if line.startswith("resed: ")]
    assert len(lines) == 1
    assert told in lines[0]
    assert "Traceback" not in done.stdout


def test_a_bad_config_is_refused_before_the_first_job(folder):
    assert snakemake(folder, overlay={"sedes": 3}).returncode == 1
    assert not (folder / "results").exists()


def test_the_default_profile_is_found(demo):
    assert "profiles/default" in demo


def test_rows_at_both_thresholds_are_those_of_the_main_table(folder):
    outputs = summary(folder)
    scored = {path.split("/")[4] for path in outputs if path.startswith("results/demo/score/")}
    assert {"pts", "pts@development_threshold", "mean_teacher_lost_head", "sanity_prior"} <= scored
    assert "pts_tfd_afl_gamma1" in scored
    assert "pts_tfd_afl_gamma1@development_threshold" not in scored, "no table shows it"
    assert "pts@class_thresholds" in scored
    assert "pts_tfd_afl_gamma1@class_thresholds" not in scored, "no table shows it"
    assert "pts_tfd_afl_esp@gate.none" in scored
    for kind in ("thresholds", "class_thresholds"):
        assert f"results/demo/calibrate/{kind}/pts/seed0.json" in outputs
    names = ("events", "tags", "raw_tags", "teacher_tags")
    for split in ("development", "evaluation"):
        for row in ("pts@development_threshold", "pts@class_thresholds"):
            place = f"results/demo/decode/{split}/{row}/seed0"
            assert {f"{place}/{name}.tsv" for name in names} <= outputs


def test_b5_every_score_compares_its_features_with_the_manifest(folder):
    """Rows with and without posteriors, and baselines; each with the stores of its feature set."""
    done = snakemake(folder, "--dry-run", "--printshellcmds")
    assert done.returncode == 0, done.stdout[-2000:]
    commands = [shlex.split(line) for line in done.stdout.splitlines() if "resed score " in line]
    features = {}
    for words in commands:
        assert words[words.index("--manifest") + 1] == "results/demo/audit/manifest.tsv"
        stores = [words[i + 1] for i, word in enumerate(words) if word == "--store"]
        assert [store.split("=")[0] for store in stores] == ["development", "evaluation"]
        used = {store.split("/")[3] for store in stores}
        features[words[words.index("--row") + 1]] = used
        assert all(
            store == f"{split}=results/demo/extract/{name}/{split}.store"
            for name in used
            for split, store in zip(("development", "evaluation"), stores, strict=True)
        )
    assert features["pts"] == features["sanity_nothing"] == {"default"}
    assert len(commands) == len(features) == 25
    assert set.union(*features.values()) > {"default"}, "systems with features of their own"


def summary(folder, *arguments, overlay=None):
    """All files that a run would make."""
    done = snakemake(folder, "--summary", *arguments, overlay=overlay)
    assert done.returncode == 0, done.stdout[-2000:]
    return {line.split("\t")[0] for line in done.stdout.splitlines() if "\t" in line}


def test_what_a_user_writes_is_quoted(folder):
    dataset = yaml.safe_load((folder / "config/datasets/demo.yaml").read_text())
    strange = "metadata/a b'; touch hacked; '.tsv"
    dataset["splits"]["strong"]["annotations"] = strange
    dataset["classes"][0] = "a {class}"
    (folder / "it's my data.yaml").write_text(yaml.safe_dump(dataset))
    own = {"own": {"title": "Own {system}", "base": "pts"}}
    (folder / "config/systems/own.yaml").write_text(yaml.safe_dump({"systems": own}))
    bank = "bank $(touch hacked) {split}"  # in braces: a name that wildcards have
    overlay = {"dataset": "it's my data.yaml", "acquire": {"soundbank": bank}}
    overlay["systems"] = ["own"]
    done = snakemake(folder, "--dry-run", "--printshellcmds", overlay={**overlay, **PLAIN})
    (folder / "config/systems/own.yaml").unlink()
    assert done.returncode == 0, done.stdout[-2000:]
    lines = [line.partition("resed ") for line in done.stdout.splitlines() if " --" in line]
    commands = [name + rest for _, name, rest in lines if name]
    acquired = [shlex.split(line) for line in commands if "resed acquire" in line]
    assert len(acquired) == 5
    for words in acquired:
        assert words[words.index("--dataset") + 1] == "it's my data.yaml"
        assert words[words.index("--soundbank") + 1] == bank
    (calibrated, _) = (shlex.split(line) for line in commands if "resed calibrate" in line)
    assert calibrated[calibrated.index("--events") + 1] == f"data/demo/{strange}"


MODULE = """
configfile: "settings.yaml"

module resed:
    snakefile: {snakefile!r}
    config: config

use rule * from resed as resed_*

rule own:
    default_target: True
    input: rules.resed_draw.output.png.format(figure="dag")
    output: "picture.png"
    shell: "cp {{input}} {{output}}"
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Another workflow that uses this one as a module; its folder needs quotes."""
    folder = tmp_path_factory.mktemp("other workflow")
    text = MODULE.format(snakefile=str(REPOSITORY / "workflow" / "Snakefile"))
    (folder / "Snakefile").write_text(text)
    files = [REPOSITORY / "config" / name for name in ("config.yaml", "demo.yaml")]
    settings = {k: v for file in files for k, v in yaml.safe_load(file.read_text()).items()}
    settings["acquire"] = {"scale": 0.002}
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    return folder


def test_the_plan_as_a_module_of_another_workflow(foreign):
    arguments = ["--cores", "1", "--dry-run", "resed_all"]
    code, printed = preloaded.plan(foreign, arguments, dict(os.environ))
    assert code == 0, printed[-3000:]
    counts = dict(re.findall(r"^resed_(\w+) +(\d+)$", printed, re.MULTILINE))
    assert counts["train"] == "14"
    assert counts["extract"] == "3"


def test_another_workflow_makes_a_figure(foreign):
    figure = "results/demo/figures/dag.png"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "rules"]
    done = subprocess.run(command, cwd=foreign, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (foreign / "picture.png").read_bytes() == (foreign / figure).read_bytes()
    assert (foreign / figure).stat().st_size > 5000


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_are_wiring(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 100
    assert re.match(r'"""[^"]*Requires [^"]*Makes? ', text.replace("\n", " ")), "requires, makes"
    assert "{{" not in text, "paths are written with pathvars"
    for value in re.findall(r"\{((?:input|output|params|log)[^}]*)\}", _shells(text)):
        assert value.endswith(":q") or value in UNQUOTED, f"{value} is not quoted"
    for name, body in re.findall(r"^rule (\w+):\n((?:(?: .*)?\n)*)", text, re.MULTILINE):
        assert body.lstrip().startswith('"""'), f"{name} has no docstring"
        if "shell:" in body:
            # What acquire reads (sources, a soundbank, a user's folder) is no file of the workflow.
            parts = [part for part in PARTS if (name, part) != ("acquire", "input")]
            lacking = [part for part in parts if f"    {part}:" not in body]
            assert not lacking, f"{name} lacks {lacking}"
            assert body.count("resed ") - body.count("message") <= 2
            assert re.search(r"2>&1", body), f"{name} does not log its errors"
        assert "run:" not in body
        assert "script:" not in body


UNQUOTED = {"params.gap", "params.seed"}  # numbers


def _shells(text):
    """The commands of a file of rules."""
    return "".join(re.findall(r"^    shell:\n((?: {8}.*\n)+)", text, re.MULTILINE))


def test_the_root_includes_the_workflow_and_the_workflow_every_rule_file():
    assert 'include: "workflow/Snakefile"' in (REPOSITORY / "Snakefile").read_text()
    assert len((REPOSITORY / "Snakefile").read_text().splitlines()) <= 15
    text = (REPOSITORY / "workflow" / "Snakefile").read_text()
    included = set(re.findall(r'include: "rules/(\w+)\.smk"', text))
    assert included == {path.stem for path in RULES}


def test_no_paper_in_rules():
    texts = [path.read_text() for path in (*RULES, REPOSITORY / "workflow" / "Snakefile")]
    words = r"liang|secost|koutini|\btable[ _]?[1-3]\b|\bfigure[ _]?[1-9]\b"
    assert not [found for text in texts for found in re.findall(words, text, re.IGNORECASE)]


def test_f1_what_the_audit_reads_of_the_dataset_file_is_a_parameter(tmp_path):
    """Lengths, recordings, published versions and titles re-run it; the place of a download not."""
    place = copy_workflow(tmp_path)
    with (place / "Snakefile").open("a") as handle:
        handle.write("\nprint('CHECKS', workflow.get_rule('audit').params.checks({}))\n")
    values = yaml.safe_load((REPOSITORY / "config/datasets/demo.yaml").read_text())

    def checks(**changes):
        (place / "mine.yaml").write_text(yaml.safe_dump(values | changes))
        words = ["audit", "--dry-run", "--cores", "1", "--configfile", "config/demo.yaml"]
        words += ["--config", "dataset=mine.yaml"]
        code, printed = preloaded.plan(place, words, dict(os.environ))
        assert code == 0, printed[-3000:]
        return re.findall("^CHECKS (.*)$", printed, re.MULTILINE)[0]

    before = checks()
    published = [{"version": "1 {x}", "split": "strong", "rows": 2}]
    changes = [{"clip_seconds": 9.0}, {"recording": "(?P<id>.{11})_"}, {"published": published}]
    found = [checks(**change) for change in (*changes, {"title": "{title}"})]
    assert len({before, *found}) == 5
    assert "(?P<id>.{11})_" in found[1], "braces are no wildcards"
    assert checks(soundbank=values["soundbank"] | {"source": "https://example.org/"}) == before
