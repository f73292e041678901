"""resed.decode.baselines: each baseline on a made-up split."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import median_filter
from typer.testing import CliRunner

from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.rows import BASELINES
from resed.decode.baselines import Split, baseline, loudness_gate, prior, whole_clip
from resed.decode.events import Decoded, write_parts
from resed.errors import ScoreError
from resed.formats.annotations import Event, read_events, read_tags, write_events
from resed.formats.posteriors import Posteriors
from resed.formats.store import Store, create
from resed.score.f1 import event_counts, segment_counts, tag_counts
from resed.settings import FeatureSettings

CLIPS = ["a.wav", "b.wav", "c.wav"]
CLASSES = ["Cat", "Dog", "Speech"]
SPF = 1 / 60
REFERENCE = {
    "a.wav": [Event("a.wav", 2.0, 4.0, "Dog"), Event("a.wav", 6.0, 7.0, "Cat")],
    "b.wav": [Event("b.wav", 0.0, 1.0, "Dog")],
    "c.wav": [],
}
TRAIN = {
    "x": [Event("x", 1, 2, "Dog"), Event("x", 9.5, 12, "Dog")],
    "y": [Event("y", 0, 5, "Dog")],
}

REPOSITORY = Path(__file__).resolve().parents[1]


def features():
    """Background, and 20 dB more where the reference has an event; magnitudes, natural log."""
    level = np.full((3, 600), 1e-3)
    for row, clip in enumerate(CLIPS):
        for event in REFERENCE[clip]:
            level[row, round(event.onset * 60) : round(event.offset * 60)] = 1e-2
    noise = np.random.default_rng(0).uniform(0.95, 1.05, (3, 600, 8))
    return np.log(level[:, :, None] * noise).astype(np.float32)


SPLIT = Split(CLIPS, CLASSES, features(), SPF, "magnitude")


def own():
    tags = np.array([[0.9, 0.1, 0.1], [0.5, 0.6, 0.0], [0.0, 0.0, 0.0]], np.float32)
    frames = np.zeros((3, 600, 3), np.float32)
    return Posteriors(frames, tags, 1 - tags, CLIPS, CLASSES, {"seconds_per_frame": SPF})


def run(kind, **options):
    return baseline(kind, SPLIT, REFERENCE, train=TRAIN, posteriors=own(), **options)


def test_every_baseline_writes_what_decode_writes(tmp_path):
    for kind in BASELINES:
        decoded = run(kind)
        write_parts(tmp_path / kind, [decoded])
        assert list(read_events(tmp_path / kind / "events.tsv", CLASSES)) == CLIPS
        for name in ("tags", "raw_tags", "teacher_tags"):
            assert list(read_tags(tmp_path / kind / f"{name}.tsv", CLASSES)) == CLIPS


def test_nothing_everything_and_the_reference():
    nothing, everything, reference = (run(k) for k in ("nothing", "everything", "reference"))
    assert not any(nothing.events.values())
    assert all(tags == tuple(CLASSES) for tags in everything.tags.values())
    assert {(e.onset, e.offset) for e in everything.events["c.wav"]} == {(0.0, 10.0)}
    assert reference.events == REFERENCE
    for count in (event_counts, segment_counts):
        assert count(REFERENCE, nothing.events, CLIPS).summary()["macro_f1"] == 0.0
        assert count(REFERENCE, reference.events, CLIPS).summary()["macro_f1"] == 1.0
    assert segment_counts(REFERENCE, everything.events, CLIPS).summary()["classes"]["Dog"] == {
        "f1": pytest.approx(6 / 33),
        "precision": pytest.approx(3 / 30),
        "recall": 1.0,
        "tp": 3,
        "fp": 27,
        "fn": 0,
    }


def test_prior_is_seeded_and_follows_the_training_clips():
    assert run("prior", seed=1) == run("prior", seed=1)
    many = Split([f"{i}" for i in range(400)], CLASSES, SPLIT.features, SPF, "magnitude")
    train = {**TRAIN, "z": [Event("z", 0, 1, "Cat")], "empty": []}
    found = baseline("prior", many, {}, train=train, seed=0)
    share = {c: np.mean([c in tags for tags in found.tags.values()]) for c in CLASSES}
    assert share["Dog"] == pytest.approx(0.5, abs=0.08)
    assert share["Cat"] == pytest.approx(0.25, abs=0.08)
    assert share["Speech"] == 0.0  # a class that training does not have
    offsets = [event.offset for events in found.events.values() for event in events]
    assert max(offsets) == 10.0  # cut at the end of the clip
    assert found != baseline("prior", many, {}, train=train, seed=1)


def test_own_tags_over_the_whole_clip():
    found = run("own_tags")
    assert found.raw_tags == found.tags
    assert found.tags == {"a.wav": ("Cat",), "b.wav": ("Cat", "Dog"), "c.wav": ()}
    assert found.events["a.wav"] == [Event("a.wav", 0.0, 10.0, "Cat")]
    assert found.teacher_tags["c.wav"] == tuple(CLASSES)
    assert found.teacher_tags["b.wav"] == ("Cat", "Speech"), "0.5 is enough"
    with pytest.raises(ScoreError, match="own_tags requires --posteriors"):
        baseline("own_tags", SPLIT, REFERENCE)
    wider = Split(["z.wav"], CLASSES, SPLIT.features, SPF, "magnitude")
    with pytest.raises(ScoreError, match=r"z\.wav has no posteriors"):
        baseline("own_tags", wider, REFERENCE, posteriors=own())


def test_loudness_finds_loud_events_but_not_whose_they_are():
    found = run("loudness")
    assert tag_counts(found.tags, run("reference").tags, CLIPS).summary()["macro_f1"] == 1.0
    dogs = [e for e in found.events["a.wav"] if e.event_label == "Dog"]
    times = [(round(e.onset, 2), round(e.offset, 2)) for e in dogs]
    assert times == [(2.0, 4.0), (6.0, 7.0)]  # the second is the cat's
    assert found.events["c.wav"] == []


def test_loudness_gate_needs_six_decibels():
    for decibels, share in ((5.5, 0.0), (6.5, 0.5)):
        level = np.zeros((1, 600, 4))
        level[:, 300:] += decibels / 20 * np.log(10)
        assert loudness_gate(level, SPF, "magnitude").mean() == share
        assert loudness_gate(2 * level, SPF, "power").mean() == share


def test_command_line(tmp_path):
    """From a store and annotations on disk; the demo dataset's own classes."""
    dataset = REPOSITORY / "config" / "datasets" / "demo.yaml"
    label = load_dataset(dataset).classes[0]
    write_events(tmp_path / "ref.tsv", {"a.wav": [Event("a.wav", 1.0, 2.0, label)], "b.wav": []})
    made = FeatureSettings(frames=60, n_mels=8)
    with create(tmp_path / "s.store", ["a.wav", "b.wav"], made, "development", "0" * 64) as writer:
        for row in range(2):
            writer.write(row, np.zeros((60, 8), np.float32))
    reference, store = tmp_path / "ref.tsv", tmp_path / "s.store"
    files = ["--reference", reference, "--train-events", reference, "--store", store]
    for kind in ("nothing", "everything", "prior", "loudness", "reference"):
        out = ["--kind", kind, "--classes-from", dataset, "--out", tmp_path / kind]
        done = CliRunner().invoke(app, ["sanity", *map(str, [*files, *out])])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "everything" / "events.tsv").read_text().count("\t1.000000\t") == 20
    assert read_tags(tmp_path / "reference" / "tags.tsv") == {"a.wav": (label,), "b.wav": ()}


