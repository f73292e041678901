"""The other papers as data: every printed number, and pages without a word of another paper."""

import re

import pytest
import yaml
from made_page import make_page_input
from made_results import make_results, make_root
from runs import REPOSITORY
from test_ranking import add_ranking

from resed.config.run import load_config
from resed.config.systems import load_systems
from resed.draw import registry, style
from resed.errors import ConfigError
from resed.formats.annotations import read_events, tags_of
from resed.formats.posteriors import Posteriors
from resed.judge import _printed
from resed.judge.evidence import word
from resed.judge.outcome import of_printed
from resed.judge.sources import Printed
from resed.paper.claims import load_claims
from resed.paper.contradictions import load_contradictions
from resed.paper.discrepancies import discrepancies
from resed.paper.numbers import load_paper
from resed.report import render
from resed.results.folder import Results
from resed.results.inputs import Inputs
from resed.results.layout import Layout
from resed.score.rank_resamples import ranking
from resed.tabulate import make_table

CLASSES = [
    *("Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog"),
    *("Electric_shaver_toothbrush", "Frying", "Running_water", "Speech", "Vacuum_cleaner"),
]
SECOST = [
    *("secost_base", "secost_fixed_s1", "secost_fixed_s2", "secost_fixed_s3", "secost_fixed_s4"),
    *("secost_variable_s3", "secost_variable_s4", "secost_variable_s5"),
    *("secost_teacher_s1", "secost_teacher_s2", "secost_teacher_s3"),
    *("secost_sweep_a00", "secost_sweep_a70", "secost_sweep_a100"),
    *("secost_control_seed", "secost_control_smoothed"),
]
CHAIN = [SECOST[i] for i in (0, 1, 2, 6, 14)]  # that are made up
KOUTINI = [
    *("baseline2018_pass1", "baseline2018", "koutini_tagger", "koutini_pass1"),
    *(
        f"koutini_p{repeat}_{network}_{target}"
        for repeat in (1, 2)
        for network in ("deep", "shallow")
        for target in ("raw", "median", "gauss")
    ),
    *("koutini_choice_1", "koutini_choice_2"),
    *(f"koutini_sub{n}" for n in range(1, 5)),
]
PASSES = ["baseline2018", "koutini_pass1", "koutini_sub1", "koutini_sub2"]


@pytest.fixture(scope="module")
def targets(shared):
    return yaml.safe_load((shared / "spec" / "related_targets.yaml").read_text())


# --- Numbers


def test_every_number_of_the_table_of_systems(targets):
    theirs = targets["secost_002"]
    paper = load_paper("secost", REPOSITORY)
    rows = {row.id: row for row in paper.tables["table2"].rows if row.values}
    assert list(rows) == [row["id"] for row in theirs["table2"]]
    for row in theirs["table2"]:
        assert rows[row["id"]].values == {"map": [row["map"]], "mauc": [row["mauc"]]}
        title = row["system"].replace("alpha", "α")
        assert rows[row["id"]].title == title


def test_every_number_of_the_figures(targets):
    theirs = targets["secost_002"]
    paper = load_paper("secost", REPOSITORY)

    def printed(table):
        return {row.id: row.values.get("map", [None])[0] for row in paper.tables[table].rows}

    left = {row["one_minus_alpha"]: row["map"] for row in theirs["figure2_left"]}
    ours = printed("figure2_left")
    assert (ours["0"], ours["1"]) == (left[0.0], left[1.0])
    assert (ours["0.3"], ours["0.7"]) == (None, left[0.3]), "the misprint stands where it belongs"
    for name in ("figure2_right", "figure3_left", "figure3_right"):
        for row in theirs[name]:
            assert printed(name)[str(row["stage"])] == row["map"], (name, row["stage"])
    figure = paper.figures["figure4"]
    for row in theirs["figure4"]:
        assert row["base_ap"][1] in (*figure.edges, 1.0)
    data = theirs["data"]
    assert paper.clips == {
        "weak": data["train"], "development": data["validation"], "evaluation": data["evaluation"],
    }  # fmt: skip
    counts = theirs["classes"]
    assert paper.cell("settings.classes_improved") == counts["improved"]
    assert paper.cell("settings.classes_over_20_percent") == counts["gain_over_20_percent"]
    assert paper.cell("settings.classes_under_minus_10_percent") == counts["drop_over_10_percent"]


def test_stated_gains_are_those_of_the_claims(targets):
    claims = {claim.id: claim.test for claim in load_claims("secost", REPOSITORY).claims}
    names = {
        "best_over_base": "best_over_base", "best_over_literature": "best_over_literature",
        "fixed_over_base": "fixed_over_base", "single_stage_over_base": "single_stage_by",
        "stage2_over_stage1": "stage_two_by",
    }  # fmt: skip
    for row in targets["secost_002"]["stated"]:
        if row["id"] in names:
            assert claims[names[row["id"]]].percent == row["gain_percent"], row["id"]


