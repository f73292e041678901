"""The dataset file of DCASE 2018 Task 4 against the published lists."""

import re
from urllib.parse import urlparse

import pytest
import yaml
from fetchable import sound
from runs import REPOSITORY
from test_sources import acquire

from resed.acquire.recordings.annotation_files import clip_names
from resed.audit.annotation_checks import read_annotations
from resed.audit.annotation_versions import check_version, recognise_version
from resed.config.dataset import load_dataset
from resed.errors import DatasetError

FILE = REPOSITORY / "config" / "datasets" / "dcase2018.yaml"
COUNTS = {"weak": 1578, "unlabeled": 14412, "out_of_domain": 39999, "development": 288,
          "evaluation": 880}  # fmt: skip


@pytest.fixture
def published(shared):
    folder = shared / "data" / "dcase2018"
    if not folder.is_dir():
        pytest.skip("requires the published lists, $RESED_SHARED/data/dcase2018")
    return folder


def test_every_split_has_its_official_clips(published):
    dataset = load_dataset(FILE)
    found = {
        role: len(set(clip_names(dataset, published / place.annotations, role)))
        for role, place in dataset.splits.items()
    }
    assert found == COUNTS == {role: place.clips for role, place in dataset.splits.items()}


def test_the_audit_recognises_each_list_by_its_bytes(published, tmp_path):
    dataset = load_dataset(FILE)
    for role, place in dataset.splits.items():
        found = read_annotations(published / place.annotations, role, place.labels, dataset.classes)
        version = recognise_version(dataset, role, found)
        assert version["by"] == "bytes"
        assert version["version"].startswith("dcase2018_baseline of 201")
        assert not list(check_version(dataset, role, version))
    # With 15 of its rows twice, as in 2018, the test set is another version.
    table = (published / dataset.splits["development"].annotations).read_bytes()
    copy = tmp_path / "test.csv"
    copy.write_bytes(table + b"\n".join(table.splitlines()[1:16]) + b"\n")
    found = read_annotations(copy, "development", "strong", dataset.classes)
    assert (found.rows, recognise_version(dataset, "development", found)["by"]) == (923, None)


def test_no_video_is_in_training_and_in_a_scored_split(published):
    dataset = load_dataset(FILE)
    videos = {
        role: {re.fullmatch(r"Y(.{11})_[\d.]+_[\d.]+\.wav", name)[1] for name in
               clip_names(dataset, published / place.annotations, role)}
        for role, place in dataset.splits.items()
    }  # fmt: skip
    scored = videos["development"] | videos["evaluation"]
    assert len(scored) == 288 + 880
    for role in ("weak", "unlabeled", "out_of_domain"):
        assert not videos[role] & scored
    assert not videos["out_of_domain"] & (videos["weak"] | videos["unlabeled"])


def test_lists_are_fetched_and_clips_taken_from_a_folder(server, published, tmp_path):
    values = yaml.safe_load(FILE.read_text())
    annotations = values["sources"][0]
    below = urlparse(annotations["url"]).path.strip("/")
    for entry in annotations["files"]:
        server.put(f"{below}/{entry['path']}", (published / entry["path"]).read_bytes())
    annotations["url"] = server.url(below)
    values["sources"] = [annotations]
    file = tmp_path / "dcase2018.yaml"
    file.write_text(yaml.safe_dump(values))
    names = clip_names(load_dataset(file), published / "metadata/test/test.csv", "development")
    folder, root = tmp_path / "mine", tmp_path / "data"
    folder.mkdir()
    (folder / names[0][1:]).write_bytes(sound(0))  # without the Y, as some copies have it
    record = acquire(file, root, "development", folder=folder)["development"]
    assert (record["clips"], record["clips_present"]) == (288, 1)
    assert (root / "audio/test" / names[0]).read_bytes() == sound(0)
    fetched = root / "metadata/test/test.csv"
    assert fetched.read_bytes() == (published / "metadata/test/test.csv").read_bytes()
    with pytest.raises(DatasetError, match="none of the 1578 clips"):
        acquire(file, root, "weak", folder=folder)
    assert (root / "metadata/train/weak.csv").is_file()
