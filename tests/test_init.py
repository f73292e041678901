"""`resed check --init`: folders of sound files and labels become datasets that pass the check."""

import os
import shutil
from pathlib import Path

import numpy as np
import preloaded
import pytest
import soundfile
import yaml
from runs import REPOSITORY, copy_workflow
from typer.testing import CliRunner

from resed.check.split_proposal import divide
from resed.cli import app
from resed.errors import ResedError
from resed.formats.annotations import Event, read_clips, read_events, read_tags, write_events
from resed.formats.regions import Region

LABELS = ["Bird", "Car horn", "Größe"]
SECONDS = 2.0


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["check", *map(str, words)])
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    if code == 1:
        assert isinstance(done.exception, ResedError)
        return str(done.exception)
    return done.output


def sounds(folder: Path, names: list[str], seconds: float = SECONDS) -> None:
    """Short sound files, no two with the same samples."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        seed = sum(map(ord, f"{folder.name}/{name}"))
        wave = np.random.default_rng(seed).normal(0, 0.1, int(4000 * seconds))
        soundfile.write(folder / name, wave, 4000)


def events_of(names: list[str]) -> dict[str, list[Event]]:
    """Each clip has the class of its turn; every seventh has none."""
    return {
        name: [Event(name, 0.25, 1.25, LABELS[i % 3]), Event(name, 1.5, 1.75, LABELS[i % 3])]
        if i % 7 else []
        for i, name in enumerate(names)
    }  # fmt: skip


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with config/, in which the command runs."""
    place = tmp_path / "clone"
    place.mkdir()
    shutil.copytree(REPOSITORY / "config", place / "config")
    monkeypatch.chdir(place)
    return place


def read_tags_of(events: dict[str, list[Event]]) -> list[set[str]]:
    return [{event.event_label for event in found} for found in events.values()]


def flat(folder: Path, kind: str) -> dict[str, list[Event]]:
    """Thirty sound files with their labels in one folder, and four without labels."""
    names = [f"clip {index}.wav" for index in range(30)]
    sounds(folder, names + [f"more{index}.wav" for index in range(4)])
    events = events_of(names)
    table = folder / "labels.tsv"
    write_events(table, events)
    if kind == "csv":
        table.with_suffix(".csv").write_text(table.read_text().replace("\t", ","))
    elif kind != "tsv":
        done = CliRunner().invoke(app, ["convert", str(table), str(folder), "--to", kind])
        assert done.exit_code == 0, done.output
    if kind != "tsv":
        table.unlink()
    return events


@pytest.mark.parametrize("kind", ["tsv", "csv", "audacity", "raven"])
def test_a_flat_folder_of_each_format_becomes_a_dataset(clone, tmp_path, kind):
    events = flat(tmp_path / "My yard", kind)
    before = {path.name for path in (tmp_path / "My yard").iterdir()}
    out = run("--init", tmp_path / "My yard")
    assert "my_yard: 3 classes, no errors" in out
    assert "next: snakemake audit --cores 2 --configfile my_yard.yaml" in out
    assert "clip by clip" in out and "4 sound files" in out
    assert before == {path.name for path in (tmp_path / "My yard").iterdir()}
    values = yaml.safe_load((clone / "config/datasets/my_yard.yaml").read_text())
    assert values["classes"] == sorted(LABELS) and values["clip_seconds"] == SECONDS
    metadata = clone / "data/my_yard/metadata"
    parts = {r: read_events(metadata / f"{r}.tsv") for r in ("strong", "development", "evaluation")}
    assert {role: len(found) for role, found in parts.items()} == {
        "strong": 18, "development": 6, "evaluation": 6,
    }  # fmt: skip
    together = {clip: found for part in parts.values() for clip, found in part.items()}
    assert {c: [(e.onset, e.offset, e.event_label) for e in f] for c, f in together.items()} == {
        c: [(e.onset, e.offset, e.event_label) for e in f] for c, f in events.items()
    }
    for role, least in (("strong", 4), ("development", 1), ("evaluation", 1)):
        clips = [label for labels in read_tags_of(parts[role]) for label in labels]
        assert min(clips.count(label) for label in LABELS) >= least
    assert set(read_tags(metadata / "weak.tsv")) == set(parts["strong"])
    assert read_clips(metadata / "unlabeled.tsv") == [f"more{index}.wav" for index in range(4)]
    assert {role: split["clips"] for role, split in values["splits"].items()} == {
        "weak": 18, "unlabeled": 4, "strong": 18, "development": 6, "evaluation": 6,
    }  # fmt: skip
    assert run("--dataset", "my_yard", "--root", "data/my_yard", "--config", "my_yard.yaml")


