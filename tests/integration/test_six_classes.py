"""The example of docs/own-dataset.md: six classes of real recordings, from a folder to the page."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from runs import REPOSITORY, copy_workflow

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
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
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
