"""resed.calibrate.windows: equation 7 by hand, the knee against kneed, and the real annotations."""

import math
from dataclasses import FrozenInstanceError

import kneed
import numpy as np
import pytest
from runs import REPOSITORY
from typer.testing import CliRunner

from resed import cli
from resed.calibrate.windows import calibrate, class_window, density_mode, duration_cdf, knee
from resed.config.loading import check
from resed.config.run import load_config
from resed.config.study_rows import calibration
from resed.errors import AnnotationError, ConfigError, ResultsError
from resed.formats.annotations import Event, read_events, write_events
from resed.formats.windows import read_windows, write_windows
from resed.settings.decode import MOST_FRAMES, DecodeSettings

# Sorted 1, 2, 3, 4, 10: i/N normalised 0, 1/4, 1/2, 3/4, 1; durations 0, 1/9, 2/9, 3/9, 1.
# F - t: 0, 5/36, 10/36, 15/36, 0. The knee is the fourth event.
BY_HAND = [4.0, 1.0, 10.0, 2.0, 3.0]


def test_distribution_of_durations():
    x, y = duration_cdf(BY_HAND)
    assert x.tolist() == [1, 2, 3, 4, 10]
    assert y.tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [len(axis) for axis in duration_cdf([])] == [0, 0]
    assert [axis.tolist() for axis in duration_cdf([3.0])] == [[3.0], [1.0]]
    assert duration_cdf(range(1, 4))[0].dtype == np.float64


def test_knee_and_equation_7_by_hand():
    found = knee(BY_HAND)
    assert (found.index, found.seconds, found.refusal) == (4, 4.0, "")
    assert found.height == pytest.approx(15 / 36)
    row = class_window("Dog", BY_HAND, "esp", eta=1 / 3)
    assert row.window_s == pytest.approx((1 + 2 + 3 + 4) / 4 / 3)
    assert (row.mean_s, row.events, row.knee_index, row.knee_s) == (4.0, 5, 4, 4.0)
    average = class_window("Dog", BY_HAND, "average", eta=1 / 2)
    assert (average.window_s, average.knee_index, average.fallback) == (2.0, None, "")


def test_knee_agrees_with_kneed():
    generator = np.random.default_rng(0)
    for _ in range(20):
        # Concave without ripples, so that kneed's first local maximum is the only one.
        durations = 0.25 - np.log1p(-np.linspace(0.01, 0.99, 60)) * generator.uniform(0.2, 2)
        x, y = duration_cdf(durations)
        theirs = kneed.KneeLocator(x, y, curve="concave", direction="increasing").knee
        assert knee(durations).seconds == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("durations", "fallback", "window"),
    [
        ([], "no events", 0.0),
        ([3.0], "one event only", 1.0),
        ([3.0, 3.0, 3.0], "all durations equal", 1.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0], "no knee: the distribution lies nowhere above", 1.0),
    ],
)
def test_without_a_knee_the_average_is_taken_and_said_so(durations, fallback, window):
    row = class_window("Dog", durations, "esp")
    assert row.fallback.startswith(fallback)
    assert row.window_s == pytest.approx(window)
    assert row.knee_index is None
    assert row.method == "esp"


def test_guard_is_an_option():
    durations = [1.0, 2.0, 3.0, 4.0, 5.3]
    height = 0.75 - 3 / 4.3
    assert knee(durations, guard=height + 0.001).refusal
    assert not knee(durations, guard=height - 0.001).refusal


def test_other_readings_of_inflection():
    assert knee(BY_HAND, "quantile", quantile=0.5).index == 3
    assert knee(BY_HAND, "quantile", quantile=0.0).index == 1
    # i/N minus the share of the total of 20 s: .15, .25, .30, .25, 0.
    assert knee([1.0, 2.0, 3.0, 5.0, 9.0], "cumulative_elbow").index == 3
    normal = np.random.default_rng(1).normal(5, 0.5, 2000)
    assert knee(normal, "kde_mode").seconds == pytest.approx(5, abs=0.2)
    piled_at_the_end = [*np.linspace(1, 9, 30), *[10.0] * 30]
    assert knee(piled_at_the_end, "kde_mode").seconds == pytest.approx(10, abs=0.2)
    with pytest.raises(ValueError, match="unknown knee method"):
        knee(BY_HAND, "elbow")


