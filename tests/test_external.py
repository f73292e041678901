"""Detectors that a run did not make: config, scores, tables, and the plan of a change."""

import json
import os
import time
from pathlib import Path

import pytest
from made_results import MANIFEST, make_results, make_root, make_score
from runs import copy_workflow, planned, snakemake
from typer.testing import CliRunner

from resed.cli import app
from resed.config.rows import Row
from resed.errors import ConfigError, MissingFileError, ResultsError, ScoreError
from resed.formats.annotations import Event, read_events, tags_of, write_events, write_tags
from resed.formats.counts import read_counts
from resed.formats.manifest import ManifestRow, write_manifest
from resed.formats.metrics import read_metrics
from resed.formats.tables import Table
from resed.paper.numbers import load_paper
from resed.results.folder import Results
from resed.results.inputs import Inputs, folder_state
from resed.results.layout import Layout
from resed.results.leftovers import leftovers
from resed.results.staleness import score_files as files_of
from resed.score.external_files import external_errors
from resed.score.usable_clips import UsableClips
from resed.tabulate import make_table
from resed.tabulate.comparisons import best_on_development

HEADER = "filename\tonset\toffset\tevent_label\n"
SYSTEMS = ["pts", "pts_tfd"]


# ---- config ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("external", "told"),
    [
        ({"mine": {}}, "config.external.mine.events: missing"),
        ({"mine": {"events": "a", "sores": "b"}}, "config.external.mine.sores: unknown key"),
        ({"Mine": {"events": "a"}}, "should match pattern"),
        ({"../x": {"events": "a"}}, "should match pattern"),
        ({"pts": {"events": "a"}}, "external.pts: is the name of a system of config/systems"),
        ({"nothing": {"events": "a"}}, "external.nothing: is the name of a baseline"),
        ({"mine": {"events": 3}}, "must be a path, or a list with one path per seed"),
        ({"mine": {"events": []}}, "must have 1 to 1000 paths per split"),
        ({"mine": {"events": {}}}, "must have files of a split"),
        ({"mine": {"events": {"weak": "a"}}}, "unknown split 'weak'"),
        ({"mine": {"events": ["a", "a"]}}, "a path occurs twice"),
        ({"mine": {"events": "a{b}"}}, "must not be empty or contain"),
        ({"mine": {"events": " "}}, "must not be empty or contain"),
        ({"mine": {"events": ["a", "b"], "tags": "c"}}, "tags: has 1 file of evaluation, but 2 of"),
        (
            {"mine": {"events": {"development": ["a"], "evaluation": ["b", "c"]}}},
            "events: has 1 and 2 files per split",
        ),
        (
            {"mine": {"events": "b", "scores": {"development": "a", "evaluation": "b"}}},
            "scores: has development, of which there are no events",
        ),
        (
            {"mine": {"events": {"development": "a", "evaluation": "b"}, "tags": "c"}},
            "tags: has no files of development",
        ),
        ({"mine": {"events": "a", "against": ["ptss"]}}, "did you mean pts"),
        ({"mine": {"events": "a", "against": ["mine"]}}, "mine is no system or other detector"),
        ({"mine": {"events": "a", "against": ["pts", "pts"]}}, "a name occurs twice"),
    ],
)
def test_a_wrong_detector_is_refused_in_one_line(tmp_path, external, told):
    with pytest.raises(ConfigError) as caught:
        make_root(tmp_path, systems=SYSTEMS, external=external)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_is_the_file_of_evaluation(tmp_path):
    external = {"mine": {"events": ["a.tsv", "b.tsv"]}, "theirs": {"events": "c.csv"}}
    config = make_root(tmp_path, systems=SYSTEMS, external=external)
    assert config.external["mine"].events == {"evaluation": ["a.tsv", "b.tsv"]}
    assert config.external["mine"].files("evaluation", 1) == ("b.tsv", None, None)
    assert config.external["theirs"].seeds == 1
    row = Row("mine", external=True)
    assert Row.of(row.folder) == row and row.folder == "external+mine"
    assert config.trained_as(row) == "external+mine"


