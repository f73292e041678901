"""The states of clips survive kills, and equal runs end with equal records."""

import signal
import subprocess
import sys

import pytest

from resed.acquire.recordings.fetch.state import ClipStates, read_states
from resed.formats.acquisition import Answer, ClipState, StateError

PRESENT = ClipState("a.wav", "present", "zenodo", 12, "ab" * 32)
GONE = ClipState(
    "b.wav", "gone", answers={"web": Answer("gone", "404\n twice", True), "hub": Answer("failed")}
)


def test_what_is_set_is_read_again_sorted_and_the_journal_is_folded(tmp_path):
    with ClipStates.open(tmp_path, "weak") as state:
        state.set(GONE)
        state.set(
            ClipState("a.wav", "failed", answers={"web": Answer("failed", "no complete answer")})
        )
        state.set(PRESENT)
        assert state.get("a.wav") == PRESENT
        assert state.get("c.wav") is None
        assert [clip.filename for clip in state] == ["a.wav", "b.wav"]
    assert [path.name for path in (tmp_path / ".acquire").iterdir()] == ["weak.tsv"]
    assert (tmp_path / ".acquire" / "weak.tsv").read_text() == (
        "filename\tstate\tsource\tbytes\tsha256\tanswers\n"
        f"a.wav\tpresent\tzenodo\t12\t{'ab' * 32}\t\n"
        'b.wav\tgone\t\t\t\t{"web": {"state": "gone", "detail": "404 twice", "final": true}, '
        '"hub": {"state": "failed", "detail": "", "final": false}}\n'
    )
    assert read_states(tmp_path, "weak") == {"a.wav": PRESENT, "b.wav": GONE}
    assert GONE.reason == "web: gone (404 twice), hub: failed"


WRITER = """
import os, signal, sys
from resed.acquire.recordings.fetch.state import ClipState, ClipStates
root, count = sys.argv[1], int(sys.argv[2])
with ClipStates.open(root, "weak") as state:
    for number in range(count):
        state.set(ClipState(f"{number:03}.wav", "present", "web", number, f"{number:064x}"))
    if sys.argv[3] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def run(root, count, end):
    return subprocess.run([sys.executable, "-c", WRITER, root, str(count), end]).returncode


def test_a_killed_and_continued_run_leaves_the_same_bytes(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    assert run(one, 40, "end") == 0
    for count in (7, 3, 25):
        assert run(other, count, "kill") == -signal.SIGKILL
        journal = other / ".acquire" / "weak.jsonl"
        with journal.open("ab") as handle:
            handle.write(b'{"filename": "torn')
        assert len(read_states(other, "weak")) >= count
    assert run(other, 40, "end") == 0
    assert [path.name for path in (other / ".acquire").iterdir()] == ["weak.tsv"]
    names = ".acquire/weak.tsv"
    assert (other / names).read_bytes() == (one / names).read_bytes()


def test_a_kill_between_table_and_journal_changes_nothing(tmp_path):
    with ClipStates.open(tmp_path, "weak") as state:
        state.set(PRESENT)
        kept = state.journal.read_bytes()
    table = (tmp_path / ".acquire" / "weak.tsv").read_bytes()
    state.journal.write_bytes(kept)
    with ClipStates.open(tmp_path, "weak"):
        pass
    assert (tmp_path / ".acquire" / "weak.tsv").read_bytes() == table


def test_a_second_writer_is_refused_and_others_splits_are_free(tmp_path):
    with ClipStates.open(tmp_path, "weak"):
        with pytest.raises(StateError, match=r"weak\.jsonl: another resed acquire is running"):
            ClipStates.open(tmp_path, "weak")
        ClipStates.open(tmp_path, "strong").close()
    ClipStates.open(tmp_path, "weak").close()
    assert not list((tmp_path / ".acquire").iterdir()), "nothing known, nothing written"


def test_clips_that_are_no_longer_listed_are_forgotten(tmp_path):
    with ClipStates.open(tmp_path, "weak") as state:
        state.set(PRESENT)
        state.set(GONE)
        state.keep(["b.wav", "c.wav"])
        state.close()
        state.close()
    assert list(read_states(tmp_path, "weak")) == ["b.wav"]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("weak.tsv", b"filename\n", r"weak\.tsv line 1: the columns must be"),
        ("weak.tsv", b"\xff\xfe", r"weak\.tsv line 1: not UTF-8"),
        ("weak.tsv", None, r"weak\.tsv line 2: state is not one of present, .*; delete it and run"),
        ("weak.jsonl", b"{}\n", r"weak\.jsonl line 1: damaged"),
        ("weak.jsonl", b"[1\n{", r"weak\.jsonl line 1: damaged"),
        ("weak.jsonl", b"[" * 100_000 + b"\n", r"weak\.jsonl line 1: damaged"),
        ("weak.jsonl", b'{"a":' * 100_000 + b"\n", r"weak\.jsonl line 1: damaged"),
        ("weak.jsonl", b" " * (2 << 20) + b"{}\n", r"weak\.jsonl line 1: damaged"),
    ],
)
def test_c4_a_damaged_record_is_refused_by_line(tmp_path, name, content, text):
    with ClipStates.open(tmp_path, "weak") as state:
        state.set(PRESENT)
    path = tmp_path / ".acquire" / name
    path.write_bytes(content or path.read_bytes().replace(b"present", b"presemt"))
    with pytest.raises(StateError, match=text):
        ClipStates.open(tmp_path, "weak")
    with pytest.raises(StateError, match=text):
        read_states(tmp_path, "weak")
    path.unlink()
    ClipStates.open(tmp_path, "weak").close()


@pytest.mark.parametrize("name", ["", "a\tb.wav", "a\n", "a\rb", "\udcff.wav"])
def test_names_that_a_row_cannot_hold_are_refused(name):
    with pytest.raises(StateError, match="cannot be recorded"):
        ClipState(name, "present")


def test_names_with_odd_letters_are_kept(tmp_path):
    odd = ClipState(
        "-ü \u2028\x1c.wav", "corrupt", "ein Ordner", 0, answers={"ü": Answer("corrupt", "ß\t")}
    )
    with ClipStates.open(tmp_path, "weak") as state:
        state.set(odd)
        assert read_states(tmp_path, "weak") == {odd.filename: odd}
    assert read_states(tmp_path, "weak") == {odd.filename: odd}


FULL = """
import resource, sys
from pathlib import Path
from resed.acquire.recordings.fetch.state import ClipState, ClipStates
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    with ClipStates.open(sys.argv[1], "weak") as state:
        for number in range(100):
            state.set(ClipState(f"{number:03}.wav", "present", "web", number, f"{number:064x}"))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_loses_nothing_that_was_set(tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("FullDiskError")
    assert "free disk space and run" in said
    assert said.count("\n") == 1
    before = read_states(tmp_path, "weak")
    assert len(before) > 20
    with ClipStates.open(tmp_path, "weak") as state:
        assert {clip.filename: clip for clip in state} == before
