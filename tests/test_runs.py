"""Named runs: names, paths, shared results, share and restore, the table that compares two runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from made_page import make_page_input, store
from made_results import make_results, make_root, make_score
from runs import TINY, copy_workflow, planned, snakemake
from shared_run import OVERLAY, clone, commit, make_run, run

from resed.config.rows import Row
from resed.config.run import load_config
from resed.config.run_name import folder_of_run
from resed.errors import ConfigError
from resed.formats.annotations import read_events
from resed.report.page import render
from resed.results import other_runs
from resed.results.folder import Results
from resed.runtime import checksums, run_lock
from resed.runtime.snakemake_metadata import record_path
from resed.runtime.verify import verify
from resed.share.runs import SharedRun
from resed.stats.intervals import difference
from resed.tabulate.markdown import markdown
from resed.tabulate.runs import runs

REPOSITORY = Path(__file__).resolve().parents[1]
A = "results/demo/runs/a"


# ---- names ---------------------------------------------------------------------------------------

BAD = ("a/b", "..", ".", "../x", "a\\b", "a b", " a", "-n", "--config", "_a", "a" * 65, "a" * 200)
BAD += ("é", "a\n", "a;b", "$(x)", "{x}", "<results>", "*", "NUL", "con", "runs", "default", "a.b")


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("key", ["run", "compare_run"])
def test_c10_a_bad_name_is_refused_in_one_line(key, name):
    values = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    with pytest.raises(ConfigError) as caught:
        load_config({**values, key: name}, REPOSITORY)
    told = str(caught.value)
    assert told.startswith(f"config.{key}: ")
    assert "\n" not in told and len(told) < 300


@pytest.mark.parametrize("name", ["", "a", "A-1_b", "7", "a" * 64])
def test_a_good_name_is_accepted(name):
    values = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    assert load_config({**values, "run": name}, REPOSITORY).run == name


def test_a_run_is_not_compared_with_itself():
    values = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    with pytest.raises(ConfigError, match="is the run itself"):
        load_config({**values, "run": "a", "compare_run": "a"}, REPOSITORY)


# ---- paths ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_workflow(tmp_path_factory.mktemp("runs"))


def outputs(folder, overlay):
    """Output, rule and log of every file of a plan."""
    done = snakemake(folder, "all", "model", "--dry-run", "--summary", overlay=overlay)
    assert done.returncode == 0, done.stdout[-3000:]
    lines = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("results/")]
    return {tuple(line[:1] + line[2:3]) for line in lines}


def test_a_name_changes_the_folder_and_nothing_else(folder):
    unnamed, named = outputs(folder, TINY), outputs(folder, {**TINY, "run": "a"})
    assert len(unnamed) > 200
    assert not [line for line in unnamed if "/runs/" in line[0]]
    renamed = {tuple(text.replace(f"{A}/", "results/demo/") for text in line) for line in named}
    assert renamed == unnamed
    assert all(path.startswith(f"{A}/") for path, *_ in named)


def test_c10_a_bad_name_ends_a_plan_in_one_line(folder):
    done = snakemake(folder, "--dry-run", overlay={**TINY, "run": "../x"})
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("resed: ")]
    assert "config.run" in line and "Traceback" not in done.stdout
    done = snakemake(folder, "--dry-run", overlay={**TINY, "run": "a", "compare_run": "b"})
    assert done.returncode == 1
    assert "config.compare_run: no scores of run b" in done.stdout


def test_targets_that_are_paths_are_those_of_the_run(folder):
    overlay = {**TINY, "run": "a"}
    jobs = planned(folder, f"{A}/train/pts/seed0/checkpoint.pt", overlay=overlay)
    assert [job for job in jobs if job.startswith("train")] == ["train pts, seed 0"]
    done = snakemake(
        folder, "--dry-run", "results/demo/train/pts/seed0/checkpoint.pt", overlay=overlay
    )
    assert done.returncode == 1, "a path of the unnamed run is no target of this run"


def test_the_data_of_a_named_run_are_those_of_its_dataset(tmp_path):
    data = tmp_path / "data" / "demo"
    for results in (tmp_path / "results" / "demo", tmp_path / A):
        assert checksums.data_folder(results) == data
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "data" / "demo").mkdir(parents=True)
    assert checksums.data_folder(tmp_path / "runs" / "demo") == data, "a folder that is named runs"


def test_verify_takes_one_run(tmp_path):
    base, named = tmp_path / "results" / "demo", tmp_path / A
    for place in (base, named):
        (place / "score").mkdir(parents=True)
        (place / "score" / "x").write_text("x")
        checksums.write(place, Path("score/x"), checksums.digest(place / "score" / "x"))
    (named / "score" / "x").write_text("y")
    assert {one.status for one in verify(base)} == {"ok"}
    assert [one.status for one in verify(named)] == ["altered"]


def test_b9_the_locks_of_another_run_are_not_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    texts = {
        "0.output": "results/demo/score/a\n",
        "1.input": "results/demo/acquire/a\n",
        "2.output": f"{A}/score/a\n",
        "3.input": f"{A}/audit/a\nresults/demo/score/a\n",  # compared with the unnamed run
        "4.output": "results/demo2/score/a\n",
        "5.output": "results/demo/runs/ab/score/a\n",
    }
    for name, text in texts.items():
        (locks / f"{name}.lock").write_text(text)

    def left(results):
        return [path.name[:1] for path in run_lock._left_locks(results)]

    assert left("results/demo") == ["0", "1"]
    assert left(A) == ["2", "3"]


def test_b9_two_runs_of_a_dataset_are_active_at_once_and_one_run_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    unnamed, named = SharedRun((), "demo"), SharedRun((), "demo", run="a")
    with unnamed.alone(), named.alone():
        for name in ("demo", "demo-runs-a"):
            path = tmp_path / ".snakemake" / "resed" / f"results-{name}.run"
            assert json.loads(path.read_text())["pid"] == os.getpid()
        code = (
            "from resed.share.runs import SharedRun\n"
            "with SharedRun((), 'demo', run='a').alone():\n    print('not excluded')"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "LockedError" in done.stderr and f"{A}: " in done.stderr
        assert "not excluded" not in done.stdout


# ---- results of equal settings -------------------------------------------------------------------

SMALL = """
configfile: "config/config.yaml"
include: "workflow/rules/common.smk"
include: "workflow/rules/options.smk"
include: "workflow/rules/acquire_options.smk"
include: "workflow/rules/generations.smk"
include: "workflow/rules/runs.smk"

