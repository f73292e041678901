"""Repair: hand-worked cases, the real annotations, and merging against a grid of milliseconds."""

import csv
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from resed.cli import app
from resed.config.dataset import load_dataset
from resed.errors import AnnotationError, DatasetError
from resed.formats.annotations import read_events
from resed.formats.manifest import ManifestRow, write_manifest
from resed.repair import clip_ends, repair_dataset, repair_file
from resed.repair.rules import EventSpan, apply_rules

HEADER = "filename\tonset\toffset\tevent_label\n"
FILES = {
    "strong": "metadata/train/synthetic.tsv",
    "development": "metadata/validation/validation.tsv",
    "evaluation": "metadata/eval/public.tsv",
}


def spans(*times, label="Dog"):
    """Events of one class from (onset, offset) in seconds, on the lines 2, 3, ..."""
    return [
        EventSpan((line,), label, onset, offset, (f"{onset:.3f}", f"{offset:.3f}"))
        for line, (onset, offset) in enumerate(times, start=2)
    ]


def mended(*times, end=10.0, gap_s=0.15):
    kept, changes = apply_rules(spans(*times), end, gap_s)
    return [(one.onset, one.offset) for one in kept], [change.rule for change in changes]


def file(tmp_path, rows, name="a.tsv"):
    """Rows of text, cells separated by blanks, as an annotation file."""
    path = tmp_path / name
    path.write_text(HEADER + "".join("\t".join(row.split(" ")) + "\n" for row in rows))
    return path


def repaired(path, **options):
    options = {"classes": None, "ends": {}, "clip_seconds": 10.0} | options
    return repair_file(path, **options)


@pytest.fixture
def made(tmp_path):
    """A root with the official files, one row each; returns (dataset, root)."""
    dataset = load_dataset("dcase2019")
    for place in dataset.splits.values():
        path = tmp_path / "root" / place.annotations
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + "a.wav\t1.000\t2.000\tDog\n")
    return dataset, tmp_path / "root"


@pytest.mark.parametrize(
    ("times", "found", "rules"),
    [
        ([(1.0, 2.0), (3.0, 4.0)], [(1.0, 2.0), (3.0, 4.0)], []),
        ([(1.0, 2.0), (1.5, 3.0)], [(1.0, 3.0)], ["overlap"]),
        # A chain is one: the third overlaps what the first two became.
        ([(1.0, 2.0), (1.5, 3.0), (2.9, 3.5)], [(1.0, 3.5)], ["overlap"]),
        # An event inside a longer one, and one that overlaps the longer alone.
        ([(1.0, 5.0), (2.0, 3.0), (4.0, 6.0)], [(1.0, 6.0)], ["overlap"]),
        ([(4.0, 6.0), (1.0, 5.0)], [(1.0, 6.0)], ["overlap"]),
        ([(1.0, 2.0), (2.149, 3.0)], [(1.0, 3.0)], ["gap"]),
        ([(1.0, 2.0), (2.15, 3.0)], [(1.0, 2.0), (2.15, 3.0)], []),
        ([(1.0, 2.0), (2.0, 3.0)], [(1.0, 3.0)], ["gap"]),
        ([(1.0, 2.0), (1.5, 2.5), (2.6, 3.0)], [(1.0, 3.0)], ["overlap", "gap"]),
        ([(1.0, 2.0), (1.0, 2.0)], [(1.0, 2.0)], ["duplicate"]),
        ([(9.0, 10.115)], [(9.0, 10.0)], ["past_end"]),
        ([(9.0, 10.0009)], [(9.0, 10.0009)], []),
        ([(10.5, 11.0), (1.0, 2.0)], [(1.0, 2.0)], ["outside"]),
        ([(10.0, 10.5)], [], ["outside"]),
        (
            [(8.0, 9.0), (9.5, 12.0), (9.9, 12.0)],
            [(8.0, 9.0), (9.5, 10.0)],
            ["past_end", "past_end", "overlap"],
        ),
    ],
)
def test_each_rule_by_hand(times, found, rules):
    assert mended(*times) == (found, rules)


