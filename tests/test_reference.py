"""The reference of scores ends where systems stop reading a clip: events after it are left out."""

import json

import numpy as np
import pytest
import yaml
from runs import REPOSITORY, copy_workflow, snakemake
from test_decode_options import WINDOWS
from typer.testing import CliRunner

from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.loading import overlay, read_yaml
from resed.config.run import load_config
from resed.formats.annotations import Event, read_events, write_events
from resed.formats.posteriors import Posteriors
from resed.formats.reference import note_on_late_events, read_reference
from resed.formats.store import Store, create
from resed.formats.windows import write_windows
from resed.settings import FeatureSettings
from resed.train.batches import Grid, load_stratum

LONG = {"long.wav": [Event("long.wav", 10.0 * i + 4, 10.0 * i + 6, "Dog") for i in range(60)]}
SHORT = {f"{i}.wav": [Event(f"{i}.wav", 2.0, 3.0, "Dog")] for i in range(4)}


def resed(*words) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(("until", "f1", "missed"), [(None, 2 * 5 / 69, 59), (10, 1.0, 0)])
def test_f3_a_perfect_detector_of_cut_clips_scores_all(tmp_path, until, f1, missed):
    """One ten-minute file of which the first ten seconds are processed: 59 of 60 events."""
    write_events(tmp_path / "ref.tsv", LONG | SHORT)
    write_events(tmp_path / "est.tsv", {"long.wav": LONG["long.wav"][:1]} | SHORT)
    words = ["--reference", tmp_path / "ref.tsv", "--estimated", tmp_path / "est.tsv"]
    words += ["--out", tmp_path / "m.json"] + (["--until", until] if until else [])
    said = resed("score", *words)
    block = json.loads((tmp_path / "m.json").read_text())["event"]
    assert block["macro_f1"] == pytest.approx(f1)
    assert block["classes"]["Dog"]["fn"] == missed
    note = "the reference ends at 10 s: of 64 events of"
    assert (note in said) is (until is not None)
    assert until is None or "59 begin later and are left out" in said


@pytest.mark.parametrize(
    ("onset", "offset", "expected"),
    [
        (9.999, 10.5, (9.999, 10.0)),
        (10.0, 10.5, None),
        (1.0, 30.0, (1.0, 10.0)),
        (9.0, 10.2, (9.0, 10.2)),  # within the collar: it can be found
        (9.0, 10.21, (9.0, 10.21)),  # 20 % of 1.21 s
        (9.5, 10.21, (9.5, 10.0)),
        (0.858, 11.0, (0.858, 11.0)),  # of an 11 s clip of DCASE 2019
        (2.0, 3.0, (2.0, 3.0)),
    ],
)
def test_f3_events_end_where_a_perfect_detector_would_end_them(tmp_path, onset, offset, expected):
    write_events(tmp_path / "r.tsv", {"a.wav": [Event("a.wav", onset, offset, "Dog")]})
    found = read_reference(tmp_path / "r.tsv", until=10.0)
    assert found == {"a.wav": [Event("a.wav", *expected, "Dog")] if expected else []}
    assert read_reference(tmp_path / "r.tsv") == read_events(tmp_path / "r.tsv")
    changed = expected != (onset, offset)
    assert bool(note_on_late_events(read_events(tmp_path / "r.tsv"), 10.0, "r")) is changed


def test_f3_the_reference_of_dcase_2019_is_as_published(shared):
    for name in ("validation/validation.tsv", "eval/public.tsv", "train/synthetic.tsv"):
        path = shared / "data" / "dcase2019" / "metadata" / name
        assert read_reference(path, until=10.0) == read_events(path)