JOB = f"{sys.executable} job.py"

rule all:
    default_target: True
    input: expand(RESULTS + "/score/evaluation/{system}/seed0/metrics.json", system=CONFIG.systems)

rule acquire:
    output: "<results>/acquire/{split}.json"
    log: "<logs>/acquire/{split}.log"
    params:
        options=lambda wildcards: acquire_options(wildcards.split),
        recipe=lambda wildcards: recipe(wildcards.split),
    message: "acquire {wildcards.split}"
    shell: "{JOB} {output} > {log}"

rule audit:
    input: expand("<results>/acquire/{split}.json", split=DATASET.splits)
    output: "<results>/audit/manifest.tsv", "<results>/audit/audit.json"
    log: "<logs>/audit.log"
    params: settings=as_json(CONFIG.audit.model_dump(mode="json"))
    message: "audit"
    shell: "{JOB} {output} -- {input} > {log}"

rule admit:
    input: "<results>/audit/audit.json"
    output: "<results>/audit/admitted.json"
    log: "<logs>/admit.log"
    message: "admit"
    shell: "{JOB} {output} -- {input} > {log}"

rule extract:
    input: "<results>/audit/manifest.tsv", "<results>/audit/admitted.json"
    output: "<results>/extract/default/strong.store"
    log: "<logs>/extract/default.log"
    params:
        leaks=CONFIG.audit.leaks,
        settings=as_json(CONFIG.feature_sets["default"].model_dump(mode="json")),
    message: "extract"
    shell: "{JOB} {output} -- {input} > {log}"

