"""Commands that do the work of one job: several splits, thresholds and kinds in one process.

Each must write the bytes of the commands for single files.
"""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from resed.calibrate.windows import calibrate
from resed.cli import app
from resed.formats.annotations import Event, write_events
from resed.formats.manifest import write_manifest
from resed.formats.posteriors import Posteriors
from resed.formats.windows import write_windows
from resed.runtime.files import sha256

LABELS = ["bark", "rain"]
SPLITS = ("development", "evaluation")
FILES = ("events.tsv", "tags.tsv", "raw_tags.tsv", "teacher_tags.tsv")
SYSTEM, TUNED = "pts@gate.none", "pts@gate.none@development_threshold"
PER_CLASS = "pts@gate.none@class_thresholds"
FEW = ["--settings", '{"class_threshold_events": 1}']


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.output


def both(option: str, place) -> list[str]:
    """A repeated option with a file for each split."""
    return [word for split in SPLITS for word in (option, f"{split}={place(split)}")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Posteriors and strong labels of two splits of ten clips, and windows."""
    folder = tmp_path_factory.mktemp("jobs")
    write_manifest(folder / "manifest.tsv", [])
    random = np.random.default_rng(3)
    for split in SPLITS:
        clips = [f"{split}{i}.wav" for i in range(10)]
        events = {}
        frames = random.uniform(0, 0.35, (10, 100, 2)).astype(np.float32)
        for row, clip in enumerate(clips):
            start, label = int(random.integers(5, 50)), int(random.integers(2))
            frames[row, start : start + 30, label] += 0.3
            events[clip] = [Event(clip, start / 10, start / 10 + 3, LABELS[label])]
        tags = frames.max(axis=1)
        meta = {"system": "pts", "seed": 2, "split": split, "dataset": "made"}
        meta |= {
            "seconds_per_frame": 0.1,
            "manifest_sha256": sha256(folder / "manifest.tsv"),
            "checkpoint_sha256": "cd" * 32,
        }
        values = Posteriors(frames, tags, tags, clips, LABELS, meta)
        values.save(folder / f"{split}.npz")
        write_events(folder / f"{split}.tsv", events)
    write_windows(folder / "windows.tsv", calibrate(events, "average", classes=LABELS))
    return folder


@pytest.fixture(scope="module")
def decoded(folder):
    """The folder after the job that decodes both rows on both splits."""
    run(
        *("decode", "--row", SYSTEM, "--row", PER_CLASS, "--row", TUNED, *FEW, "--seed", 2),
        *("--results", folder / "run"),
        *both("--posteriors", lambda split: folder / f"{split}.npz"),
        *("--windows", folder / "windows.tsv", "--reference", folder / "development.tsv"),
    )
    return folder


def test_decode_writes_what_single_commands_write(decoded, tmp_path):
    threshold, per_class = tmp_path / "threshold.json", tmp_path / "class_thresholds.json"
    common = ["--windows", decoded / "windows.tsv"]
    for path, more in ((threshold, []), (per_class, ["--per-class", *FEW])):
        run(
            *("threshold", "--posteriors", decoded / "development.npz", *common, *more),
            *("--reference", decoded / "development.tsv", "--out", path),
        )
        made = decoded / "run/calibrate" / f"{path.stem.removesuffix('s')}s"
        assert (made / "pts@gate.none/seed2.json").read_bytes() == path.read_bytes()
    assert json.loads(threshold.read_text())["threshold"] != 0.5, "else both rows were the same"
    classes = json.loads(per_class.read_text())["classes"]
    assert len({one["threshold"] for one in classes.values()}) == 2, "else as for all classes"
    rows = {SYSTEM: [], TUNED: [threshold], PER_CLASS: [per_class]}
    for split in SPLITS:
        for row, files in rows.items():
            more = [word for file in files for word in ("--threshold-file", file)]
            single = tmp_path / split / row
            run("decode", "--posteriors", decoded / f"{split}.npz", *common, "--out", single, *more)
            for name in FILES:
                found = decoded / "run/decode" / split / row / "seed2" / name
                assert found.read_bytes() == (single / name).read_bytes()


def test_score_writes_what_single_commands_write(decoded, tmp_path):
    detector = ["--windows", decoded / "windows.tsv", "--settings", '{"gate": "none"}']
    manifest = ["--manifest", decoded / "manifest.tsv"]
    run(
        *("score", "--row", SYSTEM, "--row", TUNED, "--seed", 2, "--results", decoded / "run"),
        *both("--reference", lambda split: decoded / f"{split}.tsv"),
        *both("--posteriors", lambda split: decoded / f"{split}.npz"),
        *(*detector, *manifest),
    )
    for split in SPLITS:
        for row in (SYSTEM, TUNED):
            source = decoded / "run/decode" / split / row / "seed2"
            posteriors = ["--posteriors", decoded / f"{split}.npz", *detector] * (row == SYSTEM)
            run(
                *("score", "--reference", decoded / f"{split}.tsv", *manifest, *posteriors),
                *("--estimated", source / "events.tsv", "--clips", source / "tags.tsv"),
                *("--estimated-tags", source / "tags.tsv", "--raw-tags", source / "raw_tags.tsv"),
                *("--teacher-tags", source / "teacher_tags.tsv"),
                *("--out", tmp_path / "metrics.json", "--counts", tmp_path / "counts.tsv"),
            )
            for name in ("metrics.json", "counts.tsv"):
                found = decoded / "run/score" / split / row / "seed2" / name
                assert found.read_bytes() == (tmp_path / name).read_bytes()
            metrics = json.loads((tmp_path / "metrics.json").read_text())
            assert ("threshold_free" in metrics) == (row == SYSTEM), "the same again"


def test_plain_files_and_split_files_do_not_mix(folder):
    def refused(*words):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 2
        return " ".join(done.output.replace("│", " ").split())

    windows = ["--windows", folder / "windows.tsv"]
    place = folder / "development.npz"
    assert "--out: required without --row" in refused("decode", "--posteriors", place, *windows)
    with_row = ["decode", "--row", "pts", "--results", folder / "x", *windows]
    assert "use SPLIT=FILE" in refused(*with_row, "--posteriors", place)
    twice = ["--posteriors", f"development={place}"] * 2
    assert "once per split" in refused(*with_row, *twice)
    tuned = ["decode", "--row", "pts@development_threshold", "--results", folder / "x", *windows]
    said = refused(*tuned, "--posteriors", f"development={place}")
    assert "--reference: required with --row pts@development_threshold" in said
    two = ["--posteriors", place, "--posteriors", place, "--out", folder / "x"]
    assert "use one FILE" in refused("decode", *two, *windows)
    stores = ["--store", "development=a", "--out", "evaluation=b"]
    assert "names other splits than --store" in refused("predict", "--checkpoint", "c", *stores)
    single = ["--store", "a", "--out", "b"]
    assert "use SPLIT=FILE" in refused("predict", "--checkpoint", "c", *single)