def test_every_number_of_both_tables_of_submissions(targets):
    theirs = targets["koutini_003"]
    paper = load_paper("koutini", REPOSITORY)
    rows = {row.title: row for row in paper.tables["table4"].rows}
    for row in theirs["table4"]:
        assert rows[row["id"]].values == {
            "event": [row["f1"], None],
            "precision": [row["precision"], None],
            "recall": [row["recall"], None],
        }
    table = paper.tables["table1"]
    columns = ["baseline", "sub1", "sub2", "sub3", "sub4"]
    assert list(table.columns) == columns and list(table.rows) == theirs["classes"] == CLASSES
    for column, row in zip(columns, theirs["table1"], strict=True):
        assert [table.rows[label][column] for label in CLASSES] == [[v] for v in row["classes"]]
        assert table.overall[column] == [row["average"]]
    outside = theirs["outside_the_report"]["evaluation_880_challenge"]["Koutini_JKU_task4_1"]
    assert paper.other_numbers[0].value == outside
    readme = targets["dcase2018_baseline"]["readme"]["event_f1"]
    assert paper.other_numbers[1].value == readme
    assert paper.clips == {k: v for k, v in theirs["data"].items() if k == "evaluation"} | {
        "development": theirs["data"]["test"]
    }


def test_the_numbers_agree_with_each_other():
    for name in ("secost", "koutini"):
        assert discrepancies(load_paper(name, REPOSITORY)) == []


def test_printed_verdicts():
    """What a paper prints no number for is not shown; nothing else contradicts its own numbers."""
    not_shown = {
        "secost": 12,
        "koutini": 10,
    }
    for name, count in not_shown.items():
        paper = load_paper(name, REPOSITORY)
        words = {
            claim.id: word(
                of_printed(_printed(claim, Printed(paper, claim.edition)), claim.edition)
            )
            for claim in load_claims(name, REPOSITORY).claims
        }
        assert set(words.values()) == {"supported", "not shown"}, words
        assert list(words.values()).count("not shown") == count, words


def test_every_claim_of_the_specification_is_there(shared):
    """By id; those on networks, lengths and frames are contradictions or tests of the networks."""
    specified = yaml.safe_load((shared / "spec" / "related_claims.yaml").read_text())
    renamed = {"base_over_kong_pooling": "base_over_pooling"}
    elsewhere = {"variable_length", "one_second", "counts", "frames", "partial_detection"}
    for paper, key in (("secost", "secost_002"), ("koutini", "koutini_003")):
        ours = {claim.id for claim in load_claims(paper, REPOSITORY).claims}
        ours |= {entry.id for entry in load_contradictions(paper, REPOSITORY)}
        theirs = {renamed.get(one["id"], one["id"]) for one in specified[key]}
        assert theirs - elsewhere <= ours, sorted(theirs - ours)


# --- Which paper


def test_the_paper_of_a_config_is_that_of_the_base(tmp_path):
    config = make_root(tmp_path)
    values = {"dataset": "made", "systems": ["pts"]}
    with pytest.raises(ConfigError, match=r"config\.paper: required; use one of koutini, liang"):
        load_config(values, tmp_path)
    base = tmp_path / "config" / "config.yaml"
    base.write_text("paper: secost\n")
    assert load_config(values, tmp_path).paper == "secost"
    assert load_config({**values, "paper": "koutini"}, tmp_path).paper == "koutini"
    base.write_text("paper: nowhere\n")
    with pytest.raises(ConfigError, match=r"config\.paper: required"):
        load_config(values, tmp_path)
    assert config.paper == "liang"
    assert load_config({**values, "dataset": "demo"}, REPOSITORY).paper == "liang"


# --- Pages


def root_with(folder, names):
    """A root with these systems; those of the papers are plain ones, without their teachers."""
    make_root(folder, CLASSES)
    for file in ("secost", "koutini", "baseline2018"):
        (folder / "config" / "systems" / f"{file}.yaml").unlink()
    known = load_systems(folder).systems
    entries = {
        name: {"title": f"Made {name}", "base": "base"} for name in names if name not in known
    }
    path = folder / "config" / "systems" / "made.yaml"
    path.write_text(yaml.safe_dump({"systems": entries} if entries else {}))


def made(folder, paper, names, seeds):
    root_with(folder, names)
    values = {"dataset": "made", "paper": paper, "systems": names, "seeds": seeds}
    found = Results.of(load_config(values, folder), None)
    return Results.of(found.config, make_results(found.config, clips=12))


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    """The chain of taggers with two seeds; scores rise with the stage."""
    import numpy as np

    found = made(tmp_path_factory.mktemp("chain"), "secost", CHAIN, 2)
    for split in ("development", "evaluation"):
        tags = tags_of(read_events(found.annotations(split)))
        names = sorted(tags)
        true = np.array([[label in tags[name] for label in CLASSES] for name in names])
        draw = np.random.default_rng(1)
        shared = draw.random(true.shape)
        for index, system in enumerate(CHAIN):
            for seed in range(2):
                scores = shared + 0.05 * draw.random(true.shape) + (0.1 + 0.03 * index) * true
                add_ranking(found, split, system, seed, ranking(scores, tags, names, CLASSES))
    return found