def test_the_same_folder_gives_the_same_bytes(clone, tmp_path):
    flat(tmp_path / "yard", "tsv")
    run("--init", tmp_path / "yard")
    names = ["metadata/strong.tsv", "metadata/evaluation.tsv"]
    first = [(clone / "data/yard" / name).read_bytes() for name in names]
    shutil.rmtree(clone / "data")
    for path in (clone / "config/datasets/yard.yaml", clone / "yard.yaml"):
        path.unlink()
    run("--init", tmp_path / "yard")
    assert first == [(clone / "data/yard" / name).read_bytes() for name in names]


def test_splits_by_name_are_used_as_they_are(clone, tmp_path):
    folder = clone / "data" / "yard"
    for role, count in (("train", 12), ("val", 5), ("test", 6)):
        names = [f"{role}{index}.flac" for index in range(count)]
        sounds(folder / "audio" / role, names)
        write_events(folder / "metadata" / f"{role}.tsv", events_of(["none", *names][1:]))
    names = [f"weak{index}.flac" for index in range(8)]
    sounds(folder / "audio" / "train_weak", names)
    lines = [f"{name}\t{LABELS[i % 3]}\n" for i, name in enumerate(names)]
    (folder / "metadata" / "weak.tsv").write_text("filename\tevent_labels\n" + "".join(lines))
    sounds(folder / "audio" / "unlabelled", [f"u{index}.wav" for index in range(3)])
    before = {path: path.read_bytes() for path in folder.rglob("*.tsv")}
    out = run("--init", folder)
    values = yaml.safe_load((clone / "config/datasets/yard.yaml").read_text())
    splits = {r: (s["audio"], s["annotations"], s["clips"]) for r, s in values["splits"].items()}
    assert splits == {
        "weak": ("audio/train_weak", "metadata/weak.tsv", 8),
        "unlabeled": ("audio/unlabelled", "metadata/unlabeled.tsv", 3),
        "strong": ("audio/train", "metadata/train.tsv", 12),
        "development": ("audio/val", "metadata/val.tsv", 5),
        "evaluation": ("audio/test", "metadata/test.tsv", 6),
    }
    assert "is the split development by its name: 5 clips" in out and "at random" not in out
    assert before == {path: path.read_bytes() for path in before}


def test_a_missing_scored_split_is_taken_from_training(clone, tmp_path):
    folder = tmp_path / "calls"
    for role, count in (("train", 20), ("test", 6)):
        names = [f"{role}{index}.wav" for index in range(count)]
        sounds(folder / role, names)
        (folder / role / "labels.csv").write_text(
            "filename,onset,offset,event_label\n"
            + "".join(f"{name},0.1,0.9,{LABELS[i % 3]}\n" for i, name in enumerate(names))
        )
    out = run("--init", folder)
    assert "no name shows development, so labelled clips are divided at random" in out
    metadata = clone / "data/calls/metadata"
    assert len(read_events(metadata / "strong.tsv")) == 17
    development = read_events(metadata / "development.tsv")
    assert sorted(e.event_label for found in development.values() for e in found) == sorted(LABELS)
    assert len(read_events(metadata / "evaluation.tsv")) == 6