rule train:
    input: "<results>/extract/default/strong.store", "<results>/acquire/strong.json"
    output:
        "<results>/train/{system}/seed{seed}/checkpoint.pt",
        "<results>/train/{system}/seed{seed}/history.csv",
    log: "<logs>/train/{system}/seed{seed}.log"
    benchmark: "<benchmarks>/train/{system}/seed{seed}.tsv"
    params:
        settings=lambda wildcards: settings(wildcards.system, "model", "objective", "schedule"),
        init=verbatim(words("--init", [CONFIG.init] if CONFIG.init else [])),
    message: "train {wildcards.system}"
    shell: "{JOB} {output} -- {input} > {log}"

rule predict:
    input: "<results>/train/{system}/seed{seed}/checkpoint.pt"
    output: "<results>/predict/evaluation/{system}/seed{seed}.npz"
    log: "<logs>/predict/{system}/seed{seed}.log"
    params:
        options=lambda wildcards: predict_options(wildcards.system),
    message: "predict {wildcards.system}"
    shell: "{JOB} {output} -- {input} > {log}"

rule score:
    input: "<results>/predict/evaluation/{system}/seed{seed}.npz"
    output: "<results>/score/evaluation/{system}/seed{seed}/metrics.json"
    message: "score {wildcards.system}"
    shell: "{JOB} {output} -- {input}"
"""
WRITER = """
import sys
from resed.runtime.files import existing, write_text

made, _, read = " ".join(sys.argv[1:]).partition(" -- ")
for path in read.split():
    existing(path)
for path in made.split():
    write_text(path, path.split("/seed")[0].rpartition("/")[2] + "\\n")
