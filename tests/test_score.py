"""resed.score.f1 against sed_eval called by hand, and the properties any F1 must have."""

import hashlib
import json
import math
import random
import subprocess
import sys
import time
import warnings
from dataclasses import FrozenInstanceError
from importlib.metadata import version

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import resed
from resed.cli import app
from resed.errors import ScoreError
from resed.formats.annotations import Event, read_events, tags_of, write_events, write_tags
from resed.formats.manifest import ManifestRow, write_manifest
from resed.formats.metrics import FORMAT
from resed.formats.store import create
from resed.results.layout import Layout
from resed.score.f1 import Rules, clips_to_score, event_counts, segment_counts, tag_counts
from resed.score.score_files import score_files
from resed.settings import FeatureSettings

LABELS = ("Speech", "Dog", "Running_water")


def by_hand(reference, estimated, clips, *, segment, collar=0.2, fraction=0.2, length=1.0):
    """F1 by sed_eval, called directly: union of the labels, file by file, NaN counted as 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sed_eval

    labels = sorted(
        {e.event_label for side in (reference, estimated) for c in side for e in side[c]}
    )
    if segment:
        metric = sed_eval.sound_event.SegmentBasedMetrics(labels, time_resolution=length)
    else:
        metric = sed_eval.sound_event.EventBasedMetrics(
            labels,
            t_collar=collar,
            percentage_of_length=fraction,
            empty_system_output_handling="zero_score",
        )
    for clip in clips:
        sides = [
            [
                {
                    "filename": clip,
                    "onset": e.onset,
                    "offset": e.offset,
                    "event_label": e.event_label,
                }
                for e in side.get(clip, [])
            ]
            or [{"filename": clip}]
            for side in (reference, estimated)
        ]
        metric.evaluate(*sides)
    classes = {k: v["f_measure"] for k, v in metric.results_class_wise_metrics().items()}
    overall = metric.results_overall_metrics()["f_measure"]["f_measure"]
    return {
        "macro_f1": float(
            np.mean([np.nan_to_num(v["f_measure"]) for v in classes.values()] or [0])
        ),
        "micro_f1": float(np.nan_to_num(overall)),
        "classes": {
            k: {
                "f1": np.nan_to_num(v["f_measure"]),
                "precision": np.nan_to_num(v["precision"]),
                "recall": np.nan_to_num(v["recall"]),
            }
            for k, v in classes.items()
        },
    }


def assert_equal(ours, theirs):
    assert ours["macro_f1"] == pytest.approx(theirs["macro_f1"], abs=1e-9)
    assert ours["micro_f1"] == pytest.approx(theirs["micro_f1"], abs=1e-9)
    assert set(ours["classes"]) == set(theirs["classes"])
    for label, entry in theirs["classes"].items():
        for key, value in entry.items():
            assert ours["classes"][label][key] == pytest.approx(value, abs=1e-9), (label, key)


def random_event(generator, clip, labels):
    """Anywhere from 0 s, also past the clip's end at 10 s; times on coarse and on fine grids."""
    onset = round(generator.uniform(0, 11), generator.choice([1, 3, 9]))
    length = generator.choice([0.05, 0.25, 1.0, 2.0, generator.uniform(0.01, 9)])
    return Event(clip, onset, onset + length, generator.choice(labels))


def shifted(generator, event, labels):
    """A detection near `event`: on, inside and outside the collars, now and then mislabelled."""
    onset = max(0.0, event.onset + generator.choice([0, 0.1, 0.2, -0.2, 0.21, 0.5]))
    offset = event.offset + generator.choice([0, 0.2, -0.2, 0.4, 1.0, 0.9])
    label = event.event_label if generator.random() < 0.8 else generator.choice(labels)
    return [Event(event.filename, onset, offset, label)] if offset > onset else []


