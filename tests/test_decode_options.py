"""Every option of decoding and of the thresholds against loops over clips, classes and frames."""

import itertools
import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from scipy.ndimage import median_filter
from typer.testing import CliRunner

from resed.calibrate.thresholds import (
    GRID,
    Search,
    macro_f1,
    search_thresholds,
)
from resed.cli import app
from resed.config.run import load_config
from resed.decode.events import (
    decode,
    decode_parts,
    decode_settings,
    guided_window,
    windows_in_frames,
)
from resed.decode.filters import majority, opening_closing
from resed.errors import ResultsError
from resed.formats.annotations import Event, read_events, read_tags, write_events
from resed.formats.posteriors import Posteriors
from resed.formats.thresholds import Thresholds
from resed.formats.windows import Window, write_windows
from resed.score.f1 import event_counts
from resed.score.matching import EventArray, Rules, class_totals, event_array
from resed.settings import DecodeSettings

SPF = 0.02
CLASSES = ["Cat", "Dog", "Speech"]
CLIPS = ["b.wav", "a.wav", "c.wav", "d.wav"]
# mean and window in seconds; no row for Speech, which had no strong event
WINDOWS = {
    "Dog": Window("Dog", 9, 0.37, 0.11, "esp", None, None, ""),
    "Cat": Window("Cat", 9, 0.26, 0.055, "esp", None, None, ""),
}


