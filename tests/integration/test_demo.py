"""The demo from audio to the page, at a tiny size: complete, offline, and without reruns."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from runs import REPOSITORY, TINY, copy_workflow, jobs_of, planned, snakemake, verbs
from shared_run import clone, commit, resed, track

from resed.formats import checkpoint
from resed.formats.posteriors import Posteriors
from resed.paper.numbers import load_paper
from resed.runtime import checksums
from resed.runtime.fingerprint import code_of
from resed.tabulate import BUILT_IN

pytestmark = pytest.mark.integration
NO_NETWORK = ("unshare", "--map-root-user", "--net")


def offline() -> tuple[str, ...]:
    """A prefix that takes the network away, where the system allows it."""
    try:
        subprocess.run([*NO_NETWORK, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return ()
    return NO_NETWORK


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder in which the tiny demo has run from end to end."""
    folder = copy_workflow(tmp_path_factory.mktemp("demo"))
    done = snakemake(folder, overlay=TINY, before=offline())
    assert done.returncode == 0, done.stdout[-5000:]
    assert "Traceback" not in done.stdout
    return folder


def with_pts(**settings):
    """The tiny config with settings of the system pts changed."""
    return {**TINY, "system_overrides": {**TINY["system_overrides"], "pts": settings}}


def systems_in(jobs: list[str]) -> set[str]:
    """Which of the systems the jobs name."""
    words = {word.rstrip(",") for job in jobs for word in job.split()}
    return {word.split("@")[0] for word in words} & set(TINY["systems"])


def test_everything_is_made(run):
    results = run / "results" / "demo"
    figures = ["figure3", "figure5_system3", "figure6", "figure7", "figure7_all"]
    for name in [*figures, "training_curves", "dag"]:
        assert (results / "figures" / f"{name}.png").stat().st_size > 5000
        assert "</svg>" in (results / "figures" / f"{name}.svg").read_text()
    tables = {path.stem for path in (results / "tables").glob("*.md")}
    assert tables == {*load_paper("liang", REPOSITORY).tables, *BUILT_IN}
    for name in tables:
        assert (results / "tables" / f"{name}.md").read_text().count("|") > 20
    page = (results / "report" / "index.html").read_text()
    assert "</html>" in page
    assert 'src="http' not in page, "the page must open without a network"


def test_scores_rest_on_the_audit(run):
    results = run / "results" / "demo"
    audit = json.loads((results / "audit" / "audit.json").read_text())
    files = list((results / "score").rglob("metrics.json"))
    # On 2 splits: 6 systems at 3 kinds of thresholds, 8 rows of the study, 6 baselines.
    assert len(files) == 2 * (6 * 3 + 8 + 6)
    hashes = {json.loads(path.read_text())["manifest_sha256"] for path in files}
    assert hashes == {audit["manifest_sha256"]}


