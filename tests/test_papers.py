"""Published numbers: as printed, and in a closed file."""

from pathlib import Path

import pytest
import yaml

from resed.errors import ConfigError, MissingFileError
from resed.papers import METRICS, load_paper

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def targets(shared):
    return yaml.safe_load((shared / "spec" / "targets.yaml").read_text())


def test_journal_holds_every_printed_number(targets):
    printed, paper = targets["liang_journal_001"], load_paper("liang_journal", REPOSITORY)
    names = {"event": "event", "segment": "segment", "tags": "at"}
    assert [row.id for row in paper.table1.rows] == [row["id"] for row in printed["table1"]]
    for ours, theirs in zip(paper.table1.rows, printed["table1"], strict=True):
        for metric in METRICS:
            assert list(getattr(ours, metric)) == theirs[names[metric]]
    for ours, theirs in zip(paper.table2.rows, printed["table2"], strict=True):
        assert (ours.tau, ours.gamma) == (theirs["tau"], theirs["gamma"])
        for metric in METRICS:
            assert list(getattr(ours, metric)) == theirs[names[metric]]
    overall = printed["table3"].pop("Overall")
    assert list(paper.table3.rows) == list(printed["table3"])
    for label, theirs in [*printed["table3"].items(), (None, overall)]:
        ours = paper.table3.rows[label] if label else paper.table3.overall
        assert (list(ours.average), list(ours.esp)) == (theirs["avg"], theirs["esp"])


def test_letter_has_evaluation_only_and_its_own_ids(targets):
    printed, paper = targets["liang_letter_000"], load_paper("liang_letter", REPOSITORY)
    for ours, theirs in zip(paper.table1.rows, printed["table1"], strict=True):
        assert (ours.id, ours.event) == (theirs["id"], (None, theirs["event"]))
        assert (ours.segment[1], ours.tags[1]) == (theirs["segment"], theirs["at"])
    assert paper.table3.rows == load_paper("liang_journal", REPOSITORY).table3.rows


def test_the_letters_ids_are_the_journals_less_one():
    letter, journal = (load_paper(f"liang_{k}", REPOSITORY) for k in ("letter", "journal"))
    assert 2 not in letter.by_row and 2 in journal.by_row  # the letter has no row w/o BGRUs
    for row, ours in letter.by_row.items():
        assert ours.id == row - 1
        for metric in METRICS:  # nine common systems, equal numbers on evaluation
            assert getattr(ours, metric)[1] == getattr(journal.by_row[row], metric)[1]


def test_systems_of_the_repository_have_the_papers_names():
    systems = yaml.safe_load((REPOSITORY / "config" / "systems" / "liang.yaml").read_text())
    by_row = load_paper("liang_journal", REPOSITORY).by_row
    for entry in systems["systems"].values():
        if entry.get("row") is not None:
            assert by_row[entry["row"]].system == entry["title"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("overall:", "total: 1\n  overall:", "table3.total: unknown key"),
        ("event: [43.3, 40.5]", "event: [43.3, 140.5]", "table1.rows.1.event"),
        ("id: 3, row: 3", "id: 2, row: 3", "stands twice"),
    ],
)
def test_a_mistake_is_named(tmp_path, old, new, message):
    folder = tmp_path / "config" / "papers"
    folder.mkdir(parents=True)
    text = (REPOSITORY / "config" / "papers" / "liang_journal.yaml").read_text()
    assert old in text
    (folder / "mine.yaml").write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_paper("mine", tmp_path)


def test_an_unknown_paper_is_refused_with_the_known_ones():
    with pytest.raises(MissingFileError, match="known papers: liang_journal, liang_letter"):
        load_paper("lian", REPOSITORY)
