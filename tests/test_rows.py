"""A row of the tables: one way to its folder name and back."""

import pytest

from resed.config.rows import BASELINES, UNCHANGED, Row, windows_of_reading

FOLDERS = {
    "pts_tfd": Row("pts_tfd"),
    "pts_tfd@tfd.literal": Row("pts_tfd", "tfd.literal"),
    "pts_tfd@default": Row("pts_tfd", UNCHANGED),
    "pts@development_threshold": Row("pts", threshold="development"),
    "pts@gate.none@development_threshold": Row("pts", "gate.none", "development"),
    "pts@class_thresholds": Row("pts", threshold="per_class"),
    "pts@gate.none@class_thresholds": Row("pts", "gate.none", "per_class"),
    "sanity_nothing": Row("nothing", baseline=True),
    "sanity_of_my_own": Row("sanity_of_my_own"),  # a system, for no baseline has this name
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_and_back(folder):
    row = FOLDERS[folder]
    assert row.folder == folder
    assert Row.of(folder) == row == Row.of(row)
    assert hash(Row.of(folder)) == hash(row)


def test_baselines_are_no_systems():
    folders = [Row(kind, baseline=True).folder for kind in BASELINES]
    assert folders == [f"sanity_{kind}" for kind in BASELINES]
    assert all(Row.of(folder).baseline for folder in folders)


def test_threshold_and_reading_are_changed_alone():
    row = Row("pts", "gate.none", "development")
    assert row.configured == Row("pts", "gate.none")
    assert row.configured.tuned == row == row.tuned_per_class.tuned
    assert row.tuned_per_class == Row("pts", "gate.none", "per_class")
    assert row.decodings == (row.configured, row, row.tuned_per_class)
    assert row.unchanged == Row("pts", UNCHANGED)
    assert (row.changed_by, row.unchanged.changed_by, Row("pts").changed_by) == (
        "gate.none",
        "",
        "",
    )
    assert windows_of_reading("esp", row) == "esp@gate.none"