def test_f3_thresholds_and_baselines_use_the_same_reference(tmp_path):
    """The threshold that is best without the late events, and an oracle that has none."""
    late = {"a.wav": [Event("a.wav", 1.0, 2.0, "Dog"), Event("a.wav", 5.0, 6.0, "Dog")]}
    write_events(tmp_path / "r.tsv", late)
    frames = np.full((1, 240, 1), 0.01, np.float32)
    frames[0, 60:120] = 0.9
    tags = np.ones((1, 1), np.float32)
    spf = {"seconds_per_frame": 1 / 60}
    Posteriors(frames, tags, tags, ["a.wav"], ["Dog"], spf).save(tmp_path / "p.npz")
    write_windows(tmp_path / "w.tsv", [w for w in WINDOWS.values() if w.event_label == "Dog"])
    words = ["--posteriors", tmp_path / "p.npz", "--windows", tmp_path / "w.tsv"]
    words += ["--settings", json.dumps({"gate": "none"}), "--reference", tmp_path / "r.tsv"]
    for until, best in ((None, 2 / 3), (4, 1.0)):
        option = ["--until", until] if until else []
        resed("threshold", *words, "--out", tmp_path / "t.json", *option)
        chosen = json.loads((tmp_path / "t.json").read_text())
        assert max(chosen["event_macro_f1"]) == pytest.approx(best)
        row = ["--row", "pts@development_threshold", "--results", tmp_path / f"results{until}"]
        split = ["--posteriors", f"development={tmp_path / 'p.npz'}", *words[2:]]
        resed("decode", *split, *row, *option)
        (made,) = (tmp_path / f"results{until}" / "calibrate").rglob("seed0.json")
        assert json.loads(made.read_text()) == chosen
    settings = FeatureSettings(frames=240, n_mels=8)
    with create(tmp_path / "s.store", ["a.wav"], settings, "evaluation", "0" * 64) as writer:
        writer.write(0, np.zeros((240, 8), np.float32))
    dataset = tmp_path / "pets.yaml"
    values = read_yaml(REPOSITORY / "config" / "templates" / "dataset.yaml")
    dataset.write_text(yaml.safe_dump(values | {"name": "pets", "classes": ["Dog"]}))
    words = ["sanity", "--kind", "reference", "--reference", tmp_path / "r.tsv", "--train-events"]
    words += [tmp_path / "r.tsv", "--store", tmp_path / "s.store", "--classes-from", dataset]
    for until, offsets in ((None, 2), (4, 1)):
        option = ["--until", until] if until else []
        resed(*words, "--out", tmp_path / "oracle", *option)
        found = read_events(tmp_path / "oracle" / "events.tsv")["a.wav"]
        assert len(found) <= offsets and found[0].offset == pytest.approx(2.0)


def test_f3_a_late_event_is_no_tag_of_a_training_clip(tmp_path):
    """The features end before it, so that the class is not in them."""
    clips = {
        "a.wav": [Event("a.wav", 0.2, 0.8, "Cat"), Event("a.wav", 5.0, 6.0, "Dog")],
        "b.wav": [Event("b.wav", 0.99, 1.5, "Dog")],
    }
    write_events(tmp_path / "s.tsv", clips)
    settings = FeatureSettings(frames=60, n_mels=8)
    with create(tmp_path / "s.store", list(clips), settings, "strong", "0" * 64) as writer:
        for row in range(2):
            writer.write(row, np.zeros((60, 8), np.float32))
    store = Store.open(tmp_path / "s.store")
    grid = Grid(60, 1 / 60)
    found = load_stratum(store, "strong", tmp_path / "s.tsv", classes=["Cat", "Dog"], grid=grid)
    assert found.tags.tolist() == [[1, 0], [0, 1]]
    assert found.frames.any(dim=1).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("setting", "until"), [("leave_out", 10.0), ("count", None), ("refuse", None)]
)
def test_f3_the_key_says_where_the_reference_of_a_run_ends(setting, until):
    values = read_yaml(REPOSITORY / "config" / "config.yaml")
    changed = overlay(values, {"dataset": "demo", "audit": {"late_events": setting}})
    assert load_config(changed, REPOSITORY).until == until
    assert load_dataset("demo", REPOSITORY).clip_seconds == 10.0


@pytest.mark.parametrize("setting", ["leave_out", "count"])
def test_f3_every_command_of_a_run_gets_the_option(tmp_path, setting):
    """Scores, baselines and the choice of thresholds, and no other command."""
    folder = copy_workflow(tmp_path)
    words = ["--dry-run", "--printshellcmds"]
    done = snakemake(folder, *words, overlay={"audit": {"late_events": setting}})
    assert done.returncode == 0, done.stdout[-2000:]
    lines = [
        line.removeprefix("Shell command: ").split()
        for line in done.stdout.splitlines()
        if line.startswith("Shell command: resed ")
    ]
    given = {line[1] for line in lines if "--until" in line}
    assert given == ({"score", "sanity", "decode"} if setting == "leave_out" else set())
    assert {"score", "sanity", "decode", "train"} <= {line[1] for line in lines}