# ---- tables ------------------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path):
    """Made-up results with `mine` (two seeds, evaluation) and `theirs` (one file, both splits)."""
    both = {"development": "d.tsv", "evaluation": "e.tsv"}
    external = {
        "mine": {"events": ["a.tsv", "b.tsv"], "title": "My detector", "against": ["pts"]},
        "theirs": {"events": both},
    }
    config = make_root(tmp_path, systems=SYSTEMS, seeds=2, external=external)
    folder = make_results(config)
    found = Results.of(config, folder)
    for seed in (0, 1):
        add(found, "evaluation", "mine", seed, 0.9)
    for split in both:
        add(found, split, "theirs", 0, 0.2)
    return found


def add(results, split, name, seed, level):
    events = read_events(results.annotations(split))
    make_score(results.folder, split, Row(name, external=True), seed, level, events, raw=False)


def test_it_has_a_row_of_its_own_in_the_main_table(results):
    table = make_table(results.paper.main_table, results)
    frame = table.frame[table.frame["group"] == "external"]
    assert set(zip(frame["system"], frame["split"], strict=True)) == {
        ("mine", "evaluation"),
        ("theirs", "development"),
        ("theirs", "evaluation"),
    }
    assert frame["published"].isna().all(), "never beside the paper's numbers"
    row = Row("mine", external=True)
    for metric in ("event", "segment", "tags"):
        found = frame[(frame["system"] == "mine") & (frame["metric"] == metric)].iloc[0]
        expected = results.interval("evaluation", row, metric)
        assert (found["value"], found["low"], found["high"]) == pytest.approx(
            (expected.mean, expected.low, expected.high)
        )
        assert (found["seeds"], found["title"]) == (2, "My detector")
    single = frame[(frame["system"] == "theirs") & (frame["metric"] == "event")]
    assert set(single["covers"]) == {"clips"}
    (note,) = [note for note in table.notes if "My detector: a.tsv, b.tsv" in note]
    assert "theirs: d.tsv, e.tsv" in note
    order = list(dict.fromkeys(table.frame["group"]))
    assert order.index("external") < order.index("baseline")


def test_it_is_compared_with_the_named_systems_or_with_the_best(results):
    frame = make_table("comparisons", results).frame
    mine = frame[frame["system"] == "mine"]
    assert set(mine["against"]) == {"pts"}
    expected = results.difference("evaluation", Row("mine", external=True), "pts", "segment")
    found = mine[(mine["metric"] == "segment") & (mine["split"] == "evaluation")].iloc[0]
    assert (found["value"], found["low"]) == pytest.approx((expected.mean, expected.low))
    assert found["decision"] == "better"
    assert mine["published"].isna().all()
    best = best_on_development(results)
    levels = {name: results.interval("development", name, "event").mean for name in SYSTEMS}
    assert levels[best] == max(levels.values())
    theirs = frame[frame["system"] == "theirs"]
    assert set(theirs["against"]) == {best}
    assert set(theirs["split"]) == {"development", "evaluation"}
    assert set(theirs["decision"]) == {"undecided"}, "one file decides nothing between methods"


def test_it_is_never_compared_with_printed_numbers(results):
    frame = make_table("scorecard", results).frame
    assert not frame.isin(["mine", "theirs", "My detector"]).any().any()


def test_its_results_are_inputs_of_tables_and_no_leftovers(results):
    config = results.config
    inputs = Inputs(config, load_paper("liang", config.root), Layout(Path("r")))
    own = {
        f"r/score/{split}/external+{name}/seed{seed}/{file}"
        for name, split, seed in (
            ("mine", "evaluation", 0),
            ("mine", "evaluation", 1),
            ("theirs", "development", 0),
            ("theirs", "evaluation", 0),
        )
        for file in ("metrics.json", "counts.tsv")
    }
    main = inputs.paper.main_table
    for read in (inputs.table(main), inputs.verdicts()):
        assert {path for path in read if "external+" in path} == own
    others = [name for name in inputs.paper.tables if name != main]
    assert not [path for name in others for path in inputs.table(name) if "external+" in path]
    unknown = leftovers(config)
    assert not unknown("score/evaluation/external+mine/seed0/metrics.json")
    assert unknown("score/evaluation/external+old/seed0/metrics.json")
    assert files_of(config, Row("mine", external=True)) == [
        f"score/evaluation/external+mine/seed{seed}/metrics.json" for seed in (0, 1)
    ]


