"""Published numbers: as printed, and checked against each other so that a change is detected."""

import copy
import shutil
from collections.abc import Iterator

import pytest
import yaml
from runs import REPOSITORY

from resed.config.run import load_config
from resed.config.systems import load_systems
from resed.errors import ConfigError
from resed.paper.claims import load_claims
from resed.paper.contradictions import load_contradictions
from resed.paper.discrepancies import class_mean, discrepancies, gains_of, value_of
from resed.paper.numbers import Paper, load_paper

NUMBERS = REPOSITORY / "config" / "papers" / "liang" / "numbers.yaml"
NAMES = {"event": "event", "segment": "segment", "tags": "at"}  # here, and in the targets

# Everything in which the editions disagree with themselves or each other, word for word: any other
# finding, or another text, is a number changed by hand.
KNOWN = {
    "journal.tfd_over_pts.table1.3.event.evaluation": (
        "Section 3.3.1: the text gives 41.3, the table 40.9"
    ),
    "table3.Overall.average.tags": (
        "table3.Overall.average.tags is 78, table1.8.tags.evaluation is 78.1"
    ),
    "letter_table2.Overall.average.tags": (
        "letter_table2.Overall.average.tags is 78, letter_table1.7.tags.evaluation is 78.1"
    ),
    "letter.abstract.letter_table1.8.tags.evaluation": (
        "Abstract: the text gives 49.8, the table 81.2"
    ),
    "letter.abstract.letter_table1.8.event.evaluation": (
        "Abstract: the text gives 81.2, the table 49.8"
    ),
}

# Sums of the columns of two tables, in tenths, added up from the targets: development and
# evaluation of event, segment, tags. For clones that have no targets beside them.
SUMS = {
    "table1": (4083, 4120, 6391, 6821, 6822, 7098),
    "table2": (2875, 2780, 4434, 4367, 4658, 4578),
}


@pytest.fixture(scope="module")
def targets(shared):
    return yaml.safe_load((shared / "spec" / "targets.yaml").read_text())


@pytest.fixture(scope="module")
def paper():
    return load_paper("liang", REPOSITORY)


@pytest.fixture(scope="module")
def text():
    return yaml.safe_load(NUMBERS.read_text())


def found(paper: Paper) -> dict[str, str]:
    return {item.key: item.text for item in discrepancies(paper)}


def sums(paper: Paper) -> dict[str, tuple[int, ...]]:
    made = {}
    for table in SUMS:
        rows = [row for row in paper.tables[table].rows if row.values]
        columns = [[row.values[m][i] or 0 for row in rows] for m in NAMES for i in range(2)]
        made[table] = tuple(round(10 * sum(column)) for column in columns)
    return made


def as_targets(paper: Paper) -> dict:
    """The tables in the layout of the targets."""

    def values(row):
        return {NAMES[m]: list(numbers) for m, numbers in row.values.items()}

    made = {}
    for name in ("table1", "letter_table1"):
        rows = paper.tables[name].rows
        made[name] = [{"id": int(r.id), "system": r.title} | values(r) for r in rows]
    made["table2"] = []
    for row in paper.tables["table2"].rows:
        if not row.values:  # not in the table of the paper
            continue
        gamma = row.cells["γ"]
        setup = {"tau": int(row.cells["τ"]), "gamma": None if gamma == "–" else int(gamma)}
        made["table2"].append(setup | values(row))
    for name in ("table3", "letter_table2"):
        table = paper.tables[name]
        rows = {**table.rows, "Overall": table.overall}
        made[name] = {k: {"avg": r["average"], "esp": r["esp"]} for k, r in rows.items()}
    return made


def printed(targets: dict) -> dict:
    """The targets in the same layout."""
    journal, letter = targets["liang_journal_001"], targets["liang_letter_000"]
    assert letter["table2"] == "same_numbers_as_journal_table3"
    rows = [r | {"system": r["system"].replace("PTS(w", "PTS (w")} for r in journal["table1"]]
    theirs = [r | {n: [r[n]] for n in NAMES.values()} for r in letter["table1"]]
    return {
        "table1": rows,
        "table2": journal["table2"],
        "table3": journal["table3"],
        "letter_table1": theirs,
        "letter_table2": journal["table3"],
    }


def test_every_number_is_that_of_the_targets(paper, targets):
    ours, theirs = as_targets(paper), printed(targets)
    for table in theirs:
        assert ours[table] == theirs[table], table


