"""The scorecard: every published number once, beside ours, with a verdict that can be checked."""

from collections import Counter

import pandas as pd
import pytest
import yaml
from made_results import (
    CLASSES,
    MANIFEST,
    REPOSITORY,
    be_the_papers_data,
    make_results,
    make_root,
    make_score,
)
from scipy.stats import t as student

from resed.config.rows import Row
from resed.config.run import load_config
from resed.config.study_rows import departing_options
from resed.errors import MissingFileError, ResultsError
from resed.formats.annotations import read_events
from resed.paper.numbers import load_paper
from resed.results.folder import Results
from resed.tabulate.layout import lines
from resed.tabulate.markdown import markdown
from resed.tabulate.scorecard import scorecard, verdict

REAL = [
    *("Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog"),
    *("Electric_shaver_toothbrush", "Frying", "Running_water", "Speech", "Vacuum_cleaner"),
]


def made(root, classes=CLASSES, clips=20, **options):
    """Results on the paper's data, so that its numbers are compared."""
    config = make_root(root, classes, **options)
    be_the_papers_data(root)
    return Results.of(config, make_results(config, clips))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return made(tmp_path_factory.mktemp("made"), REAL, seeds=2)


@pytest.fixture(scope="module")
def table(results):
    return scorecard(results)


def rows(made_table, /, **wanted):
    """Rows of the frame with these values."""
    frame = made_table.frame
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    return frame.to_dict("records")


def test_every_published_number_stands_once(table):
    """57 + 36 + 44 of the journal, 27 + 44 of the letter."""
    counts = Counter(zip(table.frame["edition"], table.frame["group"], strict=True))
    assert counts == {
        ("journal", "table1"): 10 * 6 - 3,
        ("journal", "table2"): 6 * 6,
        ("journal", "table3"): 11 * 4,
        ("letter", "letter_table1"): 9 * 3,
        ("letter", "letter_table2"): 11 * 4,
        ("mt_readme", "mt_readme"): 6,
        ("gl_readme", "gl_readme"): 3,
    }
    paper = load_paper("liang", REPOSITORY)
    published = [number.value for number in (*paper.numbers, *paper.other_numbers)]
    assert list(table.frame["published"]) == published
    keys = ["group", "row", "column", "split", "metric"]
    assert len(table.frame.drop_duplicates(keys)) == 217
    assert len([line for line in lines(table) if line.cells]) == 217


def test_d8_the_peers_own_numbers_are_compared(table, shared):
    """As in the targets; the numbers on the clips of 2018 have none of ours."""
    targets = yaml.safe_load((shared / "spec" / "targets.yaml").read_text())
    places = {"validation2019": "development", "public_eval_youtube692": "evaluation"}
    for place, values in targets["mt_readme"].items():
        for metric, value in values.items():
            split = places.get(place, "evaluation_2018")
            (row,) = rows(table, group="mt_readme", metric=metric, split=split)
            assert (row["published"], row["system"]) == (value, "mean_teacher")
            assert (row["status"] == "run") == (place in places)
            if place in places:
                (own,) = rows(table, group="table1", row="0", split="evaluation", metric=metric)
                assert split != "evaluation" or row["value"] == own["value"]
                assert row["verdict"] in ("above", "below", "within")
            else:
                assert row["verdict"] == "not run" and "not a split" in row["reading"]
    single = list(targets["gl_readme"]["single"].values())[:3]
    found = rows(table, group="gl_readme")
    assert [row["published"] for row in found] == pytest.approx([100 * f for f in single])
    assert {row["system"] for row in found} == {"guided_learning"}
    assert "README of the official baseline" in table.notes[0]


def test_ours_is_the_mean_over_seeds_with_its_interval(results, table):
    (row,) = rows(table, group="table1", row="3", split="evaluation", metric="event")
    ours = [results.metrics("evaluation", "pts", k)["event"]["macro_f1"] for k in (0, 1)]
    assert row["value"] == pytest.approx(50 * sum(ours)) and row["published"] == 40.9
    assert row["difference"] == pytest.approx(row["value"] - 40.9)
    found = results.interval("evaluation", Row("pts"), "event")
    assert (row["low"], row["high"], row["seeds"]) == (found.low, found.high, 2)
    assert (row["clips"], row["covers"]) == (20, "clips and seeds")
    assert table.provenance["manifest_sha256"] == MANIFEST
    assert (table.provenance["dataset"], table.provenance["papers_data"]) == ("made", True)


def test_classes_have_their_own_numbers(results, table):
    (row,) = rows(table, group="letter_table2", label="Cat", column="esp", metric="tags")
    system = "pts_tfd_afl_esp"
    ours = [
        results.metrics("evaluation", system, k)["tags"]["classes"]["Cat"]["f1"] for k in (0, 1)
    ]
    assert row["value"] == pytest.approx(50 * sum(ours)) and row["published"] == 89.6
    assert (row["system"], row["title"]) == (system, "Cat, ESP windows")


