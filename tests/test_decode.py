"""resed.decode.events and resed.calibrate.thresholds: filters by hand and against scipy, gate,
regions, files.
"""

import json

import numpy as np
import pytest
from scipy.ndimage import median_filter
from typer.testing import CliRunner

from resed.calibrate.thresholds import macro_f1, search_thresholds
from resed.cli import app
from resed.decode.events import decode, decode_settings, gated, window_frames, write_parts
from resed.decode.filters import active_frames, majority, opening_closing, regions
from resed.errors import ConfigError, ResultsError, ScoreError
from resed.formats.annotations import Event, read_events, read_tags, write_events
from resed.formats.posteriors import Posteriors
from resed.formats.thresholds import read_thresholds
from resed.formats.windows import Window
from resed.score.f1 import event_counts
from resed.score.matching import event_array
from resed.settings import DecodeSettings

SPF = 1 / 60


def windows(**seconds):
    return {label: Window(label, 9, s, s, "esp", None, None, "") for label, s in seconds.items()}


def posteriors(frames, tags, teacher=None, classes=("Cat", "Dog")):
    frames = np.asarray(frames, np.float32)
    tags = np.asarray(tags, np.float32)
    clips = [f"{i}.wav" for i in range(len(frames))]
    teacher = tags if teacher is None else np.asarray(teacher, np.float32)
    return Posteriors(frames, tags, teacher, clips, list(classes), {"seconds_per_frame": SPF})


def random_posteriors(clips=6, frames=80, seed=0):
    generator = np.random.default_rng(seed)
    walk = np.cumsum(generator.normal(0, 0.15, (clips, frames, 2)), axis=1) + 0.5
    return posteriors(np.clip(walk, 0, 1), generator.random((clips, 2)))


def rows(*texts):
    return np.array([[mark == "#" for mark in text] for text in texts])


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [
        (0, 1),
        (1 / 60, 1),
        (2 / 60, 3),
        (2.9 / 60, 3),
        (3 / 60, 3),
        (4 / 60, 5),
        (0.5, 31),
        (1.763, 105),
    ],
)
def test_windows_become_the_nearest_odd_number_of_frames(seconds, frames):
    assert window_frames(seconds, SPF) == frames


@pytest.mark.parametrize(
    ("window", "given", "expected"),
    [
        (1, "#.#..##", "#.#..##"),
        (3, ".#..##.", "....##."),  # one frame is too short
        (3, "##.##..", "#####.."),  # a gap of one is filled
        (5, "..##...", "......."),
        (5, "..###..", "..###.."),
        (3, "#......", "#......"),  # mirrored: outside stands the first frame again
        (5, "##.....", "##....."),
    ],
)
def test_median_by_hand(window, given, expected):
    assert (majority(rows(given), window) == rows(expected)).all()


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5, 20, 21, 79, 81, 201])
def test_median_is_scipys(window):
    active = np.random.default_rng(window).random((20, 80)) < 0.5
    expected = median_filter(active.astype(np.uint8), size=(1, window), mode="reflect")
    assert (majority(active, window) == expected.astype(bool)).all()


@pytest.mark.parametrize("gate", ["student", "soft", "none"])
@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_majorities_are_the_papers_two_median_passes(gate, threshold):
    """Filter the gated posteriors, binarise, filter again: literally, as Guided Learning does."""
    given = random_posteriors()
    settings = DecodeSettings(gate=gate)
    scores = {
        "student": given.frames * (given.tags >= 0.5)[:, None, :],
        "soft": given.frames * given.tags[:, None, :],
        "none": given.frames,
    }[gate]
    expected = np.zeros(scores.shape, bool)
    for clip in range(len(scores)):
        for label, window in enumerate((5, 13)):
            smooth = median_filter(scores[clip, :, label], window)
            binary = (smooth >= threshold).astype(np.float32)
            expected[clip, :, label] = median_filter(binary, window) > 0.5
    found = active_frames(*gated(given, settings), [5, 13], threshold)
    assert expected.any()
    assert (found == expected).all()


def test_gates():
    given = posteriors(np.full((2, 4, 2), 0.9), [[0.6, 0.4], [0.5, 0.0]], [[0.0, 1.0], [1.0, 0.0]])
    for gate, expected in {
        "student": [[1, 0], [1, 0]],
        "teacher": [[0, 1], [1, 0]],
        "soft": [[1, 0], [0, 0]],  # .9 * .6 = .54; .9 * .5 = .45
        "none": [[1, 1], [1, 1]],
    }.items():
        active = active_frames(*gated(given, DecodeSettings(gate=gate)), [1, 1], 0.5)
        assert active.any(axis=1).tolist() == np.array(expected, bool).tolist(), gate