def test_parts_of_a_recording_stay_together(clone, tmp_path):
    names = [f"rec{r}_{10 * part}_{10 * part + 10}.wav" for r in range(10) for part in range(3)]
    sounds(tmp_path / "yard", names)
    write_events(tmp_path / "yard" / "labels.tsv", {
        name: [Event(name, 0.1, 0.9, LABELS[i % 3])] for i, name in enumerate(names)
    })  # fmt: skip
    out = run("--init", tmp_path / "yard")
    assert "by the recordings that the names show" in out
    recordings = [
        {name.split("_")[0] for name in read_events(clone / f"data/yard/metadata/{role}.tsv")}
        for role in ("strong", "development", "evaluation")
    ]
    assert sum(map(len, recordings)) == 10 == len(set.union(*recordings))


def test_options_by_their_values(clone, tmp_path):
    flat(tmp_path / "yard", "tsv")
    run(
        *("--init", tmp_path / "yard", "--name", "other", "--root", tmp_path / "root"),
        *("--dataset-file", tmp_path / "d.yaml", "--config", tmp_path / "run.yaml"),
    )
    assert (tmp_path / "root" / "metadata" / "strong.tsv").is_file()
    assert yaml.safe_load((tmp_path / "d.yaml").read_text())["name"] == "other"
    values = yaml.safe_load((tmp_path / "run.yaml").read_text())
    assert values["dataset"] == str(tmp_path / "d.yaml")
    template = yaml.safe_load((REPOSITORY / "config/templates/run.yaml").read_text())
    assert values["feature_overrides"]["everyday"]["frames"] * 0.04 == pytest.approx(
        SECONDS, abs=0.02
    )
    assert values["init"] == template["init"] == "everyday"
    assert values["override"] == template["override"]
    assert values["systems"] == template["systems"] and values["seeds"] == 1
    assert not (clone / "data").exists() and not (clone / "other.yaml").exists()
    run("--init", tmp_path / "yard", "--dataset", "yard", code=2)
    run("--name", "x", "--dataset", "yard", "--root", "data", code=2)
    run("--dataset", "yard", code=2)
    run("--root", "data", code=2)


def test_nothing_that_exists_is_replaced(clone, tmp_path):
    flat(tmp_path / "yard", "tsv")
    for path in ("config/datasets/yard.yaml", "yard.yaml", "data/yard/metadata/strong.tsv"):
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text("mine")
        everything = sorted(clone.rglob("*"))
        message = run("--init", tmp_path / "yard", code=1)
        assert message.startswith(f"{path}: exists and is not replaced")
        assert (clone / path).read_text() == "mine" and sorted(clone.rglob("*")) == everything
        (clone / path).unlink()


def test_broken_and_missing_files_are_left_out_by_name(clone, tmp_path):
    flat(tmp_path / "yard", "tsv")
    (tmp_path / "yard" / "clip 3.wav").write_bytes(b"RIFF")
    (tmp_path / "yard" / "clip 4.wav").unlink()
    out = run("--init", tmp_path / "yard")
    assert "1 sound file cannot be read and are left out: clip 3.wav" in out
    assert "1 of 30 sound files of" in out and "left out: clip 4.wav" in out
    clips = {
        clip for role in ("strong", "development", "evaluation")
        for clip in read_events(clone / f"data/yard/metadata/{role}.tsv")
    }  # fmt: skip
    assert len(clips) == 28


def test_clips_of_other_lengths(clone, tmp_path):
    flat(tmp_path / "yard", "tsv")
    sounds(tmp_path / "yard", [f"clip {index}.wav" for index in range(8)], seconds=0.5 + SECONDS)
    out = run("--init", tmp_path / "yard")
    assert "clips last from 2 to 2.5 s: clip_seconds is 2.5" in out
    flat(tmp_path / "long", "tsv")
    sounds(tmp_path / "long", [f"clip {index}.wav" for index in range(8)], seconds=61)
    message = run("--init", tmp_path / "long", code=1)
    assert "clips last from 2 to 61 s; cut them into clips of at most 60 s" in message
    names = [f"clip {index}.wav" for index in range(30)]
    sounds(tmp_path / "short", names, seconds=0.5)
    events = {name: [Event(name, 0.1, 0.4, LABELS[i % 3])] for i, name in enumerate(names)}
    write_events(tmp_path / "short" / "labels.tsv", events)
    run("--init", tmp_path / "short")
    features = yaml.safe_load((clone / "short.yaml").read_text())["feature_overrides"]
    assert features["everyday"]["frames"] * 0.04 == pytest.approx(0.5, abs=0.021)