def test_baselines_stand_in_the_table(run):
    with (run / "results" / "demo" / "tables" / "table1.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["value"]]
    keys = ("group", "system", "threshold", "metric", "split")
    scores = {tuple(row[key] for key in keys): float(row["value"]) for row in rows}
    assert scores["baseline", "reference", "configured", "event", "evaluation"] == 100
    assert scores["baseline", "nothing", "configured", "segment", "development"] == 0
    shown = {(row["system"], row["threshold"]) for row in rows}
    assert {("pts", way) for way in ("configured", "development", "per_class")} <= shown
    assert ("mean_teacher_lost_head", "configured") in shown


def test_long_jobs_start_first(run):
    log = min((run / ".snakemake" / "log").glob("*.snakemake.log"))  # of the first run
    started = re.findall(r"^Job \d+: (\w+) (\w+)", log.read_text(), re.MULTILINE)
    rules = [rule for rule, _ in started]
    largest = [split for rule, split in started if rule == "acquire"][:2]  # on two cores
    assert "unlabeled" in largest
    last_features = len(rules) - rules[::-1].index("extract")
    assert last_features <= rules.index("train")


def test_nothing_is_left_to_do(run):
    assert planned(run, overlay=TINY) == []


def test_b6_results_name_their_code_and_stale_ones_are_named_and_kept(run):
    results = run / "results" / "demo"
    place = results / "train" / "pts" / "seed0" / "checkpoint.pt"
    metrics = results / "score" / "evaluation" / "pts" / "seed0" / "metrics.json"
    posteriors = results / "predict" / "evaluation" / "pts" / "seed0.npz"
    for made, stage in (
        (checkpoint.load_finished(place)["made_by"], "train"),
        (Posteriors.load(posteriors).meta["made_by"], "predict"),
        (json.loads(metrics.read_text())["made_by"], "score"),
    ):
        assert made["stage"] == stage
        assert made["code"] == code_of(stage).fingerprint
    record = checksums.record_of(results, "train/pts/seed0/checkpoint.pt")
    text = record.read_bytes()
    maker = checksums.maker_of(record) | {"code": "0" * 64}
    name = place.relative_to(results)
    checksums._write(record, checksums.digest(place), name, maker)
    try:
        done = snakemake(run, "--dry-run", overlay=TINY)
        assert set(verbs(jobs_of(done.stdout))) == {"tabulate", "judge", "report"}
        (line,) = re.findall("^resed: .*", done.stdout, re.MULTILINE)
        assert "train: 1 of " in line
        assert line.endswith("--configfile config/demo.yaml overlay.yaml --forcerun train")
        redone = planned(run, "--forcerun", "train", overlay=TINY)
        assert "train" in verbs(redone)
    finally:
        record.write_bytes(text)
    assert planned(run, overlay=TINY) == []


def test_a_new_date_on_the_same_file_runs_nothing(run):
    for name in (
        "extract/default/weak.store",
        "audit/manifest.tsv",
        "train/pts/seed0/checkpoint.pt",
    ):
        os.utime(run / "results" / "demo" / name)
    assert planned(run, overlay=TINY) == []


def test_a_deleted_figure_is_redrawn_alone(run):
    figure = run / "results" / "demo" / "figures" / "figure7.png"
    before = figure.read_bytes()
    figure.unlink()
    assert planned(run, overlay=TINY) == ["draw figure7"]
    assert snakemake(run, overlay=TINY).returncode == 0
    assert figure.read_bytes() == before
    assert planned(run, overlay=TINY) == []


def test_a_changed_system_runs_alone(run):
    jobs = planned(run, overlay=with_pts(schedule={"learning_rate": 0.01}))
    assert systems_in(jobs) == {"pts"}
    assert verbs(jobs) == {
        "train": 1,
        "predict": 1,
        "decode": 1,
        "sanity": 1,  # one baseline takes its tags
        "score": 2,
        "tabulate": 2,  # the first table of both editions
        "judge": 1,
        "draw": 2,  # its confusion matrix and the training curves
        "browse": 1,
        "report": 1,
    }


def test_a_changed_decoding_trains_nothing(run):
    jobs = planned(run, overlay=with_pts(decode={"gate": "none"}))
    assert systems_in(jobs) == {"pts"}
    assert not {"train", "predict"} & set(verbs(jobs))


def test_an_unchanged_system_stays_when_another_is_added(run):
    jobs = planned(run, overlay={**TINY, "systems": [*TINY["systems"], "pts_dfd_d"]})
    assert [job for job in jobs if job.startswith("train")] == ["train pts_dfd_d, seed 0"]


def test_a_clone_that_restores_has_nothing_to_do(run, tmp_path):
    pytest.importorskip("dvc", reason="DVC is not installed: make share, or make test, does it")
    assert planned(run, overlay=TINY) == []  # and the run's own overlay lies there again
    here = track(Path(shutil.copytree(run, tmp_path / "here", symlinks=True)))
    code, told = resed(here, "share")
    assert code == 0, told
    commit(here, "shared")
    there = clone(here, tmp_path / "there")
    code, told = resed(there, "restore")
    assert code == 0, told
    assert "snakemake: nothing to be done" in told
    assert not (there / "data" / "demo" / "audio").exists()
    (there / "results" / "demo" / "figures" / "figure7.png").unlink()
    assert planned(there, overlay=TINY) == ["draw figure7"]
    assert snakemake(there, "figures", overlay=TINY).returncode == 0
    assert systems_in(planned(there, overlay=with_pts(schedule={"decay": 0.5}))) == {"pts"}


def test_the_evidence_of_the_repository_makes_every_table_and_figure_again(run, tmp_path):
    """Without sound, features, checkpoints and posteriors."""
    pytest.importorskip("dvc", reason="DVC is not installed: make share, or make test, does it")
    assert planned(run, overlay=TINY) == []
    here = track(Path(shutil.copytree(run, tmp_path / "here", symlinks=True)))
    code, told = resed(here, "share", "--tier", "evidence", "--publish")
    assert code == 0, told
    commit(here, "published")
    there = clone(here, tmp_path / "there")
    code, told = resed(there, "restore")
    assert code == 0, told
    assert "evidence restored from evidence/; snakemake: nothing to be done" in told
    results = there / "results" / "demo"
    assert not [*results.rglob("*.store"), *results.rglob("checkpoint.pt")]
    made = [*(results / "figures").glob("*.png"), *(results / "tables").glob("*.csv")]
    made.append(results / "report" / "index.html")
    for path in made:
        path.unlink()
    jobs = verbs(planned(there, overlay=TINY))
    assert set(jobs) == {"draw", "tabulate", "judge", "report"}
    names = [results / "figures" / "figure7.png", results / "tables" / "table1.csv"]
    done = snakemake(there, *(str(path.relative_to(there)) for path in names), overlay=TINY)
    assert done.returncode == 0, done.stdout[-3000:]
    for path in names:
        assert path.read_bytes() == (here / path.relative_to(there)).read_bytes()


def test_a_failed_job_says_why(run):
    folder = run.parent / "broken"
    shutil.copytree(run, folder, symlinks=True)
    (folder / "results/demo/extract/default/evaluation.store").write_bytes(b"cut off")
    (folder / "results/demo/predict/evaluation/pts/seed0.npz").unlink()
    done = snakemake(folder, overlay=TINY)
    assert done.returncode == 1
    assert "resed: results/demo/extract/default/evaluation.store" in done.stdout
    assert "Traceback" not in done.stdout
