"""PSDS and clip mAP: by hand, against sed_scores_eval's own loop, and against the decoder."""

import hashlib
import json
import pathlib
import subprocess
import sys
import sysconfig
from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import copy_workflow, snakemake

from resed.decode.events import gated, windows_in_frames
from resed.decode.filters import active_frames
from resed.errors import ScoreError
from resed.formats.annotations import Event, write_events, write_tags
from resed.formats.manifest import ManifestRow, write_manifest
from resed.formats.posteriors import Posteriors
from resed.formats.windows import Window, write_windows
from resed.score import class_changes
from resed.score.class_changes import ClassChanges
from resed.score.psds import SCENARIOS, psds, sed_scores_eval
from resed.score.score_files import score_files
from resed.score.threshold_free import (
    Detector,
    frame_scores,
    mean_average_precision,
    median,
    mended,
    threshold_free,
)
from resed.settings import DecodeSettings

LABELS = ["bark", "rain", "bell\\ring"]  # a backslash: sed_scores_eval forbids it in names
OPEN = {"gate": "none", "filter": "none"}


def window(label, seconds):
    return Window(label, 9, 3 * seconds, seconds, "esp", None, None, "")


def made(frames, tags=None, seconds_per_frame=0.5, labels=LABELS, **decoding):
    """A detector of clips c0, c1, ... with windows of 1.5 s, gate and filter off unless told."""
    frames = np.asarray(frames, dtype=np.float32)
    tags = frames.max(axis=1) if tags is None else np.asarray(tags, dtype=np.float32)
    clips = [f"c{row}" for row in range(len(frames))]
    meta = {"seconds_per_frame": seconds_per_frame}
    posteriors = Posteriors(frames, tags, tags, clips, labels[: frames.shape[2]], meta)
    windows = {label: window(label, 1.5) for label in posteriors.classes}
    return Detector(posteriors, windows, DecodeSettings(**OPEN | decoding))


def scored(detector, events, tags=None):
    """threshold_free with events as (clip, onset, offset, label)."""
    reference = {clip: [] for clip in detector.posteriors.clips}
    for clip, onset, offset, label in events:
        reference[clip].append(Event(clip, onset, offset, label))
    true = {clip: {e.event_label for e in found} for clip, found in reference.items()}
    return threshold_free(detector, reference, tags or true, list(reference))


def ten_clips(classes):
    """Frames of ten clips of 36 s: a tenth of an hour, so that one false alarm is 10 an hour."""
    return np.zeros((10, 72, classes))


def test_a_perfect_detector_and_a_silent_one():
    events = [("c0", 2.0, 5.0, "bark"), ("c1", 4.0, 6.5, "bark"), ("c1", 5.0, 9.0, "rain")]
    frames = ten_clips(2)
    for clip, onset, offset, label in events:
        frames[int(clip[1]), int(onset * 2) : int(offset * 2), LABELS.index(label)] = 0.9
    found = scored(made(frames, gate="student"), events)
    assert (found["psds1"], found["psds2"], found["tags_map"]) == (1.0, 1.0, 1.0)
    silent = scored(made(0 * frames, gate="student"), events)
    assert (silent["psds1"], silent["psds2"]) == (0.0, 0.0)
    assert silent["notes"] == {}


def test_psds_by_hand():
    """Half the events at once, then a false alarm, then the other half: 10 * 0.5 + 90 * 1."""
    frames = ten_clips(1)
    frames[0, 4:10], frames[0, 14:16], frames[1, 8:12] = 0.9, 0.7, 0.5
    found = scored(made(frames), [("c0", 2.0, 5.0, "bark"), ("c1", 4.0, 6.0, "bark")])
    assert found["psds1"] == pytest.approx(0.95)
    assert found["psds2"] == pytest.approx(0.95), "no other class, so no cross trigger"


