"""Windows and thresholds chosen together; which system serves which class; composite posteriors."""

import json
import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import medfilt
from typer.testing import CliRunner

from resed.calibrate.search import GridCounts, count_grid
from resed.cli import app
from resed.compose.class_choice import choose_systems
from resed.compose.composite import compose
from resed.compose.sources import Sources
from resed.config.loading import check
from resed.decode.events import decode
from resed.decode.filters import active_frames, majorities, majority, running_sums, runs
from resed.errors import ConfigError, ResedError, ResultsError, StoreError
from resed.formats.annotations import Event, write_events
from resed.formats.class_choices import ClassChoice, read_class_choices, write_class_choices
from resed.formats.posteriors import Posteriors
from resed.formats.thresholds import Thresholds, read_thresholds
from resed.formats.windows import Window, read_windows, write_windows
from resed.results.layout import Layout
from resed.score.f1 import event_counts
from resed.score.threshold_free import Detector, frame_scores, median
from resed.settings import DecodeSettings, SearchSettings

CLASSES = ["Cat", "Dog", "Bell"]
STEP = 0.0415
GRID = {"windows": [1, 5, 9], "thresholds": [0.3, 0.5, 0.7]}
NESTED = (("all", "all"), ("class", "all"), ("class", "class"))
ROWS = {label: Window(label, 1, None, STEP, "average", None, None, "") for label in CLASSES}
OPEN = {"gate": "none", "filter": "one_pass"}


def search(window="class", threshold="class", **values):
    return SearchSettings(window=window, threshold=threshold, **(GRID | values))


def made(random=0, clips=12, frames=60, system="a", **meta):
    """Smooth random posteriors, so that there are events of several frames."""
    draw = np.random.default_rng(random)
    noise = draw.normal(size=(clips, frames + 8, len(CLASSES))).cumsum(axis=1)
    smooth = noise[:, 8:] - noise[:, :-8]
    values = (1 / (1 + np.exp(-smooth))).astype(np.float32)
    tags = values.mean(axis=1)
    about = {"system": system, "seed": 0, "split": "development", "dataset": "tiny"}
    about |= {"seconds_per_frame": STEP, "manifest_sha256": "0" * 64}
    about |= {"checkpoint_sha256": f"{random:064x}"} | meta
    names = [f"c{i}.wav" for i in range(clips)]
    return Posteriors(values, tags, tags / 2, names, CLASSES, about)


def truth(posteriors, random=9, labels=CLASSES):
    """Reference events near some of those at 0.5, and others."""
    draw = np.random.default_rng(random)
    found = decode(posteriors, ROWS, DecodeSettings(**OPEN, window_frames="fixed"))
    events = {}
    for clip in posteriors.clips:
        kept = [e for e in found.events[clip] if draw.random() < 0.7 and e.event_label in labels]
        moved = [replace(e, onset=max(0, e.onset + draw.normal() / 10)) for e in kept]
        events[clip] = [e for e in moved if e.offset > e.onset]
        if draw.random() < 0.5:
            events[clip].append(Event(clip, 0.5, 1.5, labels[draw.integers(len(labels))]))
    return events


