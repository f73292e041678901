"""Files are either complete or absent."""

import os
import subprocess
import sys

import pytest

from resed.errors import MissingFileError, ResedError
from resed.runtime import checksums
from resed.runtime.files import atomic_path, read_json, write_json, write_text
from resed.runtime.temporary import HOST


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_writer_left_is_swept_and_a_living_ones_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".a.{dead.pid}@{HOST}.part.txt"
    living = tmp_path / f".a.{os.getppid()}@{HOST}.part.txt"
    elsewhere = tmp_path / f".a.{dead.pid}@another-{HOST}.part.txt"  # of a shared folder
    for path in (left, living, elsewhere):
        path.write_text("half")
    write_text(tmp_path / "b.txt", "whole")
    assert not left.exists()
    assert living.exists()
    assert elsewhere.exists()


def test_what_a_writer_of_checksums_left_is_swept_too(tmp_path, monkeypatch):
    monkeypatch.setenv(checksums.VARIABLE, str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = tmp_path / checksums.FOLDER / "decode"
    folder.mkdir(parents=True)
    left = folder / f".tags.tsv.sha256.{dead.pid}@{HOST}.part"
    left.write_text("half")
    (tmp_path / "decode").mkdir()
    write_text(tmp_path / "decode" / "tags.tsv", "whole")
    assert [path.name for path in folder.iterdir()] == ["tags.tsv.sha256"]


def test_json_is_sorted_and_broken_json_is_refused(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [2]})
    assert path.read_text().index('"a"') < path.read_text().index('"b"')
    assert read_json(path) == {"b": 1, "a": [2]}
    path.write_text("{")
    with pytest.raises(ResedError, match=r"a\.json: not valid JSON"):
        read_json(path)
    with pytest.raises(MissingFileError, match=r"none\.json: no such file"):
        read_json(tmp_path / "none.json")