def test_clips_and_settings_are_those_of_the_targets(paper, targets):
    names = {"strong_synthetic": "strong", "dev": "development", "eval": "evaluation"}
    data = targets["liang_journal_001"]["data"]
    assert paper.clips == {names.get(key, key): value for key, value in data.items()}
    for key in ("liang_journal_001", "liang_letter_000"):
        theirs = targets[key]["settings"]
        for name in set(paper.settings) & set(theirs):
            assert theirs[name] in (None, paper.settings[name]), name  # the letter has no tau


def test_the_letters_ids_are_the_journals_less_one_from_pts_on(paper):
    journal = {row.system: int(row.id) for row in paper.tables["table1"].rows}
    letter = {row.system: int(row.id) for row in paper.tables["letter_table1"].rows}
    assert set(journal) - set(letter) == {"pts_without_bgru"}
    assert all(letter[name] == journal[name] - (journal[name] > 1) for name in letter)


def test_the_text_agrees_with_the_tables_except_for_what_is_known(paper):
    assert found(paper) == KNOWN
    assert sums(paper) == SUMS


def test_known_disagreements_are_all_listed():
    listed = [key for entry in load_contradictions("liang", REPOSITORY) for key in entry.found_by]
    assert sorted(listed) == sorted(KNOWN)


def test_stated_differences_by_hand(paper):
    """The examples of the texts, computed without the code that reads them."""
    gain = "table1.9.{0}.evaluation - table1.1.{0}.evaluation"
    computed = [value_of(paper, gain.format(metric)) for metric in NAMES]
    assert computed == [round(49.8 - 40.5, 1), round(75.9 - 66.5, 1), round(81.2 - 70.2, 1)]
    assert computed == [9.3, 9.4, 11.0]
    afl = next(s for s in paper.stated if s.id == "afl_gains")
    assert sorted(gains_of(paper, afl).values()) == [0.9, 1.0, 1.4, 1.7, 3.8, 3.9]
    assert class_mean(paper.tables["table3"], "average", "tags") == pytest.approx(78.05)