def sed_eval_f1(reference, detected, clips):
    """Class -> event-based F1 by sed_eval, called directly; None where it has no events."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sed_eval
    metric = sed_eval.sound_event.EventBasedMetrics(CLASSES, t_collar=0.2, percentage_of_length=0.2)
    for clip in clips:
        sides = (reference[clip], detected[clip])
        metric.evaluate(*([asdict(e) for e in side] or [{"filename": clip}] for side in sides))
    found = {}
    for label, one in metric.class_wise.items():
        total = 2 * one["Ntp"] + one["Nfp"] + one["Nfn"]
        found[label] = 2 * one["Ntp"] / total if total else None
    return found


# ---- filters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 3, 5, 9, 51])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6])
def test_edges_of_zeros_are_those_of_medfilt(window, threshold):
    rows = np.random.default_rng(window).random((6, 60)).astype(np.float32)
    expected = np.stack([medfilt(row, window) for row in rows])
    np.testing.assert_array_equal(median(rows, window, "zeros"), expected)
    found = majority(rows >= threshold, window, "zeros", beyond=threshold <= 0)
    np.testing.assert_array_equal(found, expected >= threshold)
    frames = np.repeat(rows[:, :, None], 2, axis=2)
    active = active_frames(
        frames, np.ones((6, 2), bool), [window, 1], threshold, method="one_pass", edges="zeros"
    )
    np.testing.assert_array_equal(active[:, :, 0], expected >= threshold)


def test_the_setting_of_edges_reaches_events_and_scores():
    """An event of the last two frames: a window of 5 mirrors it, or sees three inactive frames."""
    frames = np.zeros((1, 20, 1), np.float32)
    frames[0, 18:] = 0.9
    tags = np.ones((1, 1), np.float32)
    one = Posteriors(frames, tags, tags, ["a"], ["Cat"], {"seconds_per_frame": 0.1})
    cat = {"Cat": ROWS["Cat"]}
    options = OPEN | {"window_frames": "fixed", "fixed_window": 5}
    for edges, events in (("reflect", [(1.8, 2.0)]), ("zeros", [])):
        chosen = DecodeSettings(**options, filter_edges=edges)
        found = decode(one, cat, chosen).events["a"]
        assert [(round(e.onset, 6), round(e.offset, 6)) for e in found] == events
        assert (frame_scores(one, cat, chosen) >= 0.5).sum() == 2 * len(events)
    with pytest.raises(ConfigError, match="filter_edges zeros requires a median filter"):
        check(DecodeSettings, {"filter_edges": "zeros", "filter": "opening_closing"}, "decode")


@pytest.mark.parametrize("edges", ["reflect", "zeros"])
def test_shared_sums_give_each_median(edges):
    rows = np.random.default_rng(1).random((20, 30)) < 0.5
    for largest in (7, 8, 29):
        sums = running_sums(rows, largest, edges)
        for window in range(2, largest + 1):
            expected = majority(rows, window, edges)
            np.testing.assert_array_equal(majorities(sums, largest, window), expected)


def test_runs_by_hand():
    rows = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
    row, start, end = runs(rows)
    assert list(zip(row, start, end, strict=True)) == [(0, 0, 2), (0, 3, 4), (2, 0, 4)]


# ---- search ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        OPEN,
        OPEN | {"filter_edges": "zeros"},
        OPEN | {"filter": "two_pass"},
        OPEN | {"filter": "opening_closing"},
        {"gate": "student", "filter": "one_pass"},
        {"gate": "soft", "filter": "one_pass", "filter_edges": "zeros"},
    ],
)
def test_counts_of_the_grid_are_those_of_sed_eval(options):
    posteriors, grid = made(3), search(thresholds=[0.0, 0.3, 0.5])
    reference, chosen = truth(posteriors), DecodeSettings(**options)
    counted = count_grid(posteriors, reference, chosen, grid)
    for row, window in enumerate(grid.windows):
        for column, threshold in enumerate(grid.thresholds):
            one = chosen.model_copy(update={"window_frames": "fixed", "fixed_window": window})
            events = decode(posteriors, ROWS, one, Thresholds(threshold)).events
            expected = sed_eval_f1(reference, events, posteriors.clips)
            found = dict(zip(CLASSES, counted.f1[row, column].tolist(), strict=True))
            for label, value in expected.items():
                assert np.isnan(found[label]) if value is None else found[label] == value


def test_search_of_a_system_is_what_decode_and_score_then_find():
    posteriors = made(4)
    reference = truth(posteriors)
    for window, threshold in (*NESTED, ("all", "class")):
        chosen = DecodeSettings(**OPEN, search=search(window, threshold))
        counted = count_grid(posteriors, reference, chosen, chosen.search)
        windows = {one.event_label: one for one in counted.windows(STEP)}
        values = counted.thresholds()
        own = {label: one["threshold"] for label, one in values.get("classes", {}).items()}
        at = Thresholds(values["threshold"], own)
        events = decode(posteriors, windows, chosen, at).events
        scored = event_counts(reference, events, posteriors.clips)
        assert scored.f1() == pytest.approx(counted.macro_f1, abs=1e-12)
        assert bool(own) == (threshold == "class")
        assert len({one.window_s for one in windows.values()}) == 1 or window == "class"


@st.composite
def grids(draw):
    """Counts at 3 windows and 4 thresholds; the number of true events of a class is the same."""
    classes = draw(st.integers(1, 4))
    events = draw(st.lists(st.integers(0, 3), min_size=classes, max_size=classes))
    totals = np.zeros((3, 4, classes, 3), np.int64)
    for cell in np.ndindex(3, 4, classes):
        hits = draw(st.integers(0, events[cell[2]]))
        totals[cell] = hits, draw(st.integers(0, 3)), events[cell[2]] - hits
    return totals


@given(grids())
@settings(max_examples=60, deadline=None)
def test_nested_searches_never_get_worse_where_they_chose(totals):
    """Submissions 4 to 1: all and all, a window per class, both on a coarse grid, both on all."""
    labels = tuple(map(str, range(totals.shape[2])))
    values = {"windows": [1, 3, 5], "thresholds": [0.1, 0.2, 0.3, 0.4]}
    coarse = totals[:2, 1:3]

    def macro(counts, window, threshold, **grid):
        chosen = SearchSettings(window=window, threshold=threshold, **(values | grid))
        return GridCounts(chosen, labels, len(labels), counts).macro_f1

    four, three = (macro(totals, *kinds) for kinds in NESTED[:2])
    also = macro(totals, "all", "class")
    two = macro(coarse, "class", "class", windows=[1, 3], thresholds=[0.2, 0.3])
    one = macro(totals, "class", "class")
    assert four <= three + 1e-12 and three <= one + 1e-12 and two <= one + 1e-12
    assert four <= also + 1e-12 and also <= one + 1e-12
    best = max(
        np.mean([v for v in row if not np.isnan(v)] or [0])
        for row in GridCounts(search(), labels, len(labels), totals).f1.reshape(12, -1)
    )
    assert four == pytest.approx(best)


def test_equal_scores_choose_the_first_of_the_lists():
    totals = np.tile([1, 1, 1], (2, 3, 2, 1)).astype(np.int64)
    for window, threshold in (*NESTED, ("all", "class")):
        grid = search(window, threshold, windows=[5, 1], thresholds=[0.5, 0.9, 0.1])
        counted = GridCounts(grid, ("a", "b"), 2, totals)
        assert counted.chosen.tolist() == [[0, 0], [0, 0]]
        assert counted.thresholds()["threshold"] == 0.5
    totals[1, 2, :, 0] = 2
    found = GridCounts(search("all", "all", windows=[5, 1]), ("a", "b"), 2, totals)
    assert found.chosen.tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"windows": [2]}, "must be odd"),
        ({"windows": []}, "windows"),
        ({"windows": [1, 1]}, "must not have a value twice"),
        ({"thresholds": [0.5, 0.5]}, "must not have a value twice"),
        ({"thresholds": [1.5]}, "less than or equal to 1"),
        ({"window": "each"}, "'all' or 'class'"),
        ({"windows": [True]}, "not true or false"),
    ],
)
def test_searches_are_validated(values, problem):
    grid = {**GRID, "window": "all", "threshold": "all"} | values
    with pytest.raises(ConfigError, match=problem):
        check(DecodeSettings, {"search": grid}, "decode")


def test_a_search_of_windows_requires_a_filter():
    grid = search().model_dump()
    with pytest.raises(ConfigError, match=r"search\.windows must be \[1\] without a filter"):
        check(DecodeSettings, {"search": grid, "filter": "none"}, "decode")
    check(DecodeSettings, {"search": grid | {"windows": [1]}, "filter": "none"}, "decode")


# ---- choice ----------------------------------------------------------------------------------


def saved(folder, **systems):
    """Write posteriors; return the arguments of Sources."""
    for name, posteriors in systems.items():
        posteriors.save(folder / f"{name}.npz")
    return [(name, folder / f"{name}.npz") for name in systems]


def test_each_class_is_served_by_its_best_system(tmp_path):
    systems = {name: made(random, system=name) for random, name in enumerate(("a", "b", "c"))}
    reference = truth(systems["a"], labels=["Cat"])
    for clip, events in truth(systems["c"], labels=["Dog"]).items():
        reference[clip] += events
    sources = Sources(saved(tmp_path, **systems))
    chosen = DecodeSettings(**OPEN)
    for kinds in NESTED:
        found = choose_systems(sources, reference, chosen, search(*kinds))
        assert [one.event_label for one in found] == CLASSES
        for index, one in enumerate(found):
            scores = [
                count_grid(p, reference, chosen, search(*kinds)).class_scores[index]
                for p in systems.values()
            ]
            if one.event_label == "Bell":  # no event: a system without detections, F1 undefined
                assert one.f1 in (None, 0.0)
                continue
            assert one.f1 == max(scores)
            assert one.system == list(systems)[int(np.argmax(scores))]
        assert [one.system for one in found[:2]] == ["a", "c"]


def test_of_equal_systems_the_first_serves(tmp_path):
    same = made(1)
    for names in (("x", "y"), ("y", "x")):
        sources = Sources(saved(tmp_path, **dict.fromkeys(names, same)))
        found = choose_systems(sources, truth(same), DecodeSettings(**OPEN), search())
        assert {one.system for one in found} == {names[0]}


def test_a_system_is_scored_at_its_own_window_and_threshold(tmp_path):
    """Posteriors a tenth as large are as good: their threshold is a tenth."""
    high = made(2)
    low = replace(high, frames=high.frames / 10)
    grid = search("all", "all", thresholds=[0.05, 0.5])
    sources = Sources(saved(tmp_path, low=low, high=high))
    found = choose_systems(sources, truth(high), DecodeSettings(**OPEN), grid)
    assert {(one.system, one.threshold) for one in found} == {("low", 0.05)}


def test_bytes_of_a_choice_depend_on_the_input_alone(tmp_path):
    one, two = made(1, system="one"), made(2, system="two")
    files = saved(tmp_path, one=one, two=two)
    reference = tmp_path / "dev.tsv"
    write_events(reference, truth(one))
    words = ["assign", "--reference", str(reference), "--settings"]
    words += [json.dumps(OPEN | {"search": search("all", "all").model_dump()})]
    words += [w for name, path in files for w in ("--posteriors", f"{name}={path}")]
    texts = set()
    for name in ("x.tsv", "y.tsv"):
        result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        texts.add((tmp_path / name).read_bytes())
    assert len(texts) == 1
    rows = read_class_choices(tmp_path / "x.tsv")
    assert list(rows) == CLASSES and {row.system for row in rows.values()} <= {"one", "two"}
    assert f"Cat   {rows['Cat'].system}: event F1 " in result.output
    none = [*words[:4], json.dumps(OPEN), *words[5:], "--out", str(tmp_path / "z.tsv")]
    result = CliRunner().invoke(app, none)
    assert str(result.exception).startswith("decode.search: required; name windows")


# ---- composites ------------------------------------------------------------------------------


def choices(*systems):
    return {
        label: ClassChoice(label, system, 0.5, STEP, 0.5)
        for label, system in zip(CLASSES, systems, strict=True)
    }


def test_a_composite_has_the_columns_of_its_systems(tmp_path):
    one, two = made(1, clips=300, system="one"), made(2, clips=300, system="two")
    sources = Sources(saved(tmp_path, one=one, two=two, three=one))
    compose("both", choices("two", "one", "two"), sources, scratch=tmp_path).save(
        tmp_path / "both.npz"
    )
    found = Posteriors.load(tmp_path / "both.npz")
    for name in ("frames", "tags", "teacher_tags"):
        expected = getattr(two, name).copy()
        expected[..., 1] = getattr(one, name)[..., 1]
        np.testing.assert_array_equal(getattr(found, name), expected)
    assert found.clips == one.clips and found.meta["system"] == "both"
    assert found.meta["sources"] == {"Cat": "two", "Dog": "one", "Bell": "two"}
    assert found.meta["checkpoints"] == {"one": f"{1:064x}", "two": f"{2:064x}"}
    for key in ("seed", "split", "dataset", "seconds_per_frame", "manifest_sha256"):
        assert found.meta[key] == one.meta[key]
    assert found.meta["made_by"]["stage"] == "compose"
    other = compose("both", choices("two", "one", "one"), sources)
    assert other.meta["checkpoint_sha256"] != found.meta["checkpoint_sha256"]


def test_decode_and_psds_take_a_composite(tmp_path):
    one, two = made(1), made(2)
    sources = Sources(saved(tmp_path, one=one, two=two))
    both = compose("both", choices("one", "two", "two"), sources)
    fixed = DecodeSettings(**OPEN, window_frames="fixed")
    events = decode(both, ROWS, fixed).events
    for clip in both.clips:
        parts = [
            e
            for p, labels in ((one, {"Cat"}), (two, {"Dog", "Bell"}))
            for e in decode(p, ROWS, fixed).events[clip]
            if e.event_label in labels
        ]
        assert sorted(events[clip], key=str) == sorted(parts, key=str)


def test_sources_of_other_clips_or_frames_are_refused(tmp_path):
    one = made(1)
    others = {
        "frames": replace(one, frames=one.frames[:, :-1]),
        "seconds": replace(one, meta=one.meta | {"seconds_per_frame": 0.1}),
        "seed": replace(one, meta=one.meta | {"seed": 1}),
        "split": replace(one, meta=one.meta | {"split": "weak"}),
        "manifest": replace(one, meta=one.meta | {"manifest_sha256": "1" * 64}),
        "classes": replace(one, classes=["Cat", "Dog", "Bird"]),
        "clips": replace(one, clips=[*one.clips[:-1], "new.wav"]),
        "order": replace(one, clips=one.clips[::-1]),
    }
    problems = {
        "frames": r"has 59 frames of 0\.0415 s, .* has 60",
        "seconds": r"has 60 frames of 0\.1 s",
        "seed": r"its seed is 1, but that of .* is 0",
        "split": "its split is weak",
        "manifest": "its manifest_sha256 is 1",
        "classes": "its classes are not those",
        "clips": r"not both have c11\.wav",
        "order": "their order differs",
    }
    for name, other in others.items():
        with pytest.raises(StoreError, match=problems[name]):
            Sources(saved(tmp_path, one=one, other=other))
    with pytest.raises(StoreError, match="one has another file"):
        Sources(saved(tmp_path, one=one) * 2)


def test_choices_of_other_systems_or_classes_are_refused(tmp_path):
    sources = Sources(saved(tmp_path, one=made(1), two=made(2)))
    with pytest.raises(ResultsError, match="no posteriors of three, which serves a class"):
        compose("both", choices("one", "three", "one"), sources)
    fewer = {label: row for label, row in choices("one", "one", "one").items() if label != "Dog"}
    with pytest.raises(ResultsError, match="differ: Dog"):
        compose("both", fewer, sources)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\n", "\n\n", None),
        ("system", "sistem", " line 1: the columns must be event_label, system"),
        ("Dog", "Cat", " line 3: another row has the same event_label"),
        ("one", "", " line 2: system is empty"),
        ("0.250000", "1.5", " line 2: f1 is above 1"),
        ("0.250000", "nan", " line 2: f1 is not a finite number"),
        ("0.041500", "-1", " line 2: window_s is below 0"),
        ("0.041500", "4000", " line 2: window_s is above 3600"),
        ("0.500000", "x", " line 2: threshold is not a finite number"),
    ],
)
def test_files_of_choices_are_validated(tmp_path, old, new, problem):
    path = tmp_path / "choice.tsv"
    rows = [ClassChoice("Cat", "one", 0.25, STEP, 0.5), ClassChoice("Dog", "two", None, STEP, 1.0)]
    write_class_choices(path, rows)
    path.write_text(path.read_text().replace(old, new, 1))
    if problem is None:
        assert read_class_choices(path) == {row.event_label: row for row in rows}
        return
    with pytest.raises(ResultsError, match=problem):
        read_class_choices(path)


# ---- commands --------------------------------------------------------------------------------


def run(*words):
    result = CliRunner().invoke(app, list(map(str, words)))
    if isinstance(result.exception, ResedError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_rows_with_a_search_are_decoded_as_search_has_chosen(tmp_path):
    """decode --row, and search with decode of one file, find the same events."""
    one = made(5)
    one.save(tmp_path / "dev.npz")
    meta = one.meta | {"split": "evaluation"}
    replace(made(6), meta=meta).save(tmp_path / "eval.npz")
    write_events(tmp_path / "dev.tsv", truth(one))
    text = json.dumps(OPEN | {"search": search("class", "class").model_dump()})
    files = [f"{split}={tmp_path}/{name}.npz"
             for split, name in (("development", "dev"), ("evaluation", "eval"))]  # fmt: skip
    words = ["decode", "--row", "best", "--seed", 1, "--results", tmp_path / "r"]
    words += [word for file in files for word in ("--posteriors", file)]
    said = run(*words, "--settings", text, "--reference", tmp_path / "dev.tsv")
    assert "on development, which chose them" in said
    windows, thresholds = Layout(tmp_path / "r").searched("best", 1)
    plain = ["--windows", tmp_path / "w.tsv", "--threshold-file", tmp_path / "t.json"]
    run("search", "--posteriors", tmp_path / "dev.npz", "--reference", tmp_path / "dev.tsv",
        "--settings", text, "--out-windows", tmp_path / "w.tsv",
        "--out-thresholds", tmp_path / "t.json")  # fmt: skip
    assert windows.read_bytes() == (tmp_path / "w.tsv").read_bytes()
    assert thresholds.read_bytes() == (tmp_path / "t.json").read_bytes()
    for split, name in (("development", "dev"), ("evaluation", "eval")):
        run("decode", "--posteriors", tmp_path / f"{name}.npz", "--settings", text, *plain,
            "--out", tmp_path / name)  # fmt: skip
        rows = Layout(tmp_path / "r").decoded(split, "best", 1)
        for file in ("events.tsv", "tags.tsv"):
            assert (rows / file).read_bytes() == (tmp_path / name / file).read_bytes()
    chosen = read_thresholds(thresholds)
    assert set(chosen.classes) == set(CLASSES)
    detector = Detector.load(tmp_path / "eval.npz", windows, text)
    assert [one.method for one in detector.windows.values()] == ["search"] * 3
    result = CliRunner().invoke(app, [*map(str, words), "--settings", text])
    assert result.exit_code == 2 and "--reference" in result.output
    lone = ["decode", "--posteriors", f"{tmp_path}/dev.npz", "--settings", text, "--out",
            f"{tmp_path}/x", "--windows", f"{tmp_path}/w.tsv"]  # fmt: skip
    assert CliRunner().invoke(app, lone).exit_code == 2  # thresholds of the search are missing


@given(st.integers(0, 18_000), st.floats(1e-3, 1.0))
@settings(max_examples=200, deadline=None)
def test_searched_windows_are_read_as_the_same_frames(half, step):
    from resed.decode.events import window_frames

    seconds = round((2 * half + 1) * step, 6)
    assert window_frames(seconds, step) == 2 * half + 1


def test_searched_windows_are_a_file_of_windows(tmp_path):
    posteriors = made(7)
    grid = search("class", "all")
    counted = count_grid(posteriors, truth(posteriors), DecodeSettings(**OPEN), grid)
    write_windows(tmp_path / "w.tsv", counted.windows(STEP))
    read = read_windows(tmp_path / "w.tsv")
    for label, (window, _) in zip(CLASSES, counted.chosen.tolist(), strict=True):
        assert read[label].window_s == pytest.approx(grid.windows[window] * STEP, abs=1e-6)


def test_compose_writes_the_same_bytes_again(tmp_path):
    files = saved(tmp_path, one=made(1), two=made(2))
    write_class_choices(tmp_path / "choice.tsv", choices("one", "two", "one").values())
    given = [word for name, path in files for word in ("--posteriors", f"{name}={path}")]
    words = ["compose", "--choice", tmp_path / "choice.tsv", "--system", "both", *given]
    for name in ("x.npz", "y.npz"):
        run(*words, "--out", tmp_path / name)
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "y.npz").read_bytes()
    with pytest.raises(ResedError, match="is read by"):
        run("compose", "--choice", tmp_path / "choice.tsv", "--system", "both", "--out",
            tmp_path / "one.npz", "--posteriors", f"one={tmp_path}/one.npz")  # fmt: skip
