"""`resed compare`: the numbers of the tables and of `resed score`, and files that do not fit."""

import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
from made_results import MANIFEST, make_results, make_root
from scipy.stats import t as student
from typer.testing import CliRunner

from resed.cli import app
from resed.compare import counting
from resed.compare.comparison import ResampledScores, compare_files
from resed.compare.detectors import given_detectors, paired_names
from resed.compare.terminal import print_comparison
from resed.config.rows import Row
from resed.errors import AnnotationError, MissingFileError, ResultsError, ScoreError
from resed.formats.annotations import Event, read_events, tags_of, write_events, write_tags
from resed.formats.comparison import read_comparison, write_comparison
from resed.results.folder import Results
from resed.score.score_files import score_files
from resed.score.score_folder import score_folder
from resed.stats import bootstrap, intervals
from resed.tabulate import make_table

CLASSES = ("Cat", "Dog", "Speech")
METRICS = ("event", "segment", "tags")


def detected(reference, share, seed, names=None):
    """Events of a detector that finds a share of the reference, with some false ones."""
    chosen = random.Random(seed)
    found = {clip: [] for clip in reference}
    for clip, events in reference.items():
        for event in events:
            shift = chosen.gauss(0, 0.12)
            onset = max(0.0, event.onset + shift)
            if chosen.random() < share:
                offset = max(onset + 0.1, event.offset + shift)
                found[clip].append(Event(clip, onset, offset, event.event_label))
            if chosen.random() < 0.2:
                label = chosen.choice(names or CLASSES)
                found[clip].append(Event(clip, onset, onset + 1, label))
    return found


def made(tmp_path, clips=30, **shares) -> Path:
    """reference.tsv, and NAME.tsv for each detector; returns the reference."""
    chosen = random.Random(0)
    reference = {}
    for number in range(clips):
        clip = f"{number}.wav"
        onsets = [chosen.uniform(0, 8) for _ in range(number % 4)]
        reference[clip] = [
            Event(clip, onset, onset + chosen.uniform(0.5, 2), chosen.choice(CLASSES))
            for onset in onsets
        ]
    write_events(tmp_path / "reference.tsv", reference)
    for number, (name, share) in enumerate(shares.items()):
        write_events(tmp_path / f"{name}.tsv", detected(reference, share, number + 1))
    return tmp_path / "reference.tsv"


def compared(reference, *files, **options):
    """The comparison of files, named by their stems up to a hyphen."""
    named = [(path.stem.partition("-")[0], path) for path in map(Path, files)]
    return compare_files(given_detectors(named), Path(reference), **options)


def run(*words):
    """The finished command."""
    return CliRunner().invoke(app, ["compare", *map(str, words)])


def write(path, *rows):
    path.write_text("\n".join(["filename\tonset\toffset\tevent_label", *rows, ""]))
    return path


# ---- the numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seeds", "first", "second"),
    [(1, "pts_tfd", "pts"), (3, "pts_tfd", "pts"), (3, "pts_tfd_afl_esp", "pts_tfd_afl")],
)
def test_differences_and_intervals_are_those_of_the_table(tmp_path, seeds, first, second):
    """Two systems of a run: from their decoded events, and from the stored scores in the table."""
    config = make_root(tmp_path, systems=[first, second], seeds=seeds)
    results = Results.of(config, make_results(config))
    annotations = results.annotations("evaluation")
    reference = read_events(annotations)
    classes = config.dataset_file.classes
    for index, system in enumerate((first, second)):
        for seed in range(seeds):
            rows = detected(reference, 0.6 + 0.2 * index, 10 * index + seed, classes)
            events, tags = (results.events("evaluation", system, seed), tags_of(rows))
            write_events(events, rows, 6)
            write_tags(results.tags("evaluation", system, seed), tags)
            _score(results, system, seed, annotations, events)
    frame = make_table("comparisons", results).frame
    shared = results.paired(first, second)
    named = [  # the first of each name decides the order, files of one name may be apart
        (system, results.events("evaluation", system, seed))
        for seed in range(seeds)
        for system in (first, second)
    ]
    tags = [(name, path.with_name("tags.tsv")) for name, path in named]
    detectors = given_detectors(named, tags)
    pair = [(first, second)] * shared
    found = compare_files(detectors, annotations, paired=paired_names(pair, detectors))
    (differences,) = found.pairs
    assert differences.same_training == shared == (second == "pts_tfd_afl")
    blocks = {metric.block: key for key, metric in results.paper.metrics.items()}
    for metric in METRICS:
        there = (frame["system"] == first) & (frame["against"] == second)
        row = frame[
            there & (frame["split"] == "evaluation") & (frame["metric"] == blocks[metric])
        ].iloc[0]
        here = differences.metrics[metric]
        assert 100 * here.difference == pytest.approx(row["value"], abs=1e-9)
        assert 100 * here.low == pytest.approx(row["low"], abs=1e-9)
        assert 100 * here.high == pytest.approx(row["high"], abs=1e-9)
        assert (here.seeds, here.covers) == (row["seeds"], row["covers"])
        for index, system in enumerate((first, second)):
            own = results.interval("evaluation", system, blocks[metric])
            score = found.detectors[index].metrics[metric]
            assert 100 * score.value == pytest.approx(own.mean, abs=1e-9)
            assert (100 * score.low, 100 * score.high) == pytest.approx((own.low, own.high))