def random_case(generator):
    """A few clips, some without events; detections are shifted events and inventions."""
    kind = generator.choice(["plain", "plain", "plain", "empty", "elsewhere", "perfect"])
    true_labels = generator.sample(LABELS, generator.randint(1, 3))
    labels = generator.sample(LABELS, generator.randint(1, 3))  # so classes lack on either side
    reference, estimated = {}, {}
    for clip in [f"{i}.wav" for i in range(generator.randint(1, 4))]:
        number = generator.choice([0, 1, 2, 3, 4])
        true = reference[clip] = [random_event(generator, clip, true_labels) for _ in range(number)]
        found = [e for event in true for e in shifted(generator, event, labels)]
        found = [event for event in found if generator.random() < 0.8]
        number = generator.choice([0, 0, 1, 3])
        estimated[clip] = found + [random_event(generator, clip, labels) for _ in range(number)]
    if kind == "empty":
        estimated = generator.choice([{}, {clip: [] for clip in reference}])
    if kind == "elsewhere":  # detections in a clip that the reference does not name
        estimated = {"other.wav": [random_event(generator, "other.wav", labels)]}
    return reference, reference if kind == "perfect" else estimated


@pytest.mark.parametrize("block", range(4))
def test_equals_sed_eval_by_hand_on_random_cases(block):
    generator = random.Random(block)
    for _ in range(250):
        reference, estimated = random_case(generator)
        clips = clips_to_score(reference, estimated)
        events = event_counts(reference, estimated, clips).summary()
        segments = segment_counts(reference, estimated, clips).summary()
        assert_equal(events, by_hand(reference, estimated, clips, segment=False))
        assert_equal(segments, by_hand(reference, estimated, clips, segment=True))


def test_offset_collar_is_the_larger_of_200_ms_and_a_fifth_of_the_event():
    reference = {"a": [Event("a", 1.0, 6.0, "Dog")]}
    for offset, hits in ((6.999, 1), (7.01, 0)):  # a fifth of 5 s
        estimated = {"a": [Event("a", 1.1, offset, "Dog")]}
        assert event_counts(reference, estimated, ["a"]).values.tolist() == [
            [[hits, 1 - hits, 1 - hits]]
        ]
    reference = {"a": [Event("a", 1.0, 1.3, "Dog")]}
    for offset, hits in ((1.49, 1), (1.51, 0)):
        estimated = {"a": [Event("a", 1.0, offset, "Dog")]}
        assert event_counts(reference, estimated, ["a"]).values[0, 0, 0] == hits


def test_segments_counted_by_hand():
    reference = {"a": [Event("a", 0.5, 2.5, "Dog")], "b": []}  # segments 0, 1, 2
    estimated = {"a": [Event("a", 2.0, 4.0, "Dog")], "b": [Event("b", 0.0, 0.1, "Cat")]}
    counts = segment_counts(reference, estimated, ["a", "b"])
    assert counts.classes == ("Cat", "Dog")
    assert counts.values.tolist() == [[[0, 0, 0], [1, 1, 2]], [[0, 1, 0], [0, 0, 0]]]
    assert counts.summary()["classes"]["Dog"]["f1"] == pytest.approx(2 / 5)


def test_perfect_is_one_and_nothing_is_zero_never_nan():
    reference, _ = random_case(random.Random(7))
    clips = tuple(reference)
    assert any(reference.values())
    for count in (event_counts, segment_counts):
        summary = count(reference, reference, clips).summary()
        assert summary["macro_f1"] == summary["micro_f1"] == 1.0
        assert all(entry["f1"] == 1.0 for entry in summary["classes"].values())
        nothing = count(reference, {}, clips).summary()
        assert nothing["macro_f1"] == nothing["micro_f1"] == 0.0
        assert all(value == value for e in nothing["classes"].values() for value in e.values())
    tags = tags_of(reference)
    assert tag_counts(tags, tags, clips).summary()["macro_f1"] == 1.0
    assert tag_counts(tags, {}, clips).summary()["macro_f1"] == 0.0
    assert event_counts({}, {}, ("a",)).summary() == {
        "macro_f1": 0.0,
        "micro_f1": 0.0,
        "classes": {},
    }


