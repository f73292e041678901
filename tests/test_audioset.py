"""The dataset file of AudioSet: its classes and splits."""

import pytest

from resed.acquire.recordings.sources.settings import sources_of
from resed.config.dataset import load_dataset
from resed.config.loading import read_yaml
from resed.config.run import load_config


def test_classes_are_the_published_ones_without_commas():
    dataset = load_dataset("audioset")
    assert len(dataset.classes) == len(set(dataset.classes)) == 527
    assert dataset.classes[:3] == [
        "Speech",
        "Male speech - man speaking",
        "Female speech - woman speaking",
    ]
    assert sum(" - " in label for label in dataset.classes) == 75
    assert not any("," in label for label in dataset.classes)


def test_every_split_has_tags_only():
    dataset = load_dataset("audioset")
    counts = {role: place.clips for role, place in dataset.splits.items()}
    assert counts == {"weak": 22160 + 2041789 - 25000, "development": 25000, "evaluation": 20371}
    assert {place.labels for place in dataset.splits.values()} == {"weak"}
    assert dataset.tags_only
    lists, hub = sources_of(dataset)
    assert hub.names == "id"
    assert {entry.path for entry in lists.files} == {*dataset.lists.files}


@pytest.mark.parametrize(
    "name", ["Y--aE2O5G5WE.wav", "--aE2O5G5WE.wav", "Y--aE2O5G5WE_0.000_10.000.wav"]
)
def test_names_of_a_clip_have_its_video(name):
    assert load_dataset("audioset").pattern.match(name).id == "--aE2O5G5WE"


def test_the_plan_needs_no_list_and_leaves_out_frames():
    config = load_config(read_yaml("config/secost.yaml"))
    assert config.predict.tags_only and config.store.dtype == "float16"
    assert config.dataset_file.lists.draw.clips == config.dataset_file.splits["development"].clips
