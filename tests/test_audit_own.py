"""audit: data of one's own, with recordings of several lengths and no source to fetch from."""

import shutil

import audits
import numpy as np
import pytest
import soundfile
from audits import RATE, audit, found, name, rows

from resed.acquire.acquisition import FetchOptions, fetch_splits
from resed.audit.finding_kinds import FINDING_KINDS, finding_kinds
from resed.formats.annotations import Event, write_events

SOUND = 0.1 * np.random.default_rng(1).standard_normal(20 * RATE)


@pytest.fixture
def own():
    """A dataset without sources."""
    return audits.dataset(sources=[])


@pytest.fixture
def root(tmp_path, own):
    return audits.make(tmp_path, own)


def put(root, own, split, i, seconds, start=0):
    path = root / own.splits[split].audio / name(split, i)
    soundfile.write(path, SOUND[start : start + round(seconds * RATE)], RATE)


def events(root, own, split, changed):
    """Other events for some clips of a split."""
    clips = {
        name(split, i): [Event(name(split, i), 0.2, 0.7, audits.CLASSES[i % 3])] for i in range(12)
    }
    for i, times in changed.items():
        clip = name(split, i)
        clips[clip] = [Event(clip, *time, audits.CLASSES[i % 3]) for time in times]
    write_events(root / own.splits[split].annotations, clips)


def of(summary, kind, split):
    return next(one for one in summary["findings"] if (one["id"], one["split"]) == (kind, split))


LATE = {0: [(0.1, 0.5), (1.0, 1.4), (5.0, 6.0)], 1: [(0.5, 2.5)], 2: [(0.5, 1.19)]}


@pytest.mark.parametrize(
    ("setting", "level", "go"),
    [("leave_out", "warning", True), ("count", "warning", True), ("refuse", "refusal", False)],
)
def test_f3_events_after_clip_seconds_are_counted(root, own, setting, level, go):
    """In a file of eight seconds of which the first is processed."""
    for i in range(3):
        put(root, own, "evaluation", i, 8, start=i)
    events(root, own, "evaluation", LATE)
    summary = audit(own, root, late_events=setting)
    late = of(summary, "late_event", "evaluation")
    assert (late["count"], late["level"]) == (2, level)
    assert summary["go"] is go
    told = [row[3:] for row in rows(root) if row[0] in ("late_event", "cut_event")]
    assert told == [
        ["3", "Cat 1.000-1.400 s, clip_seconds is 1"],
        ["4", "Cat 5.000-6.000 s, clip_seconds is 1"],
        ["5", "Dog 0.500-2.500 s, clip_seconds is 1"],
    ]
    assert of(summary, "cut_event", "evaluation")["level"] == "note"


def test_f3_training_events_after_clip_seconds_are_no_reference(root, own):
    put(root, own, "strong", 0, 8)
    events(root, own, "strong", {0: LATE[0]})
    summary = audit(own, root, late_events="refuse")
    assert summary["go"]
    assert of(summary, "late_event", "strong")["level"] == "warning"


def test_f3_a_file_of_the_nominal_length_has_no_late_event(root, own):
    events(root, own, "evaluation", {0: [(0.1, 0.5), (1.2, 1.4)]})
    summary = audit(own, root)
    assert found(summary)["past_end", "evaluation"] == 1
    assert not {"late_event", "cut_event"} & {one["id"] for one in summary["findings"]}


def test_f5_short_recordings_are_not_to_be_fetched_again(root, own):
    put(root, own, "weak", 0, 0.7)
    summary = audit(own, root)
    short = of(summary, "short", "weak")
    assert short["level"] == "note"
    assert "several lengths" in short["cure"] and "padded" in short["effect"]
    page = (root / "out/index.html").read_text()
    assert short["cure"] in page
    fetched = audits.dataset()
    assert "download may be incomplete" in of(audit(fetched, root), "short", "weak")["cure"]


def test_f5_no_cure_for_ones_own_data_fetches_or_deletes():
    for identity, kind in finding_kinds(own=True).items():
        if identity in ("acquire_unfinished", "acquire_record", "rejected", "version_unknown"):
            continue  # only after resed acquire, or with published versions
        words = f"{kind.effect} {kind.cure}"
        assert "etch" not in words and "Delete these files" not in words, identity
        assert "another source" not in words and "resed acquire again." not in kind.cure.replace(
            "and run resed acquire again.", ""
        ), identity
    assert finding_kinds(own=False) == FINDING_KINDS


def test_a3_no_cure_deletes_files_that_cannot_be_used():
    """A damaged file may be the user's only copy: it is moved or replaced."""
    unusable = ("altered", "empty", "truncated", "damaged", "several", "undecodable", "nonfinite")
    for own in (True, False):
        kinds = finding_kinds(own)
        assert not any("elete these files" in kinds[one].cure for one in unusable)


