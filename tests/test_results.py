"""What departs from the paper, and what only looks as if it did."""

import pytest
from made_results import make_root

from resed.config.run import load_config
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
    config = load_config({"dataset": "made", "systems": ["mean_teacher", "pts"], **changes}, root)
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
        f"windows by settings other than the paper's: {told}"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"calibrate": {"eta": 0.3333333, "knee": "kneedle", "guard": 0.1, "quantile": 0.5}},
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