def test_prior_by_the_same_draws():
    """One draw per clip and class for whether it is there, one more for which training clip."""
    train = {
        "x": [Event("x", 1, 2, "Dog"), Event("x", 9.5, 12, "Dog"), Event("x", 11, 12, "Dog")],
        "y": [Event("y", 3, 5, "Dog"), Event("y", 4, 5, "Cat"), Event("y", 2, 3, "Whale")],
        "z": [],
    }
    clips = [f"{i}" for i in range(60)]
    split = Split(clips, CLASSES, SPLIT.features, SPF, "magnitude")
    random = np.random.default_rng(4)
    layouts = {
        "Cat": [[(4, 5)]],
        "Dog": [[(1, 2), (9.5, 10.0)], [(3, 5)]],  # cut at 10 s, or left out past it
        "Speech": [],
    }
    expected = {}
    for clip in clips:
        rows = []
        for label in CLASSES:
            if random.random() < len(layouts[label]) / 3:
                layout = layouts[label][random.integers(len(layouts[label]))]
                rows += [(onset, offset, label) for onset, offset in layout]
        expected[clip] = sorted(rows, key=lambda row: row[0])
    found = baseline("prior", split, {}, train=train, seed=4)
    assert {
        clip: [(e.onset, e.offset, e.event_label) for e in rows]
        for clip, rows in found.events.items()
    } == expected
    assert any(len(rows) > 2 for rows in expected.values())
    seedless = baseline("prior", split, {}, train=train)
    assert seedless == baseline("prior", split, {}, train=train, seed=0)
    with pytest.raises(ScoreError, match="train-events"):
        baseline("prior", split, {})