def _score(results, system, seed, annotations, events):
    """Replace the made-up scores of a seed by those of its events."""
    folder = results.layout.scored("evaluation", Row(system), seed)
    tags = {block: events.with_name("tags.tsv") for block in ("tags", "tags_raw", "tags_teacher")}
    out, counts = folder / "metrics.json", folder / "counts.tsv"
    score_files(annotations, events, out, clips=tags["tags"], tags=tags, counts=counts)
    values = json.loads(out.read_text())
    out.write_text(json.dumps(values | {"manifest_sha256": MANIFEST}))


def test_scores_are_those_of_resed_score(tmp_path):
    reference = made(tmp_path, a=0.9, b=0.5)
    found = compared(reference, tmp_path / "a.tsv", tmp_path / "b.tsv")
    for one in found.detectors:
        metrics, _ = score_files(
            reference, Path(one.events[0]), tmp_path / "m.json", reference_tags=None
        )
        tagged, _ = score_files(
            reference,
            Path(one.events[0]),
            tmp_path / "m.json",
            tags={"tags": _tags(tmp_path, one.events[0])},
        )
        for metric in ("event", "segment"):
            assert one.metrics[metric].value == pytest.approx(metrics[metric]["macro_f1"])
        assert one.metrics["tags"].value == pytest.approx(tagged["tags"]["macro_f1"])


def _tags(tmp_path, events):
    path = tmp_path / "tags-of-events.tsv"
    write_tags(path, tags_of(read_events(events)))
    return path


def test_tags_of_their_own_are_those_that_count(tmp_path):
    reference = made(tmp_path, a=0.9)
    write_tags(tmp_path / "t.tsv", tags_of(read_events(reference)))
    done = run(
        *("--reference", reference, f"a={tmp_path / 'a.tsv'}", "--tags", f"a={tmp_path / 't.tsv'}"),
        *("--out", tmp_path / "c.json"),
    )
    assert done.exit_code == 0, done.output
    metrics = read_comparison(tmp_path / "c.json").detectors[0].metrics
    assert metrics["tags"].value == 1.0
    assert metrics["event"].value < 1.0


def test_verdicts_are_corrected_for_all_differences(tmp_path):
    """Holm by hand: the p-values times what is left, never falling."""
    reference = made(tmp_path, clips=60, a=0.95, b=0.9, c=0.55)
    found = compared(reference, *(tmp_path / f"{name}.tsv" for name in "abc"))
    tests = [one for pair in found.pairs for one in pair.metrics.values()]
    assert len(tests) == 9
    least = 0.0
    for rank, one in enumerate(sorted(tests, key=lambda one: one.p)):
        least = max(least, min(1.0, (9 - rank) * one.p))
        assert one.p_holm == pytest.approx(least)
        decided = "better" if one.difference > 0 else "worse"
        assert one.verdict == (decided if least < 0.05 else "no difference shown")
    verdicts = {(p.first, p.second): p.metrics["segment"].verdict for p in found.pairs}
    assert verdicts == {
        ("a", "b"): "no difference shown",
        ("a", "c"): "better",
        ("b", "c"): "better",
    }
    turned = compared(reference, *(tmp_path / f"{name}.tsv" for name in "cab"))
    assert turned.pairs[0].metrics["segment"].verdict == "worse"