def test_labels_that_sed_eval_would_mangle():
    events = {"a": [Event("a", 0.0, 1.0, "none"), Event("a", 2.0, 3.0, "None")]}
    assert event_counts(events, events, ["a"]).summary()["macro_f1"] == 1.0
    assert segment_counts(events, events, ["a"]).summary()["macro_f1"] == 1.0


def test_tags_by_hand():
    true = {"a": ("Dog",), "b": ("Dog", "Cat"), "c": ()}
    guess = {"a": ("Dog",), "b": ("Cat",), "c": ("Cat", "Speech")}
    summary = tag_counts(true, guess, ["a", "b", "c"]).summary()
    assert summary["classes"]["Dog"]["f1"] == pytest.approx(2 / 3)  # 1 hit, 1 miss
    assert summary["classes"]["Cat"]["f1"] == pytest.approx(2 / 3)  # 1 hit, 1 false
    assert summary["classes"]["Speech"]["f1"] == 0.0
    assert summary["macro_f1"] == pytest.approx(4 / 9)
    assert summary["micro_f1"] == pytest.approx(4 / 7)


times = st.tuples(st.integers(0, 90), st.integers(1, 40), st.sampled_from(LABELS))
clip_lists = st.lists(st.lists(times, max_size=4), min_size=1, max_size=3)


def events_from(lists):
    return {
        f"{i}.wav": [Event(f"{i}.wav", a / 10, (a + d) / 10, label) for a, d, label in clip]
        for i, clip in enumerate(lists)
    }


@settings(max_examples=40, deadline=None)
@given(clip_lists, clip_lists, st.randoms(use_true_random=False))
def test_order_of_clips_and_events_does_not_matter(true, guess, generator):
    reference, estimated = events_from(true), events_from(guess)
    clips = list(clips_to_score(reference, estimated))
    before = [
        count(reference, estimated, clips).summary() for count in (event_counts, segment_counts)
    ]
    generator.shuffle(clips)
    for side in (reference, estimated):
        for events in side.values():
            generator.shuffle(events)
    after = [
        count(reference, estimated, clips).summary() for count in (event_counts, segment_counts)
    ]
    assert before == after


@settings(max_examples=40, deadline=None)
@given(clip_lists, clip_lists, st.sampled_from((*LABELS, "Cat")))
def test_a_false_positive_never_raises_f1(true, guess, label):
    reference, estimated = events_from(true), events_from(guess)
    clips = clips_to_score(reference, estimated)
    worse = {
        **estimated,
        clips[0]: [*estimated.get(clips[0], []), Event(clips[0], 50.0, 51.0, label)],
    }
    for count in (event_counts, segment_counts):
        before = count(reference, estimated, clips).summary()
        after = count(reference, worse, clips).summary()
        assert after["macro_f1"] <= before["macro_f1"]
        assert after["micro_f1"] <= before["micro_f1"]


@settings(max_examples=40, deadline=None)
@given(clip_lists, clip_lists, st.floats(0.05, 1.0), st.floats(0.0, 2.0))
def test_a_wider_collar_never_lowers_f1(true, guess, collar, more):
    reference, estimated = events_from(true), events_from(guess)
    clips = clips_to_score(reference, estimated)
    narrow = event_counts(reference, estimated, clips, Rules(collar=collar)).summary()
    wide = event_counts(reference, estimated, clips, Rules(collar=collar + more)).summary()
    assert wide["macro_f1"] >= narrow["macro_f1"]
    assert wide["micro_f1"] >= narrow["micro_f1"]


