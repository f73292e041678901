"""audit --compare: exactly which clips of two manifests differ."""

import pytest
from typer.testing import CliRunner

from resed.audit.manifest_comparison import compare_manifests as compare
from resed.cli import app
from resed.errors import DatasetError, MissingFileError
from resed.formats.manifest import COLUMNS, ManifestRow, write_manifest

HEADER = "\t".join(COLUMNS) + "\n"


def row(split, filename, digest="a" * 64, status="ok"):
    return ManifestRow(split, filename, digest, 44100, 1, 10.0, status, "local")


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_manifest(path, rows)
    return path


@pytest.fixture
def pair(tmp_path):
    """Two manifests that differ in each way once; in weak by nothing."""
    same = [row("weak", "one.wav"), row("weak", 'qu"ote.wav'), row("strong", "é.wav")]
    a = [*same, row("strong", "gone.wav"), row("development", "x.wav"), row("evaluation", "s.wav")]
    b = [
        *same,
        row("strong", "new.wav"),
        row("development", "x.wav", "b" * 64),
        row("evaluation", "s.wav", "", "missing"),
    ]
    return write(tmp_path / "a/manifest.tsv", a), write(tmp_path / "b.tsv", b[::-1])


def test_each_difference_is_told_once(pair, tmp_path):
    lines = []
    out = tmp_path / "differences.tsv"
    found = compare(pair[0].parent, pair[1], out, lines.append)  # a folder, and a file
    assert list(found[["split", "filename", "difference"]].itertuples(index=False, name=None)) == [
        ("strong", "gone.wav", "only_a"),
        ("strong", "new.wav", "only_b"),
        ("development", "x.wav", "bytes"),
        ("evaluation", "s.wav", "status"),
    ]
    assert lines[0] == "weak: 2 usable in A, 2 in B; no difference"
    assert "strong: 2 usable in A, 2 in B; 1 only in A, 1 only in B" in lines
    assert "  only in A: gone.wav" in lines
    assert "evaluation: 1 usable in A, 0 in B; 1 with different status" in lines
    assert lines[-1].startswith("4 of 7 clips differ (manifests ")
    assert lines[-1].endswith(f"all listed in {out}")
    table = [line.split("\t") for line in out.read_text().splitlines()]
    assert table[0] == ["split", "filename", "difference", "a", "b"]
    assert table[3] == ["development", "x.wav", "bytes", f"ok {'a' * 12}", f"ok {'b' * 12}"]
    assert table[4] == ["evaluation", "s.wav", "status", f"ok {'a' * 12}", "missing"]


def test_the_same_are_identical_whatever_their_order(pair, tmp_path):
    lines = []
    rows = [row("weak", "one.wav"), row("strong", "two.wav")]
    a, b = write(tmp_path / "1.tsv", rows), write(tmp_path / "2.tsv", rows[::-1])
    assert compare(a, b, report=lines.append).empty
    assert lines[-1].startswith("identical: 2 clips, manifests ")
    assert compare(a, a, report=lines.append).empty
    assert lines[-1].startswith("identical: 2 clips, manifest ")


def test_the_command_needs_no_dataset(pair):
    done = CliRunner().invoke(app, ["audit", "--compare", *map(str, pair)])
    assert done.exit_code == 0
    assert done.output.splitlines()[-1].endswith("use --out FILE to list them")
    assert CliRunner().invoke(app, ["audit", "--root", "x"]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("split\tfilename\nweak\ta.wav\n", "line 1: the columns must be split, filename"),
        ("", "line 1: the columns must be split, filename"),
        (
            HEADER + "weak\ta.wav\t\t1\t1\t1\tok\tlocal\nweak\tb.wav\n",
            "line 3: 2 cells, but",
        ),
        (HEADER + "weak\tb.wav\t\tfast\t1\t1\tok\tlocal\n", "line 2: rate is not an integer"),
    ],
)
def test_what_is_no_manifest_is_refused(pair, tmp_path, text, message):
    path = tmp_path / "other.tsv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        compare(pair[0], path, report=lambda _: None)
    with pytest.raises(MissingFileError):
        compare(pair[0], tmp_path / "none.tsv", report=lambda _: None)
    with pytest.raises(DatasetError, match=r"line 3: another row has the same"):
        compare(pair[0], write(path, [row("weak", "a.wav")] * 2), report=lambda _: None)