def test_gaps_are_joined_only_where_asked():
    assert mended((1.0, 2.0), (2.1, 3.0), gap_s=0)[0] == [(1.0, 2.0), (2.1, 3.0)]
    assert mended((1.0, 2.0), (2.0, 3.0), gap_s=0)[0] == [(1.0, 2.0), (2.0, 3.0)]
    assert mended((1.0, 2.0), (2.4, 3.0), gap_s=0.5)[0] == [(1.0, 3.0)]


def test_merging_is_that_of_a_grid_of_milliseconds():
    """Independent: mark every active millisecond, fill short pauses, read the runs off."""
    draw = random.Random(2019)
    changed = 0
    for _ in range(400):
        gap = draw.choice([0, 150, 400])
        times = []
        for _ in range(draw.randint(1, 12)):
            onset = draw.randrange(0, 10400)
            times.append((onset, onset + draw.randint(1, 2500)))
        active = bytearray(10000)
        for onset, offset in times:
            active[onset:offset] = b"\1" * max(0, min(offset, 10000) - onset)
        runs = _runs(active)
        if gap:
            joined = runs[:1]
            for onset, offset in runs[1:]:
                if onset - joined[-1][1] < gap:
                    joined[-1] = joined[-1][0], offset
                else:
                    joined.append((onset, offset))
            runs = joined
        found, rules = mended(*((a / 1000, b / 1000) for a, b in times), gap_s=gap / 1000)
        found = [(round(1000 * a), round(1000 * b)) for a, b in found]
        if not gap:  # events that touch stay two, and the grid sees one
            found = _touching(found)
        assert found == runs, times
        changed += bool(rules)
    assert changed > 300


def _runs(active):
    runs, onset = [], None
    for index, value in enumerate([*active, 0]):
        if value and onset is None:
            onset = index
        elif not value and onset is not None:
            runs.append((onset, index))
            onset = None
    return runs


def _touching(times):
    found = []
    for onset, offset in times:
        if found and found[-1][1] == onset:
            found[-1] = found[-1][0], offset
        else:
            found.append((onset, offset))
    return found


def test_classes_and_clips_are_apart(tmp_path):
    rows = ["a.wav 1.0 2.0 Dog", "a.wav 1.5 2.5 Cat", "b.wav 1.5 2.5 Dog"]
    path = file(tmp_path, rows)
    assert repaired(path).text == path.read_text()


def test_a_change_names_the_lines_of_the_original(tmp_path):
    rows = ["a.wav 5.0 6.0 Dog", "b.wav   ", "a.wav 1.0 2.5 Cat", "a.wav 5.50 7.25 Dog"]
    found = repaired(file(tmp_path, rows))
    ((clip, change),) = found.changes
    assert (clip, change.lines, change.rule) == ("a.wav", (2, 5), "overlap")
    assert (change.before, change.after) == ("5.0 6.0 Dog; 5.50 7.25 Dog", "5.0 7.25 Dog")
    assert found.text == HEADER + "a.wav\t5.0\t7.25\tDog\nb.wav\t\t\t\na.wav\t1.0\t2.5\tCat\n"
    assert found.events == (3, 2)


def test_a_clip_that_loses_its_events_keeps_a_row(tmp_path):
    found = repaired(file(tmp_path, ["a.wav 10.5 11 Dog", "a.wav 12 13 Cat", "b.wav 1 2 Dog"]))
    assert found.text == HEADER + "a.wav\t\t\t\nb.wav\t1\t2\tDog\n"
    changes = [(change.lines, change.rule, change.after) for _, change in found.changes]
    assert changes == [((2,), "outside", "no event"), ((3,), "outside", "")]
    assert found.events == (3, 1)


def test_clips_without_events_stay_and_their_copies_go(tmp_path):
    found = repaired(file(tmp_path, ["a.wav   ", "b.wav 1 2 Dog", "a.wav   "]))
    assert found.text == HEADER + "a.wav\t\t\t\nb.wav\t1\t2\tDog\n"
    ((clip, change),) = found.changes
    assert (clip, change.lines, change.rule, change.before) == (
        "a.wav",
        (4,),
        "duplicate",
        "no event",
    )