def leaves(node: object, path: tuple = ()) -> Iterator[tuple]:
    """Paths of all numbers of F1 below the tables."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        elif isinstance(value, float):
            yield (*path, key)


def changed(text: dict, path: tuple, by: float) -> Paper:
    """The paper with one number changed."""
    made = copy.deepcopy(text)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = round(place[path[-1]] + by, 1)
    return Paper.model_validate(made)


@pytest.fixture(scope="module")
def mutants(text) -> list[tuple[tuple, Paper]]:
    paths = list(leaves(text["tables"], ("tables",)))
    assert len(paths) == 208
    return [(path, changed(text, path, by)) for path in paths for by in (0.3, -0.3)]


def test_a_number_of_a_table_changed_by_hand_is_caught(mutants):
    """Without the targets: by the other edition, the text, repeated numbers, and the sums."""
    missed = [path for path, one in mutants if found(one) == KNOWN and sums(one) == SUMS]
    assert missed == []


def test_what_the_text_alone_determines(mutants, paper):
    """A number that is printed once is checked by the targets or by sums."""
    missed = {path[1:] for path, one in mutants if found(one) == KNOWN}
    assert {path[0] for path in missed} == {"table1", "table2"}
    rows = paper.tables["table1"].rows
    alone = {
        rows[path[2]].system for path in missed if path[0] == "table1" and path[-1] == 1
    }  # on evaluation
    assert alone == {"pts_without_bgru"}, "the row that the letter does not have"
    assert len(missed) < 60


def test_the_targets_catch_every_number(mutants, targets):
    theirs = printed(targets)
    for path, one in mutants:
        assert as_targets(one) != theirs, path


def test_a_number_of_the_text_changed_by_hand_is_caught(text):
    for index, stated in enumerate(text["stated"]):
        numbers = [("values", key) for key in stated.get("values", ())]
        numbers += [("gains", k) for k in ("lowest", "highest") if k in stated.get("gains", {})]
        for path in numbers:
            mutated = changed(text, ("stated", index, *path), 0.3)
            assert found(mutated) != KNOWN, (stated["id"], path)


def test_systems_of_the_paper_exist_and_have_its_names(paper):
    systems = load_systems(REPOSITORY).systems
    named = {*paper.systems(), *paper.labels, *sum(paper.comparisons.pairs, ())}
    named |= {figure.system for figure in paper.figures.values() if figure.system}
    assert named <= set(systems)
    for row in paper.tables["table1"].rows:
        assert systems[row.system].title == row.title


def test_claims_name_systems_that_exist():
    systems = load_systems(REPOSITORY).systems

    def names(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            for inner in value:
                yield from names(inner)
        elif hasattr(value, "reading"):
            yield value.system

    keys = ("pairs", "first", "second", "best", "others", "system", "systems")
    for claim in load_claims("liang", REPOSITORY).claims:
        used = [
            n for key in keys if hasattr(claim.test, key) for n in names(getattr(claim.test, key))
        ]
        assert set(used) <= set(systems), claim.id


def test_numbers_and_places(paper):
    places = [number.place for number in paper.numbers]
    assert len(places) == len(set(places)) == 57 + 36 + 44 + 27 + 44
    assert paper.cell("table2.15-2.tags.evaluation") == 78.1
    assert paper.cell("table2.200.event.development") == 48.0
    assert paper.cell("table3.Cat.esp.event") == 66.2
    assert (paper.cell("clips.weak"), paper.cell("settings.s")) == (1473, 30)
    assert paper.cell("stated.letter.abstract.letter_table1.8.tags.evaluation") == 49.8
    assert paper.number("table1.0.event.development") is None
    with pytest.raises(ConfigError, match=r"table1\.0\.event\.development: no number"):
        paper.cell("table1.0.event.development")
    assert paper.main_table == "table1" and paper.splits == ["development", "evaluation"]


def test_printed_numbers_by_system(paper):
    assert paper.printed("pts", "event", "development") == 43.1
    assert paper.printed("pts", "event", "development", edition="letter") is None
    assert paper.printed("pts_tfd_afl_tau10", "tags", "evaluation") == 76.6
    assert paper.printed("pts_tfd_afl_esp", "tags", "evaluation", "Cat") == 89.6
    assert paper.printed("pts_tfd_afl_standard", "tags", "evaluation") is None
    assert paper.label("pts_tfd") == "6" and paper.label("nobody") == "nobody"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    overall:", "    total: 1\n    overall:", "tables.table3.classes.total"),
        ("event: [43.3, 40.5]", "event: [43.3, -1]", "table1.systems.rows.1.values.event"),
        ("event: [43.3, 40.5]", "event: [43.3]", "one number per split"),
        ('id: "3", system: pts,', 'id: "2", system: pts,', "two rows have the same id"),
        ("stated:", "contradiction: []\nstated:", "contradiction: unknown key"),
        ("gains: {of: pts_tfd_afl,", "gains: {most: 8, of: pts_tfd_afl,", "gains.most"),
        ("table: table1\n", "table: table9\n", "unknown table table9"),
        ("kind: confusion\n    system: pts\n", "kind: confusion\n", "requires system"),
        ("gain: [esp, average]", "gain: [esp, mean]", "column that the table does not have"),
        ("block: event}", "block: event, score: psds1}", "either block or score"),
    ],
)
def test_an_error_in_the_file_is_named(tmp_path, old, new, message):
    folder = tmp_path / "config" / "papers" / "mine"
    folder.mkdir(parents=True)
    text = NUMBERS.read_text()
    assert old in text
    (folder / "numbers.yaml").write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_paper("mine", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metrics: [tags]}", "metrics: [tag]}", "unknown metric tag; use one of event"),
        ("splits: [evaluation]}", "splits: [test]}", "unknown split test"),
        ("      letter: section II-A\n", "      book: page 1\n", "unknown edition book"),
        ("kind: better,", "kind: best,", "test"),
    ],
)
def test_an_error_in_the_claims_is_named(tmp_path, old, new, message):
    folder = tmp_path / "config" / "papers" / "liang"
    folder.mkdir(parents=True)
    for name in ("numbers.yaml", "claims.yaml"):
        text = (NUMBERS.parent / name).read_text()
        (folder / name).write_text(text.replace(old, new, 1) if name == "claims.yaml" else text)
    with pytest.raises(ConfigError, match=message):
        load_claims("liang", tmp_path)


def test_an_unknown_paper_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="unknown paper lian; use one of koutini, liang, secost"):
        load_paper("lian", REPOSITORY)


def test_a_config_takes_the_only_paper_and_requires_a_name_for_one_of_several(tmp_path):
    values = {"dataset": "demo", "systems": ["pts"]}
    assert load_config(values, REPOSITORY).paper == "liang"
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    papers, base = tmp_path / "config" / "papers", tmp_path / "config" / "config.yaml"
    assert load_config(values, tmp_path).paper == "liang", "that of config/config.yaml"
    assert load_config({**values, "paper": "secost"}, tmp_path).paper == "secost"
    base.write_text(base.read_text().replace("paper: liang\n", ""))
    cure = r"^config\.paper: required; use one of koutini, liang, secost$"
    with pytest.raises(ConfigError, match=cure):
        load_config(values, tmp_path)
    for name in ("koutini", "secost"):
        shutil.rmtree(papers / name)
    assert load_config(values, tmp_path).paper == "liang", "the only one"