def test_tags_after_the_filters_need_an_active_frame():
    """Row 10: a raw tag whose frames do not survive the filters is gone afterwards."""
    frames = np.zeros((1, 60, 2))
    frames[0, 10:40, 0] = 0.8  # Cat for half a second
    frames[0, 10:12, 1] = 0.8  # Dog for two frames
    given = posteriors(frames, [[0.9, 0.9]], [[0.1, 0.9]])
    found = decode(given, windows(Cat=0.1, Dog=0.1), DecodeSettings())
    assert found.raw_tags == {"0.wav": ("Cat", "Dog")}
    assert found.tags == {"0.wav": ("Cat",)}
    assert found.teacher_tags == {"0.wav": ("Dog",)}
    (event,) = found.events["0.wav"]
    assert (event.onset, event.offset, event.event_label) == (
        pytest.approx(10 / 60),
        pytest.approx(40 / 60),
        "Cat",
    )


def test_filters_to_choose_from():
    scores = rows("#.##.....#").astype(np.float32)[:, :, None]
    allowed = np.ones((1, 1), bool)
    expected = {"none": "#.##.....#", "one_pass": "####.....#", "two_pass": "####.....#"}
    for method, marks in expected.items():
        assert (
            active_frames(scores, allowed, [3], 0.5, method=method)[:, :, 0] == rows(marks)
        ).all()
    assert (opening_closing(rows("..#..####.###.."), 3) == rows(".....########..")).all()


def test_regions_to_the_last_frame():
    active = np.zeros((2, 5, 2), bool)
    active[0, 0:2, 0] = active[0, 4:, 0] = active[1, :, 1] = True
    found = list(zip(*(axis.tolist() for axis in regions(active)), strict=True))
    assert found == [(0, 0, 0, 2), (0, 0, 4, 5), (1, 1, 0, 5)]


def test_files_can_be_read_back(tmp_path):
    found = decode(random_posteriors(), windows(Cat=0.1, Dog=0.2), DecodeSettings())
    write_parts(tmp_path / "seed0", [found])
    events = read_events(tmp_path / "seed0" / "events.tsv")
    assert {c: len(e) for c, e in events.items()} == {c: len(e) for c, e in found.events.items()}
    assert any(events.values())
    assert read_tags(tmp_path / "seed0" / "tags.tsv") == found.tags
    assert read_tags(tmp_path / "seed0" / "raw_tags.tsv") == found.raw_tags
    assert read_tags(tmp_path / "seed0" / "teacher_tags.tsv") == found.teacher_tags


def test_d9_events_are_scored_as_they_were_decoded(tmp_path):
    """Milliseconds move frames of 1/60 s across the 200 ms collar; six decimals do not."""
    frames = np.zeros((1, 240, 2))
    frames[0, 25:100, 0] = frames[0, 130:200, 0] = 0.9
    found = decode(posteriors(frames, [[0.9, 0.9]]), windows(Cat=0, Dog=0), DecodeSettings())
    (first, second) = found.events["0.wav"]
    assert (first.onset, second.onset) == (25 / 60, 130 / 60)
    write_parts(tmp_path, [found])
    (read, other) = read_events(tmp_path / "events.tsv")["0.wav"]
    assert (read.onset, read.offset) == (0.416667, 1.666667)
    assert abs(other.onset - second.onset) < 5e-7
    reference = {"0.wav": [Event("0.wav", 25 / 60 - 0.1998, 1.5, "Cat")]}
    counts = [
        event_counts(reference, side, ["0.wav"]).values[0, 0].tolist()
        for side in (found.events, read_events(tmp_path / "events.tsv"))
    ]
    assert counts[0] == counts[1] == [1, 1, 0]


def test_windows_of_another_dataset_are_refused():
    with pytest.raises(ResultsError, match="windows are for Bird, the posteriors for Cat, Dog"):
        decode(random_posteriors(), windows(Bird=1.0, Cat=1.0), DecodeSettings())
    with pytest.raises(ResultsError, match="no class"):
        decode(random_posteriors(), {}, DecodeSettings())
    decode(random_posteriors(), windows(Cat=1.0), DecodeSettings())  # Dog: no training event