def test_psds_of_two_classes_by_hand():
    """Bark is perfect. Rain, before it is right, is heard where one of the barks is.

    PSDS1: mean minus deviation is 0 while rain has no true positive, up to that one false alarm
    (10 an hour), and 1 from there. PSDS2: the cross trigger adds half of 1 in the 36 s of barks,
    which is 100 an hour: 10 + 0.5 * 100 = 60.
    """
    barks = [(f"c{row}", 10.0, 19.0, "bark") for row in range(4)]
    frames = ten_clips(2)
    frames[:4, 20:38, 0] = 0.9
    frames[0, 20:38, 1], frames[7, 4:10, 1] = 0.8, 0.5
    found = scored(made(frames), [*barks, ("c7", 2.0, 5.0, "rain")])
    assert found["psds1"] == pytest.approx(0.9)
    assert found["psds2"] == pytest.approx(0.4)


def test_scenarios_are_those_of_dcase():
    assert asdict(SCENARIOS["psds1"]) == {
        "dtc_threshold": 0.7, "gtc_threshold": 0.7, "cttc_threshold": None,
        "alpha_ct": 0.0, "alpha_st": 1.0, "max_efpr": 100.0,
    }  # fmt: skip
    assert asdict(SCENARIOS["psds2"]) == {
        "dtc_threshold": 0.1, "gtc_threshold": 0.1, "cttc_threshold": 0.3,
        "alpha_ct": 0.5, "alpha_st": 1.0, "max_efpr": 100.0,
    }  # fmt: skip