def with_scores(folder, reference, noise, seed):
    """A folder of score TSVs: 20 frames of half a second around the events, with noise."""
    folder.mkdir()
    draw = np.random.default_rng(seed)
    for clip, events in read_events(reference).items():
        values = draw.uniform(0, 1, size=(20, len(CLASSES))) * noise
        for event in events:
            first, last = int(2 * event.onset), min(20, int(2 * event.offset) + 1)
            values[first:last, CLASSES.index(event.event_label)] += 1 - noise
        rows = ["\t".join(["onset", "offset", *CLASSES])]
        rows += ["\t".join(map(str, (i / 2, (i + 1) / 2, *values[i]))) for i in range(20)]
        (folder / clip).with_suffix(".tsv").write_text("\n".join(rows) + "\n")
    return folder


def test_scores_without_a_threshold_are_those_of_resed_score(tmp_path):
    """PSDS and mAP with intervals; the difference of a pair is resampled on the same clips."""
    reference = made(tmp_path, a=0.9, b=0.5, c=0.4)
    folders = {
        name: with_scores(tmp_path / f"scores-{name}", reference, noise, seed)
        for seed, (name, noise) in enumerate({"a": 0.5, "b": 0.75}.items())
    }
    words = [f"{name}={tmp_path / name}.tsv" for name in "abc"]
    for name, folder in folders.items():
        words += ["--scores", f"{name}={folder}"]
    done = run("--reference", reference, *words, "--out", tmp_path / "c.json")
    assert done.exit_code == 0, done.output
    found = read_comparison(tmp_path / "c.json")
    assert "PSDS1" in done.output and "mAP" in done.output
    for one in found.detectors[:2]:
        metrics, _ = score_files(
            reference, Path(one.events[0]), tmp_path / "m.json", scores=folders[one.name]
        )
        for metric in ("psds1", "psds2", "map"):
            here, ends = one.metrics[metric], metrics["scores"]["intervals"][metric]
            assert here.value == pytest.approx(metrics[metric])
            assert [here.low, here.high] == pytest.approx(ends)
            assert here.covers == "clips"
    assert set(found.detectors[2].metrics) == set(METRICS)
    pairs = {(pair.first, pair.second): pair.metrics for pair in found.pairs}
    assert set(pairs["a", "b"]) == {*METRICS, "psds1", "psds2", "map"}
    assert set(pairs["a", "c"]) == set(METRICS)
    resampled = [score_folder(folder, *_truth(reference)).resampled for folder in folders.values()]
    apart = resampled[0]["map"] - resampled[1]["map"]
    half = student.ppf(0.975, 29) * np.std(apart, ddof=1)
    change = pairs["a", "b"]["map"]
    assert change.difference > 0
    assert change.high - change.difference == pytest.approx(half)


def _truth(reference):
    events = read_events(reference)
    return events, tags_of(events), sorted(events)


def test_b1_scores_without_a_file_of_a_clip_are_refused(tmp_path):
    reference = made(tmp_path, a=0.9)
    folder = with_scores(tmp_path / "scores", reference, 0.5, 0)
    (folder / "7.tsv").unlink()
    words = [f"a={tmp_path / 'a.tsv'}", "--scores", f"a={folder}"]
    done = run("--reference", reference, *words)
    assert isinstance(done.exception, ScoreError) and "7" in str(done.exception)
    done = run("--reference", reference, *words, "--out", folder / "3.tsv")
    assert "is read by --scores" in str(done.exception)


def test_files_of_one_name_are_its_seeds(tmp_path):
    reference = made(tmp_path, **{"a-1": 0.9, "a-2": 0.8, "a-3": 0.85, "b": 0.5})
    files = [tmp_path / f"{name}.tsv" for name in ("a-1", "b", "a-2", "a-3")]
    found = compared(reference, *files)
    first, second = found.detectors
    assert (first.name, second.name) == ("a", "b")
    assert first.events == [str(files[i]) for i in (0, 2, 3)]
    alone = [compared(reference, path).detectors[0].metrics["event"].value for path in files]
    assert first.metrics["event"].values == pytest.approx([alone[0], alone[2], alone[3]])
    assert first.metrics["event"].value == pytest.approx(np.mean([alone[0], *alone[2:]]))
    assert (first.metrics["event"].covers, second.metrics["event"].covers) == (
        "clips and seeds",
        "clips",
    )
    assert any(
        "b: one file, so intervals and verdicts are over clips alone" in n for n in found.notes
    )


