"""Development and evaluation with weak labels: training, settings that need times, metrics."""

import copy
import json

import pytest
import yaml
from generations import SMALL as SINGLE
from systems import BASE
from test_train_loop import CPU, make_tiny

from resed.config.dataset import load_dataset
from resed.config.loading import overlay, read_yaml
from resed.config.run import load_config
from resed.errors import ConfigError, ResultsError
from resed.formats.annotations import write_tags
from resed.formats.history import read_history
from resed.formats.label_matrix import Grid
from resed.formats.metrics import read_metrics
from resed.formats.store import Store
from resed.train.batches import load_stratum
from resed.train.setup import build_trainer

TAGS = {f"development{number}.wav": ["cat"] if number % 2 else [] for number in range(5)}


@pytest.fixture
def tiny(tmp_path):
    """The dataset of test_train_loop whose scored splits have weak labels."""
    make_tiny(tmp_path)
    values = read_yaml(tmp_path / "tiny.yaml")
    for role in ("development", "evaluation"):
        values["splits"][role]["labels"] = "weak"
    write(tmp_path / "tiny.yaml", values)
    write_tags(tmp_path / "development.tsv", TAGS)
    return tmp_path


def write(path, values):
    path.write_text(yaml.safe_dump(values, sort_keys=False))


# ---- training -------------------------------------------------------------------------------


def test_labels_are_read_as_the_split_has_them(tiny):
    store, grid = Store.open(tiny / "development.store"), Grid(100, 0.1)
    options = {"classes": ["cat", "dog"], "grid": grid}
    found = load_stratum(store, "development", tiny / "development.tsv", labels="weak", **options)
    assert found.frames is None
    assert found.tags.tolist() == [[0, 0], [1, 0], [0, 0], [1, 0], [0, 0]]
    strong = Store.open(tiny / "strong.store")
    found = load_stratum(strong, "strong", tiny / "strong.tsv", labels="strong", **options)
    assert found.frames.shape == (5, 100, 2) and found.tags.tolist() == [[0, 1]] * 5


@pytest.mark.parametrize(("score", "selects"), [("map", True), ("tags", True),
                                                ("tags_frames", False)])  # fmt: skip
def test_a_training_selects_its_epoch_by_weak_clips(tiny, score, selects):
    settings = overlay(BASE, SINGLE)
    settings["schedule"] |= {"selection_score": score}
    settings["schedule"]["batch"] |= {"weak": 2}

    def training():
        return build_trainer(
            load_dataset(tiny / "tiny.yaml"), tiny, system="tagger", settings=settings, seed=0,
            stores={role: tiny / f"{role}.store" for role in ("weak", "development")},
            folder=tiny / "out", device=CPU,
        )  # fmt: skip

    if not selects:
        with pytest.raises(ConfigError, match="requires development clips with strong labels"):
            training()
        return
    training().train()
    history = read_history(tiny / "out" / "history.csv")
    assert all(0 <= value <= 1 for value in history["development.tags_map"])
    assert not any(value >= 0 for value in history["development.frame_f1"])  # not a number