def noisy(seed, clips=8, frames=60, classes=3):
    """Smooth random scores around random events, and those events (0.5 s a frame)."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(clips, frames + 9, classes)).cumsum(axis=1)
    scores = scores[:, 9:] - scores[:, :-9]
    events = []
    for clip in range(clips):
        for label in rng.choice(classes, size=rng.integers(0, 3), replace=False):
            onset = rng.uniform(0, 20)
            offset = min(onset + rng.exponential(6) + 0.3, frames / 2)
            scores[clip, int(onset * 2) : int(offset * 2), label] += 3
            events.append((f"c{clip}", onset, offset, LABELS[label]))
    return (1 / (1 + np.exp(-scores / 2))).astype(np.float32), events


@pytest.mark.parametrize("gate", ["none", "student"])
@pytest.mark.parametrize("seed", range(4))
def test_equals_sed_scores_eval_alone(seed, gate):
    """Its own loop over every clip, class and frame, with nothing skipped or joined."""
    frames, events = noisy(seed)
    tags = np.random.default_rng(seed).random((8, 3))
    detector = made(np.round(frames, 2), tags, gate=gate, filter="two_pass")
    scores = frame_scores(detector.posteriors, detector.windows, detector.settings)
    heard = sorted({LABELS.index(label) for *_, label in events})
    truth = {
        f"c{row}": [
            (on, off, str(LABELS.index(label))) for c, on, off, label in events if c == clip
        ]
        for row, clip in enumerate(detector.posteriors.clips)
    }
    module = sed_scores_eval()
    create = module.base_modules.scores.create_score_dataframe
    frame = {
        clip: create(scores[row][:, heard], np.arange(61) * 0.5, [str(column) for column in heard])
        for row, clip in enumerate(truth)
    }
    found = scored(detector, events)
    for name, criteria in SCENARIOS.items():
        alone = module.intersection_based.psds(
            frame, truth, dict.fromkeys(truth, 30.0), **asdict(criteria)
        )[0]
        assert found[name] == pytest.approx(alone, abs=1e-12)


@pytest.mark.parametrize("most", [1, 20, 200])
@pytest.mark.parametrize("seed", range(4))
def test_c9_merged_changes_give_the_same_score(seed, most, monkeypatch):
    """Thresholds beyond 100 false alarms per hour are merged clip by clip, and change nothing."""
    frames, events = noisy(seed)
    detector = made(frames, np.zeros((8, 3)), gate="none")
    expected = scored(detector, events)
    merged = []
    merge = ClassChanges.merge

    def counted(self):
        before = self.size
        merge(self)
        merged.append(before - self.size)

    monkeypatch.setattr(class_changes, "MOST_CHANGES", most)
    monkeypatch.setattr(ClassChanges, "merge", counted)
    found = scored(detector, events)
    assert expected["psds2"] > 0
    for name in SCENARIOS:
        assert found[name] == pytest.approx(expected[name], abs=1e-12)
    assert sum(merged) > 100 and len(merged) > 2


def test_c9_clips_longer_than_their_stated_length_are_no_score():
    """False alarms per hour would be merged too early."""
    scores = [np.zeros((10, 1), np.float32)] * 2
    truth = {"c0": [(0.0, 1.0, "bark")], "c1": []}
    assert psds(scores, truth, ["bark"], 0.5, seconds=10.0)["psds1"] is not None
    with pytest.raises(ValueError, match=r"10\.0 s, not 9\.9 s"):
        psds(scores, truth, ["bark"], 0.5, seconds=9.9)


@pytest.mark.parametrize("seed", range(3))
def test_only_the_order_of_scores_counts(seed):
    frames, events = noisy(seed)
    found, other = (scored(made(values), events) for values in (frames, frames**2 / 2))
    for name in ("psds1", "psds2", "tags_map"):
        assert found[name] == pytest.approx(other[name], abs=1e-12)


def test_d11_psds_without_the_gate_stands_beside():
    """A gate that is closed for a class makes PSDS 0; the frames themselves are right."""
    frames, tags = ten_clips(2), np.full((10, 2), 0.4)
    frames[0, 4:10, 0] = frames[1, 8:12, 1] = 0.9
    events = [("c0", 2.0, 5.0, "bark"), ("c1", 4.0, 6.0, "rain")]
    closed = scored(made(frames, tags, gate="student"), events)
    assert (closed["psds1"], closed["psds2"]) == (0.0, 0.0)
    assert (closed["psds1_ungated"], closed["psds2_ungated"]) == (1.0, 1.0)
    tags[0, 0] = 0.6  # one class is open: mean 1/2 minus deviation 1/2 is still 0
    half = scored(made(frames, tags, gate="student"), events)
    assert (half["psds1"], half["psds1_ungated"]) == (0.0, 1.0)
    assert half["settings"]["gate"] == "student"


@pytest.mark.parametrize("gate", ["student", "soft", "teacher", "none"])
def test_d11_ungated_is_psds_with_the_gate_none(gate):
    frames, events = noisy(3)
    tags = np.random.default_rng(3).random((8, 3))
    found = scored(made(frames, tags, gate=gate, filter="two_pass"), events)
    open_gate = scored(made(frames, tags, gate="none", filter="two_pass"), events)
    for name in SCENARIOS:
        assert found[f"{name}_ungated"] == open_gate[name] == open_gate[f"{name}_ungated"]
        assert found[name] != found[f"{name}_ungated"] or gate == "none"


def test_more_found_scores_more_and_more_false_alarms_less():
    frames = ten_clips(1)
    frames[0, 4:10], frames[1, 8:12], frames[2, 8:12] = 0.9, 0.5, 0.7
    events = [("c0", 2.0, 5.0, "bark"), ("c1", 4.0, 6.0, "bark")]
    middle = scored(made(frames), events)
    better, worse = frames.copy(), frames.copy()
    better[1, 8:12] = 0.8
    worse[3, 8:12] = 0.8
    for name in ("psds1", "psds2"):
        assert scored(made(better), events)[name] > middle[name]
        assert scored(made(worse), events)[name] < middle[name]


@pytest.mark.parametrize("gate", ["student", "teacher", "soft", "none"])
@pytest.mark.parametrize("method", ["two_pass", "one_pass", "opening_closing", "none"])
@pytest.mark.parametrize(("odd", "size"), [("odd", 1), ("fixed", 4), ("fixed", 7)])
def test_scores_pass_through_the_decoded_frames(gate, method, odd, size):
    rng = np.random.default_rng(7)
    detector = made(
        rng.random((6, 23, 3)).round(1), rng.random((6, 3)),
        gate=gate, filter=method, window_frames=odd, fixed_window=size,
    )  # fmt: skip
    posteriors, decoding = detector.posteriors, detector.settings
    scores = frame_scores(posteriors, detector.windows, decoding)
    sizes = windows_in_frames(detector.windows, posteriors, decoding)
    for threshold in (0.05, 0.3, 0.5, 0.75, 1.0):
        active = active_frames(*gated(posteriors, decoding), sizes, threshold, method=method)
        assert np.array_equal(scores >= np.float32(threshold), active)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 1000))
def test_median_by_sorting(frames, size, seed):
    rows = np.random.default_rng(seed).random((3, frames)).astype(np.float32).round(1)
    before = size // 2
    for row, found in zip(rows, median(rows, size), strict=True):
        wide = np.pad(row, (before, size - 1 - before), mode="symmetric")
        expected = [np.sort(wide[at : at + size])[size // 2] for at in range(frames)]
        assert np.array_equal(found, np.float32(expected))


def precision_by_counting(posteriors, true):
    """Average precision: sum of precision times gain in recall, from the highest posterior down."""
    total, recall = 0.0, 0.0
    for threshold in sorted(set(posteriors.tolist()), reverse=True):
        taken = posteriors >= threshold
        now = (taken & true).sum() / true.sum()
        total += (taken & true).sum() / taken.sum() * (now - recall)
        recall = now
    return total


def test_map_by_hand():
    """Bark is ranked right, wrong, right: (1 + 2/3) / 2. Rain: wrong, right: 1/2. Bell: no tag."""
    posteriors = np.array([[0.9, 0.3, 0.1], [0.8, 0.6, 0.2], [0.4, 0.1, 0.9]])
    tags = {"a": ["bark", "rain"], "c": ["bark"]}
    found = mean_average_precision(posteriors, tags, ["a", "b", "c"], LABELS)
    assert found == pytest.approx((5 / 6 + 1 / 2) / 2)
    assert mean_average_precision(posteriors, {}, ["a", "b", "c"], LABELS) is None


@pytest.mark.parametrize("seed", range(5))
def test_map_by_counting_with_ties(seed):
    rng = np.random.default_rng(seed)
    posteriors = rng.random((30, 3)).round(1).astype(np.float32)
    true = rng.random((30, 3)) < 0.3
    clips = [f"c{row}" for row in range(30)]
    tags = {clip: [LABELS[c] for c in np.flatnonzero(true[row])] for row, clip in enumerate(clips)}
    expected = np.mean([precision_by_counting(posteriors[:, c], true[:, c]) for c in range(3)])
    found = mean_average_precision(posteriors, tags, clips, LABELS)
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_reference_is_mended_and_says_so():
    events = [(1, 4), (3, 6), (6, 7), (9, 12), (11, 13)]
    reference = {"a": [Event("a", on, off, "bark") for on, off in events]}
    truth, notes = mended(reference, ["a", "b"], seconds=10.0, slack=0.5)
    assert truth == {"a": [(1, 7, "bark"), (9, 10.0, "bark")], "b": []}
    assert notes == [
        "reference events cut at the end of the clip (10 s): 1",
        "reference events left out because they begin after the end of the clip (10 s): 1",
        "reference events joined with an event of the same class that they overlap or touch: 2",
    ]
    assert mended(reference, ["a"], seconds=12.9, slack=0.5)[1][0].startswith("reference events j")


def test_classes_without_a_reference_are_left_out():
    frames = ten_clips(3)
    frames[0, 4:10, 0], frames[:, :60, 1] = 0.9, 0.95
    found = scored(made(frames), [("c0", 2.0, 5.0, "bark")])
    assert (found["psds1"], found["psds2"], found["tags_map"]) == (1.0, 1.0, 1.0)
    assert found["notes"] == {
        "reference": "classes without a reference event, left out: rain, bell\\ring"
    }
    none = scored(made(frames), [])
    keys = ("psds1", "psds2", "tags_map", "tags_map_teacher")
    assert [none[key] for key in keys] == [None] * 4
    assert [none["notes"][key] for key in keys] == ["no class has a reference"] * 4


def test_only_the_clips_scored_count():
    frames = ten_clips(1)
    frames[0, 4:10], frames[5] = 0.9, 0.95
    event = {"c0": [Event("c0", 2.0, 5.0, "bark")]}
    clips = [f"c{row}" for row in range(5)]
    found = threshold_free(made(frames), event, {"c0": ["bark"]}, clips)
    assert (found["psds1"], found["tags_map"]) == (1.0, 1.0)


def test_what_does_not_fit_is_refused():
    detector = made(ten_clips(2))
    with pytest.raises(
        ScoreError, match=r"clip x is to be scored but is not in the posteriors \(1"
    ):
        threshold_free(detector, {}, {}, ["c0", "x"])
    reference = {"c0": [Event("c0", 0.0, 1.0, "horn")]}
    with pytest.raises(ScoreError, match="class horn of the reference is not a class of"):
        threshold_free(detector, reference, {}, ["c0"])


@pytest.fixture
def files(tmp_path):
    """Reference, estimate, tags, posteriors and windows on disk; the arguments of score_files."""
    frames = ten_clips(1)
    frames[0, 4:10], frames[0, 14:16], frames[1, 8:12] = 0.9, 0.7, 0.5
    detector = made(frames)
    clips = detector.posteriors.clips
    events = {clip: [] for clip in clips}
    events["c0"], events["c1"] = [Event("c0", 2, 5, "bark")], [Event("c1", 4, 6, "bark")]
    write_events(tmp_path / "reference.tsv", events)
    write_tags(tmp_path / "tags.tsv", dict.fromkeys(clips, ()))
    detector.posteriors.save(tmp_path / "p.npz")
    write_windows(tmp_path / "w.tsv", detector.windows.values())
    return tmp_path


def test_metrics_json(files):
    arguments = {
        "reference": files / "reference.tsv",
        "estimated": files / "reference.tsv",
        "out": files / "m.json",
        "clips": files / "tags.tsv",
    }
    before, notes = score_files(**arguments)
    assert "threshold_free" not in before
    assert "sed_scores_eval" not in before["versions"]
    detector = Detector.load(files / "p.npz", files / "w.tsv", json.dumps(OPEN))
    metrics, notes = score_files(**arguments, detector=detector)
    assert metrics == json.loads((files / "m.json").read_text())
    block, _ = metrics.pop("threshold_free"), metrics.pop("ranking")
    assert metrics["versions"].pop("sed_scores_eval") == "0.0.4"
    assert metrics == before, "all else stays as it was"
    assert block["psds1"] == pytest.approx(0.95)
    assert block["settings"]["psds1"] == asdict(SCENARIOS["psds1"])
    assert block["settings"]["gate"] == "none"
    assert block["settings"]["seconds_per_clip"] == 36.0
    assert notes == []


def test_the_command(files, capsys, monkeypatch):
    from resed.cli import main

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["resed", "score", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0, *capsys.readouterr()

    words = ["--reference", files / "reference.tsv", "--estimated", files / "reference.tsv"]
    words += ["--out", files / "m.json", "--posteriors", files / "p.npz"]
    code, out, _ = run(*words)
    assert code == 0 and "psds" not in out, "without windows: mAP and mAUC only"
    code, out, _ = run(*words, "--windows", files / "w.tsv", "--settings", json.dumps(OPEN))
    assert code == 0
    values = "psds1 95.0, psds2 95.0, psds1_ungated 95.0, psds2_ungated 95.0, tags_map 100.0"
    assert f"without a threshold, in percent: {values}" in out
    (files / "more.tsv").write_text("filename\nc0\nc1\nstray\n")
    more = ["--windows", files / "w.tsv", "--clips", files / "more.tsv"]
    write_events(files / "reference.tsv", {"c0": [], "c1": []})
    code, _, error = run(*words, *more)
    cause = f"clip stray is to be scored but is not in {files / 'p.npz'} (1 such)"
    assert (code, error.count("\n")) == (1, 1)
    assert cause in error


def test_the_pathlib_of_the_library_hides_nothing():
    """sed_scores_eval asks for a backport from PyPI; the standard library's must win."""
    assert pathlib.Path(pathlib.__file__).parent == pathlib.Path(sysconfig.get_path("stdlib"))


