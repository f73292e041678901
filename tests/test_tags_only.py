"""Posteriors of clip tags alone: no events; tags, mAP and mAUC as with frames."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from resed.calibrate.search import count_grid
from resed.calibrate.thresholds import search_thresholds
from resed.cli import app
from resed.decode.events import decode
from resed.errors import ScoreError, StoreError
from resed.formats.annotations import Event, read_events, read_tags, write_events, write_tags
from resed.formats.metrics import read_metrics
from resed.formats.posteriors import Posteriors
from resed.formats.store import create
from resed.formats.windows import Window, write_windows
from resed.settings import DecodeSettings, FeatureSettings, SearchSettings
from resed.train.evaluate import infer

LABELS = ["bark", "rain"]
CLIPS = ["a.wav", "b.wav", "c.wav"]
TAGS = np.array([[0.9, 0.2], [0.4, 0.7], [0.6, 0.1]], np.float32)
WINDOWS = {label: Window(label, 9, 3.0, 1.0, "esp", None, None, "") for label in LABELS}


def made(**changes):
    frames = np.zeros((3, 0, 2), np.float32)
    meta = {"seconds_per_frame": 0.5, "tags_only": True, "manifest_sha256": ""}
    return replace(Posteriors(frames, TAGS, TAGS, CLIPS, LABELS, meta), **changes)


def test_they_are_stored_and_read(tmp_path):
    made().save(tmp_path / "p.npz")
    found = Posteriors.load(tmp_path / "p.npz")
    assert found.tags_only and found.frames.shape == (3, 0, 2) and found.seconds == 0
    np.testing.assert_array_equal(found.tags, TAGS)


@pytest.mark.parametrize(
    "changes",
    [
        {"meta": {"seconds_per_frame": 0.5}},  # no frames, and not told
        {"frames": np.zeros((3, 4, 2), np.float32)},  # told, but frames
        {"frames": np.zeros((2, 0, 2), np.float32)},
    ],
)
def test_frames_must_agree_with_what_is_told(tmp_path, changes):
    with pytest.raises(StoreError, match="frames do not fit"):
        made(**changes).save(tmp_path / "p.npz")


@pytest.mark.parametrize("tags", ["after_filters", "clip"])
def test_decoding_gives_tags_and_no_events(tags):
    settings = DecodeSettings(tags=tags, tag_threshold=0.6, gate="none")
    found = decode(made(), WINDOWS, settings)
    assert found.events == {clip: [] for clip in CLIPS}
    expected = {"a.wav": ("bark",), "b.wav": ("rain",), "c.wav": ("bark",)}
    assert found.tags == found.raw_tags == found.teacher_tags == expected


def test_there_is_no_threshold_of_events_to_choose():
    reference = {clip: [] for clip in CLIPS}
    with pytest.raises(ScoreError, match="tags alone"):
        search_thresholds(made(), WINDOWS, reference, DecodeSettings())
    search = SearchSettings(windows=[1], thresholds=[0.5], window="all", threshold="all")
    with pytest.raises(ScoreError, match="tags alone"):
        count_grid(made(), reference, DecodeSettings(gate="none"), search)


def test_they_are_decoded_and_scored_by_the_commands(tmp_path):
    def run(*words):
        done = CliRunner().invoke(app, [*map(str, words)])
        assert done.exit_code == 0, done.output
        return done

    made().save(tmp_path / "p.npz")
    write_windows(tmp_path / "w.tsv", WINDOWS.values())
    true = {"a.wav": ["bark"], "b.wav": ["rain"], "c.wav": []}
    events = {c: [Event(c, 1.0, 2.0, label) for label in found] for c, found in true.items()}
    write_events(tmp_path / "ref.tsv", events)
    run("decode", "--posteriors", tmp_path / "p.npz", "--windows", tmp_path / "w.tsv",
        "--out", tmp_path / "out")  # fmt: skip
    assert not any(read_events(tmp_path / "out" / "events.tsv").values())
    assert read_tags(tmp_path / "out" / "tags.tsv")["b.wav"] == ("rain",)
    run("score", "--reference", tmp_path / "ref.tsv",
        "--estimated", tmp_path / "out" / "events.tsv",
        "--estimated-tags", tmp_path / "out" / "tags.tsv", "--posteriors", tmp_path / "p.npz",
        "--windows", tmp_path / "w.tsv", "--out", tmp_path / "m.json")  # fmt: skip
    metrics = json.loads((tmp_path / "m.json").read_text())
    assert metrics["tags"]["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)  # bark in c, too
    assert metrics["ranking"]["map"] == metrics["ranking"]["mauc"] == 1.0
    free = metrics["threshold_free"]
    assert free["psds1"] is free["psds2_ungated"] is None and free["tags_map"] == 1.0
    assert free["notes"]["psds1"] == "the posteriors have no frames"


def test_a_network_keeps_no_frames():
    class Output:
        frames, tags = torch.full((2, 5, 2), 0.5), torch.tensor([[0.1, 0.2], [0.3, 0.4]])

    class Networks:
        training = False
        teacher = None

        def eval(self):
            return self

        def train(self, mode):
            return self

        def student(self, mels, *parts):
            return Output()

    into = np.zeros((2, 0, 2), np.float32)
    frames, tags, _ = infer(Networks(), torch.zeros(2, 5, 4), torch.device("cpu"), into=into)
    assert frames.shape == (2, 0, 2)
    assert tags.tolist() == Output.tags.tolist()


def test_tags_are_scored_against_weak_labels(tmp_path):
    """F1 by hand: bark has tp 1, fp 1; rain has tp 1. The map ranks a clip without bark second."""
    write_tags(tmp_path / "ref.tsv", {"a.wav": ["bark"], "b.wav": ["bark", "rain"], "c.wav": []})
    write_tags(tmp_path / "tags.tsv", {"a.wav": ["bark"], "b.wav": ["rain"], "c.wav": ["bark"]})
    made().save(tmp_path / "p.npz")
    words = ["score", "--tags-only", "--reference", tmp_path / "ref.tsv"]
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 2 and "--estimated-tags" in done.output
    words += ["--estimated-tags", tmp_path / "tags.tsv", "--posteriors", tmp_path / "p.npz"]
    words += ["--out", tmp_path / "m.json", "--counts", tmp_path / "counts.tsv"]
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 0, done.output
    metrics = read_metrics(tmp_path / "m.json")
    assert not {"event", "segment", "threshold_free"} & metrics.keys()
    assert metrics["tags"]["macro_f1"] == pytest.approx((1 / 2 + 1) / 2)
    assert metrics["tags"]["classes"]["bark"]["fn"] == 1
    # bark: posteriors 0.9 (true), 0.6 (false), 0.4 (true); rain: 0.7 is the only true one.
    assert metrics["ranking"]["map"] == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)
    assert {row.split("\t")[1] for row in (tmp_path / "counts.tsv").read_text().splitlines()} == {
        "metric",
        "tags",
    }


@pytest.mark.parametrize("option", ["--estimated", "--windows", "--scores", "--reference-tags"])
def test_tags_alone_take_no_events(tmp_path, option):
    words = ["score", "--tags-only", "--reference", "r.tsv", "--estimated-tags", "t.tsv"]
    words += ["--posteriors", "p.npz", option, "x"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and "leave them out with --tags-only" in done.output


def test_baselines_that_do_not_look_at_the_reference_need_no_events(tmp_path):
    features = FeatureSettings(frames=10)
    with create(tmp_path / "s.store", CLIPS, features, "evaluation", "") as writer:
        for row in range(len(CLIPS)):
            writer.write(row, np.zeros((10, 64), np.float32))
    write_tags(tmp_path / "ref.tsv", {clip: ["bark"] for clip in CLIPS})
    words = ["sanity", "--kind", "nothing", "--reference", tmp_path / "ref.tsv", "--store",
             tmp_path / "s.store", "--classes-from", "demo", "--out", tmp_path / "out"]  # fmt: skip
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 0, done.output
    assert read_tags(tmp_path / "out" / "tags.tsv") == dict.fromkeys(CLIPS, ())