@pytest.mark.parametrize(
    ("file", "status"),
    [
        ("unfinalised.wav", "ok"),
        ("cbr_no_xing.mp3", "ok"),
        ("vbr_no_xing.mp3", "ok"),
        ("unknown_length.flac", "ok"),
        ("cut.ogg", "truncated"),
        ("cut.aiff", "truncated"),
        ("cut.au", "truncated"),
    ],
)
def test_a3_files_of_ones_own_stay_and_are_read_to_their_end(root, own, shared, file, status):
    """acquire and the audit move and condemn nothing; what is whole is used, the rest is named."""
    source, folder = shared / "data" / "faults" / file, root / own.splits["weak"].audio
    (folder / name("weak", 0)).unlink()
    shutil.copy(source, folder / file)
    path = root / own.splits["weak"].annotations
    path.write_text(path.read_text().replace(name("weak", 0), file))
    said = []
    options = FetchOptions(root / "own.yaml", ["local"])
    fetch_splits(own, root, options, ["weak"], report=said.append)
    assert (folder / file).read_bytes() == source.read_bytes()
    assert not (root / ".acquire" / "quarantine").exists()
    assert any(file in line and "it stays there" in line for line in said) is (status != "ok")
    summary = audit(own, root)
    manifest = {row[1]: row for row in rows(root, "manifest.tsv")}
    assert manifest[file][6] == status
    assert status != "ok" or float(manifest[file][5]) == pytest.approx(2.0, abs=0.05)
    noted = ("unfinalised", "weak") in found(summary)
    assert noted is (file in ("unfinalised.wav", "unknown_length.flac"))
    assert "elete these files" not in (root / "out/index.html").read_text()


def test_f5_the_command_for_m4a_is_named(root, own):
    folder = root / own.splits["weak"].audio
    m4a = folder / name("weak", 0).replace(".wav", ".m4a")
    (folder / name("weak", 0)).rename(m4a)
    m4a.write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0" + bytes(900))
    path = root / own.splits["weak"].annotations
    path.write_text(path.read_text().replace(name("weak", 0), m4a.name))
    summary = audit(own, root)
    (row,) = [row for row in rows(root) if row[0] == "undecodable"]
    assert f"ffmpeg -i {m4a.name} {m4a.stem}.wav" in row[4]
    assert "correct their names" in of(summary, "undecodable", "weak")["cure"]


def test_f5_a_class_with_one_clip_or_one_event_is_told(root, own):
    one_clip = {i: [(0.2, 0.7)] for i in range(12)}
    clips = {}
    for i in one_clip:
        clip = name("evaluation", i)
        label = "Cat" if i == 0 else "Dog" if i < 6 else "Speech"
        times = [(0.1, 0.4), (0.6, 0.9)] if i == 0 else [(0.2, 0.7)]
        clips[clip] = [Event(clip, *time, label) for time in times]
    write_events(root / own.splits["evaluation"].annotations, clips)
    clips = {
        name("development", i): [Event(name("development", i), 0.2, 0.7, "Cat" if i else "Dog")]
        for i in range(11)
    }
    clips[name("development", 11)] = [Event(name("development", 11), 0.2, 0.7, "Speech")] * 2
    write_events(root / own.splits["development"].annotations, clips)
    summary = audit(own, root)
    assert of(summary, "class_single", "evaluation")["detail"] == "Cat (1 clip)"
    assert of(summary, "class_single", "development")["detail"] == "Dog (1 event), Speech (1 clip)"
    assert of(summary, "class_single", "development")["count"] == 2
    assert ("class_single", "weak") not in found(summary)


def test_f5_weak_clips_that_are_the_unlabeled_ones_too_are_no_copies(root, own):
    """As the documentation proposes for data without unlabeled clips: nothing is to be deleted."""
    weak = own.splits["weak"]
    again = own.splits["unlabeled"].model_copy(
        update={"audio": weak.audio, "annotations": weak.annotations, "clips": 12}
    )
    shared = own.model_copy(update={"splits": {**own.splits, "unlabeled": again}})
    summary = audit(shared, root)
    assert found(summary)["listed_twice", "unlabeled"] == 12
    assert of(summary, "listed_twice", "unlabeled")["level"] == "note"
    assert ("copies", "unlabeled") not in found(summary) and summary["copies"] == []
    folder = root / weak.audio
    (folder / name("weak", 1)).write_bytes((folder / name("weak", 0)).read_bytes())
    told = found(audit(shared, root))
    assert (
        told["copies", "weak"] == 1
        and told["copies", "unlabeled"] + told["listed_twice", "unlabeled"] == 12
    )