def test_scores_without_a_threshold_stand_in_their_columns(results):
    path = results.layout.scored("evaluation", Row("theirs", external=True), 0) / "metrics.json"
    values = read_metrics(path)
    ends = {"psds1": [0.1, 0.3], "psds2": [0.2, 0.4], "map": None}
    values |= {"psds1": 0.2, "psds2": 0.3, "map": 0.5}
    values["scores"] = {"intervals": ends, "settings": {}, "notes": []}
    path.write_text(json.dumps(values))
    frame = make_table(results.paper.main_table, results).frame
    there = (frame["system"] == "theirs") & (frame["split"] == "evaluation")
    found = frame[there].set_index("metric")
    for metric, value in {
        "psds1": 0.2,
        "psds1_ungated": 0.2,
        "psds2": 0.3,
        "tags_map": 0.5,
    }.items():
        assert found.loc[metric, "value"] == pytest.approx(value)
    assert (found.loc["psds1", "low"], found.loc["psds1", "high"]) == pytest.approx((0.1, 0.3))
    assert found.loc["psds1", "covers"] == "clips"
    assert found.loc["tags_map", "covers"] == "none"


# ---- its scores --------------------------------------------------------------------------------


def manifest(tmp_path, *rows):
    path = tmp_path / "manifest.tsv"
    write_manifest(
        path,
        [
            ManifestRow(split, clip, MANIFEST, 44100, 1, 10.0, status, "made")
            for split, clip, status in rows
        ],
    )
    return path


def score(*words):
    return CliRunner().invoke(app, ["score", *map(str, words)])


def test_the_row_equals_resed_score(tmp_path):
    """With --split, only the clips that the run scores count, and events give the tags."""
    reference = {f"{i}.wav": [Event(f"{i}.wav", 1, 2, "Dog" if i % 2 else "Cat")] for i in range(8)}
    found = {
        clip: [Event(clip, 1.05 + 0.3 * (i % 3 == 0), 2, events[0].event_label)]
        for i, (clip, events) in enumerate(reference.items())
    }
    found["other.wav"] = [Event("other.wav", 1, 2, "Dog")]
    write_events(tmp_path / "r.tsv", reference)
    write_events(tmp_path / "e.tsv", found)
    rows = [("evaluation", clip, "ok") for clip in reference if clip != "5.wav"]
    rows += [("evaluation", "5.wav", "missing"), ("development", "other.wav", "ok")]
    listed = manifest(tmp_path, *rows)
    words = ["--reference", tmp_path / "r.tsv", "--counts", tmp_path / "c.tsv"]
    out = ["--out", tmp_path / "m.json"]
    done = score(
        *words,
        *out,
        "--estimated",
        tmp_path / "e.tsv",
        "--manifest",
        listed,
        "--split",
        "evaluation",
    )
    assert done.exit_code == 0, done.output
    assert "2 clips of" in done.output and "5.wav, other.wav" in done.output
    run = read_metrics(tmp_path / "m.json")
    counts = read_counts(tmp_path / "c.tsv", run["clips"])
    kept = {clip: events for clip, events in reference.items() if clip != "5.wav"}
    write_events(tmp_path / "r2.tsv", kept)
    write_events(tmp_path / "e2.tsv", {clip: found[clip] for clip in kept})
    write_tags(tmp_path / "t2.tsv", tags_of({clip: found[clip] for clip in kept}))
    words = ["--reference", tmp_path / "r2.tsv", "--estimated", tmp_path / "e2.tsv"]
    done = score(*words, "--estimated-tags", tmp_path / "t2.tsv", *out)
    assert done.exit_code == 0, done.output
    plain = read_metrics(tmp_path / "m.json")
    assert run["clips"] == plain["clips"] == 7
    for block in ("event", "segment", "tags"):
        assert run[block] == plain[block]
        assert counts[block].f1() == pytest.approx(plain[block]["macro_f1"])


