"""Which sound files `resed detect` finds, under which names, and what it reports instead."""

import os
import socket
from pathlib import Path

import pytest

from resed.detect.sources import find_sources
from resed.errors import AudioError, MissingFileError
from resed.formats.clip_names import SOUNDS


@pytest.fixture
def folder(tmp_path) -> Path:
    """Empty files: finding does not read them."""
    for name in ("b.wav", "A.FLAC", "sub/deep/c.ogg", "sub/notes.txt", ".hidden/d.wav", "._b.wav"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "in"


def names(*given: Path | str, out: Path | str = "out") -> list[str]:
    return [source.name for source in find_sources([str(one) for one in given], Path(out))]


def errors(*given: Path | str) -> dict[str, str]:
    found = find_sources([str(one) for one in given], Path("out"))
    return {source.name: source.error.problem for source in found if source.error}


def test_names_are_relative_to_the_folder_and_sorted(folder):
    assert names(folder) == ["A.FLAC", "b.wav", "sub/deep/c.ogg"]
    assert names(folder / "sub") == ["deep/c.ogg"]
    assert names(folder / "b.wav") == ["b.wav"]
    assert errors(folder) == {}


def test_names_of_several_are_relative_to_the_common_folder(folder):
    assert names(folder / "b.wav", folder / "sub") == ["b.wav", "sub/deep/c.ogg"]
    assert names(folder / "sub" / "deep" / "c.ogg", folder / "b.wav") == ["b.wav", "sub/deep/c.ogg"]
    assert names(folder, folder / "b.wav", folder / "sub") == names(folder)  # each file once


def test_relative_paths_are_those_of_the_current_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names(".") == names("../in") == names(folder)
    (found,) = find_sources(["b.wav"], Path("out"))
    assert found.path == folder / "b.wav"


def test_patterns(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names("*.wav") == ["b.wav"]
    assert names("**/*.ogg") == ["c.ogg"]
    assert names("**") == ["A.FLAC", "b.wav", "sub/deep/c.ogg"]
    assert names(str(folder / "s*" / "deep")) == ["c.ogg"]
    odd = folder / "x[1].wav"
    odd.touch()
    assert names("x[1].wav") == ["x[1].wav"]  # a file of this name before a pattern
    with pytest.raises(MissingFileError, match=r"no_such\*: no such file or folder; .*pattern"):
        names("no_such*")


def test_any_suffix_is_accepted_if_it_is_given(folder):
    assert names(folder / "sub" / "notes.txt") == ["notes.txt"]
    with pytest.raises(AudioError, match=r"no sound file; the suffixes of sound files are .*\.wav"):
        names(_made(folder / "empty"))
    assert all(suffix == suffix.lower() for suffix in SOUNDS)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_sound_that_is_not_read_is_not_left_out(folder):
    (folder / "phone.m4a").touch()
    assert "phone.m4a" in names(folder)


def test_c10_what_only_has_the_name_of_a_sound_file_is_reported(folder):
    (folder / "folder.wav").mkdir()
    (folder / "folder.wav" / "inside.wav").touch()
    os.mkfifo(folder / "pipe.wav")
    (folder / "gone.wav").symlink_to("nowhere")
    (folder / "circle.wav").symlink_to("circle.wav")
    (folder / "null.wav").symlink_to(os.devnull)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s.wav"))
    assert errors(folder) == {
        "folder.wav": "a folder with the name of a sound file",
        "pipe.wav": "a device, a pipe or a socket",
        "null.wav": "a device, a pipe or a socket",
        "s.wav": "a device, a pipe or a socket",
        "gone.wav": "cannot be read (No such file or directory)",
        "circle.wav": "cannot be read (Too many levels of symbolic links)",
    }
    assert "folder.wav/inside.wav" in names(folder)  # nothing is lost
    assert errors(folder / "pipe.wav") == {"pipe.wav": "a device, a pipe or a socket"}
    assert names(folder / "folder.wav") == ["inside.wav"]


def test_c10_links_are_followed_once(folder):
    (folder / "again").symlink_to(folder)
    (folder / "sub" / "up").symlink_to("..")
    (folder / "linked.wav").symlink_to("b.wav")
    assert names(folder) == ["A.FLAC", "b.wav", "linked.wav", "sub/deep/c.ogg"]


def test_the_output_folder_is_not_searched(folder):
    (folder / "out" / "png").mkdir(parents=True)
    (folder / "out" / "png" / "x.wav").touch()
    assert names(folder, out=folder / "out") == ["A.FLAC", "b.wav", "sub/deep/c.ogg"]


def test_c10_names_that_no_table_can_hold(folder):
    for name in ("a\tb.wav", "a\nb.wav", " a.wav", os.fsdecode(b"caf\xe9.wav")):
        (folder / name).touch()
    found = errors(folder)
    assert found == {
        "a\tb.wav": "its name has a tab, a line end, or a space at one of its ends",
        "a\nb.wav": "its name has a tab, a line end, or a space at one of its ends",
        " a.wav": "its name has a tab, a line end, or a space at one of its ends",
        "caf\udce9.wav": "its name is not UTF-8",
    }
    for name in ("с пробелом 音.wav", "it's $(x) \\ \x1b[31m.wav", "x" * 251 + ".wav"):
        (folder / name).touch()
    assert errors(folder) == found


@pytest.mark.skipif(os.getuid() == 0, reason="root reads every folder")
def test_folders_that_cannot_be_read_are_reported(folder):
    (folder / "sub").chmod(0)
    try:
        assert errors(folder) == {"sub": "cannot be read (Permission denied)"}
    finally:
        (folder / "sub").chmod(0o700)


def test_folders_that_cannot_be_read_are_reported_as_root(folder, monkeypatch):
    """The same without the permissions, which root does not feel."""
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert errors(folder) == {"sub": "cannot be read (Permission denied)"}
    assert names(folder) == ["A.FLAC", "b.wav", "sub"]