def test_paired_seeds_share_what_their_trainings_have(tmp_path):
    """The interval of two decodings of the same trainings, which vary alike, is narrower."""
    names = [f"{name}-{seed}" for name in "ab" for seed in (1, 2, 3)]
    reference = made(tmp_path, **dict(zip(names, (0.5, 0.7, 0.9, 0.55, 0.75, 0.95), strict=True)))
    named = [(name[0], tmp_path / f"{name}.tsv") for name in names]
    detectors = given_detectors(named)
    apart = compare_files(detectors, reference).pairs[0]
    shared = paired_names([("b", "a")], detectors)
    paired = compare_files(detectors, reference, paired=shared).pairs[0]
    assert (apart.same_training, paired.same_training) == (False, True)
    one, two = apart.metrics["segment"], paired.metrics["segment"]
    assert one.difference == pytest.approx(two.difference)
    assert two.high - two.low < 0.5 * (one.high - one.low)


def test_scores_without_counts_have_the_same_intervals(tmp_path):
    """F1 given as resampled values, as PSDS is, has the interval that its counts give."""
    reference = made(tmp_path, a=0.8, b=0.6)
    named = [("a", tmp_path / "a.tsv"), ("b", tmp_path / "b.tsv")]
    counted = counting.count_detectors(given_detectors(named), reference).tables
    tables = [counted[name]["event"] for name in "ab"]
    both = bootstrap.replicates([*tables[0], *tables[1]], None, intervals.RESAMPLES)
    clips = tables[0][0].clips
    one, two = (
        ResampledScores(np.array([100 * table[0].f1()]), both[side : side + 1], clips)
        for side, table in enumerate(tables)
    )
    expected = intervals.difference(*tables, paired=False)
    assert one.difference(two, paired=False) == expected
    assert expected.low < expected.mean < expected.high


# ---- the edges ---------------------------------------------------------------------------------


def test_equal_detectors_show_no_difference(tmp_path):
    reference = made(tmp_path, a=0.8)
    (tmp_path / "b.tsv").write_bytes((tmp_path / "a.tsv").read_bytes())
    (pair,) = compared(reference, tmp_path / "a.tsv", tmp_path / "b.tsv").pairs
    for one in pair.metrics.values():
        assert (one.difference, one.low, one.high, one.p_holm) == (0, 0, 0, 1)
        assert one.verdict == "no difference shown"


def test_a_difference_without_width_is_tested_by_permutations(tmp_path):
    """The reference itself against nothing: 100 on every resample, so the interval has no width."""
    for clips, verdict in ((30, "better"), (6, "no difference shown")):
        reference = made(tmp_path, clips=clips)
        nothing = write(tmp_path / "nothing.tsv")
        (pair,) = compared(reference, reference, nothing).pairs
        events = [found for found in read_events(reference).values() if found]
        one = pair.metrics["event"]
        assert (one.difference, one.low, one.high) == pytest.approx((1, 1, 1))
        assert one.p == pytest.approx(2 * 0.5 ** len(events))
        assert one.verdict == verdict
        assert (one.p_holm < 0.05) == (verdict == "better")


def test_an_empty_file_scores_zero(tmp_path):
    reference = made(tmp_path, a=0.8)
    found = compared(reference, tmp_path / "a.tsv", write(tmp_path / "b.tsv"))
    assert [found.detectors[1].metrics[metric].value for metric in METRICS] == [0, 0, 0]
    assert found.pairs[0].metrics["tags"].verdict == "better"
    assert any("30 of 30 clips" in note and "b.tsv" in note for note in found.notes)


def test_one_clip_has_no_interval(tmp_path):
    reference = write(tmp_path / "reference.tsv", "a.wav\t1\t2\tDog")
    one = write(tmp_path / "one.tsv", "a.wav\t1\t2\tDog")
    two = write(tmp_path / "two.tsv", "a.wav\t1\t2\tCat")
    done = run("--reference", reference, f"one={one}", f"two={two}", "--out", tmp_path / "c.json")
    assert done.exit_code == 0, done.output
    found = read_comparison(tmp_path / "c.json")
    assert found.clips == 1
    score = found.detectors[0].metrics["event"]
    assert (score.value, score.low, score.high, score.covers) == (1, None, None, "none")
    change = found.pairs[0].metrics["event"]
    assert (change.difference, change.low, change.verdict) == (1, None, "no difference shown")
    assert "100.0 (no interval)" in done.output
    assert "too narrow" in done.output