def test_what_is_not_mended_stays_byte_for_byte(tmp_path):
    lines = ["\ufeffonset\tnote\tfilename\toffset\tevent_label", "1.0\tx\ta.jams\t2.50\tDog"]
    lines += ["2.5\t y \ta.jams\t12.0\tDog", "", "0.12345678901234567\t\tb é.wav\t2\tCat "]
    path = tmp_path / "odd.tsv"
    path.write_bytes("\r\n".join(lines).encode())
    assert repaired(path, gap_s=0, clip_seconds=20).text.encode() == path.read_bytes()
    found = repaired(path, gap_s=0)
    expected = [*lines[:2], lines[2].replace("12.0", "10.000"), *lines[3:]]
    assert found.text.encode() == "\r\n".join(expected).encode()
    assert found.changes[0][0] == "a.wav", "named as the clip is"


def test_a_clip_ends_where_its_manifest_says(tmp_path):
    path = file(tmp_path, ["a.wav 8.0 10.0 Dog", "b.wav 8.0 11.0 Dog", "c.wav 8.0 11.0 Dog"])
    manifest = tmp_path / "manifest.tsv"
    rows = {"a.wav": 9.2345, "b.wav": 11.0, "c.wav": 0.0}
    found = "0" * 64, 44100, 1
    write_manifest(
        manifest, [ManifestRow("s", name, *found, end, "ok", "local") for name, end in rows.items()]
    )
    ends = clip_ends(manifest)["s"]
    assert ends == {"a.wav": 9.2345, "b.wav": 11.0}, "a missing clip has no seconds"
    found = repaired(path, ends=ends)
    assert [change.after for _, change in found.changes] == ["8.0 9.234 Dog", "8.0 10.000 Dog"]
    manifest.write_text("filename\na.wav\n")
    with pytest.raises(DatasetError, match="line 1: the columns must be split, filename"):
        clip_ends(manifest)


def test_repairing_twice_changes_nothing_more(tmp_path):
    draw = random.Random(4)
    for index in range(60):
        rows = []
        for _ in range(draw.randint(1, 25)):
            onset = draw.randint(0, 10500) / 1000
            offset = onset + draw.randint(1, 3000) / 1000
            rows.append(
                f"{draw.choice('ab')}.wav {onset:.3f} {offset:.3f} {draw.choice(['D', 'C'])}"
            )
        ends = {"a.wav": draw.choice([10.0, 9.9876, 9.0004])}
        once = repaired(file(tmp_path, rows), ends=ends)
        again = tmp_path / f"again{index}.tsv"
        again.write_text(once.text)
        twice = repaired(again, ends=ends)
        assert twice.text == once.text and not twice.changes


def test_the_copies_lie_apart(made, tmp_path):
    dataset, root = made
    with pytest.raises(
        DatasetError, match="the copy would replace the original; use another --out"
    ):
        repair_dataset(dataset, root, root, report=str)
    before = {path: path.read_bytes() for path in root.rglob("*.tsv")}
    repair_dataset(dataset, root, tmp_path / "out", report=str)
    assert {path: path.read_bytes() for path in root.rglob("*.tsv")} == before
    names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
    assert names == {*FILES.values(), "repairs.tsv", "repair.json"}


def test_labels_that_cannot_be_read_are_refused(made, tmp_path):
    dataset, root = made
    path = root / FILES["development"]
    path.write_text(HEADER + "a.wav\t1\t2\tDgo\n")
    with pytest.raises(AnnotationError, match="line 2: unknown class 'Dgo'; did you mean Dog"):
        repair_dataset(dataset, root, tmp_path / "out", report=str)


def test_command_says_what_it_mended(made, tmp_path):
    _, root = made
    (root / FILES["evaluation"]).write_text(HEADER + "a.wav\t9.0\t10.5\tDog\na.wav\t1\t2\tDog\n")
    out = tmp_path / "out"
    arguments = ["repair", "--dataset", "dcase2019", "--root", str(root), "--out", str(out)]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert run.output == (
        "repair dcase2019: strong no changes; development no changes; evaluation 1 past_end\n"
    )
    assert rows_of(out) == [
        {
            "split": "evaluation",
            "filename": "a.wav",
            "lines": "2",
            "rule": "past_end",
            "before": "9.0 10.5 Dog",
            "after": "9.0 10.000 Dog",
        }
    ]