def test_a_clip_estimated_but_not_listed_is_refused():
    with pytest.raises(ScoreError, match=r"b\.wav was estimated but is not among the clips"):
        clips_to_score(["a.wav"], ["a.wav", "b.wav"], ["a.wav"])
    with pytest.raises(ScoreError, match="no clip to score"):
        clips_to_score([], [])


def test_files_in_metrics_out(tmp_path):
    reference = {"a.wav": [Event("a.wav", 0.0, 1.0, "Dog")], "b.wav": []}
    estimated = {"a.wav": [], "c.wav": [Event("c.wav", 0.0, 1.0, "Dog")]}
    write_events(tmp_path / "ref.tsv", reference)
    write_events(tmp_path / "est.tsv", estimated)
    write_tags(tmp_path / "tags.tsv", {"a.wav": ("Dog",)})
    metrics, notes = score_files(
        tmp_path / "ref.tsv",
        tmp_path / "est.tsv",
        tmp_path / "m.json",
        tags={"tags": tmp_path / "tags.tsv", "tags_raw": None},
        counts=tmp_path / "counts.tsv",
        manifest=manifest_of(tmp_path / "manifest.tsv", "a.wav"),
    )
    assert json.loads((tmp_path / "m.json").read_text()) == metrics
    assert metrics["clips"] == 3  # c.wav counts as a clip without events
    assert metrics["event"]["classes"]["Dog"] == {
        "f1": 0.0,
        "precision": 0.0,
        "recall": 0.0,
        "tp": 0,
        "fp": 1,
        "fn": 1,
    }
    assert metrics["tags"]["macro_f1"] == 1.0
    assert "tags_raw" not in metrics
    assert len(metrics["manifest_sha256"]) == 64
    assert any("clip c.wav is not in " in note for note in notes)
    assert (tmp_path / "counts.tsv").read_text().splitlines() == [
        "clip\tmetric\tclass\ttp\tfp\tfn",
        "a.wav\tevent\tDog\t0\t0\t1",
        "c.wav\tevent\tDog\t0\t1\t0",
        "a.wav\tsegment\tDog\t0\t0\t1",
        "c.wav\tsegment\tDog\t0\t1\t0",
        "a.wav\ttags\tDog\t1\t0\t0",
    ]


def test_counts_add_up_to_the_metrics(tmp_path):
    reference, estimated = random_case(random.Random(11))
    clips = clips_to_score(reference, estimated)
    counts = event_counts(reference, estimated, clips)
    entries = counts.summary()["classes"].values()
    assert counts.values.sum(axis=(0, 1)).tolist() == [
        sum(entry[key] for entry in entries) for key in ("tp", "fp", "fn")
    ]