def test_the_clips_to_score_can_be_chosen(tmp_path):
    reference = made(tmp_path, a=0.8)
    (tmp_path / "clips.tsv").write_text("filename\n" + "".join(f"{i}.wav\n" for i in range(30)))
    (tmp_path / "few.tsv").write_text("filename\n0.wav\n1.wav\n")
    whole = compared(reference, tmp_path / "a.tsv")
    assert compared(reference, tmp_path / "a.tsv", clips=tmp_path / "clips.tsv") == whole
    with pytest.raises(ScoreError, match=r"a\.tsv: clip 2\.wav was estimated but is not among"):
        compared(reference, tmp_path / "a.tsv", clips=tmp_path / "few.tsv")


def test_clips_of_one_detector_count_for_all(tmp_path):
    """A false alarm in a clip that only one detector lists is no matter of the others."""
    reference = made(tmp_path, a=0.8, b=0.8)
    with (tmp_path / "b.tsv").open("a") as handle:
        handle.write("elsewhere.wav\t1\t2\tDog\n")
    alone = compared(reference, tmp_path / "a.tsv")
    found = compared(reference, tmp_path / "a.tsv", tmp_path / "b.tsv")
    assert (alone.clips, found.clips) == (30, 31)
    assert found.detectors[0].metrics["event"].value == alone.detectors[0].metrics["event"].value
    notes = [note for note in found.notes if "elsewhere.wav" in note]
    assert len(notes) == 1 and "reference" in notes[0]


def test_the_reference_can_end_early(tmp_path):
    reference = write(tmp_path / "r.tsv", "a.wav\t1\t2\tDog", "a.wav\t8\t9\tDog", "b.wav\t\t\t")
    one = write(tmp_path / "one.tsv", "a.wav\t1\t2\tDog", "b.wav\t\t\t")
    found = compared(reference, one, until=5.0)
    assert found.detectors[0].metrics["event"].value == 1
    assert found.settings["until_s"] == 5
    assert compared(reference, one).detectors[0].metrics["event"].value == pytest.approx(2 / 3)


# ---- what does not fit -------------------------------------------------------------------------


def test_b1_files_of_other_clips_are_refused(tmp_path):
    reference = made(tmp_path, a=0.8)
    other = write(tmp_path / "b.tsv", "x.wav\t1\t2\tDog")
    with pytest.raises(ScoreError, match=r"b\.tsv: none of its 1 clip is in"):
        compared(reference, tmp_path / "a.tsv", other)
    misspelt = write(tmp_path / "c.tsv", "0.wav\t1\t2\tdog", "1.wav\t1\t2\tcat")
    with pytest.raises(ScoreError, match="class"):
        compared(reference, misspelt)


def test_b1_seeds_of_other_clips_are_refused_or_named(tmp_path):
    reference = made(tmp_path)
    one = write(tmp_path / "a-1.tsv", *(f"{i}.wav\t1\t2\tDog" for i in range(15)))
    two = write(tmp_path / "a-2.tsv", *(f"{i}.wav\t1\t2\tDog" for i in range(15, 30)))
    with pytest.raises(ScoreError, match=r"a-2\.tsv: it has no clip in common with .*another seed"):
        compared(reference, one, two)
    overlapping = write(tmp_path / "a-3.tsv", *(f"{i}.wav\t1\t2\tDog" for i in range(10, 30)))
    notes = compared(reference, one, overlapping).notes
    assert any("the files of a list different clips" in note for note in notes)


