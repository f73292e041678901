"""The example of docs/own-dataset.md: six classes of real recordings, from a folder to the page."""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import ANY

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
import preloaded
from runs import REPOSITORY, copy_workflow, jobs_of, verbs

from resed.paper.numbers import load_paper
from resed.tabulate import BUILT_IN

pytestmark = pytest.mark.integration
CLASSES = ["baby_cry", "chainsaw", "clock_tick", "dog_bark", "rain", "rooster"]


def commands() -> list[str]:
    """The lines of the example's first block of commands."""
    text = (REPOSITORY / "docs" / "own-dataset.md").read_text()
    example = text.split("## A complete example")[1]
    return re.search(r"```bash\n(.*?)```", example, re.DOTALL).group(1).splitlines()


@pytest.fixture(scope="module")
def run(tmp_path_factory, shared):
    """A folder in which the example was followed, and what its commands said."""
    folder = copy_workflow(tmp_path_factory.mktemp("own"))
    shutil.copytree(REPOSITORY / "docs", folder / "docs")
    (folder / "data").mkdir()
    (folder / "data" / "ESC-50").symlink_to(shared / "data" / "esc10")
    environment = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
    environment["PATH"] = os.pathsep.join(
        [str(preloaded.programs()), str(Path(sys.executable).parent), environment["PATH"]]
    )
    said = {}
    for line in commands():
        done = subprocess.run(
            line,
            shell=True,
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}"
        assert "Traceback" not in done.stdout
        said[line] = done.stdout
    return folder, said


def test_the_checker_says_what_the_page_says(run):
    _, said = run
    text = (REPOSITORY / "docs" / "own-dataset.md").read_text()
    (checked,) = [output for line, output in said.items() if line.startswith("resed check")]
    assert f"```text\n{checked}```" in text


def test_it_ends_with_tables_of_six_classes(run):
    tables = run[0] / "results" / "six_classes" / "tables"
    names = {*load_paper("liang", REPOSITORY).tables, *BUILT_IN} - {"sensitivity"}
    assert {path.stem for path in tables.glob("*.csv")} == names
    rows = list(csv.DictReader((tables / "table3.csv").open()))
    assert list(dict.fromkeys(row["label"] for row in rows)) == [*CLASSES, "Overall"]
    clips = [r for r in rows if (r["metric"], r["column"]) == ("tags", "reference")]
    here = [row for row in clips if row["split"] == "evaluation" and row["label"] != "Overall"]
    assert [row["count"] for row in here] == ["8"] * 6
    scored = [r for r in csv.DictReader((tables / "table1.csv").open()) if r["value"]]
    scored = {
        (r["system"], r["metric"]): r
        for r in reversed(scored)
        if r["split"] == "evaluation" and r["threshold"] == "configured"
    }
    assert float(scored["reference", "event"]["value"]) == 100
    assert float(scored["pts", "tags_raw"]["value"]) > 20, "it learns to tag a little"
    assert {row["clips"] for row in scored.values()} == {"48"}


def test_figures_and_page_show_them(run):
    results = run[0] / "results" / "six_classes"
    for name in ("figure3", "figure5_system3", "figure6", "figure7", "figure7_all"):
        assert (results / "figures" / f"{name}.png").stat().st_size > 5000
    page = (results / "report" / "index.html").read_text()
    assert all(label.capitalize().replace("_", " ") in page for label in CLASSES)
    assert "onsets and offsets were set by a loudness rule" in re.sub(r"\s+", " ", page)


def plan(folder: Path) -> dict[str, int]:
    """How many jobs of a plan begin with each word."""
    arguments = ["--cores", "2", "--dry-run", "--configfile", "six_classes.yaml"]
    code, printed = preloaded.plan(folder, arguments, dict(os.environ))
    assert code == 0, printed[-3000:]
    return verbs(jobs_of(printed))