# ---- the dataset file -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "labels", "message"),
    [
        ("development", "strong", "development strong and evaluation weak"),
        ("evaluation", "none", "development weak and evaluation none"),
        ("strong", "weak", r"splits.strong.labels: are weak; set it to strong, or call"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(tiny, role, labels, message):
    values = read_yaml(tiny / "tiny.yaml")
    values["splits"][role]["labels"] = labels
    write(tiny / "tiny.yaml", values)
    with pytest.raises(ConfigError, match=message):
        load_dataset(tiny / "tiny.yaml")


LISTS = {
    "classes": "lists/classes.csv",
    "segments": {"weak": ["lists/a.csv", "lists/b.csv"], "evaluation": ["lists/c.csv"]},
    "draw": {"split": "development", "lists": ["lists/b.csv"], "clips": 5, "seed": 3},
}


def with_lists(tiny, change):
    values = read_yaml(tiny / "tiny.yaml")
    values["lists"] = copy.deepcopy(LISTS)
    change(values)
    write(tiny / "tiny.yaml", values)
    return load_dataset(tiny / "tiny.yaml")


def test_lists_name_files_of_splits_and_a_draw(tiny):
    found = with_lists(tiny, lambda values: None).lists
    assert found.splits == {**LISTS["segments"], "development": ["lists/b.csv"]}
    assert found.files == ["lists/classes.csv", "lists/a.csv", "lists/b.csv", "lists/c.csv"]
    assert (found.draw.clips, found.draw.seed) == (5, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["lists"]["segments"].update(weak=["../a.csv"]), "without .."),
        (lambda v: v["lists"]["segments"].update(weak=["{a}.csv"]), "braces"),
        (lambda v: v["lists"]["segments"].update(weak=["lists/c.csv"]), "a list is named twice"),
        (lambda v: v["lists"]["segments"].update(weak=[]), "lists.segments.weak"),
        (lambda v: v["lists"]["segments"].update(development=["lists/d.csv"]), "is drawn and has"),
        (lambda v: v["lists"]["segments"].update(strong=["lists/d.csv"]), "labels are strong"),
        (lambda v: v["lists"]["segments"].update(other=["lists/d.csv"]), "other, which is no"),
        (lambda v: v["lists"]["draw"].update(lists=["lists/d.csv"]), "draws from lists/d.csv"),
        (lambda v: v["lists"]["draw"].update(lists=["lists/b.csv"] * 2), "names a list twice"),
        (lambda v: v["lists"]["draw"].update(clips=0), "lists.draw.clips"),
        (lambda v: v["lists"]["draw"].update(seed=-1), "lists.draw.seed"),
        (lambda v: v["lists"]["draw"].update(split="unlabeled"), "labels are none"),
        (lambda v: v.update(kind="soundscapes"), "soundscapes have no lists"),
    ],
)
def test_lists_that_do_not_fit_are_refused(tiny, change, message):
    with pytest.raises(ConfigError, match=message):
        with_lists(tiny, change)


# ---- the config -----------------------------------------------------------------------------


def config(**changes):
    return load_config({**read_yaml("config/secost.yaml"), **changes})


def test_frames_are_left_out_where_all_scored_clips_have_weak_labels():
    assert config(predict={"tags_only": True}).predict.tags_only
    assert not config(predict={}).predict.tags_only


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dataset": "demo_tags", "predict": {"tags_only": True}},
            "config.predict.tags_only: demo_tags has strong labels",
        ),
        (
            {"external": {"mine": {"events": "mine.tsv"}}},
            "config.external: detectors are scored by events",
        ),
        (
            {"override": {"schedule": {"selection_score": "tags_frames"}}},
            "secost_base.schedule.selection_score: epochs are selected by the frames",
        ),
        (
            {"override": {"decode": {"search": {
                "windows": [1], "thresholds": [0.5], "window": "all", "threshold": "all"}}}},
            "secost_base.decode.search: windows and thresholds are chosen by the events",
        ),
    ],
)  # fmt: skip
def test_what_needs_times_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_targets_of_frames_need_frames(monkeypatch):
    found = config()
    taught = found.catalogue["secost_fixed_s1"]
    framed = taught.distil.model_copy(update={"frames": "tags"})
    monkeypatch.setitem(
        found.catalogue, "secost_fixed_s1", taught.model_copy(update={"distil": framed})
    )
    classes = found.dataset_file.classes
    found.generations.check(classes)
    with pytest.raises(ConfigError, match=r"secost_fixed_s1.distil.frames: targets of frames"):
        found.generations.check(classes, tags_only=True)


# ---- metrics --------------------------------------------------------------------------------


def test_metrics_of_tags_have_no_events(tmp_path):
    block = {"macro_f1": 0.5, "micro_f1": 0.5, "classes": {}}
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"clips": 3, "tags": block}))
    assert read_metrics(path)["tags"]["macro_f1"] == 0.5
    for values in ({"clips": 3}, {"clips": 3, "tags": block, "event": block}):
        path.write_text(json.dumps(values))
        with pytest.raises(ResultsError, match=r"segment|event"):
            read_metrics(path)