def test_what_is_not_clear_is_named(clone, tmp_path):
    place = tmp_path / "yard"
    assert "no such folder" in run("--init", place, code=1)
    place.mkdir()
    assert "contains no sound files" in run("--init", place, code=1)
    sounds(place, ["a.wav", "b.wav"])
    assert "contains no labels with times" in run("--init", place, code=1)
    write_events(place / "labels.tsv", events_of(["a.wav", "b.wav"]))
    assert "2 labelled recordings; at least 3 are divided" in run("--init", place, code=1)
    write_events(place / "more.tsv", events_of(["a.wav", "b.wav"]))
    message = run("--init", place, code=1)
    assert "have labels of one split, strong; put them into one, or name them" in message
    (place / "more.tsv").rename(place / "train_test.tsv")
    message = run("--init", place, code=1)
    assert "train_test.tsv: shows no split" not in message
    (place / "train_test.tsv").rename(place / "dev_test.tsv")
    assert "its name shows two splits (development, evaluation); rename it" in run(
        "--init", place, code=1
    )
    (place / "dev_test.tsv").rename(place / "test.tsv")
    assert "labels.tsv: shows no split by its name, but" in run("--init", place, code=1)
    (place / "test.tsv").unlink()
    shutil.copytree(place, place / "copy", ignore=shutil.ignore_patterns("*.tsv"))
    assert "its sound files are in several folders (., copy)" in run("--init", place, code=1)


def test_labels_that_cannot_be_classes_are_named(clone, tmp_path):
    flat(tmp_path / "yard", "tsv")
    path = tmp_path / "yard" / "labels.tsv"
    path.write_text(path.read_text().replace("Bird", "Bird, big"))
    message = run("--init", tmp_path / "yard", code=1)
    assert "the label 'Bird, big' of clip" in message and "contains a comma" in message


def test_sound_files_above_the_dataset_are_refused(clone, tmp_path):
    flat(clone / "data" / "yard", "tsv")
    message = run("--init", clone / "data" / "yard", code=1)
    assert "sound files lie above the dataset; move the sound files into a folder" in message
    run("--init", clone / "data" / "yard", "--name", "my_yard")


def test_each_class_is_in_training_first():
    """A class of one recording is trained, one of two is also evaluated."""
    groups = [[f"c{index}"] for index in range(12)]
    labels = {group[0]: [Region(0, 1, "common")] for group in groups}
    labels["c5"].append(Region(0, 1, "single"))
    labels["c1"].append(Region(0, 1, "double"))
    labels["c9"].append(Region(0, 1, "double"))
    parts = divide(groups, labels, {"development": 0.2, "evaluation": 0.2})
    assert "c5" in parts["strong"]
    assert len({"c1", "c9"} & set(parts["strong"])) == 1
    assert len({"c1", "c9"} & set(parts["evaluation"])) == 1
    sizes = {role: len(clips) for role, clips in parts.items()}
    assert sum(sizes.values()) == 12 and sizes["strong"] in (7, 8) and min(sizes.values()) == 2


def test_snakemake_plans_a_run_with_the_files(tmp_path, monkeypatch):
    place = tmp_path / "clone"
    place.mkdir()
    copy_workflow(place)
    monkeypatch.chdir(place)
    flat(tmp_path / "yard", "audacity")
    run("--init", tmp_path / "yard")
    code, printed = preloaded.plan(
        place, ["--dry-run", "--cores", "1", "--configfile", "yard.yaml"], dict(os.environ)
    )
    assert code == 0, printed[-3000:]
    assert "train" in printed and "report" in printed
