"""A made-up paper goes from YAML to tables to the page without a line of Python."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from made_page import make_page_input
from made_results import make_results, make_root, make_score

from resed.config.run import load_config
from resed.formats.annotations import read_events
from resed.formats.tables import Table
from resed.report import render
from resed.results.folder import Results
from resed.tabulate.layout import lines

FOLDER = Path(__file__).parent / "second_paper"
SCORES = {"plain": (0.50, 0.51, 0.52), "pooling": (0.70, 0.71, 0.72)}  # mAP per seed


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results beside the made-up paper; no other paper and no other system is there."""
    root = tmp_path_factory.mktemp("second")
    make_root(root)
    config = root / "config"
    for path in (config / "papers").iterdir():
        shutil.rmtree(path)
    for path in (config / "systems").glob("*.yaml"):
        if path.stem != "base":
            path.unlink()
    for part in ("papers", "systems"):
        shutil.copytree(FOLDER / part, config / part, dirs_exist_ok=True)
    numbers = config / "papers" / "other" / "numbers.yaml"
    numbers.write_text(numbers.read_text().replace("dataset: ponds", "dataset: made"))
    dataset = config / "datasets" / "made.yaml"
    values = yaml.safe_load(dataset.read_text()) | {"title": "Ponds nearby"}
    dataset.write_text(yaml.safe_dump(values))
    made = load_config(
        {
            "dataset": "made",
            "paper": "other",
            "systems": list(SCORES),
            "seeds": 3,
        },
        root,
    )
    found = Results.of(made, make_results(made, clips=8))
    events = read_events(found.annotations("evaluation"))
    for system, levels in SCORES.items():
        for seed, level in enumerate(levels):
            make_score(found.folder, "evaluation", system, seed, level, events)
    return found


@pytest.fixture(scope="module")
def tables(results):
    return make_page_input(results)


@pytest.fixture(scope="module")
def page(results, tables):
    del tables
    return render(results)


def visible(page):
    """The words of the page: no style sheet, tags, embedded files and attributes."""
    body = page[page.index("<body>") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_its_tables_come_from_its_yaml(tables):
    assert next(iter(tables)) == "ponds" and "table1" not in tables
    table = tables["ponds"]
    assert [column.title for column in table.view.columns] == [
        *("Pool", "System", "Epochs here", "mAP", "paper"),
    ]
    shown = [[str(cell) for cell in line.cells] for line in lines(table)]
    assert [line[:3] for line in shown] == [
        ["none", "Plain tagger", "200"],
        ["mean", "Pooling tagger", "200"],
    ]
    assert [line[3].split()[0] for line in shown] == ["0.510", "0.710"]
    assert [line[4] for line in shown] == ["0.612", "0.648"]
    assert "Ponds were counted in spring." in table.notes


def test_its_numbers_are_judged(tables):
    frame = tables["scorecard"].frame
    assert list(frame["published"]) == [0.612, 0.648]
    assert list(frame["value"]) == pytest.approx([0.51, 0.71])
    assert list(frame["verdict"]) == ["below", "above"], "0.025 = t(2) 0.01 / sqrt(3) to each side"
    pair = tables["comparisons"].frame.iloc[0]
    assert (pair["row"], pair["decision"]) == ("Q vs P", "better")
    assert pair["value"] == pytest.approx(0.2) and pair["published"] == pytest.approx(0.036)
    (claim,) = tables["claims"].data["claims"]
    assert (claim["here"], claim["printed"]) == ("holds", "supported")


def test_they_are_stored(results, tables):
    for name, table in tables.items():
        assert Table.load(results.folder / "tables", name).csv() == table.csv()


def test_all_of_it_is_on_the_page(page):
    words = visible(page)
    for text in (
        "Amber et al., reproduced on Ponds nearby",
        "Tagging ponds by ear. A. Amber and B. Brook.",
        *("Tab. 4. Ponds", "mAP", "0.612", "0.648", "0.510", "0.710", "0.036"),
        "Pooling makes tagging of ponds better.",
        "The abstract calls the gain a tenth; the table has less.",
        "Are frames multiplied by the tags of their clip?",
        *("Q vs P", "Pooling tagger", "paper: 321 evaluation"),
    ):
        assert text in words, text


def test_nothing_of_another_paper_is_on_it(page):
    words = visible(page)
    for text in (
        "Liang",
        "PTS",
        "Guided",
        "Table 1",
        "Table 2",
        "Figure 3",
        "TFD",
        "AFL",
        "letter",
    ):
        assert text not in words, text
    assert 'table1"' not in page and "table1-" not in page
    before, _, after = page.partition('<details class="section" id="per_class">')
    rest = after.partition('<details class="section"')[2]
    assert "Segment-F1" not in visible(before + rest), "only resed's own table per class has it"