def test_the_letter_has_its_own_ids(table):
    (row,) = rows(table, group="letter_table1", row="2", metric="event")
    assert (row["system"], row["published"], row["split"]) == ("pts", 40.9, "evaluation")
    systems = {row["system"] for row in rows(table, group="letter_table1")}
    assert "pts_without_bgru" not in systems and "mean_teacher" in systems


def test_table_2_finds_its_systems(table):
    systems = {row["row"]: row["system"] for row in rows(table, group="table2")}
    assert systems == {
        "200": "pts_tfd",
        "10-2": "pts_tfd_afl_tau10",
        "15-2": "pts_tfd_afl",
        "30-2": "pts_tfd_afl_tau30",
        "15-1": "pts_tfd_afl_gamma1",
        "15-3": "pts_tfd_afl_gamma3",
    }


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(40.0, 41.0, "within"), (40.9, 42.0, "within"), (41.0, 42.0, "above"), (39.0, 40.8, "below")],
)
def test_d2_verdicts_follow_from_the_interval_for_one_training(low, high, word):
    found = {"value": 41.0, "low": 41.0, "high": 41.0}
    assert verdict(found | {"predicted_low": low, "predicted_high": high}, 40.9) == word


def test_d2_one_training_decides_nothing():
    assert verdict({}, 40.9) == "not run"
    assert verdict({"value": 90.0, "low": 89.0, "high": 91.0}, 40.9) == "undecided"
    without_counts = {"value": 0.9, "low": float("nan"), "high": float("nan")}
    assert verdict(without_counts, 0.1) == "undecided"


def far_off(tmp_path, seeds):
    """A system that finds almost all events and one that finds almost none, on the real classes."""
    results = made(tmp_path, systems=["pts", "pts_tfd"], seeds=seeds)
    for split in ("development", "evaluation"):
        events = read_events(results.annotations(split))
        for seed in range(seeds):
            make_score(results.folder, split, "pts", seed, 0.98 + 0.005 * seed, events)
            make_score(results.folder, split, "pts_tfd", seed, 0.02 - 0.005 * seed, events)
    return scorecard(results)


def test_d2_a_system_far_off_is_above_or_below_with_several_seeds_only(tmp_path):
    several, single = far_off(tmp_path / "3", 3), far_off(tmp_path / "1", 1)
    for system, word in (("pts", "above"), ("pts_tfd", "below")):
        assert {row["verdict"] for row in rows(several, group="table1", system=system)} == {word}
        assert {row["verdict"] for row in rows(single, system=system)} <= {"undecided", "not run"}


def test_d2_the_prediction_is_that_of_the_counts_by_hand(tmp_path):
    """Three seeds: clips once, seeds 1 + 1/3 times; degrees of freedom weighted by shares."""
    table = scorecard(made(tmp_path, systems=["pts"], seeds=3))
    results = Results.of(table_config(tmp_path), tmp_path / "results" / "made")
    (row,) = rows(table, group="table1", row="3", split="evaluation", metric="event")
    found = results.interval("evaluation", "pts", "event")
    (over_clips, clip_freedom), (between, _) = found.parts
    seeds = found.deviation**2 * (1 + 1 / 3)
    assert between == pytest.approx(found.deviation**2 / 3) and clip_freedom == 19
    variance = over_clips + seeds
    freedom = variance / (over_clips / 19 + seeds / 2)
    half = student.ppf(0.975, freedom) * variance**0.5
    assert row["predicted_low"] == pytest.approx(max(0, found.mean - half))
    assert row["predicted_high"] == pytest.approx(min(100, found.mean + half))
    assert row["predicted_low"] < row["low"] and row["predicted_high"] > row["high"]


def table_config(root):
    return load_config({"dataset": "made", "paper": "liang", "systems": ["pts"], "seeds": 3}, root)


def test_counts_stand_in_notes_headings_and_data(table):
    counts = Counter(table.frame["verdict"])
    top = table.notes[0]
    assert top.startswith("**217 published numbers: ")
    for word, count in counts.items():
        assert f"{count} {word}" in top
    assert "(Liang et al., journal version: " in top and "; Liang et al., letter: " in top
    assert table.data["counts"] == counts
    for name, group in table.data["groups"].items():
        own = Counter(row["verdict"] for row in rows(table, group=name))
        assert group["counts"] == own
        assert all(f"{count} {word}" in group["heading"] for word, count in own.items())


def test_f6_numbers_on_other_data_are_listed_and_not_compared(tmp_path):
    config = make_root(tmp_path, REAL, systems=["pts", "pts_tfd"], seeds=3)
    table = scorecard(Results.of(config, make_results(config, 8)))
    assert table.notes[0].startswith("**Not the paper's numbers**: not the paper's data")
    assert table.title.startswith("Numbers of the paper, on other data")
    titles = [column.title for column in table.view.columns]
    assert titles == ["ID", "Row", "Metric", "Split", "Verdict", "Published"]
    assert table.data["qualification"] == "other data"
    assert set(table.frame["verdict"]) == {"other data", "not run"}
    assert table.frame["difference"].isna().all()
    for row in rows(table):
        assert (row["verdict"] == "other data") == (row["status"] == "run")
    assert {row["system"] for row in rows(table, verdict="other data")} == {"pts", "pts_tfd"}