@contextmanager
def changed(path: Path, old: bytes, new: bytes) -> Iterator[None]:
    """The first `old` of a file is `new` while the block runs."""
    before, status = path.read_bytes(), path.stat()
    assert old in before
    path.write_bytes(before.replace(old, new, 1))
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def first_row(table: Path) -> bytes:
    """The first row of a table, with its line end."""
    return table.read_bytes().splitlines(keepends=True)[1]


def test_f1_labels_sound_and_settings_rerun_what_rests_on_them(run):
    folder = run[0]
    data = folder / "data" / "six_classes"
    assert plan(folder) == {}
    scoring = {"record": 1, "audit": 1, "admit": 1, "repair": 1, "sanity": 1, "score": ANY}
    scoring |= {"tabulate": ANY, "judge": 1, "draw": ANY, "browse": 1, "report": 1}

    corrected = annotations(folder, "evaluation")
    with changed(corrected, b"\t", b"\t0"):  # an onset of 01.5 is another text
        assert plan(folder) == scoring
    trained = annotations(folder, "strong")
    row = first_row(trained)
    with changed(trained, row, row.replace(b"\t", b"\t0", 1)):
        jobs = plan(folder)
        assert jobs["train"] and jobs["predict"] and "extract" not in jobs and "acquire" not in jobs

    with changed(corrected, first_row(corrected), b""):
        jobs = plan(folder)
        assert jobs["acquire"] == 1 and jobs["extract"] and jobs["train"]
    clip = next(p for p in sorted((data / "audio").rglob("*.wav")) if not p.is_symlink())
    middle = clip.stat().st_size // 2
    sample = clip.read_bytes()[middle : middle + 16]
    with changed(clip, sample, bytes(255 - byte for byte in sample)):
        jobs = plan(folder)
        assert jobs["acquire"] == 1 and jobs["extract"] and jobs["train"]

    dataset = folder / "config" / "datasets" / "six_classes.yaml"
    with changed(dataset, b"title: ", b"title: My "):
        jobs = plan(folder)
        assert jobs["audit"] == 1 and "acquire" not in jobs

    config = folder / "six_classes.yaml"
    text = config.read_text()
    try:
        values = yaml.safe_load(text)
        values["override"]["decode"] = values["override"].get("decode", {}) | {"tag_threshold": 0.3}
        config.write_text(yaml.safe_dump(values))
        jobs = plan(folder)
        assert jobs["decode"] and jobs["score"]
        assert not jobs.keys() & {"acquire", "record", "audit", "extract", "train", "predict"}
    finally:
        config.write_text(text)
    assert plan(folder) == {}


def annotations(folder: Path, split: str) -> Path:
    """Annotation file of a split."""
    dataset = yaml.safe_load((folder / "config" / "datasets" / "six_classes.yaml").read_text())
    return folder / "data" / "six_classes" / dataset["splits"][split]["annotations"]


def test_f1_a_corrected_label_is_scored_without_a_training(run):
    """The run after a correction: other scores, the same checkpoints and stores."""
    folder = run[0]
    results = folder / "results" / "six_classes"
    kept = {p: p.stat().st_mtime_ns for p in results.rglob("*") if p.suffix in (".pt", ".store")}
    before = (results / "audit" / "manifest.tsv").read_bytes()
    labels = annotations(folder, "evaluation")
    lines = labels.read_text().splitlines()
    name, onset, offset, _ = next(line for line in lines[1:] if not line.endswith("\t")).split("\t")
    labels.write_text("\n".join([*lines, f"{name}\t{onset}\t{offset}\tdog_bark"]) + "\n")
    arguments = ["--cores", "2", "--configfile", "six_classes.yaml"]
    code, printed = preloaded.run(folder, "snakemake", arguments, dict(os.environ))
    assert code == 0, printed[-3000:]
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert (results / "audit" / "manifest.tsv").read_bytes() == before
    assert plan(folder) == {}