def test_b1_one_file_is_not_two_seeds(tmp_path):
    reference = made(tmp_path, a=0.8)
    (tmp_path / "link.tsv").symlink_to(tmp_path / "a.tsv")
    for again in ("a.tsv", "link.tsv"):
        named = [("a", tmp_path / "a.tsv"), ("a", tmp_path / again)]
        with pytest.raises(ScoreError, match="a has the same file twice"):
            given_detectors(named)
    copied = tmp_path / "copy.tsv"
    copied.write_bytes((tmp_path / "a.tsv").read_bytes())
    named = [("a", tmp_path / "a.tsv"), ("a", copied)]
    notes = compare_files(given_detectors(named), reference).notes
    assert any("has the same content as" in note for note in notes)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a.tsv"], "a.tsv: use NAME=PATH"),
        (["=a.tsv"], "use NAME=PATH"),
        (["a="], "use NAME=PATH"),
        (["a=a.tsv", "--tags", "t.tsv"], "use NAME=PATH"),
        (["a=a.tsv", "--paired", "a"], "use NAME=NAME"),
    ],
)
def test_wrong_usage_ends_with_2(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    made(tmp_path, a=0.8)
    done = run("--reference", "reference.tsv", *words)
    assert done.exit_code == 2
    assert told in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (["a=none.tsv"], MissingFileError, "none.tsv: no such file"),
        (["a=.."], MissingFileError, "no such file"),
        ([" a=a.tsv"], ScoreError, "cannot be a name"),
        (["a\tb=a.tsv"], ScoreError, "cannot be a name"),
        (["x" * 101 + "=a.tsv"], ScoreError, "cannot be a name"),
        (["a\udc80=a.tsv"], ScoreError, "cannot be a name"),
        (["a=a.tsv", "--tags", "b=a.tsv"], ScoreError, "--tags: no detector has the name b"),
        (["a=a.tsv", "a=b.tsv", "--tags", "a=a.tsv"], ScoreError, "a has 1 here and 2 event files"),
        (["a=a.tsv", "--paired", "a=b"], ScoreError, "--paired: no detector has the name b"),
        (["a=a.tsv", "--paired", "a=a"], ScoreError, "a is named twice"),
        (
            ["a=a.tsv", "a=b.tsv", "b=c.tsv", "--paired", "a=b"],
            ScoreError,
            "a has 2 files, b 1; give as many files of both",
        ),
        ([f"n{i}=a.tsv" for i in range(51)], ScoreError, "51 detectors; at most 50"),
        (["a=broken.tsv"], AnnotationError, "broken.tsv line 2: onset 3 is not before offset 2"),
        (["a=audio.tsv"], AnnotationError, "not text"),
    ],
)
def test_what_a_user_can_mend_is_one_line(tmp_path, monkeypatch, words, error, told):
    monkeypatch.chdir(tmp_path)
    made(tmp_path, a=0.8, b=0.7, c=0.6)
    write(tmp_path / "broken.tsv", "0.wav\t3\t2\tDog")
    (tmp_path / "audio.tsv").write_bytes(b"filename\tonset\toffset\tevent_label\n\0\0")
    done = run("--reference", "reference.tsv", *words)
    assert isinstance(done.exception, error), done.output
    assert told in str(done.exception)
    assert "\n" not in str(done.exception)


def test_c9_counts_that_do_not_fit_into_memory_are_refused(tmp_path, monkeypatch):
    reference = made(tmp_path, a=0.8)
    monkeypatch.setattr(counting, "MOST_CELLS", 80)
    with pytest.raises(ScoreError, match=r"a\.tsv: 30 clips times 3 classes; at most 80"):
        compared(reference, tmp_path / "a.tsv")
    monkeypatch.undo()
    monkeypatch.setattr(counting, "MOST_BYTES", 200)
    with pytest.raises(ScoreError, match="compare fewer detectors at a time"):
        compared(reference, tmp_path / "a.tsv")


@pytest.mark.parametrize("name", ["[bold]x[/bold]", "ä 猫", "a b", "\x1b[31mred", "-x", "a:b,c;d"])
def test_c8_odd_names_are_shown_as_they_are(tmp_path, name):
    reference = made(tmp_path, a=0.8)
    done = run(
        "--out", tmp_path / "c.json", "--reference", reference, "--", f"{name}={tmp_path}/a.tsv"
    )
    assert done.exit_code == 0, done.output
    assert read_comparison(tmp_path / "c.json").detectors[0].name == name
    assert "\x1b" not in done.output
    assert name.replace("\x1b", "\\x1b") in done.output


def test_a5_no_file_of_a_detector_is_replaced(tmp_path):
    reference = made(tmp_path, a=0.8)
    before = (tmp_path / "a.tsv").read_bytes()
    for words in ([f"a={tmp_path / 'a.tsv'}"], [f"b={reference}", "--tags", f"b={tmp_path}/a.tsv"]):
        done = run("--reference", reference, *words, "--out", tmp_path / "a.tsv")
        assert "is read by" in str(done.exception)
    assert (tmp_path / "a.tsv").read_bytes() == before