def test_classes_without_events_and_files_without_any():
    events = {"a": [Event("a", 0, 2, "Dog")]}
    rows = calibrate(events, classes=["Cat", "Dog"])
    assert [(row.event_label, row.events) for row in rows] == [("Cat", 0), ("Dog", 1)]
    with pytest.raises(AnnotationError, match="there are no events"):
        calibrate({"a": []})


def test_windows_file_goes_both_ways(tmp_path):
    events = {"a": [Event("a", 0, d, "Dog") for d in BY_HAND] + [Event("a", 0, 1, "Cat")]}
    rows = calibrate(events, classes=["Bird"])
    path = tmp_path / "w.tsv"
    write_windows(path, rows)
    assert path.read_text().splitlines()[0].split("\t") == [
        "event_label",
        "events",
        "mean_s",
        "window_s",
        "method",
        "knee_index",
        "knee_s",
        "fallback",
    ]
    again = read_windows(path)
    assert list(again) == ["Bird", "Cat", "Dog"]
    for row in rows:
        assert again[row.event_label].window_s == pytest.approx(row.window_s, abs=1e-6)
        assert again[row.event_label].fallback == row.fallback
        assert again[row.event_label].knee_index == row.knee_index


def test_one_event_of_one_class_is_told_so(tmp_path):
    events = tmp_path / "strong.tsv"
    write_events(events, {"a.wav": [Event("a.wav", 0, 3, "Dog")]})
    told = CliRunner().invoke(
        cli.app, ["calibrate", "--events", str(events), "--out", str(tmp_path / "w.tsv")]
    )
    row, total = told.stdout.splitlines()
    assert row.startswith("Dog  1 event, mean 3.000 s, ")
    assert total == "1 event, 1 class; fallback: Dog"


@pytest.mark.parametrize(
    "bad", ["", "a\tb\n", "HEADER\nDog\t1\n", "HEADER\nDog\t1\t1\tnan\tesp\t\t\t\n"]
)
def test_malformed_windows_are_refused(tmp_path, bad):
    path = tmp_path / "w.tsv"
    write_windows(path, [])
    path.write_text(bad.replace("HEADER", path.read_text().strip()))
    with pytest.raises(ResultsError, match=r"w\.tsv line \d"):
        read_windows(path)


def test_real_annotations(shared):
    events = read_events(shared / "data/dcase2019/metadata/train/synthetic.tsv")
    rows = {row.event_label: row for row in calibrate(events)}
    assert sum(row.events for row in rows.values()) == 6032
    assert [label for label, row in rows.items() if row.fallback] == []
    assert rows["Vacuum_cleaner"].mean_s == pytest.approx(5.288, abs=5e-4)
    average = {row.event_label: row for row in calibrate(events, "average")}
    for label, row in rows.items():
        assert average[label].window_s == pytest.approx(average[label].mean_s / 3)
        assert row.window_s <= average[label].window_s + 1e-12
        assert math.isfinite(row.window_s)


def calibrated(shared, tmp_path, *words):
    """Windows of the real annotations by the command, and what it prints."""
    events = shared / "data/dcase2019/metadata/train/synthetic.tsv"
    out = tmp_path / "W.tsv"
    common = ["calibrate", "--events", str(events), "--method", "esp", "--out", str(out)]
    done = CliRunner().invoke(cli.app, [*common, *words])
    assert done.exit_code == 0, done.output
    return read_windows(out), done.stdout.splitlines()[-1]


def test_d1_no_class_of_the_real_annotations_falls_back(shared, tmp_path):
    """Table 3 has different scores for both windows in all ten classes."""
    rows, last = calibrated(shared, tmp_path)
    assert rows["Frying"].window_s == pytest.approx(1.151, abs=5e-4)
    assert rows["Vacuum_cleaner"].window_s == pytest.approx(0.293, abs=5e-4)
    assert not any(row.fallback for row in rows.values()) and last.endswith("fallback: none")
    average = calibrate(read_events(shared / "data/dcase2019/metadata/train/synthetic.tsv"))
    assert all(row.window_s < row.mean_s / 3 for row in average), "eq. 7 stops before the last"