def test_silence_everywhere_has_no_curve():
    truth = {"a": [(1.0, 2.0, "bark")], "b": [(1.0, 2.0, "rain")]}
    scores = np.full((2, 20, 2), -np.inf, dtype=np.float32)
    assert psds(scores, truth, LABELS[:2], 0.5) == {"psds1": 0.0, "psds2": 0.0}


def test_the_workflow_asks_for_it_once_a_system(tmp_path):
    folder = copy_workflow(tmp_path)
    overlay = {"systems": ["pts_tfd_afl", "pts_tfd_afl_esp"]}
    target = "results/demo/score/evaluation/pts_tfd_afl_esp/seed0/metrics.json"
    done = snakemake(folder, "--dry-run", "--printshellcmds", target, overlay=overlay)
    assert done.returncode == 0, done.stdout[-2000:]
    (job,) = [line for line in done.stdout.splitlines() if "resed score" in line]
    posteriors = "--posteriors evaluation=results/demo/predict/evaluation/pts_tfd_afl/seed0.npz"
    assert f"{posteriors} --windows results/demo/calibrate/windows_esp.tsv --settings '{{" in job
    assert "--row pts_tfd_afl_esp --row pts_tfd_afl_esp@development_threshold" in job


def test_b5_posteriors_of_another_manifest_are_refused(files):
    arguments = [files / "reference.tsv", files / "reference.tsv", files / "m.json"]
    rows = [ManifestRow("evaluation", "c0", "0" * 64, 44100, 1, 36.0, "ok", "")]
    write_manifest(files / "manifest.tsv", rows)
    audited = hashlib.sha256((files / "manifest.tsv").read_bytes()).hexdigest()
    found = Detector.load(files / "p.npz", files / "w.tsv", json.dumps(OPEN))
    for made, whole in (("f" * 64, False), (audited, True), (None, True)):
        posteriors = replace(
            found.posteriors, meta={**found.posteriors.meta, "manifest_sha256": made}
        )
        detector = replace(found, posteriors=posteriors)
        if whole:
            assert score_files(*arguments, manifest=files / "manifest.tsv", detector=detector)
        else:
            with pytest.raises(ScoreError, match=r"p\.npz: computed on the clips of another mani"):
                score_files(*arguments, manifest=files / "manifest.tsv", detector=detector)
            assert not (files / "m.json").exists()