@pytest.fixture(scope="module")
def passes(tmp_path_factory):
    return made(tmp_path_factory.mktemp("passes"), "koutini", PASSES, 2)


def visible(page):
    body = page[page.index("<body>") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_the_page_of_the_tagger(tagger):
    tables = make_page_input(tagger)
    words = visible(render(tagger))
    for text in ("mAP", "mAUC", "Figure 3, left. Stages with a rising share", "1 - α", "Table 2."):
        assert text in words, text
    for text in ("Liang", "Koutini", "PTS", "Guided Learning", "AFL", "TFD", "chose nothing"):
        assert text not in words, text
    assert "paper" not in [c.title for c in tables["table2"].view.columns], "other data"
    assert set(tables["scorecard"].frame["verdict"]) == {"other data", "not run"}
    here = {one["id"]: one["here"] for one in tables["claims"].data["claims"]}
    assert here["best_over_base"] == "other data", "a size on the paper's data"
    assert here["best_over_literature"] == "not run"
    assert here["best_over_base_at_all"] in ("holds", "undecided")


def test_both_sets_stand_side_by_side(passes):
    tables = make_page_input(passes)
    page = render(passes)
    words = visible(page)
    sentence = (
        "Models of each class, windows and thresholds were chosen on development and are reported "
        "on evaluation: scores on development are optimistic; evaluation chose nothing."
    )
    assert words.count(sentence) >= 2
    for text in ("Event-F1, evaluation", "Event-F1, development", "Precision", "Recall"):
        assert text in words, text
    for text in ("Liang", "Kumar", "PTS", "AFL", "mAUC of the paper"):
        assert text not in words, text
    table = tables["table4"].frame
    splits = table[table["system"] == "koutini_sub1"]["split"]
    assert set(splits) == {"development", "evaluation"}
    own = table[(table["system"] == "koutini_sub1") & (table["split"] == "evaluation")]
    own = own[own["threshold"] == "configured"]
    rows = {row["metric"]: row for row in own.to_dict("records")}
    each = [passes.metrics("evaluation", "koutini_sub1", seed) for seed in range(2)]
    for rate in ("precision", "recall"):
        means = [
            sum(one[rate] for one in m["event"]["classes"].values()) / len(m["event"]["classes"])
            for m in each
        ]
        assert rows[rate]["value"] == pytest.approx(100 * sum(means) / 2)


def test_their_figures_are_drawn(tagger, passes, tmp_path):
    import numpy as np

    frames = np.random.default_rng(2).random((3, 40, len(CLASSES))).astype(np.float32)
    tags = frames.max(axis=1)
    meta = {"seconds_per_frame": 0.0415}
    for seed in range(2):
        Posteriors(frames, tags, tags, ["x", "y", "z"], CLASSES, meta).save(
            passes.posteriors("evaluation", "koutini_pass1", seed)
        )
    for results, name in ((tagger, "stages"), (tagger, "figure4"), (passes, "figure1")):
        drawing = registry.figure_of(name, results)
        with style.look():
            figure = drawing.draw()
            style.save(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
        assert drawing.caption().endswith(".")


def test_points_of_the_figure_are_our_scores(tagger):
    drawing = registry.figure_of("stages", tagger)
    with style.look():
        figure = drawing.draw()
    panel = figure.axes[1]  # Figure 2, right
    points = [line.get_ydata()[0] for line in panel.get_lines() if line.get_marker() == "o"]
    expected = [
        tagger.interval("evaluation", name, "map").mean
        for name in ("secost_base", "secost_fixed_s1", "secost_fixed_s2")
    ]
    assert points == pytest.approx(expected)
    assert "other data and are not drawn" in drawing.caption()


def test_claims_and_figures_name_their_inputs(passes, tagger):
    files = Inputs(passes.config, passes.paper, Layout(passes.folder)).verdicts()
    assert str(passes.posteriors("evaluation", "koutini_pass1", 1)) in files
    found = Inputs(tagger.config, tagger.paper, Layout(tagger.folder))
    assert not [path for path in found.verdicts() if path.endswith("seed0.npz")]
    assert found.main_systems() == CHAIN, "all of them also at their own thresholds"


def test_rows_name_every_system(passes):
    paper = load_paper("secost", REPOSITORY)
    assert set(SECOST) < set(paper.systems()) and set(KOUTINI) == set(passes.paper.systems())
    table = make_table("table1", passes).frame
    assert len(table[table["column"] == "sub1"]) == 2 * 11