def test_scores_alone_are_read_back(tmp_path):
    write_events(tmp_path / "r.tsv", {"0.wav": [Event("0.wav", 1, 2, "Dog")]})
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores/0.tsv").write_text("onset\toffset\tDog\n0\t1\t0.25\n1\t2\t0.75\n")
    out = tmp_path / "m.json"
    words = ["--reference", tmp_path / "r.tsv", "--scores", tmp_path / "scores", "--out", out]
    assert (done := score(*words)).exit_code == 0, done.output
    found = read_metrics(out)
    assert found["map"] == json.loads(out.read_text())["map"] == 1
    assert "event" not in found
    values = json.loads(out.read_text())
    for key, value in (("scores", None), ("event", {"macro_f1": 0.5}), ("segment", {})):
        changed = {k: v for k, v in (values | {key: value}).items() if v is not None}
        out.write_text(json.dumps(changed))
        with pytest.raises(ResultsError, match=r"event|segment"):
            read_metrics(out)


def test_an_external_detector_has_rows_per_class(results):
    table = make_table("per_class", results)
    frame = table.frame
    own = frame[frame["title"] == "My detector"]
    classes = results.config.dataset_file.classes
    assert set(own["label"]) == set(classes)
    assert set(own["split"]) == {"evaluation"}, "the split of its files"
    theirs = frame[frame["system"] == "theirs"]
    assert set(theirs["split"]) == {"development", "evaluation"}
    row = Row("mine", external=True)
    seeds = [
        read_metrics(results.layout.scored("evaluation", row, k) / "metrics.json") for k in (0, 1)
    ]
    for label in classes:
        found = own[(own["label"] == label) & (own["metric"] == "event")].iloc[0]
        expected = [100 * values["event"]["classes"][label]["f1"] for values in seeds]
        assert found["value"] == pytest.approx(sum(expected) / 2)
        assert found["seeds"] == 2


def test_b1_a_clip_of_no_split_is_refused(tmp_path):
    write_events(tmp_path / "r.tsv", {"a.wav": [Event("a.wav", 1, 2, "Dog")]})
    (tmp_path / "e.tsv").write_text(f"{HEADER}a.wav\t1\t2\tDog\nb.wav\t1\t2\tDog\n")
    listed = manifest(tmp_path, ("evaluation", "a.wav", "ok"))
    words = ["--reference", tmp_path / "r.tsv", "--estimated", tmp_path / "e.tsv"]
    words += ["--out", tmp_path / "m.json", "--manifest", listed]
    done = score(*words, "--split", "evaluation")
    assert isinstance(done.exception, ScoreError)
    assert "clip b.wav is not a clip of the dataset (1 such)" in str(done.exception)
    done = score(*words, "--split", "development")
    assert "no usable clip of development" in str(done.exception)
    assert not (tmp_path / "m.json").exists()
    for wrong in (["--clips", tmp_path / "r.tsv"], ["--row", "pts", "--results", tmp_path]):
        assert score(*words, "--split", "evaluation", *wrong).exit_code == 2
    assert UsableClips.of(listed, "evaluation").clips == ("a.wav",)


# ---- what does not fit -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "error", "told"),
    [
        (None, MissingFileError, "mine: {path}: no such file"),
        ("evaluation0.wav\t1\t2\tDgo\n", Exception, "mine: {path} line 2: unknown class 'Dgo'"),
        ("evaluation0.wav\t3\t2\tDog\n", Exception, "line 2: onset 3 is not before offset 2"),
        ("x.wav\t1\t2\tDog\n", ScoreError, "none of its 1 clip is in"),
        ("evaluation0.wav\t1\t2\tDog\nx.wav\t\t\t\n", ScoreError, "x.wav is not a clip of the"),
    ],
)
def test_b1_files_that_do_not_fit_are_refused_before_the_run(tmp_path, content, error, told):
    path = tmp_path / "mine.tsv"
    config = make_root(tmp_path, systems=["pts"], external={"mine": {"events": str(path)}})
    make_results(config)
    if content is not None:
        path.write_text(HEADER + content)
    (found,) = external_errors(config, tmp_path / "data" / "made")
    assert isinstance(found, error)
    assert told.format(path=path) in str(found)
    assert str(found).startswith("config.external.mine: ") and "\n" not in str(found)
    path.write_text(f"{HEADER}evaluation0.wav\t1\t2\tDog\ndevelopment1.wav\t1\t2\tDog\n")
    assert not list(external_errors(config, tmp_path / "data" / "made"))
    assert not list(external_errors(config, tmp_path / "nothing acquired yet"))