"""
SYSTEMS = ["pts", "pts_tfd"]
UNNAMED = {"systems": SYSTEMS, "sensitivity": {"report": False}}
LOSS = {"system_overrides": {"pts": {"objective": {"consistency": {"weight": 0.07}}}}}
OTHER_LOSS = {**UNNAMED, **LOSS, "run": "a"}


@pytest.fixture(scope="module")
def small_runs(tmp_path_factory):
    """The unnamed run and run `a`, which differs in the loss of one system; their jobs."""
    folder = copy_workflow(tmp_path_factory.mktemp("small"))
    (folder / "Snakefile").write_text(SMALL)
    (folder / "job.py").write_text(WRITER)
    first = planned(folder, overlay=UNNAMED)
    assert snakemake(folder, overlay=UNNAMED).returncode == 0
    second = planned(folder, overlay=OTHER_LOSS)
    done = snakemake(folder, overlay=OTHER_LOSS)
    assert done.returncode == 0, done.stdout[-3000:]
    return folder, first, second


@pytest.fixture
def small(small_runs, tmp_path):
    return Path(shutil.copytree(small_runs[0], tmp_path / "small"))


def test_a_second_run_trains_only_the_system_that_differs(small_runs):
    folder, first, second = small_runs
    own = [job for job in first if job.startswith(("train", "extract"))]
    assert sorted(own) == ["extract", "train pts", "train pts_tfd"]
    assert sorted(second) == ["predict pts", "score pts", "score pts_tfd", "train pts"]
    assert planned(folder, overlay=OTHER_LOSS) == []
    assert planned(folder, overlay=UNNAMED) == []
    base, named = folder / "results" / "demo", folder / A
    for file in ("extract/default/strong.store", "train/pts_tfd/seed0/checkpoint.pt"):
        assert (base / file).samefile(named / file), "no copy"
        record = checksums.record_of(base, file).read_text()
        assert record == checksums.record_of(named, file).read_text()
    own = "train/pts/seed0/checkpoint.pt"
    assert not (base / own).samefile(named / own)
    assert (named / "benchmarks/train/pts_tfd/seed0.tsv").is_file(), "what it cost"
    for place in (base, named):
        assert {one.status for one in verify(place)} == {"ok"}


def test_a_setting_that_changes_later_trains_again_in_its_own_folder(small):
    before = (small / "results/demo/train/pts_tfd/seed0/checkpoint.pt").stat()
    changed = {**OTHER_LOSS, "override": {"schedule": {"learning_rate": 0.5}}}
    jobs = planned(small, overlay=changed)
    assert {"train pts", "train pts_tfd"} <= set(jobs)
    assert snakemake(small, overlay=changed).returncode == 0
    after = (small / "results/demo/train/pts_tfd/seed0/checkpoint.pt").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert planned(small, overlay=UNNAMED) == []
    # The other way: the unnamed run trains anew, and run a keeps what it used.
    (old,) = {(small / A / "train/pts_tfd/seed0/checkpoint.pt").stat().st_ino}
    assert snakemake(small, overlay={**UNNAMED, **LOSS}).returncode == 0
    assert (small / A / "train/pts_tfd/seed0/checkpoint.pt").stat().st_ino == old


def test_a_third_run_uses_each_training_of_whichever_run_has_it(small):
    third = {**OTHER_LOSS, "run": "b"}
    assert sorted(planned(small, overlay=third)) == ["score pts", "score pts_tfd"]
    for name, run_of in (("pts", A), ("pts_tfd", "results/demo")):
        file = f"train/{name}/seed0/checkpoint.pt"
        assert (small / "results/demo/runs/b" / file).samefile(small / run_of / file)


def test_an_unnamed_run_uses_the_results_of_a_named_one(small):
    for stage in ("train", "predict", "score"):
        shutil.rmtree(small / "results/demo" / stage)
    jobs = planned(small, overlay=UNNAMED)
    assert "train pts" in jobs and "train pts_tfd" not in jobs


@pytest.mark.parametrize("what", ["labels", "record", "incomplete", "checksum", "audit", "missing"])
def test_what_is_not_equal_is_not_used(small, what, monkeypatch):
    monkeypatch.chdir(small)
    base, file = Path("results/demo"), "train/pts_tfd/seed0/checkpoint.pt"
    overlay = {**UNNAMED, "run": "b"}
    shutil.rmtree(A)
    if what == "labels":  # the training is of other labels than those that were acquired since
        text = record_path(base / file).read_text()
        own = checksums.read(base, "acquire/strong.json")
        assert own in text
        record_path(base / file).write_text(text.replace(own, "0" * 64))
    if what == "record":
        record_path(base / file).unlink()
    if what == "incomplete":
        name = record_path(base / file).relative_to(".snakemake/metadata")
        (Path(".snakemake/incomplete") / name).write_text("{}")
    if what == "checksum":
        checksums.record_of(base, file).unlink()
    if what == "audit":
        overlay |= {"audit": {"late_events": "count"}}
    if what == "missing":
        (base / file).unlink()
    assert "train pts_tfd" in planned(small, overlay=overlay)
    assert not Path("results/demo/runs/b", file).exists()


def test_b1_other_sound_of_the_same_dataset_is_refused(small):
    louder = {**OTHER_LOSS, "run": "c", "acquire": {"seed": 7}}
    done = snakemake(small, "--dry-run", overlay=louder)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("resed: config")]
    assert "all runs of a dataset share its sound" in line
    assert "--seed 2019" in line and "--seed 7" in line
    assert not (small / "results/demo/runs/c").exists()


# ---- share and restore ---------------------------------------------------------------------------


def resed(folder, command, *arguments, config="overlay.yaml"):
    """Exit code and all words of a command on a run."""
    program = Path(sys.executable).parent / "resed"
    configs = ["--config", f"config/demo.yaml {config}"]
    return run(folder, str(program), command, *configs, *arguments)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """A repository with the unnamed run and run `a`, of which `a` was shared."""
    folder = make_run(tmp_path_factory.mktemp("lab") / "here")
    (folder / "overlay.yaml").rename(folder / "unnamed.yaml")
    rate = {"override": {"schedule": {"learning_rate": 0.5}}}
    done = snakemake(folder, overlay={**OVERLAY, **rate, "run": "a"})
    assert done.returncode == 0, done.stdout[-3000:]
    code, told = resed(folder, "share")
    assert code == 0, told
    assert "demo, run a: pushed" in told
    commit(folder, "shared")
    return folder


def test_one_of_two_runs_is_shared_and_restored(two_runs, tmp_path):
    there = clone(two_runs, tmp_path / "there")
    code, told = resed(there, "restore", "--remote", str(two_runs.parent / "resed-remote"))
    assert code == 0, told
    assert "demo, run a: restored" in told and "snakemake: nothing to be done" in told
    left = {path for path in content(there / "results/demo") if not path.startswith("runs/a/")}
    assert not left, "the unnamed run was not shared"
    labels = "data/demo/metadata/strong.tsv"
    assert (there / labels).read_bytes() == (two_runs / labels).read_bytes()
    assert not list((there / "data").rglob("*.wav"))
    assert resed(there, "verify")[0] == 0
    own = {name for name in content(two_runs / A) if not name.startswith("logs/")}
    assert own <= set(content(there / A))
    code, told = resed(there, "restore", config="unnamed.yaml")
    assert code == 1 and "demo has not been shared" in told


def test_restore_of_one_run_does_not_touch_another(two_runs, tmp_path):
    there = clone(two_runs, tmp_path / "there")
    for part in ("results", "data", ".snakemake"):
        shutil.copytree(two_runs / part, there / part)
    shutil.rmtree(there / A)
    before = content(there / "results/demo")
    code, told = resed(there, "restore", "--remote", str(two_runs.parent / "resed-remote"))
    assert code == 0, told
    after = content(there / "results/demo")
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("runs/a/") for name in after.keys() - before)
    for config in ("unnamed.yaml", "overlay.yaml"):
        assert resed(there, "verify", config=config)[0] == 0


def test_a2_annotations_that_were_not_shared_are_not_replaced(two_runs, tmp_path):
    there = clone(two_runs, tmp_path / "there")
    own = there / "data/demo/metadata/strong.tsv"
    own.parent.mkdir(parents=True)
    own.write_text("mine\n")
    code, told = resed(there, "restore", "--remote", str(two_runs.parent / "resed-remote"))
    assert code == 1
    assert "data/demo/metadata/strong.tsv: differs from the shared file" in told
    assert own.read_text() == "mine\n"
    assert not (there / A).exists()


def test_both_runs_are_shared_beside_each_other(two_runs, tmp_path):
    here = Path(shutil.copytree(two_runs, tmp_path / "here", symlinks=True))
    remote = str(tmp_path / "remote")
    for config in ("unnamed.yaml", "overlay.yaml"):
        code, told = resed(here, "share", "--remote", remote, config=config)
        assert code == 0, told
    commit(here, "both")
    listed = yaml.safe_load((here / "workflow/runs.yaml").read_text())
    assert listed["runs"]["demo"]["configs"] == "config/demo.yaml unnamed.yaml"
    assert listed["named"]["demo.a"] == {
        "configs": "config/demo.yaml overlay.yaml",
        "dataset": "demo",
        "run": "a",
    }
    stages = yaml.safe_load((here / "dvc.lock").read_text())["stages"]
    assert {"results@demo", "run-results@demo.a", "run-data@demo.a"} <= set(stages)
    assert {path.as_posix() for path in (here / "metrics").rglob("*.json")}
    assert (here / "metrics/demo/runs/a/pts.json").is_file()
    there = clone(here, tmp_path / "there")
    for config in ("overlay.yaml", "unnamed.yaml"):
        code, told = resed(there, "restore", "--remote", remote, config=config)
        assert code == 0, told
        assert "nothing to be done" in told
    for part in ("results/demo/tables", f"{A}/tables", "data/demo/metadata"):
        assert content(there / part) == content(here / part)


def test_a1_a_named_run_declares_only_its_own_folder():
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    named = {name: stage for name, stage in stages.items() if name.startswith("run-")}
    outs = [
        path
        for stage in named.values()
        for out in stage["do"]["outs"] + stage["do"].get("plots", [])
        for path in out
    ]
    assert all(out.startswith("results/${item.dataset}/runs/${item.run}/") for out in outs)
    of_unnamed = [
        path
        for name in ("data", "features", "checkpoints", "results")
        for out in stages[name]["do"]["outs"] + stages[name]["do"].get("plots", [])
        for path in out
    ]
    parts = {out.removeprefix("results/${item.dataset}/runs/${item.run}/") for out in outs}
    same = {out.removeprefix("results/${key}/") for out in of_unnamed if "results/" in out}
    assert parts == same | {"share/metadata"}


# ---- the table that compares two runs ------------------------------------------------------------


@pytest.fixture
def both(tmp_path):
    """Made-up results of the unnamed run and of run `a`, where `pts` was trained otherwise."""
    config = make_root(tmp_path, systems=["pts", "pts_tfd"], seeds=2)
    folder = make_results(config)
    (folder / "checksums").mkdir()
    named = folder / "runs" / "a"
    shutil.copytree(folder, named, ignore=shutil.ignore_patterns("runs"))
    changed = {"system_overrides": {"pts": {"objective": {"consistency": {"weight": 0.07}}}}}
    other = load_config(
        {**config.model_dump(mode="json", exclude={"root"}), **changed, "run": "a"}, tmp_path
    )
    own = Results.of(other, named)
    for split in ("development", "evaluation"):
        events = read_events(own.annotations(split))
        for seed in (0, 1):
            make_score(named, split, Row("pts"), seed, 0.95, events, raw=False)
    for place, text in ((folder, "first"), (named, "second")):
        for name in ("pts", "pts_tfd"):
            for seed in (0, 1):
                file = Path(f"train/{name}/seed{seed}/checkpoint.pt")
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                (place / file).write_text(text if name == "pts" else f"{name}{seed}")
                checksums.write(place, file, checksums.digest(place / file))
    return own, Results.of(config, folder)


def test_two_runs_are_compared_on_the_same_clips(both):
    own, other = both
    table = runs(own, other)
    frame = table.frame
    assert table.name == "runs" and "Run a and the unnamed run" in table.title
    for split in ("development", "evaluation"):
        for metric in ("event", "segment"):
            found = frame[
                (frame["system"] == "pts") & (frame["split"] == split) & (frame["metric"] == metric)
            ].iloc[0]
            sides = [
                [
                    json.loads(
                        (side.layout.scored(split, "pts", seed) / "metrics.json").read_text()
                    )[metric]["macro_f1"]
                    for seed in (0, 1)
                ]
                for side in both
            ]
            means = [100 * sum(side) / 2 for side in sides]
            assert found["own_value"] == pytest.approx(means[0])
            assert found["other_value"] == pytest.approx(means[1])
            assert found["value"] == pytest.approx(means[0] - means[1])
            expected = difference(
                *[side.tables(split, "pts", metric) for side in both], paired=False
            )
            assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
            better = "better" if expected.low > 0 else "undecided"
            assert found["decision"] == ("worse" if expected.high < 0 else better)
    equal = frame[frame["system"] == "pts_tfd"]
    assert set(equal["same_checkpoint"]) == {"yes"}
    assert set(equal["value"].dropna()) == {0.0}
    assert set(frame[frame["system"] == "pts"]["same_checkpoint"]) == {"no"}


def test_the_table_names_the_settings_that_differ(both):
    own, other = both
    table = runs(own, other)
    frame = table.frame.drop_duplicates("system").set_index("system")
    weight = other.config.system("pts").objective.consistency.weight
    told = f"objective.consistency.weight: 0.07 here, {weight} there"
    assert frame.loc["pts", "settings"] == told
    assert frame.loc["pts_tfd", "settings"] == "equal"
    assert f"Settings of pts: {told}." in table.notes
    assert "Settings of pts_tfd: equal in both runs." in table.notes
    assert told in markdown(table)
    unknown = runs(own, other, known=False)
    assert set(unknown.frame["settings"]) == {"unknown"}


def test_b5_scores_of_other_clips_are_not_compared(both):
    own, other = both
    for path in (other.folder / "score").rglob("metrics.json"):
        values = json.loads(path.read_text())
        values["manifest_sha256"] = "1" * 64
        path.write_text(json.dumps(values))
    frame = runs(own, other).frame
    assert set(frame["status"]) == {"other clips"}
    assert frame["value"].isna().all()


def test_a_system_that_the_other_run_did_not_score_has_no_difference(both):
    own, other = both
    shutil.rmtree(other.folder / "score" / "evaluation" / "pts")
    frame = runs(own, other).frame
    found = frame[(frame["system"] == "pts") & (frame["split"] == "evaluation")]
    assert set(found["status"]) == {"not run"} and found["value"].isna().all()


def test_the_page_shows_the_comparison(both):
    own, other = both
    for side in both:
        make_page_input(side)
    store(runs(own, other), own.folder / "tables", "runs")
    page = render(own)
    assert 'id="runs"' in page and "objective.consistency.weight: 0.07 here" in page
    assert ", run a" in page
    unnamed = render(other)
    assert 'id="runs"' not in unnamed and ", run a" not in unnamed


def test_the_folder_of_a_run():
    assert folder_of_run("demo").as_posix() == "results/demo"
    assert folder_of_run("demo", "a").as_posix() == A


def test_the_config_of_the_other_run_comes_from_its_record(monkeypatch):
    """Snakemake's record has each parameter as Python text."""
    config = '{"dataset": "demo", "systems": ["pts"]}'
    params = ["3", "'a'", repr(config), "{"]
    monkeypatch.setattr(other_runs, "read_record", lambda path: {"params": params})
    assert other_runs._config_of(Path("results/demo")) == config
    monkeypatch.setattr(other_runs, "read_record", lambda path: None)
    assert other_runs._config_of(Path("results/demo")) == ""


