"""The comparison of two commits reports every kind of difference, and only differences."""

import json
import shutil

import compare_commits
import pytest
from compare_commits import compare

METRICS = {
    "event": {"macro": {"f1": 43.1}, "classes": {"Speech": {"f1": float("nan")}}},
    "tags_raw": {"macro": {"f1": 60.0}},
    "manifest_sha256": "0" * 64,
}
FILES = {
    "train/pts/seed0/checkpoint.pt": b"weights",
    "train/pts/seed0/history.csv": b"epoch,loss,clips_per_second\n1,0.5,12.0\n2,0.25,13.0\n",
    "predict/evaluation/pts/seed0.npz": b"posteriors",
    "decode/evaluation/pts/seed0/events.tsv": b"filename\tonset\n",
    "decode/evaluation/pts/seed0/tags.tsv": b"filename\tlabels\n",
    "decode/evaluation/pts/seed0/raw_tags.tsv": b"filename\tlabels\n",
    "decode/evaluation/pts/seed0/teacher_tags.tsv": b"filename\tlabels\n",
    "calibrate/windows_esp.tsv": b"event_label\twindow\n",
    "calibrate/thresholds/pts/seed0.json": b"{}",
    "score/evaluation/pts/seed0/counts.tsv": b"filename\ttp\n",
    "score/evaluation/pts/seed0/metrics.json": json.dumps(METRICS).encode(),
}
HISTORY = "train/pts/seed0/history.csv"
SCORES = "score/evaluation/pts/seed0/metrics.json"


@pytest.fixture
def sides(tmp_path):
    """Two equal folders of results."""
    for name, content in FILES.items():
        path = tmp_path / "before" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    return tmp_path / "before", tmp_path / "after"


def differing(sides):
    """All differing files, with how they differ."""
    return {name: how for kind in compare(*sides) for name, how in kind.differing.items()}


def write_metrics(folder, metrics):
    (folder / SCORES).write_text(json.dumps(metrics))


def test_equal_folders_are_the_same_and_every_file_is_compared(sides):
    comparisons = compare(*sides)
    assert all(comparison.same for comparison in comparisons)
    assert sum(comparison.files for comparison in comparisons) == len(FILES)


@pytest.mark.parametrize("name", [name for name in FILES if name != SCORES])
def test_an_altered_byte_is_reported(sides, name):
    content = bytearray(FILES[name])
    content[0] ^= 1
    (sides[1] / name).write_bytes(content)
    assert differing(sides) == {name: "content differs"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("side", [0, 1])
def test_a_missing_file_is_reported(sides, name, side):
    (sides[side] / name).unlink()
    assert differing(sides) == {name: f"missing {('before', 'after')[side]}"}


@pytest.mark.parametrize("block", ["event", "tags_raw"])
def test_an_altered_f1_is_reported(sides, block):
    write_metrics(sides[1], METRICS | {block: {"macro": {"f1": 43.100000000000001 + 1e-12}}})
    assert differing(sides) == {SCORES: "content differs"}


def test_a_missing_block_is_reported(sides):
    write_metrics(sides[1], {name: METRICS[name] for name in ("event", "manifest_sha256")})
    assert differing(sides) == {SCORES: "content differs"}


def test_metrics_without_blocks_on_both_sides_are_not_the_same(sides):
    for side in sides:
        write_metrics(side, {"manifest_sha256": "0" * 64})
    assert differing(sides) == {SCORES: "nothing to compare"}


def test_other_keys_of_metrics_and_their_order_are_not_compared(sides):
    reordered = dict(reversed(METRICS.items()))
    write_metrics(sides[1], reordered | {"manifest_sha256": "1" * 64, "psds": 0.5})
    assert differing(sides) == {}


def test_the_speed_of_training_is_not_compared_but_the_loss_is(sides):
    text = FILES[HISTORY].decode()
    (sides[1] / HISTORY).write_text(text.replace("12.0", "99.0"))
    assert differing(sides) == {}
    (sides[1] / HISTORY).write_text(text.replace("0.25", "0.26"))
    assert differing(sides) == {HISTORY: "content differs"}


def test_no_files_on_both_sides_are_not_the_same(tmp_path):
    assert not any(comparison.same for comparison in compare(tmp_path, tmp_path))


def test_a_line_names_the_first_differing_files(sides):
    for number in range(7):
        (sides[1] / f"predict/{number}.npz").write_bytes(b"new")
    (line,) = [str(kind) for kind in compare(*sides) if kind.kind == "posteriors"]
    assert line.startswith("posteriors: 8 files compared, 7 differ: predict/0.npz (missing before)")
    assert "predict/4.npz" in line and "predict/5.npz" not in line
    assert line.endswith("and 2 more")


@pytest.mark.parametrize(("altered", "code"), [(False, 0), (True, 1)])
def test_kept_runs_serve_again(sides, tmp_path, monkeypatch, capsys, altered, code):
    before, after = sides
    if altered:
        (after / HISTORY).unlink()
    for commit, folder in (("a" * 40, before), ("b" * 40, after)):
        folder.rename(tmp_path / compare_commits.kept_name(commit))
    names = {"main^{commit}": "a" * 40, "topic^{commit}": "b" * 40}
    monkeypatch.setattr(compare_commits, "git", lambda *words: names[words[-1]].encode())
    monkeypatch.setattr("sys.argv", ["compare", "main", "topic", "--keep", str(tmp_path)])
    assert compare_commits.main() == code
    assert f"histories: 1 files compared, {int(altered)} differ" in capsys.readouterr().out


def test_an_unknown_commit_is_no_difference(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["compare", "no-such-commit"])
    assert compare_commits.main() == 2
    assert capsys.readouterr().err.count("\n") == 1