def test_a_lost_folder_of_scores_is_refused(tmp_path):
    (tmp_path / "e.tsv").write_text(f"{HEADER}evaluation0.wav\t1\t2\tDog\n")
    one = {"events": str(tmp_path / "e.tsv"), "scores": str(tmp_path / "scores")}
    config = make_root(tmp_path, systems=["pts"], external={"mine": one})
    (found,) = external_errors(config, tmp_path)
    assert "scores: no such folder" in str(found)
    (tmp_path / "scores").mkdir()
    assert not list(external_errors(config, tmp_path))


def test_a_folder_of_scores_has_a_state(tmp_path):
    (tmp_path / "a.tsv").write_text("a")
    before = folder_state(str(tmp_path))
    assert folder_state("") == ""
    assert folder_state(str(tmp_path)) == before != folder_state(str(tmp_path / "none")) == ""
    (tmp_path / "a.tsv").write_text("ab")
    changed = folder_state(str(tmp_path))
    (tmp_path / "b.tsv").touch()
    assert len({before, changed, folder_state(str(tmp_path))}) == 3


# ---- the plan ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with two detectors whose files all exist and are up to date, and its overlay."""
    place = copy_workflow(tmp_path_factory.mktemp("external"))
    for name in ("my events $(touch P).tsv", "seed 1.tsv", "theirs.tsv"):
        (place / name).write_text(f"{HEADER}evaluation0001.wav\t1\t2\tbeep\n")
    external = {
        "mine": {"events": ["my events $(touch P).tsv", "seed 1.tsv"]},
        "theirs": {"events": {"development": "theirs.tsv", "evaluation": "theirs.tsv"}},
    }
    overlay = {"systems": ["pts"], "sensitivity": {"report": False}, "external": external}
    listed = snakemake(place, "--summary", overlay=overlay).stdout.splitlines()
    files = [place / line.split("\t")[0] for line in listed if line.startswith("results/")]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    done = snakemake(place, "--touch", "--forceall", overlay=overlay)
    assert done.returncode == 0, done.stdout[-2000:]
    return place, overlay


def test_a_changed_file_runs_only_what_rests_on_it(finished):
    place, overlay = finished
    assert planned(place, overlay=overlay) == []
    with (place / "seed 1.tsv").open("a") as handle:
        handle.write("evaluation0002.wav\t1\t2\tbeep\n")
    later = time.time() + 60
    os.utime(place / "seed 1.tsv", (later, later))
    jobs = planned(place, overlay=overlay)
    assert sorted(jobs) == [
        "judge numbers and claims of the paper",
        "report: results/demo/report/index.html",
        "score mine (external), evaluation, seed 1",
        "tabulate table1",
    ]
    assert not (place / "P").exists()


def test_a_lost_file_ends_the_run_before_its_first_job(finished):
    place, overlay = finished
    lost = {**overlay["external"], "lost": {"events": "lost.tsv"}}
    for words in (["--dry-run"], []):
        done = snakemake(place, *words, overlay={**overlay, "external": lost})
        assert done.returncode == 1
        last = done.stdout.strip().splitlines()[-1]
        assert last.startswith("resed: config.external.lost: lost.tsv: no such file; correct the")


def test_check_names_what_does_not_fit(tmp_path, monkeypatch):
    """`resed check --config` lists it with everything else."""
    monkeypatch.chdir(tmp_path)
    make_root(tmp_path, systems=["pts"])
    (tmp_path / "config" / "config.yaml").write_text(
        "{dataset: made, paper: liang, systems: [pts]}"
    )
    (tmp_path / "mine.yaml").write_text("external: {mine: {events: lost.tsv}}")
    words = ["check", "--dataset", "made", "--root", "data/made", "--config", "mine.yaml"]
    done = CliRunner().invoke(app, words)
    assert "error  config.external.mine: lost.tsv: no such file; correct the path" in done.output


def test_the_table_of_a_run_can_be_read_back(results):
    table = make_table(results.paper.main_table, results)
    folder = results.folder / "tables"
    folder.mkdir(exist_ok=True)
    (folder / f"{table.name}.csv").write_text(table.csv())
    (folder / f"{table.name}.json").write_text(table.json())
    assert "external" in set(Table.load(folder, table.name).frame["group"])
