"""audit: every clip has a row and a status, with any kind of defect."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from resed.acquire.clip_reader import FileReader
from resed.audit import ClipToAudit, audit_clip, audit_dataset
from resed.audit.annotation_checks import check_events, count_event_defects
from resed.cli import app
from resed.config.dataset import Dataset, load_dataset
from resed.config.stages import AuditSettings
from resed.errors import DatasetError, MissingFileError
from resed.formats.annotations import Event, write_clips, write_events, write_tags

ANY = AuditSettings(least={"weak": 0})  # however many there are
ROOT = Path(__file__).resolve().parents[1]
NOISE = 0.1 * np.random.default_rng(0).standard_normal(22050)


@pytest.fixture(scope="module")
def demo() -> Dataset:
    return load_dataset("demo", ROOT)


def make_broken(folder: Path) -> dict[str, str]:
    """One file for each way of being wrong; name -> status."""
    folder.mkdir(parents=True)
    for name, samples, rate in (
        ("good.wav", NOISE, 44100),
        ("stereo.wav", np.stack([NOISE, NOISE], 1), 48000),
        ("slow.wav", NOISE, 8000),
        ("ünicode name.wav", NOISE, 44100),
        ("-dash.wav", NOISE, 44100),
        ("silent.wav", np.zeros(44100), 44100),
        ("zero_length.wav", np.zeros(0), 44100),
    ):
        soundfile.write(folder / name, samples, rate)
    wrong = NOISE.astype(np.float32)
    wrong[100] = np.nan
    soundfile.write(folder / "nan.wav", wrong, 44100, subtype="FLOAT")
    wrong[100] = np.inf
    soundfile.write(folder / "infinite.wav", wrong, 44100, subtype="FLOAT")
    data = (folder / "good.wav").read_bytes()
    (folder / "truncated.wav").write_bytes(data[: len(data) // 2])
    (folder / "zero_bytes.wav").write_bytes(b"")
    (folder / "text.wav").write_text("not a sound\n" * 50)
    (folder / "folder.wav").mkdir()
    return {
        "good.wav": "ok",
        "stereo.wav": "ok",
        "slow.wav": "ok",
        "ünicode name.wav": "ok",
        "-dash.wav": "ok",
        "silent.wav": "silent",
        "zero_length.wav": "empty",
        "nan.wav": "nonfinite",
        "infinite.wav": "nonfinite",
        "truncated.wav": "truncated",
        "zero_bytes.wav": "empty",
        "text.wav": "undecodable",
        "folder.wav": "missing",
        "absent.wav": "missing",
    }


@pytest.fixture
def root(demo, tmp_path) -> Path:
    """A dataset whose weak split holds every kind of broken clip."""
    expected = make_broken(tmp_path / demo.splits["weak"].audio)
    tags = {name: (("bark", "fan")[i % 2],) for i, name in enumerate(expected)}
    write_tags(tmp_path / demo.splits["weak"].annotations, tags)
    for split in ("unlabeled", "strong", "development", "evaluation"):
        place, name = demo.splits[split], f"{split}.wav"
        (tmp_path / place.audio).mkdir(parents=True)
        soundfile.write(tmp_path / place.audio / name, NOISE, 44100)
        if split == "unlabeled":
            write_clips(tmp_path / place.annotations, [name])
        else:
            write_events(tmp_path / place.annotations, {name: [Event(name, 0.0, 0.4, "fan")]})
    return tmp_path


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def test_each_broken_clip_gets_its_status(tmp_path):
    folder = tmp_path / "clips"
    expected = make_broken(folder)
    read = FileReader(folder)
    found = {name: audit_clip(ClipToAudit("weak", name, "local"), read) for name in expected}
    assert {name: row.status for name, row in found.items()} == expected
    assert (found["stereo.wav"].rate, found["stereo.wav"].channels) == (48000, 2)
    assert found["slow.wav"].seconds == pytest.approx(22050 / 8000, abs=1e-4)
    good = hashlib.sha256((folder / "good.wav").read_bytes()).hexdigest()
    assert found["good.wav"].sha256 == good
    assert found["absent.wav"].sha256 == ""
    assert found["text.wav"].sha256 != ""


def test_manifest_lists_every_clip_in_order(demo, root):
    audit_dataset(demo, root, root / "out", report=lambda _: None, settings=ANY)
    rows = manifest(root / "out")
    assert list(rows[0]) == [
        "split",
        "filename",
        "sha256",
        "rate",
        "channels",
        "seconds",
        "status",
        "source",
    ]
    splits = list(dict.fromkeys(row["split"] for row in rows))
    assert splits == ["weak", "unlabeled", "strong", "development", "evaluation"]
    weak = [row["filename"] for row in rows if row["split"] == "weak"]
    assert weak == sorted(weak)
    assert len(rows) == 14 + 4


def test_summary_counts_and_names_what_is_wrong(demo, root):
    lines = []
    summary = audit_dataset(demo, root, root / "out", report=lines.append, settings=ANY)
    assert json.loads((root / "out/audit.json").read_text()) == summary
    data = (root / "out/manifest.tsv").read_bytes()
    assert summary["manifest_sha256"] == hashlib.sha256(data).hexdigest()
    assert (summary["clips"], summary["ok"], len(summary["problems"])) == (18, 9, 9)
    assert summary["splits"]["weak"]["status"]["empty"] == 2
    assert summary["splits"]["strong"]["annotations"]["events_of_class"]["fan"] == 1
    assert summary["splits"]["strong"]["annotations"]["offsets_past_the_end"] == 0
    assert len(lines) == 1
    assert "9 of 18 clips ok; 2 empty, 2 missing, 2 nonfinite, 1 silent" in lines[0]
    page = (root / "out/index.html").read_text()
    assert "nan.wav" in page
    assert summary["manifest_sha256"] in page
    assert "http" not in page.replace("https://", "").replace("http-equiv", "")


def test_equal_bytes_in_two_splits_are_reported(demo, root):
    summary = audit_dataset(demo, root, root / "out", report=lambda _: None, settings=ANY)
    (group,) = summary["copies"]
    assert group[-1] == "evaluation/evaluation.wav"  # all four carry the same noise
    assert "weak/good.wav" in group


def test_processes_do_not_change_the_manifest(demo, root):
    for processes in (1, 2):
        audit_dataset(
            demo,
            root,
            root / f"out{processes}",
            processes=processes,
            report=lambda _: None,
            settings=ANY,
        )
    for name in ("manifest.tsv", "findings.tsv", "audit.json", "index.html"):
        assert (root / "out1" / name).read_bytes() == (root / "out2" / name).read_bytes()


def test_a_changed_byte_changes_the_manifest(demo, root):
    silently = {"report": lambda _: None, "settings": ANY}
    before = audit_dataset(demo, root, root / "out", **silently)["manifest_sha256"]
    path = root / demo.splits["evaluation"].audio / "evaluation.wav"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    after = audit_dataset(demo, root, root / "out", **silently)["manifest_sha256"]
    assert before != after


def event_defects(events):
    """Counts of defects in clips of 10 s."""
    rows = [(n, clip, one) for clip, items in events.items() for n, one in enumerate(items)]
    return count_event_defects(check_events("strong", rows, {}, 10.0))


def test_odd_annotations_are_counted():
    events = {
        "a.wav": [
            Event("a.wav", 0.0, 1.0, "fan"),
            Event("a.wav", 0.5, 2.0, "fan"),
            Event("a.wav", 2.1, 10.142, "fan"),
            Event("a.wav", 0.2, 1.4, "bark"),
        ],
        "b.wav": [],
    }
    assert event_defects(events) == {
        "offsets_past_the_end": 1,
        "overlaps_in_a_class": 1,
        "gaps_below_150_ms": 1,
    }


def test_the_real_annotations_hold_what_is_known_of_them(shared):
    """12 same-class overlaps and 15 clips without events, as others counted them."""
    from resed.formats.annotations import read_events

    metadata = shared / "data/dcase2019/metadata"
    events = read_events(metadata / "validation/validation.tsv")
    found = event_defects(events)
    assert found == {
        "offsets_past_the_end": 4,
        "overlaps_in_a_class": 12,
        "gaps_below_150_ms": 2,
    }
    assert sum(not clip for clip in events.values()) == 15


def test_nothing_usable_is_refused_but_listed(demo, root):
    for split in demo.splits.values():
        for path in (root / split.audio).glob("*.wav"):
            if path.is_file():
                path.unlink()
    with pytest.raises(DatasetError, match=r"none of 18 clips is usable; see .*index.html"):
        audit_dataset(demo, root, root / "out", report=lambda _: None)
    assert len(manifest(root / "out")) == 18


def test_missing_annotations_are_refused_in_one_line(tmp_path):
    arguments = ["audit", "--dataset", str(ROOT / "config/datasets/demo.yaml")]
    result = CliRunner().invoke(app, [*arguments, "--root", str(tmp_path), "--out", str(tmp_path)])
    assert isinstance(result.exception, MissingFileError)
    assert "weak.tsv" in str(result.exception)
    assert "\n" not in str(result.exception)