def test_command_line_refuses_in_one_line(tmp_path):
    (tmp_path / "ref.tsv").write_text("filename|onset|offset|event_label\na.wav|0|1|Dog\n")
    command = [sys.executable, "-c", "from resed.cli import main; main()", "score"]
    files = ["--reference", tmp_path / "ref.tsv", "--estimated", tmp_path / "ref.tsv"]
    done = subprocess.run(
        [*command, *files, "--out", tmp_path / "m.json"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ref.tsv line 1" in done.stderr
    assert not (tmp_path / "m.json").exists()


def test_real_validation_set_scores_quickly_and_perfectly(shared):
    path = shared / "data" / "dcase2019" / "metadata" / "validation" / "validation.tsv"
    events = read_events(path)
    clips = clips_to_score(events, events)
    event_counts({}, {}, ("a",))  # the import is not what is timed
    start = time.perf_counter()
    summaries = [count(events, events, clips).summary() for count in (event_counts, segment_counts)]
    assert time.perf_counter() - start < 15  # two seconds on an idle machine
    assert [summary["macro_f1"] for summary in summaries] == [1.0, 1.0]
    assert len(clips) == 1168
    assert not any(math.isnan(e["f1"]) for s in summaries for e in s["classes"].values())


# ---- options of the command by value -------------------------------------------------------


@pytest.fixture
def sides(tmp_path):
    """Files of one scoring: two clips with events, and a third that only the true tags name."""
    reference = {
        "a.wav": [Event("a.wav", 0.0, 1.0, "Dog")],
        "b.wav": [Event("b.wav", 0.0, 1.0, "Cat"), Event("b.wav", 2.0, 3.0, "Dog")],
    }
    estimated = {"a.wav": [Event("a.wav", 0.0, 1.0, "Dog")], "b.wav": []}
    write_events(tmp_path / "ref.tsv", reference)
    write_events(tmp_path / "est.tsv", estimated)
    true = {"a.wav": ("Cat",), "b.wav": ("Cat", "Dog"), "c.wav": ("Dog",)}
    write_tags(tmp_path / "true_tags.tsv", true)
    write_tags(tmp_path / "tags.tsv", {"a.wav": ("Cat",), "b.wav": ("Dog",)})
    return tmp_path


def manifest_of(path, *clips):
    """A manifest in which each clip lasts 10 s."""
    rows = [ManifestRow("evaluation", clip, "0" * 64, 44100, 1, 10.0, "ok", "") for clip in clips]
    write_manifest(path, rows)
    return path


def tag_block(folder, **files):
    named = {"reference": "ref.tsv", "estimated": "est.tsv", **files}
    options = []
    for key, name in named.items():
        options += [f"--{key.replace('_', '-')}", str(folder / name)]
    done = CliRunner().invoke(app, ["score", *options, "--out", str(folder / "m.json")])
    assert done.exit_code == 0, done.output
    return json.loads((folder / "m.json").read_text())


def counts_of(block):
    return {k: (v["tp"], v["fp"], v["fn"]) for k, v in block["classes"].items()}


def test_without_tags_there_is_no_block_of_tags(sides):
    metrics = tag_block(sides)
    assert not {"tags", "tags_raw", "tags_teacher"} & set(metrics)
    assert metrics["clips"] == 2


def test_true_tags_come_from_the_events_unless_they_are_given(sides):
    """Estimated: a Cat, b Dog. Events say a Dog, b Cat and Dog; true tags a Cat, b both, c Dog."""
    from_events = tag_block(sides, estimated_tags="tags.tsv")
    assert counts_of(from_events["tags"]) == {"Cat": (0, 1, 1), "Dog": (1, 0, 1)}
    assert from_events["clips"] == 2
    given_tags = tag_block(sides, estimated_tags="tags.tsv", reference_tags="true_tags.tsv")
    assert counts_of(given_tags["tags"]) == {"Cat": (1, 0, 1), "Dog": (1, 0, 1)}
    assert given_tags["clips"] == 3, "c.wav is named by the true tags alone"


def test_estimated_tags_come_from_the_events_where_only_true_tags_are_given(sides):
    """Detected: a Dog, nothing else."""
    metrics = tag_block(sides, reference_tags="true_tags.tsv")
    assert counts_of(metrics["tags"]) == {"Cat": (0, 0, 2), "Dog": (0, 1, 2)}
    assert metrics["clips"] == 3


def test_raw_and_teacher_tags_are_blocks_of_their_own(sides):
    write_tags(sides / "raw.tsv", {"a.wav": ("Dog",), "b.wav": ()})
    write_tags(sides / "teacher.tsv", {"a.wav": (), "b.wav": ("Cat",)})
    metrics = tag_block(sides, raw_tags="raw.tsv", teacher_tags="teacher.tsv")
    assert counts_of(metrics["tags_raw"]) == {"Cat": (0, 0, 1), "Dog": (1, 0, 1)}
    assert counts_of(metrics["tags_teacher"]) == {"Cat": (1, 0, 0), "Dog": (0, 0, 2)}
    assert "tags" not in metrics


def test_only_the_clips_given_count(sides):
    """Also those without any event; a clip that the reference lacks is named once."""
    (sides / "clips.tsv").write_text("filename\na.wav\nb.wav\nz.wav\n")
    metrics, notes = score_files(
        sides / "ref.tsv", sides / "est.tsv", sides / "m.json", clips=sides / "clips.tsv"
    )
    assert metrics["clips"] == 3
    (note,) = [note for note in notes if note.startswith("clip z.wav is not in ")]
    assert "(1 such)" in note
    (sides / "clips.tsv").write_text("filename\nb.wav\na.wav\n")
    notes = score_files(
        sides / "ref.tsv", sides / "est.tsv", sides / "m.json", clips=sides / "clips.tsv"
    )[1]
    assert [note.partition(":")[2] for note in notes] == [" Cat"], "the class that is not detected"
    (sides / "clips.tsv").write_text("filename\nb.wav\n")
    with pytest.raises(ScoreError, match=r"a\.wav was estimated"):
        score_files(
            sides / "ref.tsv", sides / "est.tsv", sides / "m.json", clips=sides / "clips.tsv"
        )


def test_metrics_say_by_which_rules(sides):
    metrics = tag_block(sides)
    assert metrics["settings"] == {
        "onset_collar_s": 0.2,
        "offset_collar_s": 0.2,
        "offset_fraction": 0.2,
        "segment_s": 1.0,
        "event_matching": "optimal",
    }
    assert metrics["versions"] == {"resed": resed.__version__, "sed_eval": version("sed_eval")}
    assert metrics["manifest_sha256"] is None
    assert metrics["format"] == FORMAT
    manifest = manifest_of(sides / "manifest.tsv", "a.wav")
    with_manifest = tag_block(sides, manifest="manifest.tsv")
    expected = hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert with_manifest["manifest_sha256"] == expected
    with pytest.raises(FrozenInstanceError):
        Rules().collar = 1.0


def store_of(path, manifest_sha256, clips=("a.wav", "b.wav")):
    made = FeatureSettings(frames=60, n_mels=8)
    with create(path, list(clips), made, "evaluation", manifest_sha256) as writer:
        for row in range(len(clips)):
            writer.write(row, np.zeros((60, 8), np.float32))
    return path


def scored_rows(folder, rows, **stores):
    """Score rows of one result folder as the workflow does."""
    references = [f"{split}={folder / 'ref.tsv'}" for split in stores]
    words = ["score", "--results", folder, "--manifest", folder / "manifest.tsv"]
    words += [word for row in rows for word in ("--row", row)]
    words += [word for reference in references for word in ("--reference", reference)]
    words += [word for item in stores.items() for word in ("--store", "=".join(map(str, item)))]
    done = CliRunner().invoke(app, [*map(str, words)])
    return done.exit_code, str(done.exception)


@pytest.mark.parametrize("row", ["pts", "pts@development_threshold", "sanity_prior"])
def test_b5_rows_whose_features_are_of_another_manifest_are_refused(sides, row):
    """After a changed manifest that re-extracted nothing: one line per row, and no metrics."""
    manifest = manifest_of(sides / "manifest.tsv", "a.wav", "b.wav")
    audited = hashlib.sha256(manifest.read_bytes()).hexdigest()
    metrics = {}
    for split in ("development", "evaluation"):
        decoded = Layout(sides).decoded(split, row, 0)
        metrics[split] = Layout(sides).scored(split, row, 0) / "metrics.json"
        write_events(decoded / "events.tsv", {"a.wav": []})
        for name in ("tags", "raw_tags", "teacher_tags"):
            write_tags(decoded / f"{name}.tsv", {"a.wav": (), "b.wav": ()})
    same, other = store_of(sides / "same", audited), store_of(sides / "other", "f" * 64)
    for split in metrics:
        stores = dict.fromkeys(metrics, same) | {split: other}
        code, said = scored_rows(sides, [row], **stores)
        assert (code, said) == (
            1,
            f"{other}: computed on the clips of another manifest than {manifest}; in a run: "
            "snakemake --forcerun extract; otherwise omit --manifest",
        )
        assert not metrics[split].exists()
    assert scored_rows(sides, [row], development=same, evaluation=same)[0] == 0
    for path in metrics.values():
        assert json.loads(path.read_text())["manifest_sha256"] == audited
    assert scored_rows(sides, [row], development=same, evaluation=store_of(sides / "s", ""))[0] == 0


def test_b5_a_store_is_compared_in_single_files_too(sides):
    manifest_of(sides / "manifest.tsv", "a.wav")
    store_of(sides / "other", "f" * 64)
    words = ["score", "--reference", sides / "ref.tsv", "--estimated", sides / "est.tsv"]
    words += ["--out", sides / "m.json", "--store", sides / "other"]
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 2 and "--manifest" in done.output, "a store alone compares nothing"
    done = CliRunner().invoke(app, [*map(str, [*words, "--manifest", sides / "manifest.tsv"])])
    assert done.exit_code == 1 and "another manifest" in str(done.exception)
    assert not (sides / "m.json").exists()


@pytest.mark.parametrize("block", range(3))
def test_other_rules_equal_sed_eval_by_hand(block):
    generator = random.Random(100 + block)
    for _ in range(40):
        reference, estimated = random_case(generator)
        clips = clips_to_score(reference, estimated)
        rules = Rules(collar=0.5, offset_fraction=0.1, segment=0.5)
        found = event_counts(reference, estimated, clips, rules).summary()
        theirs = by_hand(reference, estimated, clips, segment=False, collar=0.5, fraction=0.1)
        assert_equal(found, theirs)
        found = segment_counts(reference, estimated, clips, rules).summary()
        assert_equal(found, by_hand(reference, estimated, clips, segment=True, length=0.5))


def test_clips_are_sorted_unless_they_are_given():
    assert clips_to_score(["b", "a"], ["c", "a"]) == ("a", "b", "c")
    assert clips_to_score(["b"], ["b"], ["c", "b"]) == ("c", "b")
    counts = tag_counts({"b": ("Dog",)}, {"a": ("Dog",)}, ["b", "a"])
    assert (counts.names, counts.clips) == (("b", "a"), 2)
    assert counts.values.tolist() == [[[0, 0, 1]], [[0, 1, 0]]]
    assert counts.values.dtype == np.int64


def test_scores_per_class_are_printed_and_no_file_is_required(tmp_path):
    rows = "filename\tonset\toffset\tevent_label\n"
    long = "A class with a name of more than 24 characters"
    (tmp_path / "ref.tsv").write_text(
        rows + f"a.wav\t0\t1\tDog\na.wav\t4\t6\tDog\nb.wav\t2\t3\t{long}\nb.wav\t8\t9\tCat\n"
    )
    (tmp_path / "est.tsv").write_text(
        rows + f"a.wav\t0.1\t1\tDog\na.wav\t8\t9\tDog\nb.wav\t2\t3\t{long}\nb.wav\t5\t6\tBird\n"
    )
    words = ["score", "--reference", tmp_path / "ref.tsv", "--estimated", tmp_path / "est.tsv"]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["est.tsv", "ref.tsv"]
    lines = done.stdout.splitlines()
    start = lines.index("class  events  found  event F1  precision  recall  segment F1")
    found = {line[:-54].strip(): line[-54:].split() for line in lines[start + 1 :]}
    # Of Dog, the segments 0, 4, 5 are true and 0, 8 are found.
    assert found == {
        "Dog": ["2", "2", "50.0", "50.0", "50.0", "40.0"],
        long: ["1", "1", "100.0", "100.0", "100.0", "100.0"],
        "Cat": ["1", "0", "0.0", "0.0", "0.0", "0.0"],
        "Bird": ["0", "1", "0.0", "0.0", "0.0", "0.0"],
    }