# ---- the whole loop ------------------------------------------------------------------------------


@pytest.mark.long
def test_two_runs_of_the_demo(tmp_path):
    """A second run trains one system; its page compares it with the first one."""
    folder = copy_workflow(tmp_path)
    overlay = {**TINY, "systems": ["pts", "pts_tfd"], "sensitivity": {"report": False}}
    done = snakemake(folder, overlay=overlay)
    assert done.returncode == 0, done.stdout[-3000:]
    before = content(folder / "results/demo")
    named = {**overlay, "run": "a"}
    named["system_overrides"] = {**overlay["system_overrides"], **LOSS["system_overrides"]}
    jobs = planned(folder, overlay=named)
    assert [job for job in jobs if job.split()[0] in ("acquire", "audit", "extract", "train")] == [
        "train pts, seed 0"
    ]
    assert "compare with another run" in jobs
    done = snakemake(folder, overlay=named)
    assert done.returncode == 0, done.stdout[-3000:]
    assert planned(folder, overlay=named) == [] == planned(folder, overlay=overlay)
    after = content(folder / "results/demo")
    assert {name: after[name] for name in before} == before
    page = (folder / A / "report/index.html").read_text()
    assert 'id="runs"' in page and "objective.consistency.weight" in page
    # A clone that has run a alone: the table stays.
    for part in (folder / "results/demo").iterdir():
        if part.name != "runs":
            shutil.rmtree(part)
    assert planned(folder, overlay=named) == []
