"""The dataset file of AudioSet: its classes and splits."""

from resed.acquire.recordings.sources.settings import sources_of
from resed.config.dataset import load_dataset


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
    assert [source.names for source in sources_of(dataset)] == ["id"]
