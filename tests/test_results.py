"""Departures from the paper, and settings that are none."""

import numpy as np
import pytest
from made_results import decision, make_results, make_root
from scipy.stats import t as student

from resed.config.rows import Row
from resed.config.run import load_config
from resed.paper.numbers import Metric
from resed.results.folder import Results, departures

SETTINGS = "settings other than the paper's (see the settings of each system)"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The dataset `made`, as the paper's own."""
    folder = tmp_path_factory.mktemp("made")
    make_root(folder)
    path = folder / "config" / "papers" / "liang" / "numbers.yaml"
    path.write_text(path.read_text().replace("dataset: dcase2019", "dataset: made"))
    return folder


def found(root, **changes):
    own = {"dataset": "made", "paper": "liang", "systems": ["mean_teacher", "pts"]}
    config = load_config({**own, **changes}, root)
    return departures(Results.of(config, root / "results" / "made"))


@pytest.mark.parametrize(
    "changes",
    [
        {"override": {"schedule": {"epochs": 5}}},
        {"system_overrides": {"pts": {"schedule": {"epochs": 5}}}},
        {"features": {"n_mels": 32}},
        {"feature_overrides": {"mean_teacher": {"f_max": 8000}}},
    ],
)
def test_settings_that_depart_from_the_paper(root, changes):
    assert found(root, **changes) == [SETTINGS]


@pytest.mark.parametrize(
    ("calibrate", "told"),
    [
        ({"eta": 0.5}, "eta 0.5"),
        ({"eta": 0.33}, "eta 0.33"),
        ({"knee": "quantile", "quantile": 0.4}, "knee quantile, quantile 0.4"),
        ({"guard": 0.2}, "guard 0.2"),
        ({"knee": "kde_mode", "guard": 0.2, "quantile": 0.4}, "knee kde_mode"),
    ],
)
def test_windows_that_depart_from_the_paper(root, calibrate, told):
    assert found(root, calibrate=calibrate) == [
        f"windows with settings other than the paper's: {told}"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"calibrate": {"eta": 0.3333333, "knee": "kneedle", "guard": 0, "quantile": 0.5}},
        {"calibrate": {"eta": 0.3333}},  # as the command's own default
        {"calibrate": {"quantile": 0.4}},  # of another knee than the one that is used
        {"features": {"n_mels": 64}},
        {"override": {"schedule": {}}},
        {"override": {"decode": {"frame_threshold": 0.5}}},
        {"system_overrides": {"pts": {}}},
        {"system_overrides": {"pts_tfd": {"schedule": {"epochs": 5}}}},  # not run
        {"feature_overrides": {"mean_teacher": {}}},
        {"feature_overrides": {"guided_learning": {"f_max": 8000}}},  # no system of it is run
        {"sensitivity": {"override": {"schedule": {"epochs": 5}}}},  # of the study alone
    ],
)
def test_what_changes_nothing_is_no_departure(root, changes):
    assert found(root, **changes) == []


@pytest.fixture(scope="module")
def pooled(tmp_path_factory):
    """Runs beside a made-up paper that prints mAP, PSDS and an F1, as fractions."""
    root = tmp_path_factory.mktemp("pooled")
    config = make_root(root, paper="pooled", systems=["pts", "pts_tfd"], seeds=3)
    return Results.of(config, make_results(config, 20))


def test_a_score_without_counts_has_an_interval_over_seeds(pooled):
    values = [
        pooled.metrics("evaluation", "pts", seed)["threshold_free"]["tags_map"] for seed in range(3)
    ]
    assert pooled.values("evaluation", "pts", "map") == values
    found = pooled.interval("evaluation", "pts", "map")
    half = student.ppf(0.975, 2) * np.std(values, ddof=1) / 3**0.5
    assert (found.mean, found.high) == pytest.approx((np.mean(values), np.mean(values) + half))
    assert (found.covers, found.seeds, found.clips) == ("seeds", 3, 20)
    assert pooled.interval("evaluation", "pts", "map", "Dog") is None, "no score per class"


def test_an_f1_as_a_fraction(pooled):
    percent = Metric(title="", short="", block="tags")
    for label in (None, "Dog"):
        own = pooled.interval("evaluation", "pts", "tagging", label)
        assert own == pooled.interval("evaluation", "pts", percent, label).scaled(0.01)
    assert pooled.values("evaluation", "pts", "tagging") == pytest.approx(
        [pooled.metrics("evaluation", "pts", k)["tags"]["macro_f1"] for k in range(3)]
    )
    one = pooled.difference("evaluation", "pts_tfd", "pts", "tagging")
    two = pooled.difference("evaluation", "pts_tfd", "pts", percent)
    assert (one.mean, one.low) == pytest.approx((two.mean / 100, two.low / 100))
    assert decision(pooled, "evaluation", "pts_tfd", "pts", "tagging") == decision(
        pooled, "evaluation", "pts_tfd", "pts", percent
    )


def test_rows_without_such_a_score_have_none(pooled):
    assert pooled.interval("evaluation", Row("prior", baseline=True), "map") is None
    assert pooled.interval("evaluation", Row("pts").tuned, "map") is None
    assert pooled.difference("evaluation", Row("pts").tuned, "pts_tfd", "map") is None
    raw = Metric(title="", short="", block="tags_raw")
    assert pooled.interval("evaluation", Row("prior", baseline=True), raw) is None
    assert pooled.values("evaluation", Row("prior", baseline=True), raw) == []
