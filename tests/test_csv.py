"""CSV beside TSV: every command that reads events, tags or clips gives the same bytes for both."""

import json
from pathlib import Path

import pandas as pd
import pytest
from test_jobs import LABELS, folder, run  # noqa: F401 - a fixture
from test_own_dataset import annotations, describe, found, texts, yard  # noqa: F401 - a fixture

from resed.formats.annotations import read_clips, read_events, read_tags, write_tags

# How pandas and spreadsheets write a table: name -> options of DataFrame.to_csv.
WRITERS = {
    "comma": {"sep": ",", "index": False},
    "semicolon": {"sep": ";", "index": False, "lineterminator": "\r\n"},
    "index column": {"sep": ","},
    "quoted": {"sep": ",", "index": False, "quoting": 1, "encoding": "utf-8-sig"},
}


def as_csv(path: Path, options: dict) -> Path:
    """The same table, written by pandas."""
    target = path.with_suffix(".csv")
    pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False).to_csv(target, **options)
    return target


@pytest.fixture(params=WRITERS)
def both(request, folder, tmp_path):  # noqa: F811
    """Name -> a table of events, tags or clips as TSV and as CSV."""
    events = read_events(folder / "evaluation.tsv")
    tags = {clip: ("bark", "rain") if row % 3 else () for row, clip in enumerate(events)}
    write_tags(tmp_path / "tags.tsv", tags)
    (tmp_path / "events.tsv").write_bytes((folder / "evaluation.tsv").read_bytes())
    (tmp_path / "clips.tsv").write_text("filename\n" + "".join(f"{c}\n" for c in events))
    return {
        name: (tmp_path / f"{name}.tsv", as_csv(tmp_path / f"{name}.tsv", WRITERS[request.param]))
        for name in ("events", "tags", "clips")
    }


def test_readers_give_the_same(both):
    for read, name in ((read_events, "events"), (read_tags, "tags"), (read_clips, "clips")):
        one, other = map(read, both[name])
        assert one == other and len(one) == 10


def test_commands_give_the_same(both, folder, tmp_path):  # noqa: F811
    made = []
    for side in (0, 1):
        events, tags, clips = (both[name][side] for name in ("events", "tags", "clips"))
        out = tmp_path / str(side)
        run(
            *("score", "--reference", events, "--estimated", events, "--clips", clips),
            *("--reference-tags", tags, "--estimated-tags", tags, "--out", out / "m.json"),
            *("--raw-tags", tags, "--counts", out / "counts.tsv"),
        )
        run("calibrate", "--events", events, "--out", out / "windows.tsv")
        run(
            *("threshold", "--posteriors", folder / "evaluation.npz", "--reference", events),
            *("--windows", folder / "windows.tsv", "--out", out / "threshold.json"),
        )
        run("compare", "--reference", events, f"one={events}", "--tags", f"one={tags}",
            "--clips", clips, "--out", out / "c.json")  # fmt: skip
        run("convert", events, out / "labels", "--to", "audacity")
        comparison = json.loads((out / "c.json").read_text())["detectors"][0]["metrics"]
        labels = [path.read_text() for path in sorted((out / "labels").iterdir())]
        names = ("m.json", "counts.tsv", "windows.tsv", "threshold.json")
        made.append((*(json_or_text(out / name) for name in names), comparison, labels))
    assert made[0] == made[1]
    assert made[0][0]["event"]["macro_f1"] == 1.0 and made[0][0]["tags"]["macro_f1"] == 1.0


def json_or_text(path: Path):
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else text


@pytest.mark.parametrize("how", WRITERS)
def test_a_dataset_of_csv_files_is_checked_as_one_of_tsv_files(yard, how):  # noqa: F811
    values = describe(yard)
    for role, split in values["splits"].items():
        as_csv(annotations(yard, role), WRITERS[how])
        annotations(yard, role).unlink()
        split["annotations"] = f"metadata/{role}.csv"
    describe(yard, splits=values["splits"])
    assert found(yard).found == []
    path = yard / "data" / "yard" / "metadata" / "strong.csv"
    path.write_text(path.read_text().replace("Bird", "Brid", 1))
    (error,) = texts(found(yard), "error")
    assert error.startswith(f"{path} line 2: unknown class 'Brid'; did you mean Bird?")