def test_settings_from_the_command_line():
    assert decode_settings("{}") == DecodeSettings()
    assert decode_settings('{"decode": {"gate": "none"}, "model": {}}').gate == "none"
    assert decode_settings('{"frame_threshold": 0.1}').frame_threshold == 0.1
    with pytest.raises(ConfigError, match=r"decode\.gat: unknown key; did you mean gate"):
        decode_settings('{"gat": "none"}')


def test_quick_counts_are_sed_evals():
    generator = np.random.default_rng(3)
    for case in range(60):
        sides = []
        for _ in range(2):
            side = {f"{i}": [] for i in range(4)}
            for _ in range(generator.integers(0, 30)):
                onset = round(float(generator.uniform(0, 3)), 1)  # many on the collar itself
                length = round(float(generator.uniform(0.1, 3)), 1)
                clip, label = str(generator.integers(4)), "abc"[generator.integers(3)]
                side[clip].append(Event(clip, onset, onset + length, label))
            sides.append(side)
        clips = list(sides[0])
        true, classes = event_array(sides[0], clips, "abcd")
        found, _ = event_array(sides[1], clips, classes)
        expected = event_counts(*sides, clips).summary()["macro_f1"]
        assert macro_f1(true, found, len(classes)) == pytest.approx(expected, abs=1e-12), case


def test_threshold_is_found_on_development():
    """Frames at .3 inside and .1 outside events: only thresholds between the two can be right."""
    reference = {f"{i}.wav": [Event(f"{i}.wav", 1.0, 2.0 + i / 10, "Dog")] for i in range(4)}
    frames = np.full((4, 300, 2), 0.1)
    for i in range(4):
        frames[i, 60 : 120 + 6 * i, 1] = 0.3
    given = posteriors(frames, np.tile([0.1, 0.9], (4, 1)))
    rows = windows(Cat=0.1, Dog=0.1)
    chosen = search_thresholds(given, rows, reference, DecodeSettings()).common()
    assert chosen["threshold"] == 0.3  # of equals the highest
    assert max(chosen["event_macro_f1"]) == 1.0
    assert len(chosen["grid"]) == len(chosen["event_macro_f1"])
    del reference["0.wav"]
    with pytest.raises(ScoreError, match=r"0\.wav has posteriors but no reference"):
        search_thresholds(given, rows, reference, DecodeSettings()).common()


@pytest.mark.parametrize(
    "value", [{}, [], {"threshold": "a"}, {"threshold": 2}, {"threshold": True}]
)
def test_threshold_file_is_checked(tmp_path, value):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ResultsError, match=r"t\.json: \w+ (must be|is miss).*; run resed thr"):
        read_thresholds(path)


def test_command_line_from_posteriors_to_metrics(tmp_path):
    """calibrate, threshold, decode and score hand their files on."""
    clips = [f"{i}.wav" for i in range(3)]
    reference = {
        c: [Event(c, 1.0, 2.0, "Dog"), Event(c, 0.5, 3.0 + i, "Cat")] for i, c in enumerate(clips)
    }
    frames = np.full((3, 400, 2), 0.05)
    for i in range(3):
        frames[i, 60:120, 1] = frames[i, 30 : 180 + 60 * i, 0] = 0.3
    posteriors(frames, np.full((3, 2), 0.9)).save(tmp_path / "p.npz")
    write_events(tmp_path / "ref.tsv", reference)

    def resed(command, **files):
        options = [
            (f"--{key.replace('_', '-')}", str(tmp_path / file)) for key, file in files.items()
        ]
        done = CliRunner().invoke(app, [command, *(part for pair in options for part in pair)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "fallback: Cat, Dog" in resed("calibrate", events="ref.tsv", out="w.tsv")
    common = {"posteriors": "p.npz", "windows": "w.tsv"}
    resed("threshold", **common, reference="ref.tsv", out="t.json")
    assert resed("decode", **common, out="half").startswith("0 events")
    resed("decode", **common, out="tuned", threshold_file="t.json")
    files = {"estimated": "tuned/events.tsv", "estimated_tags": "tuned/tags.tsv"}
    resed("score", reference="ref.tsv", clips="ref.tsv", **files, out="m.json")
    metrics = json.loads((tmp_path / "m.json").read_text())
    assert [metrics[key]["macro_f1"] for key in ("event", "segment", "tags")] == [1.0, 1.0, 1.0]