def rows_of(out: Path):
    with (out / "repairs.tsv").open(newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    out = tmp_path_factory.mktemp("repaired")
    root = shared / "data" / "dcase2019"
    repair_dataset(load_dataset("dcase2019"), root, out, report=str)
    return root, out


def test_the_real_annotations_are_mended_as_known(real):
    """12 pairs of overlaps in 4 development clips are 6 chains of three; 6 in strong; 5 offsets."""
    _, out = real
    rows = rows_of(out)
    counts = Counter((row["split"], row["rule"]) for row in rows)
    assert counts == {
        ("strong", "overlap"): 6,
        ("development", "overlap"): 6,
        ("development", "past_end"): 4,
        ("development", "gap"): 2,
        ("evaluation", "past_end"): 1,
    }
    chains = [r for r in rows if r["split"] == "development" and r["rule"] == "overlap"]
    assert sum(len(r["lines"].split(",")) - 1 for r in chains) == 12
    assert sorted({r["filename"] for r in chains}) == [
        "Y2DF8mtDke8k_460.000_470.000.wav",
        "Y4trGKbbTmC4_30.000_40.000.wav",
        "Y5qx1HGIWJww_170.000_180.000.wav",
        "Y6PwBeL3Abl8_60.000_70.000.wav",
    ]
    (past,) = (r for r in rows if r["split"] == "evaluation")
    assert (past["before"], past["after"]) == ("0.858 11.000 Frying", "0.858 10.000 Frying")
    splits = json.loads((out / "repair.json").read_text())["splits"]
    events = {split: (one["events"], one["events_repaired"]) for split, one in splits.items()}
    assert events == {
        "strong": (6032, 6026),
        "development": (4236, 4222),
        "evaluation": (2765, 2765),
    }
    empty = [
        sum(not clip for clip in read_events(at / FILES["development"]).values()) for at in real
    ]
    assert empty == [15, 15], "clips without events stay"


def test_merged_overlaps_alone_give_the_rows_of_the_later_release(real, tmp_path):
    """The later release of the same labels has 4,239 rows where this has 4,251 (faults.md)."""
    root, _ = real
    found = repaired(root / FILES["development"], gap_s=0)
    assert len((root / FILES["development"]).read_text().splitlines()) - 1 == 4251
    assert len(found.text.splitlines()) - 1 == 4239


def test_the_log_is_all_that_differs_from_the_real_files(real):
    root, out = real
    for split, name in FILES.items():
        touched = {
            int(n) for r in rows_of(out) if r["split"] == split for n in r["lines"].split(",")
        }
        original = (root / name).read_bytes().split(b"\n")
        kept = [line for number, line in enumerate(original, start=1) if number not in touched]
        copy = (out / name).read_bytes().split(b"\n")
        extra = Counter(copy) - Counter(kept)
        assert not Counter(kept) - Counter(copy)
        assert extra.total() == sum(r["split"] == split and r["after"] != "" for r in rows_of(out))


def test_the_repaired_labels_have_no_defect_left(real, tmp_path):
    _, out = real
    for name in FILES.values():
        assert not repaired(out / name).changes


def test_a5_labels_that_no_repair_wrote_are_not_replaced(made, tmp_path):
    """--out is the root of another dataset, or a copy was corrected by hand."""
    dataset, root = made
    out = tmp_path / "other"
    mine = out / FILES["development"]
    mine.parent.mkdir(parents=True)
    mine.write_text(HEADER + "mine.wav\t0.000\t1.000\tDog\n")
    before = mine.read_bytes()
    with pytest.raises(DatasetError, match="was not written by repair; use another --out"):
        repair_dataset(dataset, root, out, report=lambda _: None)
    assert mine.read_bytes() == before
    mine.unlink()
    repair_dataset(dataset, root, out, report=lambda _: None)
    (root / FILES["development"]).write_text(HEADER + "a.wav\t1.000\t12.000\tDog\n")
    repair_dataset(dataset, root, out, report=lambda _: None)  # its own copies are made again
    assert mine.read_text() == HEADER + "a.wav\t1.000\t10.000\tDog\n"
    mine.write_text(HEADER + "a.wav\t1.000\t9.000\tDog\n")
    with pytest.raises(DatasetError, match="was not written by repair"):
        repair_dataset(dataset, root, out, report=lambda _: None)
