"""From published lists to the tables: a tiny set of the form of AudioSet, offline."""

import csv
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_lists import CONFIG, DRAWN, LABELS, SEED, copy_with_lists, made_rows
from runs import planned, snakemake
from sklearn.metrics import average_precision_score

from resed.formats.annotations import read_tags
from resed.formats.posteriors import Posteriors
from resed.formats.store import Store

pytestmark = pytest.mark.integration
TARGETS = ("tables",)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder in which the workflow made all tables."""
    folder = copy_with_lists(tmp_path_factory.mktemp("made"))
    done = snakemake(folder, *TARGETS, overlay=CONFIG, config="config")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Traceback" not in done.stdout
    return folder


def test_nothing_is_left_to_do(run):
    assert planned(run, *TARGETS, overlay=CONFIG, config="config") == []


def test_development_was_drawn_as_documented(run):
    keys = sorted(
        (hashlib.sha256(f"{SEED} {clip}".encode()).hexdigest(), clip)
        for clip, _ in made_rows("unbalanced")
    )
    data = run / "data" / "made_tags"
    found = {split: read_tags(data / f"{split}.tsv") for split in ("development", "weak")}
    assert set(found["development"]) == {f"Y{clip}.wav" for _, clip in keys[:DRAWN]}
    assert not set(found["development"]) & set(found["weak"])
    assert len(found["weak"]) == 24 + 60 - DRAWN


def test_features_are_float16_shards_and_posteriors_have_no_frames(run):
    results = run / "results" / "made_tags"
    store = Store.open(results / "extract" / "secost" / "weak.store")
    assert {shard.dtype for shard in store.features.shards} == {np.dtype("<f2")}
    assert len([*(results / "extract" / "secost" / "weak.store.shards").glob("*.store")]) == 3
    for split, trained in (("evaluation", "secost_fixed_s1"), ("weak", "secost_base")):
        assert Posteriors.load(results / "predict" / split / trained / "seed0.npz").tags_only


def test_the_table_has_map_of_an_independent_implementation_and_no_events(run):
    results = run / "results" / "made_tags"
    with (results / "tables" / "table2.csv").open() as handle:
        rows = [row for row in csv.DictReader(handle) if row["value"]]
    shown = {(r["system"], r["split"], r["metric"]): float(r["value"]) for r in rows}
    truth = {f"Y{clip}.wav": labels for clip, labels in made_rows("eval")}
    for system in CONFIG["systems"]:
        found = Posteriors.load(results / "predict" / "evaluation" / system / "seed0.npz")
        assert found.classes == LABELS and set(found.clips) == set(truth)
        hot = np.array([[n in truth[clip] for n in range(12)] for clip in found.clips])
        expected = average_precision_score(hot, found.tags, average="macro")
        assert shown[system, "evaluation", "map"] == pytest.approx(expected)
        assert expected > 1.5 * hot.mean(), "it learns to tag a little"
    metrics = {row["metric"] for row in rows}
    assert {"map", "mauc", "tags", "tags_raw"} <= metrics
    assert not metrics & {"event", "segment", "psds1", "psds2"}
    folder = results / "score" / "evaluation" / "secost_base" / "seed0"
    assert not {"event", "segment"} & json.loads((folder / "metrics.json").read_text()).keys()
    with (results / "tables" / "per_class.csv").open() as handle:
        assert {row["metric"] for row in csv.DictReader(handle)} == {
            "tags",
            "tags_map",
            "tags_mauc",
        }