def test_prior_without_training_clips_finds_nothing():
    found = baseline("prior", SPLIT, REFERENCE, train={})
    assert found.events == {clip: [] for clip in CLIPS}


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
def test_the_gate_of_loudness_by_loops(spectrum):
    """6 dB above the 10th percentile of the clip's frame levels, smoothed over 15 frames."""
    rng = np.random.default_rng(1)
    features = np.cumsum(rng.normal(0, 0.1, (3, 200, 4)), axis=1).astype(np.float32)
    features[2] = -40  # digital silence
    exponent = 2 if spectrum == "magnitude" else 1
    for row, clip in enumerate(features.astype(float)):
        power = [sum(np.exp(exponent * mel) for mel in frame) for frame in clip]
        level = [10 * np.log10(max(value, 1e-30)) for value in power]
        loud = np.array(level) >= np.percentile(level, 10) + 6
        expected = median_filter(loud.astype(float), size=15, mode="reflect") > 0.5
        found = loudness_gate(features, SPF, spectrum)[row]
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected)
    assert expected.sum() == 0


def test_baselines_take_all_clips_of_the_split():
    """Also those that the reference lacks; what only the reference has is left out."""
    split = Split(["n.wav", "a.wav"], CLASSES, SPLIT.features[:2], SPF, "magnitude")
    for kind in ("reference", "loudness", "nothing", "everything"):
        found = baseline(kind, split, REFERENCE)
        assert list(found.events) == list(found.tags) == ["n.wav", "a.wav"]
        assert (found.events["n.wav"] == []) == (kind != "everything")
    assert baseline("reference", split, REFERENCE).events["a.wav"] == REFERENCE["a.wav"]
    tags = whole_clip({"a.wav": ("Dog", "Cat")}, ["a.wav", "n.wav"], 7.5)
    assert tags == {
        "a.wav": [Event("a.wav", 0.0, 7.5, "Dog"), Event("a.wav", 0.0, 7.5, "Cat")],
        "n.wav": [],
    }
    with pytest.raises(ValueError, match="unknown baseline 'all'"):
        baseline("all", split, REFERENCE)


def test_tags_of_a_baseline_are_those_of_its_events():
    found = run("reference")
    expected = {"a.wav": ("Cat", "Dog"), "b.wav": ("Dog",), "c.wav": ()}
    for tags in (found.tags, found.raw_tags, found.teacher_tags):
        assert {clip: tuple(sorted(labels)) for clip, labels in tags.items()} == expected


def test_a_split_is_what_its_store_says(tmp_path):
    settings = FeatureSettings(frames=50, hop=441, spectrum="power")
    with create(tmp_path / "s", ["b", "a"], settings, "development", "0" * 64) as writer:
        for row in range(2):
            writer.write(row, np.full((50, 64), row, np.float32))
    split = Split.of(Store.open(tmp_path / "s"), ("Dog", "Cat"))
    assert (split.clips, split.classes) == (["b", "a"], ["Dog", "Cat"])
    assert (split.seconds_per_frame, split.spectrum) == (0.01, "power")
    assert split.seconds == pytest.approx(0.5)
    assert (split.features[1] == 1).all()
    with pytest.raises(FrozenInstanceError):
        split.spectrum = "magnitude"


def test_a_class_of_the_only_training_clip_is_drawn_for_every_clip():
    train = {"t.wav": [Event("t.wav", 1.0, 2.0, "Dog")]}
    clips = [f"{number}.wav" for number in range(40)]
    found = prior(train, clips, ["Dog"], seconds=10.0, seed=0)
    assert all([event.event_label for event in found[clip]] == ["Dog"] for clip in clips)


def test_detections_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Decoded({}, {}, {}, {}).events = {}