def test_a_lost_head_ranks_clips_and_gates_frames():
    """Both clip mAP and the gate take the tags of the lost head, in the order of the clips."""
    frames = np.zeros((3, 72, 2), np.float32)
    frames[0, 4:10, 0] = frames[1, 4:10, 0] = frames[2, 8:12, 1] = 0.9
    kept = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], np.float32)
    lost = np.array([[0.1, 0.9], [0.9, 0.2], [0.8, 0.1]], np.float32)
    detector = made(frames, kept, gate="student")
    whole = Detector(
        replace(detector.posteriors, lost_head_tags=lost[:, None], teacher_tags=lost[::-1]),
        detector.windows,
        DecodeSettings(**{**OPEN, "gate": "student", "attention_head": "lost", "lost_heads": 1}),
    )
    reference = {
        "c2": [Event("c2", 4.0, 6.0, "rain")],
        "c0": [Event("c0", 2.0, 5.0, "bark")],
        "c1": [Event("c1", 2.0, 5.0, "bark")],
    }
    tags = {clip: {event.event_label for event in events} for clip, events in reference.items()}
    found = threshold_free(whole, reference, tags, list(reference))
    true = np.array([[0, 1], [1, 0], [1, 0]], bool)  # c2, c0, c1
    for key, scores in (("tags_map", lost[[2, 0, 1]]), ("tags_map_teacher", lost[::-1][[2, 0, 1]])):
        expected = np.mean([precision_by_counting(scores[:, c], true[:, c]) for c in range(2)])
        assert found[key] == pytest.approx(expected)
    shut = frame_scores(whole.posteriors, whole.windows, whole.settings)
    assert np.array_equal(np.isneginf(shut).all(axis=1), lost < 0.5)
    assert np.array_equal(shut[1, :, 0], frames[1, :, 0])
    assert whole.on(["c2", "c0"]).lost_head_tags[:, 0].tolist() == lost[[2, 0]].tolist()
    assert whole.on(["c2", "c0"]).clips == ["c2", "c0"]