def given(seed=0, frames=90):
    """Posteriors as smooth random walks; student, teacher and lost head disagree on the tags."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.12, (len(CLIPS), frames, 3)), axis=1) + 0.5
    student, teacher = rng.random((2, len(CLIPS), 3)).astype(np.float32)
    lost = rng.random((len(CLIPS), 3, 3)).astype(np.float32)  # of three heads
    frames = np.clip(walk, 0, 1).astype(np.float32)
    meta = {"seconds_per_frame": SPF}
    return Posteriors(frames, student, teacher, CLIPS, CLASSES, meta, lost)


def window_by_hand(label, settings):
    """W_c in frames: the nearest odd number, a third of the mean rounded down, or fixed."""
    if settings.window_frames == "fixed":
        return settings.fixed_window
    row = WINDOWS.get(label)
    if settings.window_frames == "guided":
        return max(1, int(int(row.mean_s * 50) * 0.333)) if row else 1
    odd = np.arange(1, 99, 2)
    return int(odd[np.abs(odd - (row.window_s / SPF if row else 0)).argmin()])


def filtered_by_hand(active, size, method):
    if method == "opening_closing":  # minimum, maximum, maximum, minimum; the ends continue
        for pick in (min, max, max, min):
            places = range(len(active))
            around = [range(i - size // 2, i - size // 2 + size) for i in places]
            active = [pick(active[min(max(j, 0), places[-1])] for j in near) for near in around]
        return active
    for _ in range({"two_pass": 2, "one_pass": 1, "none": 0}[method]):
        active = median_filter(active.astype(np.uint8), size=size, mode="reflect").astype(bool)
    return active


def decoded_by_hand(posteriors, settings):
    """Events by clip and tags by clip, one clip, class and frame after another."""
    events, tags = {}, {}
    student = posteriors.tags
    if settings.attention_head == "lost":
        student = posteriors.lost_head_tags[:, : settings.lost_heads].mean(axis=1)
    raw = {}
    for row, clip in enumerate(posteriors.clips):
        found = []
        for column, label in enumerate(posteriors.classes):
            score = posteriors.frames[row, :, column]
            gate = posteriors.teacher_tags if settings.gate == "teacher" else student
            if settings.gate == "soft":
                score = score * student[row, column]
            active = score >= settings.frame_threshold
            if settings.gate in ("student", "teacher"):
                active = active & (gate[row, column] >= settings.tag_threshold)
            active = filtered_by_hand(active, window_by_hand(label, settings), settings.filter)
            start = None
            for number, on in enumerate([*active, False]):
                if on and start is None:
                    start = number
                if not on and start is not None:
                    found.append((start * SPF, number * SPF, label))
                    start = None
        events[clip] = sorted(found, key=lambda event: event[0])
        raw[clip] = tuple(
            label
            for column, label in enumerate(CLASSES)
            if student[row, column] >= settings.tag_threshold
        )
        after = {label for *_, label in found}
        kept = tuple(label for label in CLASSES if label in after)
        tags[clip] = raw[clip] if settings.tags == "clip" else kept
    return events, tags, raw


def same(found, posteriors, settings):
    events, tags, raw = decoded_by_hand(posteriors, settings)
    assert {
        clip: [(e.onset, e.offset, e.event_label) for e in rows]
        for clip, rows in found.events.items()
    } == {clip: [tuple(row) for row in rows] for clip, rows in events.items()}
    assert list(found.events) == list(found.tags) == CLIPS
    assert all(e.filename == clip for clip, rows in found.events.items() for e in rows)
    assert (found.tags, found.raw_tags) == (tags, raw)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gate", ["student", "teacher", "soft", "none"])
@pytest.mark.parametrize("method", ["two_pass", "one_pass", "none"])
@pytest.mark.parametrize("window", ["odd", "guided", "fixed"])
def test_gates_filters_and_windows(seed, gate, method, window):
    settings = DecodeSettings(gate=gate, filter=method, window_frames=window, fixed_window=9)
    posteriors = given(seed)
    found = decode(posteriors, WINDOWS, settings)
    same(found, posteriors, settings)
    assert any(found.events.values())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("window", ["odd", "guided", "fixed"])
def test_opening_and_closing(seed, window):
    settings = DecodeSettings(filter="opening_closing", window_frames=window, fixed_window=7)
    same(decode(given(seed), WINDOWS, settings), given(seed), settings)


@pytest.mark.parametrize(
    "options",
    [
        {"tags": "clip"},
        {"attention_head": "lost", "lost_heads": 1},
        {"attention_head": "lost", "lost_heads": 3, "tags": "clip", "gate": "none"},
        {"attention_head": "lost", "lost_heads": 2, "gate": "soft"},
        {"tag_threshold": 0.2},
        {"tag_threshold": 0.8, "gate": "teacher"},
        {"frame_threshold": 0.3},
        {"frame_threshold": 0.9, "gate": "soft", "tags": "clip"},
        {"window_frames": "fixed", "fixed_window": 27, "gate": "none"},
        {"window_frames": "fixed", "fixed_window": 4, "gate": "none", "filter": "one_pass"},
    ],
    ids=str,
)
def test_tags_heads_and_thresholds(options):
    settings = DecodeSettings(**options)
    plain = DecodeSettings()
    found = decode(given(1), WINDOWS, settings)
    same(found, given(1), settings)
    assert found != decode(given(1), WINDOWS, plain)


def test_teacher_tags_are_the_teachers_at_the_tag_threshold():
    posteriors = given(2)
    for limit in (0.2, 0.5, 0.9):
        found = decode(posteriors, WINDOWS, DecodeSettings(tag_threshold=limit)).teacher_tags
        for row, clip in enumerate(CLIPS):
            expected = [
                c for k, c in enumerate(CLASSES) if posteriors.teacher_tags[row, k] >= limit
            ]
            assert list(found[clip]) == expected


def test_a_threshold_is_reached_by_what_is_equal_to_it():
    frames = np.full((1, 9, 1), 0.25, np.float32)
    tags = np.array([[0.5]], np.float32)
    made = Posteriors(frames, tags, tags, ["a"], ["Dog"], {"seconds_per_frame": 0.5})
    found = decode(made, {"Dog": WINDOWS["Dog"]}, DecodeSettings(frame_threshold=0.25))
    assert found.events == {"a": [Event("a", 0.0, 4.5, "Dog")]}
    assert found.raw_tags == found.teacher_tags == {"a": ("Dog",)}


def test_events_of_a_clip_stand_in_the_order_of_their_onsets():
    """Whatever the order of the classes; events that begin together in that of the classes."""
    frames = np.zeros((1, 20, 3), np.float32)
    frames[0, 12:18, 0] = frames[0, 5:9, 1] = frames[0, 1:3, 2] = frames[0, 12:15, 2] = 1
    tags = np.ones((1, 3), np.float32)
    made = Posteriors(frames, tags, tags, ["a"], CLASSES, {"seconds_per_frame": 1.0})
    found = decode(made, WINDOWS, DecodeSettings(filter="none")).events["a"]
    assert [(e.onset, e.offset, e.event_label) for e in found] == [
        (1, 3, "Speech"), (5, 9, "Dog"), (12, 18, "Cat"), (12, 15, "Speech")
    ]  # fmt: skip


def test_windows_by_hand():
    sizes = {
        how: windows_in_frames(WINDOWS, given(), DecodeSettings(window_frames=how, fixed_window=8))
        for how in ("odd", "guided", "fixed")
    }
    # window_s / 0.02: 2.75 and 5.5; mean_s / 0.02: 13 and 18.5; Speech has no row
    assert sizes == {"odd": [3, 5, 1], "guided": [4, 5, 1], "fixed": [8, 8, 8]}
    without = {"Cat": replace(WINDOWS["Cat"], mean_s=None)}
    guided = DecodeSettings(window_frames="guided")
    assert windows_in_frames(without, given(), guided) == [1, 1, 1]
    assert [guided_window(seconds, 0.02) for seconds in (0.0, 0.04, 0.08, 0.3, 0.18)] == [
        1, 1, 1, 4, 2
    ]  # fmt: skip


def test_mean_teacher_decodes_with_five_frames_for_every_class():
    """A median of 5 frames of 8 * 511 samples, once, as in its code."""
    settings = load_config().system("mean_teacher").decode
    posteriors = given(5)
    assert windows_in_frames(WINDOWS, posteriors, settings) == [5, 5, 5]
    found = decode(posteriors, WINDOWS, settings)
    for row, clip in enumerate(CLIPS):
        for column, label in enumerate(CLASSES):
            active = posteriors.frames[row, :, column] >= 0.5
            smooth = median_filter(active.astype(float), size=5)
            edges = np.flatnonzero(np.diff(np.r_[0, smooth, 0])).reshape(-1, 2) * SPF
            events = [(e.onset, e.offset) for e in found.events[clip] if e.event_label == label]
            assert events == [tuple(pair) for pair in edges.tolist()]


def test_opening_closing_commutes_with_a_threshold():
    scores = np.random.default_rng(0).random((6, 40)).astype(np.float32)
    for size, limit in itertools.product((1, 3, 6), (0.2, 0.5, 0.8)):
        active = opening_closing(scores >= limit, size)
        assert active.dtype == bool
        np.testing.assert_array_equal(opening_closing(scores, size) >= limit, active)


def test_a_window_of_one_frame_changes_nothing():
    rows = np.random.default_rng(0).random((3, 9)) < 0.5
    for size in (0, 1):
        np.testing.assert_array_equal(majority(rows, size), rows)


def test_decoding_settings_come_from_a_systems_own_or_stand_alone(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("decode: {tags: clip}\nmodel: {}\n")
    assert decode_settings(str(path)) == DecodeSettings(tags="clip")
    assert decode_settings('{"tags": "clip"}') == DecodeSettings(tags="clip")


def test_windows_and_lost_heads_that_do_not_fit_are_refused():
    foreign = {"Bird": replace(WINDOWS["Dog"], event_label="Bird"), **WINDOWS}
    with pytest.raises(ResultsError, match="Bird"):
        decode(given(), foreign, DecodeSettings())
    without = replace(given(), lost_head_tags=None)
    with pytest.raises(ResultsError, match="attention_head"):
        decode(without, WINDOWS, DecodeSettings(attention_head="lost", gate="none"))


# ---- thresholds ----------------------------------------------------------------------------


def annotated(seed, at=Thresholds(0.6), **settings):
    """Reference events near those of `given`, some of a class that the posteriors do not have."""
    rng = np.random.default_rng(seed)
    events = decode(given(seed), WINDOWS, DecodeSettings(**settings), at).events
    found = {}
    for clip, rows in events.items():
        shifted = [
            replace(e, onset=max(0.0, e.onset + rng.choice([0, 0.1, -0.1, 0.3])), offset=e.offset)
            for e in rows
        ]
        found[clip] = [e for e in shifted if e.offset > e.onset] + [Event(clip, 0.1, 0.9, "Other")]
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", ["two_pass", "opening_closing"])
def test_every_threshold_scores_as_decoding_and_scoring_do(seed, method):
    settings = DecodeSettings(gate="soft", filter=method, window_frames="fixed", fixed_window=5)
    posteriors, reference = given(seed), annotated(seed)
    chosen = search_thresholds(posteriors, WINDOWS, reference, settings).common()
    expected = []
    for limit in GRID:
        at = settings.model_copy(update={"frame_threshold": limit})
        found = {
            clip: [replace(e, onset=round(e.onset, 3), offset=round(e.offset, 3)) for e in rows]
            for clip, rows in decode(posteriors, WINDOWS, at).events.items()
        }
        expected.append(event_counts(reference, found, CLIPS).summary()["macro_f1"])
    assert chosen["event_macro_f1"] == pytest.approx(expected, abs=1e-12)
    best = max(expected)
    assert chosen["threshold"] == max(t for t, f1 in zip(GRID, expected, strict=True) if f1 == best)
    assert len(set(expected)) > 5


def f1_of_decoding(posteriors, reference, settings, thresholds, label=None):
    """Macro F1, or that of a class, of decoded events with times in milliseconds."""
    found = {
        clip: [replace(e, onset=round(e.onset, 3), offset=round(e.offset, 3)) for e in rows]
        for clip, rows in decode(posteriors, WINDOWS, settings, thresholds).events.items()
    }
    return event_counts(reference, found, CLIPS).f1(label)


PER_CLASS = Thresholds(0.9, {"Cat": 0.3, "Dog": 0.6, "Speech": 0.1})


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gate", ["soft", "none"])
def test_thresholds_per_class_are_the_best_of_all_combinations(seed, gate):
    """Against decoding and scoring at each combination of thresholds of the classes."""
    settings = DecodeSettings(gate=gate, window_frames="fixed", fixed_window=5)
    posteriors, reference = given(seed), annotated(seed, PER_CLASS, gate=gate)
    grid = [0.1, 0.3, 0.5, 0.6]
    search = search_thresholds(posteriors, WINDOWS, reference, settings, grid=grid)
    chosen = search.per_class(1)
    assert chosen["threshold"] == search.common()["threshold"]
    best = {label: one["threshold"] for label, one in chosen["classes"].items()}
    assert list(best) == CLASSES, "and no class of the reference alone"
    for label, one in chosen["classes"].items():
        scores = [
            f1_of_decoding(posteriors, reference, settings, Thresholds(limit), label)
            for limit in grid
        ]
        assert one["event_f1"] == pytest.approx(max(scores), abs=1e-12)
        equal = [t for t, f1 in zip(grid, scores, strict=True) if f1 == max(scores)]
        near = min(abs(t - chosen["threshold"]) for t in equal)
        assert one["threshold"] == max(t for t in equal if abs(t - chosen["threshold"]) == near), (
            label
        )
        events = [e for rows in reference.values() for e in rows if e.event_label == label]
        assert (one["events"], one["fallback"]) == (len(events), "")
    every = [
        f1_of_decoding(
            posteriors, reference, settings, Thresholds(0.5, dict(zip(best, limits, strict=True)))
        )
        for limits in itertools.product(grid, repeat=len(best))
    ]
    ours = f1_of_decoding(posteriors, reference, settings, Thresholds(0.5, best))
    assert ours == pytest.approx(max(every), abs=1e-12)
    assert ours >= max(chosen["event_macro_f1"])


def test_a_class_with_few_events_has_the_common_threshold():
    posteriors, reference = given(0), annotated(0, PER_CLASS, gate="none")
    search = search_thresholds(posteriors, WINDOWS, reference, DecodeSettings(gate="none"))
    common = search.common()["threshold"]
    own = search.per_class(1)["classes"]
    counts = sorted(one["events"] for one in own.values())
    assert any(one["threshold"] != common for one in own.values())
    for least in (1, counts[0] + 1, counts[-1], counts[-1] + 1):
        chosen = search.per_class(least)
        assert chosen["class_threshold_events"] == least
        for label, one in chosen["classes"].items():
            few = own[label]["events"] < least
            assert one["fallback"] == ("few events" if few else "")
            assert one["threshold"] == (common if few else own[label]["threshold"])
            at = GRID.index(one["threshold"])
            f1 = f1_of_decoding(
                posteriors, reference, DecodeSettings(gate="none"), Thresholds(GRID[at]), label
            )
            assert one["event_f1"] == pytest.approx(f1, abs=1e-12)


def test_of_equal_thresholds_of_a_class_the_nearest_to_the_common_one_is_chosen():
    """Ten hits of `a` at 0.2 and 0.8 but not at 0.5, which is the best for all; `c` at none."""
    grid, misses = (0.2, 0.5, 0.8, 0.6), [0, 0, 10]
    hits = [10, 0, 0]
    a, b, c = [hits, misses, hits, misses], [misses, hits, misses, misses], [misses] * 4
    d = [misses, hits, misses, misses]
    totals = np.array([a, b, c, d]).transpose(1, 0, 2)
    chosen = Search(grid, ("a", "b", "c", "d"), 3, totals).per_class(10)
    assert chosen["threshold"] == 0.5
    limits = {label: one["threshold"] for label, one in chosen["classes"].items()}
    assert limits == {"a": 0.8, "b": 0.5, "c": 0.5}, "of two equally near the higher"
    few = Search(grid, ("a", "b", "c", "d"), 3, totals).per_class(11)["classes"]
    assert {one["threshold"] for one in few.values()} == {0.5}


def test_each_class_is_decoded_at_its_threshold():
    posteriors, settings = given(2), DecodeSettings(gate="soft", tags="after_filters")
    limits = dict(zip(CLASSES, (0.2, 0.4, 0.6), strict=True))
    found = decode(posteriors, WINDOWS, settings, Thresholds(0.9, limits))
    assert list(decode_parts(posteriors, WINDOWS, settings, Thresholds(0.9, limits))) == [found]
    counts = set()
    for label, limit in limits.items():
        alone = decode(posteriors, WINDOWS, settings.model_copy(update={"frame_threshold": limit}))
        for clip in CLIPS:
            events = [e for e in found.events[clip] if e.event_label == label]
            assert events == [e for e in alone.events[clip] if e.event_label == label]
            assert (label in found.tags[clip]) == (label in alone.tags[clip])
        counts.add(sum(map(len, alone.events.values())))
    assert len(counts) == 3, "else the thresholds made no difference"
    assert decode(posteriors, WINDOWS, settings, Thresholds(0.5)) == decode(
        posteriors, WINDOWS, settings
    )


@pytest.mark.parametrize("labels", [CLASSES[:2], [*CLASSES, "Other"], ["x", "y", "z"]])
def test_thresholds_of_other_classes_are_refused(labels):
    thresholds = Thresholds(0.5, dict.fromkeys(labels, 0.3))
    for run in (decode, decode_parts):
        with pytest.raises(ResultsError, match=r"the thresholds are for .*; run resed threshold"):
            run(given(), WINDOWS, DecodeSettings(), thresholds)


def test_the_grid_is_that_of_the_documentation():
    """From 0.02 to 0.6, the finer the lower, because posteriors of weak labels are low."""
    hundredths = [2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 45, 50, 55, 60]
    posteriors = given()
    chosen = search_thresholds(posteriors, WINDOWS, annotated(0), DecodeSettings()).common()
    assert chosen["grid"] == [value / 100 for value in hundredths]
    two = search_thresholds(
        posteriors, WINDOWS, annotated(0), DecodeSettings(), grid=[0.9, 0.1]
    ).common()
    assert two["grid"] == [0.9, 0.1] and len(two["event_macro_f1"]) == 2


def test_labels_that_only_the_reference_has_come_last():
    array, labels = event_array(annotated(0), CLIPS, CLASSES)
    assert labels == [*CLASSES, "Other"]
    assert len(array.clip) == sum(map(len, annotated(0).values()))
    assert (array.clip[array.label == 3] == np.arange(4)).all()


def one(onset, offset, clip=0, label=0):
    return [np.array([value]) for value in (clip, label, onset, offset)]


@pytest.mark.parametrize(
    ("rules", "onset", "offset", "hits"),
    [
        (Rules(), 1.19, 3.0, 1),
        (Rules(), 1.21, 3.0, 0),
        (Rules(), 0.81, 3.0, 1),
        (Rules(), 1.0, 3.39, 1),  # a fifth of 2 s
        (Rules(), 1.0, 3.41, 0),
        (Rules(collar=0.5), 1.49, 3.49, 1),
        (Rules(collar=0.5), 1.51, 3.0, 0),
        (Rules(collar=0.01, offset_fraction=0.5), 1.0, 3.99, 1),
        (Rules(collar=0.01, offset_fraction=0.5), 1.0, 4.01, 0),
    ],
)
def test_collars_of_the_quick_counts(rules, onset, offset, hits):
    true, found = EventArray(*one(1.0, 3.0)), EventArray(*one(onset, offset))
    assert class_totals(true, found, 1, rules)[:, 0].tolist() == [hits]


def test_macro_f1_takes_the_rules_and_is_0_without_events():
    true, found = EventArray(*one(1.0, 3.0)), EventArray(*one(1.4, 3.0))
    assert macro_f1(true, found, 2) == 0.0
    assert macro_f1(true, found, 2, Rules(collar=0.5)) == 1.0
    none = EventArray(*(np.zeros(0, dtype=int) for _ in range(4)))
    assert macro_f1(none, none, 2) == 0.0
    assert macro_f1(true, none, 2) == 0.0


@pytest.mark.parametrize("change", [{"clip": 1}, {"label": 1}])
def test_events_of_another_clip_or_class_do_not_match(change):
    true, found = EventArray(*one(0.0, 3.0)), EventArray(*one(0.0, 3.0, **change))
    assert class_totals(true, found, 2)[:, 0].tolist() == [0, 0]
    late = EventArray(*one(9.95, 10.0)), EventArray(*one(0.0, 0.05, **change))
    assert class_totals(*late, 2)[:, 0].tolist() == [0, 0]


def test_no_event_on_a_side_is_no_match():
    none = EventArray(*(np.zeros(0, dtype=int) for _ in range(4)))
    some = EventArray(*one(1.0, 2.0))
    for pair in ((none, some), (some, none), (none, none)):
        assert class_totals(*pair, 3)[:, 0].tolist() == [0, 0, 0]


def test_what_was_decided_does_not_change():
    for value, name in ((Rules(), "collar"), (EventArray(*one(1, 2)), "onset")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 3.0)


def test_the_commands_pass_their_options_on(tmp_path):
    """resed decode and resed threshold do as the functions with the same settings."""
    posteriors, reference = given(1), annotated(1)
    posteriors.save(tmp_path / "p.npz")
    write_windows(tmp_path / "w.tsv", WINDOWS.values())
    write_events(tmp_path / "r.tsv", reference)
    settings = {"gate": "none", "filter": "one_pass", "tags": "clip", "tag_threshold": 0.3}

    def resed(*words):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output

    files = ["--posteriors", tmp_path / "p.npz", "--windows", tmp_path / "w.tsv"]
    chosen = [*files, "--settings", json.dumps(settings)]
    resed("decode", *chosen, "--out", tmp_path / "out")
    expected = decode(posteriors, WINDOWS, DecodeSettings(**settings))
    found = read_events(tmp_path / "out" / "events.tsv")
    times = {clip: [(e.onset, e.event_label) for e in rows] for clip, rows in found.items()}
    assert times == {
        clip: [(pytest.approx(e.onset, abs=1e-3), e.event_label) for e in rows]
        for clip, rows in expected.events.items()
    }
    assert read_tags(tmp_path / "out" / "tags.tsv") == expected.tags
    resed("threshold", *chosen, "--reference", tmp_path / "r.tsv", "--out", tmp_path / "t.json")
    there = json.loads((tmp_path / "t.json").read_text())
    theirs = search_thresholds(
        posteriors, WINDOWS, read_events(tmp_path / "r.tsv"), DecodeSettings(**settings)
    ).common()
    assert there == json.loads(json.dumps(theirs))