def test_d1_the_guard_stays_as_a_reading(shared, tmp_path):
    rows, last = calibrated(shared, tmp_path, "--guard", "0.1")
    fallen = [label for label, row in rows.items() if row.fallback]
    assert fallen == ["Frying", "Vacuum_cleaner"]
    assert last.endswith("fallback: Frying, Vacuum_cleaner")
    assert all(rows[label].window_s == pytest.approx(rows[label].mean_s / 3) for label in fallen)
    config = load_config(root=REPOSITORY)
    assert config.calibrate.guard == 0
    assert calibration(config, "pts_tfd_afl_esp@knee.guarded").guard == 0.1


def reflected_mode(durations):
    """Mode of a Gaussian density of Scott's width, mirrored at the longest, on 1000 places."""
    x = np.sort(durations)
    width = len(x) ** (-1 / 5) * np.std(x, ddof=1)
    places = x[0] + (x[-1] - x[0]) * np.arange(1000) / 999
    both = np.concatenate([x, 2 * x[-1] - x])
    density = np.exp(-(((places[:, None] - both) / width) ** 2) / 2).sum(axis=1)
    return places[density.argmax()]


@pytest.mark.parametrize("seed", range(12))
def test_mode_of_the_density_by_summing_gaussians(seed):
    rng = np.random.default_rng(seed)
    durations = 0.25 + rng.exponential(1 + seed % 3, 5 + seed)
    mode = reflected_mode(durations)
    assert density_mode(np.sort(durations)) == pytest.approx(mode, rel=1e-9)
    assert knee(durations, "kde_mode").index == max(1, np.sum(durations <= mode))


@pytest.mark.parametrize("seed", range(4))
def test_every_knee_by_loops(seed):
    """Kneedle, the elbow of the cumulated duration, and quantiles, one event after another."""
    durations = sorted(0.25 + np.random.default_rng(seed).exponential(2, 15))
    count, total = len(durations), sum(durations)
    span = durations[-1] - durations[0]
    bulge = [i / (count - 1) - (d - durations[0]) / span for i, d in enumerate(durations)]
    found = knee(durations, guard=0.0)
    assert found.index == bulge.index(max(bulge)) + 1
    assert found.height == pytest.approx(max(bulge))
    assert found.seconds == durations[found.index - 1]
    above = [(i + 1) / count - sum(durations[: i + 1]) / total for i in range(count)]
    assert knee(durations, "cumulative_elbow").index == above.index(max(above)) + 1
    for share in (0.0, 0.1, 0.34, 0.5, 0.99, 1.0):
        expected = min(count, max(1, math.ceil(share * count)))
        assert knee(durations, "quantile", quantile=share).index == expected
        assert knee(durations, "quantile", guard=1.0, quantile=share).refusal == ""
    assert knee(durations, "quantile").index == 8, "half of 15, rounded up"


def test_a_knee_of_exactly_the_guard_is_one():
    height = knee(BY_HAND).height
    assert knee(BY_HAND, guard=height).refusal == ""
    assert knee(BY_HAND, guard=np.nextafter(height, 1)).refusal != ""
    low = [1.0, 2.0, 3.0, 4.0, 5.2]  # a height of 3/4 - 3/4.2: below 0.1
    assert knee(low, guard=0.1).refusal and not knee(low).refusal
    assert knee(low) == knee(low, guard=0.0)


def test_too_few_events_for_a_knee():
    nothing, single, equal = knee([]), knee([3.0]), knee([2.0, 2.0])
    assert (nothing.index, math.isnan(nothing.seconds), nothing.height) == (0, True, 0.0)
    assert (single.index, single.seconds, single.height) == (1, 3.0, 0.0)
    assert (equal.index, equal.seconds, equal.height) == (2, 2.0, 0.0)
    assert all(found.refusal for found in (nothing, single, equal))
    two = knee([1.0, 2.0], guard=0.0)
    assert (two.index, two.height, two.refusal[:7]) == (1, 0.0, "no knee")


@pytest.mark.parametrize("method", ["esp", "average"])
def test_a_class_without_events_is_not_smoothed(method):
    row = class_window("Cat", [], method)
    assert (row.events, row.mean_s, row.window_s, row.method) == (0, None, 0.0, method)
    assert (row.knee_index, row.knee_s) == (None, None)
    assert row.fallback