def test_settings_and_notes_of_the_block():
    events = [("c0", 2.0, 5.0, "bark"), ("c0", 4.0, 7.0, "bark"), ("c1", 30.0, 99.0, "bark")]
    frames = ten_clips(2)
    frames[0, 4:14, 0] = 0.9
    found = scored(made(frames), events)
    decoding = DecodeSettings(**OPEN).model_dump(mode="json")
    unused = ("frame_threshold", "class_threshold_events", "tags", "search", "filter_edges")
    for key in unused:
        del decoding[key]
    assert found["settings"] == {
        "psds1": asdict(SCENARIOS["psds1"]),
        "psds2": asdict(SCENARIOS["psds2"]),
        "seconds_per_clip": 36.0,
        **decoding,
    }
    assert found["notes"] == {
        "reference": "reference events cut at the end of the clip (36 s): 1; "
        "reference events joined with an event of the same class that they overlap or touch: 1; "
        "classes without a reference event, left out: rain"
    }


def test_tags_of_other_classes_are_refused_too():
    detector = made(ten_clips(2))
    with pytest.raises(ScoreError, match="class horn of the reference"):
        threshold_free(detector, {}, {"c0": ["horn"]}, ["c0"])
    threshold_free(detector, {"c9": [Event("c9", 0, 1, "horn")]}, {"c8": ["horn"]}, ["c0"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gate_is_minus_infinity_in_float32(dtype):
    detector = made(np.full((2, 9, 2), 0.7, dtype), [[0.4, 0.5], [0.6, 0.2]], gate="student")
    scores = frame_scores(detector.posteriors, detector.windows, detector.settings)
    assert scores.dtype == np.float32
    assert np.isneginf(scores[0, :, 0]).all() and np.isneginf(scores[1, :, 1]).all()
    assert (scores[0, :, 1] == np.float32(0.7)).all() and (scores[1, :, 0] == np.float32(0.7)).all()


def test_mended_keeps_classes_apart_and_the_longer_end():
    events = [(1, 8, "bark"), (2, 3, "bark"), (2.5, 4, "rain"), (8, 9, "bark"), (5, 6, "rain")]
    reference = {"a": [Event("a", on, off, label) for on, off, label in events]}
    truth, notes = mended(reference, ["a"], seconds=9.0, slack=0.1)
    assert truth == {"a": [(1, 9.0, "bark"), (2.5, 4, "rain"), (5, 6, "rain")]}
    assert len(notes) == 1 and notes[0].endswith(": 2")
    at_end = {"a": [Event("a", 9.0, 9.5, "bark"), Event("a", 8.0, 9.1, "bark")]}
    truth, notes = mended(at_end, ["a"], seconds=9.0, slack=0.1)
    assert truth == {"a": [(8.0, 9.0, "bark")]}, "what begins at the end is not in the clip"
    assert [note.rpartition(": ")[2] for note in notes] == ["1"]


@pytest.mark.parametrize("seed", range(3))
def test_psds_of_any_labels_and_one_class_equals_the_library(seed):
    """Labels that the library forbids; and one class, which it cannot take with cross triggers."""
    frames, events = noisy(seed)
    frames = frames[:, :, :1]
    truth = {f"c{row}": [] for row in range(len(frames))}
    for clip, onset, offset, label in events:
        if label == LABELS[0]:
            truth[clip].append((onset, offset, "none\\of\\it"))
    found = psds(frames, truth, ["none\\of\\it"], 0.5)
    module = sed_scores_eval()
    create = module.base_modules.scores.create_score_dataframe
    stamps = np.arange(61) * 0.5
    frame = {f"c{row}": create(frames[row], stamps, ["x"]) for row in range(len(frames))}
    plain = {clip: [(on, off, "x") for on, off, _ in rows] for clip, rows in truth.items()}
    for name, (dtc, gtc) in {"psds1": (0.7, 0.7), "psds2": (0.1, 0.1)}.items():
        alone = module.intersection_based.psds(
            frame, plain, dict.fromkeys(plain, 30.0), dtc_threshold=dtc, gtc_threshold=gtc,
            cttc_threshold=None, alpha_ct=0.0, alpha_st=1.0, max_efpr=100.0,
        )[0]  # fmt: skip
        assert found[name] == pytest.approx(alone, abs=1e-12)


def test_a_detection_that_counts_as_nothing():
    """Inside an event, but on less than its share: neither a hit nor a false alarm."""
    scores = np.full((1, 40, 1), -np.inf, dtype=np.float32)
    scores[0, 10:12] = 0.9
    truth = {"a": [(0.0, 20.0, "bark")]}
    assert psds(scores, truth, ["bark"], 0.5) == {"psds1": 0.0, "psds2": 0.0}
    scores[0, 10:12, 0], scores[0, 2:38, 0] = 0.9, 0.8
    assert psds(scores, truth, ["bark"], 0.5) == {"psds1": 1.0, "psds2": 1.0}


def test_decode_settings_are_those_of_the_command_unless_given(files):
    detector = Detector.load(files / "p.npz", files / "w.tsv")
    assert detector.settings == DecodeSettings()
    assert detector.source == str(files / "p.npz")
    with pytest.raises(FrozenInstanceError):
        detector.source = "another"


def test_notes_of_the_block_are_printed(files):
    write_events(files / "reference.tsv", {f"c{n}": [] for n in range(10)})
    detector = Detector.load(files / "p.npz", files / "w.tsv", json.dumps(OPEN))
    metrics, notes = score_files(
        files / "reference.tsv", files / "reference.tsv", files / "m.json", detector=detector
    )
    block = metrics["threshold_free"]["notes"]
    shown = [note for note in notes if note.startswith("threshold-free, ")]
    assert shown == [f"threshold-free, {key}: {text}" for key, text in block.items()]
    (other,) = {*notes} - {*shown}
    assert other.startswith("mAP and mAUC, classes that no clip has, left out: ")
    ungated = {"psds1_ungated", "psds2_ungated"}
    assert set(block) == {"psds1", "psds2", "tags_map", "tags_map_teacher", "reference"} | ungated


def test_the_library_is_imported_without_its_warnings():
    code = "import warnings; warnings.simplefilter('error'); import resed.score.psds as p; "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(p.sed_scores_eval().__name__)"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "sed_scores_eval", done.stderr[-500:]
    with pytest.raises(FrozenInstanceError):
        SCENARIOS["psds1"].alpha_st = 0.0


def test_posteriors_follow_the_clips_that_are_scored():
    detector = made(np.random.default_rng(3).random((3, 6, 2)))
    chosen = detector.on(["c2", "c0"])
    np.testing.assert_array_equal(chosen.frames, detector.posteriors.frames[[2, 0]])
    np.testing.assert_array_equal(chosen.tags, detector.posteriors.tags[[2, 0]])