# ---- the output --------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


def test_the_table_is_plain_in_a_file_and_styled_on_a_terminal(tmp_path, monkeypatch):
    reference = made(tmp_path, a=0.95, b=0.2)
    found = compared(reference, tmp_path / "a.tsv", tmp_path / "b.tsv")
    plain, styled = io.StringIO(), Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    for stream in (plain, styled):
        print_comparison(found, stream)
    lines = plain.getvalue().splitlines()
    assert "\x1b" not in plain.getvalue()
    assert lines[0].split() == ["detector", "files", "event", "F1", "segment", "F1", "tag", "F1"]
    event = found.detectors[0].metrics["event"]
    shown = f"{100 * event.value:.1f} [{100 * event.low:.1f}, {100 * event.high:.1f}]"
    assert lines[1].startswith("a ") and shown in lines[1]
    change = found.pairs[0].metrics["tags"]
    (line,) = [line for line in lines if line.startswith("a ") and "  tag F1  " in line]
    assert f"{100 * change.difference:+.1f} [{100 * change.low:+.1f}" in line
    assert line.endswith("first better")
    assert "30 clips" in plain.getvalue() and "Holm" in plain.getvalue()
    assert "\x1b[32mfirst better" in styled.getvalue()


def test_equal_comparisons_have_equal_bytes(tmp_path):
    reference = made(tmp_path, a=0.9, b=0.4)
    words = ["--reference", reference, *(f"{name}={tmp_path / name}.tsv" for name in "ab")]
    for name in ("1.json", "2.json"):
        assert run(*words, "--out", tmp_path / name).exit_code == 0
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    found = read_comparison(tmp_path / "1.json")
    assert found.made_by["stage"] == "compare"
    assert (found.settings["correction"], found.settings["onset_collar_s"]) == ("Holm", 0.2)


DAMAGES = [
    (lambda v: v.update(format=2), "format"),
    (lambda v: v.update(further=1), "further"),
    (lambda v: v.update(clips=0), "clips"),
    (lambda v: v["detectors"][0]["metrics"]["event"].update(value=1.5), "value"),
    (lambda v: v["detectors"][0]["metrics"]["event"].update(low=0.99), "between low and high"),
    (lambda v: v["detectors"][0]["metrics"]["event"].update(high=None), "both null"),
    (lambda v: v["detectors"][0]["metrics"]["event"].update(seeds=2), "one value per seed"),
    (lambda v: v["detectors"][0]["metrics"].update(f2={}), "metrics"),
    (lambda v: v["detectors"][1].update(name="a"), "the same name"),
    (lambda v: v["pairs"][0].update(second="c"), "not there"),
    (lambda v: v["pairs"][0].update(second="a"), "one detector"),
    (lambda v: v["pairs"][0]["metrics"]["event"].update(verdict="worse"), "direction"),
    (lambda v: v["pairs"][0]["metrics"]["event"].update(p=0.9, p_holm=0.1), "p_holm"),
    (lambda v: v["made_by"].update(code="x"), "made_by.code"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES, ids=[told for _, told in DAMAGES])
def test_a_damaged_comparison_is_refused(tmp_path, damage, told):
    reference = made(tmp_path, a=0.9, b=0.4)
    words = ["--reference", reference, *(f"{name}={tmp_path / name}.tsv" for name in "ab")]
    assert run(*words, "--out", tmp_path / "c.json").exit_code == 0
    values = json.loads((tmp_path / "c.json").read_text())
    write_comparison(tmp_path / "again.json", read_comparison(tmp_path / "c.json"))
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    damage(values)
    (tmp_path / "c.json").write_text(json.dumps(values))
    with pytest.raises(ResultsError, match=told) as caught:
        read_comparison(tmp_path / "c.json")
    assert "run resed compare again" in str(caught.value)


@pytest.mark.long
def test_many_clips_are_compared_in_a_minute(tmp_path):
    import time

    reference = made(tmp_path, clips=10_000, a=0.9, b=0.85, c=0.5)
    begin = time.monotonic()
    found = compared(reference, *(tmp_path / f"{name}.tsv" for name in "abc"))
    assert time.monotonic() - begin < 60
    assert found.clips == 10_000