def test_options_of_the_command_by_hand(tmp_path):
    """Durations of 1, 2, 3, 4 and 10 s: events up to the knee (5: all), and eta."""
    mode = sum(d <= reflected_mode(np.array(BY_HAND)) for d in BY_HAND)
    cases = [
        ({}, 4, 1 / 3),
        ({"eta": 0.5}, 4, 0.5),
        ({"method": "average"}, 5, 1 / 3),
        ({"method": "average", "eta": 1.0}, 5, 1.0),
        ({"guard": 0.5}, 5, 1 / 3),
        ({"knee": "quantile"}, 3, 1 / 3),
        ({"knee": "quantile", "quantile": 0.2}, 1, 1 / 3),
        ({"knee": "cumulative_elbow"}, 4, 1 / 3),  # i/N less the share of 20 s: .15 .25 .3 .3 0
        ({"knee": "kde_mode", "guard": 0.9}, mode, 1 / 3),
    ]
    events, out = tmp_path / "strong.tsv", tmp_path / "w.tsv"
    write_events(events, {"a.wav": [Event("a.wav", 0, d, "Dog") for d in BY_HAND]})
    for options, count, eta in cases:
        words = [f"--{name}={value}" for name, value in options.items()]
        done = CliRunner().invoke(
            cli.app, ["calibrate", "--events", str(events), "--out", str(out), *words]
        )
        assert done.exit_code == 0, done.output
        expected = eta * float(np.mean(sorted(BY_HAND)[:count]))
        assert read_windows(out)["Dog"].window_s == pytest.approx(expected, abs=1e-6), options


def test_calibrate_sorts_classes_and_passes_its_options_on():
    events = {
        "a": [Event("a", 1.0, 1.0 + d, "Dog") for d in BY_HAND[:3]],
        "b": [Event("b", 0.5, 0.5 + d, "Dog") for d in BY_HAND[3:]] + [Event("b", 2, 5, "Cat")],
    }
    rows = calibrate(
        events, eta=0.5, classes=["Zebra"], options={"method": "quantile", "quantile": 0.4}
    )
    assert [row.event_label for row in rows] == ["Cat", "Dog", "Zebra"]
    cat, dog, zebra = rows
    assert (dog.events, dog.knee_index, dog.knee_s) == (5, 2, pytest.approx(2.0))
    assert dog.window_s == pytest.approx(0.5 * 1.5)
    assert cat.window_s == pytest.approx(1.5) and zebra.window_s == 0.0
    assert calibrate(events)[1].window_s == pytest.approx(2.5 / 3)
    with pytest.raises(FrozenInstanceError):
        knee(BY_HAND).index = 5


def test_a_class_that_has_two_rows_is_refused(tmp_path):
    path = tmp_path / "w.tsv"
    write_windows(path, calibrate({"a": [Event("a", 0, 2, "Dog"), Event("a", 0, 1, "Cat")]}))
    text = path.read_text()
    assert list(read_windows(path)) == ["Cat", "Dog"]
    path.write_text(text + text.splitlines(keepends=True)[1])
    with pytest.raises(ResultsError, match=r"w\.tsv line 4"):
        read_windows(path)


@pytest.mark.parametrize("options", [["--eta", "1e6"], []])
def test_c2_windows_that_could_not_be_read_are_not_written(tmp_path, options):
    """Times within the bound of annotations, and windows that no filter could hold."""
    length = 10.0 if options else 9000.0
    write_events(tmp_path / "e.tsv", {"a.wav": [Event("a.wav", 0.0, length, "Dog")]})
    words = ["--events", str(tmp_path / "e.tsv"), "--out", str(tmp_path / "w.tsv"), *options]
    done = CliRunner().invoke(cli.app, ["calibrate", *words])
    assert isinstance(done.exception, ResultsError), done.output
    assert "Dog or its events last" in str(done.exception)
    assert "at most 3600 s can be filtered; correct the times" in str(done.exception)
    assert not (tmp_path / "w.tsv").exists()


def test_c2_a_fixed_window_is_bounded():
    assert check(DecodeSettings, {"fixed_window": MOST_FRAMES}, "decode")
    for frames in (0, MOST_FRAMES + 1, 10**12):
        with pytest.raises(ConfigError, match=r"decode\.fixed_window"):
            check(DecodeSettings, {"fixed_window": frames}, "decode")