def test_other_settings_are_stated_too(tmp_path):
    config = make_root(tmp_path, REAL, override={"schedule": {"epochs": 3}}, systems=["pts"])
    path = tmp_path / "config" / "papers" / "liang" / "numbers.yaml"
    path.write_text(path.read_text().replace("dataset: dcase2019", "dataset: made"))
    table = scorecard(Results.of(config, make_results(config, 8)))
    assert "settings other than the paper's" in table.notes[0]
    assert "Verdict (other settings)" in [column.title for column in table.view.columns]


def test_one_seed_is_stated(tmp_path):
    table = scorecard(made(tmp_path, systems=["pts"], clips=8))
    assert any(
        "The brackets cover clips only, because each system has one seed" in note
        for note in table.notes
    )
    assert {row["covers"] for row in rows(table, system="pts")} == {"clips"}


def test_some_systems_may_have_more_seeds(tmp_path):
    options = {"systems": ["pts", "pts_tfd"], "system_seeds": {"pts": 2}}
    table = scorecard(made(tmp_path, clips=8, **options))
    assert any("or clips only for systems with one seed" in note for note in table.notes)
    assert {row["seeds"] for row in rows(table, system="pts")} == {2}


def test_what_is_not_configured_is_not_run(tmp_path):
    table = scorecard(made(tmp_path, systems=["pts"], clips=8))
    counts = Counter(table.frame["verdict"])
    assert counts["not run"] == 217 - 6 - 3  # PTS on both splits of the journal, one of the letter
    (row,) = rows(table, group="table1", row="0", metric="tags")
    assert pd.isna(row["value"]) and row["published"] == 45.8
    assert row["reading"] == "no such system in config.systems"


def test_classes_that_are_not_here_are_not_run(tmp_path):
    table = scorecard(made(tmp_path, clips=8))  # five of the ten classes
    (row,) = rows(table, group="table3", label="Frying", column="esp", metric="event")
    assert (row["verdict"], row["reading"]) == ("not run", "no such class in this dataset")
    (overall,) = rows(table, group="table3", row="Overall", column="esp", metric="event")
    assert overall["value"] > 0
    assert "Alarm_bell" not in markdown(table)


def test_missing_or_foreign_scores_are_refused(tmp_path):
    results = made(tmp_path, systems=["pts"], clips=8)
    place = results.folder / "score" / "evaluation" / "pts" / "seed0" / "metrics.json"
    text = place.read_text()
    place.write_text(text.replace(MANIFEST, "f" * 64))
    with pytest.raises(ResultsError, match="manifest hash ffffffffffff"):
        scorecard(results)
    place.unlink()
    with pytest.raises(MissingFileError, match="run resed score for pts on evaluation"):
        scorecard(results)


@pytest.mark.parametrize(
    ("system", "listed"),
    [
        ("pts_tfd_afl_esp", {}),
        ("pts_tfd", {"windows": "average"}),
        ("pts_tfd_literal", {"windows": "average", "tfd": "literal"}),
        ("pts_tfd_afl_standard", {"windows": "average", "afl": "standard"}),
    ],
)
def test_a_reading_is_the_options_beside_the_defaults(system, listed):
    config = load_config({"dataset": "demo", "systems": ["pts"]}, REPOSITORY)
    questions = config.paper_readings.questions
    expected = [(questions[name], questions[name].options[key]) for name, key in listed.items()]
    found = departing_options(config, system)
    assert sorted(q.title for q, _ in found) == sorted(q.title for q, _ in expected)
    assert {option.title for _, option in found} == {option.title for _, option in expected}


def test_a_reading_follows_the_config(results, tmp_path):
    override = {"decode": {"gate": "none"}}
    table = scorecard(made(tmp_path, systems=["pts_tfd"], clips=8, override=override))
    option = results.config.paper_readings.questions["gate"]
    (row,) = rows(table, group="table1", system="pts_tfd", metric="event", split="evaluation")
    assert f"{option.title}: {option.options['none'].title}" in row["reading"]
    shown = row["reading_shown"].split("; ")
    assert len(shown) <= 3 and row["reading"].startswith(shown[0])


def test_a_system_with_all_defaults_says_so(table):
    words = {row["reading"] for row in rows(table, system="pts_tfd_afl_esp")}
    assert words == {"defaults"}


def test_the_same_results_give_the_same_bytes(results, table):
    again = scorecard(Results.of(results.config, results.folder))
    assert again.csv() == table.csv() and again.json() == table.json()
    assert markdown(again) == markdown(table)
