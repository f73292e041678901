"""Sources in a dataset file: closed, named by their key; which are asked, and in which order."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from resed.acquire.recordings.sources.lock_file import LockFile
from resed.acquire.recordings.sources.settings import chosen_sources, sources_of
from resed.cli import app
from resed.config.dataset import load_dataset
from resed.errors import ConfigError, DatasetError

ROOT = Path(__file__).resolve().parents[1]
ANNOTATIONS = {
    "weak": "metadata/train/weak.tsv",
    "unlabeled": "metadata/train/unlabel_in_domain.tsv",
    "strong": "metadata/train/synthetic.tsv",
    "development": "metadata/validation/validation.tsv",
    "evaluation": "metadata/eval/public.tsv",
}


@pytest.fixture(scope="module")
def dcase():
    return load_dataset("dcase2019", ROOT)


def changed(dataset, *entries):
    return dataset.model_copy(update={"sources": list(entries)})


FOLDER = {"name": "mine", "kind": "folder", "splits": ["weak"], "path": "x"}
FILES = {"name": "a", "kind": "files", "splits": ["weak"], "files": [{"path": "b.tsv"}]}
ZENODO = {"name": "z", "kind": "zenodo", "splits": ["weak"], "record": "1", "archives": ["a.zip"],
          "api": "http://x"}  # fmt: skip
YOUTUBE = {"name": "y", "kind": "youtube", "splits": ["weak"], "url": "http://x/{id}"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {**FOLDER, "kind": "foldr"},
            "sources.0.kind: unknown kind of source 'foldr'; did you mean fol",
        ),
        ({"name": "x"}, "sources.0.kind: missing; known: folder, files,"),
        ({**ZENODO, "recrd": "1"}, "sources.0.recrd: unknown key; did you mean record?"),
        ({**ZENODO, "record": "one"}, "sources.0.record: String should match pattern"),
        ({**ZENODO, "archives": []}, "sources.0.archives: List should have at least 1 item"),
        ({**ZENODO, "splits": ["train"]}, "sources.0.splits.0: Input should be 'weak', 'unlabel"),
        ({**ZENODO, "name": "local"}, "sources.0.name: local is reserved"),
        ({**ZENODO, "name": "folder"}, "sources.0.name: folder is reserved"),
        ({**FOLDER, "match": "hash"}, "sources.0: set hashes (a manifest) if and only if match"),
        ({**FILES, "files": [{"path": "../b.tsv"}]}, "files.0.path: must be a path below"),
        ({**FILES, "files": [{"path": "/b.tsv"}]}, "files.0.path: must be a path below"),
        ({**FILES, "files": [{"path": "b", "checksum": "sha1:0"}]}, "checksum: String should mat"),
        ({**YOUTUBE, "url": "http://x"}, "sources.0.url: must contain {id}, the place of the name"),
        ({**YOUTUBE, "per_minute": 0}, "sources.0.per_minute: Input should be greater than 0"),
    ],
)
def test_mistakes_are_named_by_their_key(dcase, entry, message):
    with pytest.raises(ConfigError) as refused:
        sources_of(changed(dcase, entry))
    assert message in str(refused.value)
    assert str(refused.value).startswith("datasets.dcase2019.sources.0")


def test_a_name_twice_is_refused(dcase):
    with pytest.raises(ConfigError, match=r"sources.1.name: two sources are called z"):
        sources_of(changed(dcase, ZENODO, {**FOLDER, "name": "z"}))


def test_which_sources_are_asked(dcase):
    dataset = changed(dcase, ZENODO, {**YOUTUBE, "optional": True}, {**FILES, "name": "f"})

    def names(*arguments):
        return [source.name for source in chosen_sources(dataset, *arguments)]

    assert names(None, None) == ["z", "f"]
    assert names(["y", "z", "y"], None) == ["y", "z", "f"]  # f has the annotations
    assert names(["local"], None) == []
    assert names(["local"], "/data") == ["folder"]
    assert names(None, "/data") == ["folder", "z", "f"]
    with pytest.raises(ConfigError, match=r"--source yt: dcase2019 has no such source; known: lo"):
        names(["yt"], None)


def test_the_annotations_of_dcase2019_are_the_real_ones(dcase, shared):
    """Sizes and checksums of the dataset file against the files themselves."""
    from resed.runtime.files import sha256

    (source,) = [source for source in sources_of(dcase) if source.name == "annotations"]
    listed = {entry.path: entry for entry in source.files}
    assert set(listed) == set(ANNOTATIONS.values())
    for path, entry in listed.items():
        file = shared / "data/dcase2019" / path
        assert (entry.bytes, entry.checksum) == (file.stat().st_size, f"sha256:{sha256(file)}")


def test_every_split_of_dcase2019_has_a_source_that_is_asked_by_default(dcase):
    asked = [source for source in chosen_sources(dcase, None, None) if source.kind != "files"]
    assert {split for source in asked for split in source.splits} == set(ANNOTATIONS)
    assert {s.name for s in sources_of(dcase) if s.kind == "youtube" and not s.optional} == set()


def test_sources_are_shown_without_a_request(tmp_path):
    result = CliRunner().invoke(
        app, ["acquire", "--dataset", str(ROOT / "config/datasets/dcase2019.yaml"), "--root",
              str(tmp_path / "none"), "--list"]
    )  # fmt: skip
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert len(lines) == len(load_dataset("dcase2019", ROOT).sources)
    assert "zenodo_synthetic (zenodo): strong; record 2583796: Synthetic_dataset.zip" in lines[1]
    assert "only with --source youtube" in lines[-1]
    assert not (tmp_path / "none").exists()


def test_what_was_locked_must_stay(tmp_path):
    (tmp_path / "d.yaml").write_text("name: d\n")
    lock = LockFile(tmp_path / "d.yaml")
    assert lock.get("z") is None
    lock.agree("z", {"record": "1", "files": {"a.zip": {"bytes": 1}}})
    lock.agree("b", {"commit": "c"})
    lock.agree("z", {"files": {"a.zip": {"bytes": 1}}, "record": "1"})
    text = (tmp_path / "d.lock.json").read_text()
    assert list(json.loads(text)) == ["b", "z"]
    with pytest.raises(DatasetError) as refused:
        lock.agree("z", {"record": "1", "files": {"a.zip": {"bytes": 2}}})
    assert "the listing of z changed since it was locked (files.a.zip.bytes: 1 became 2)" in str(
        refused.value
    )
    assert (tmp_path / "d.lock.json").read_text() == text
