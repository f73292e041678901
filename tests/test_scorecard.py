"""The scorecard: every published number once, beside ours, with a verdict that can be checked."""

from collections import Counter

import pytest
from made_results import CLASSES, MANIFEST, REPOSITORY, make_results, make_root, make_score
from systems import base

from resed.config.run import load_config
from resed.errors import MissingFileError, ResultsError
from resed.formats.annotations import read_events
from resed.paper.legacy_numbers import load_versions
from resed.results.folder import Results
from resed.tabulate.scorecard import Entry, reading_of, scorecard

REAL = [
    *("Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog"),
    *("Electric_shaver_toothbrush", "Frying", "Running_water", "Speech", "Vacuum_cleaner"),
]


def made(root, classes=CLASSES, clips=20, **options):
    config = make_root(root, classes, **options)
    return Results.of(config, make_results(config, clips))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return made(tmp_path_factory.mktemp("made"), REAL, seeds=2)


@pytest.fixture(scope="module")
def table(results):
    return scorecard(results)


def rows(made_table, /, **wanted):
    return [r for r in made_table.records if all(r[key] == value for key, value in wanted.items())]


def test_every_published_number_stands_once(table):
    """57 + 36 + 44 of the journal, 27 + 44 of the letter."""
    counts = Counter((row["version"], row["table"]) for row in table.records)
    assert counts == {
        ("journal", "Table 1"): 10 * 6 - 3,
        ("journal", "Table 2"): 6 * 6,
        ("journal", "Table 3"): 11 * 4,
        ("letter", "Table I"): 9 * 3,
        ("letter", "Table II"): 11 * 4,
    }
    published = [
        cell.value for paper in load_versions(REPOSITORY).values() for cell in paper.cells()
    ]
    assert [row["published"] for row in table.records] == published
    keys = ("version", "table", "title", "split", "metric")
    assert len({tuple(row[key] for key in keys) for row in table.records}) == 208


def test_ours_is_the_mean_over_seeds_with_its_interval(results, table):
    (row,) = rows(
        table, version="journal", table="Table 1", id="3", split="evaluation", metric="event"
    )
    ours = [results.metrics("evaluation", "pts", k)["event"]["macro_f1"] for k in (0, 1)]
    assert row["ours"] == pytest.approx(50 * sum(ours)) and row["published"] == 40.9
    assert row["difference"] == pytest.approx(row["ours"] - 40.9)
    found = results.interval("evaluation", "pts", "event")
    assert (row["low"], row["high"], row["seeds"]) == (found.low, found.high, 2)
    assert (row["clips"], row["interval_covers"]) == (20, "clips and seeds")
    assert (row["dataset"], row["papers_data"], row["manifest_sha256"]) == ("made", "no", MANIFEST)


def test_classes_have_their_own_numbers(results, table):
    (row,) = rows(table, version="letter", title="Cat, esp", metric="tags")
    system = results.system_of_row(9)
    ours = [
        results.metrics("evaluation", system, k)["tags"]["classes"]["Cat"]["f1"] for k in (0, 1)
    ]
    assert row["ours"] == pytest.approx(50 * sum(ours)) and row["published"] == 89.6


def test_the_letter_has_its_own_ids(table):
    (row,) = rows(table, version="letter", table="Table I", id="2", metric="event")
    assert (row["system"], row["published"], row["split"]) == ("pts", 40.9, "evaluation")
    systems = {row["system"] for row in rows(table, version="letter", table="Table I")}
    assert "pts_without_bgru" not in systems and "mean_teacher" in systems


def test_table_2_finds_its_systems(results, table):
    systems = {row["id"]: row["system"] for row in rows(table, table="Table 2")}
    assert systems == {
        "200": "pts_tfd",
        "10-2": "pts_tfd_afl_tau10",
        "15-2": "pts_tfd_afl",
        "30-2": "pts_tfd_afl_tau30",
        "15-1": "pts_tfd_afl_gamma1",
        "15-3": "pts_tfd_afl_gamma3",
    }


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(40.0, 41.0, "within"), (40.9, 42.0, "within"), (41.0, 42.0, "above"), (39.0, 40.8, "below")],
)
def test_verdicts(results, low, high, verdict):
    from resed.stats.intervals import Interval

    cell = next(c for c in results.paper.cells() if c.place == "table1.3.event.evaluation")
    found = Interval((low + high) / 2, low, high, 3, 692, "clips and seeds")
    assert Entry("journal", cell, "pts", "", found).verdict == verdict
    assert Entry("journal", cell, None, "", None).verdict == "not run"


def test_a_system_far_off_is_above_or_below(tmp_path):
    results = made(tmp_path, systems=["pts", "pts_tfd"])
    for split in ("development", "evaluation"):
        events = read_events(results.annotations(split))
        make_score(results.folder, split, "pts", 0, 0.98, events)
        make_score(results.folder, split, "pts_tfd", 0, 0.02, events)
    table = scorecard(results)
    assert {row["verdict"] for row in rows(table, table="Table 1", system="pts")} == {"above"}
    assert {row["verdict"] for row in rows(table, system="pts_tfd")} == {"below"}


def test_counts_stand_at_the_top(table):
    counts = Counter(row["verdict"] for row in table.records)
    top = table.caption[1]
    assert top.startswith("**208 published numbers: ")
    for verdict, count in counts.items():
        assert f"{count} {verdict}" in top
    assert "(journal " in top and "; letter " in top


def test_other_data_is_said_first_and_in_every_line(table):
    assert table.caption[0].startswith("**Not the paper's numbers**: not the paper's data")
    assert "only how the card is read" in table.caption[0]
    for line in table.lines:
        if not line.heading:
            assert line.cells[3] == "not run" or line.cells[3].endswith("(other data)")


def test_other_settings_are_said_too(tmp_path):
    config = make_root(tmp_path, REAL, override={"schedule": {"epochs": 3}}, systems=["pts"])
    for name in ("liang_journal", "liang_letter"):
        path = tmp_path / "config" / "papers" / f"{name}.yaml"
        path.write_text(path.read_text().replace("dataset: dcase2019", "dataset: made"))
    table = scorecard(Results.of(config, make_results(config, 8)))
    assert "settings other than the paper's" in table.caption[0]
    cells = [line.cells[3] for line in table.lines if line.cells]
    assert any(cell.endswith("(other settings)") for cell in cells)


def test_one_seed_says_so(tmp_path):
    table = scorecard(made(tmp_path, systems=["pts"], clips=8))
    assert any("covers clips alone, for there is one seed" in note for note in table.caption)
    assert {row["interval_covers"] for row in rows(table, system="pts")} == {"clips"}


def test_some_systems_may_have_more_seeds(tmp_path):
    options = {"systems": ["pts", "pts_tfd"], "system_seeds": {"pts": 2}}
    table = scorecard(made(tmp_path, clips=8, **options))
    assert any("or clips alone where there is one seed" in note for note in table.caption)
    assert {row["seeds"] for row in rows(table, system="pts")} == {2}


def test_what_is_not_configured_is_not_run(tmp_path):
    table = scorecard(made(tmp_path, systems=["pts"], clips=8))
    counts = Counter(row["verdict"] for row in table.records)
    assert counts["not run"] == 208 - 6 - 3  # PTS on both splits of the journal, one of the letter
    line = next(line for line in table.lines if line.cells[:2] == ("0", "MT (official baseline)"))
    assert line.cells[2:6] == (
        "Event-F1, Segment-F1, AT-F1",
        "not run",
        "no such system in config.systems",
        "25.8; 53.7; 45.8",
    )


def test_classes_that_are_not_here_are_not_run(tmp_path):
    table = scorecard(made(tmp_path, clips=8))  # five of the ten classes
    (row,) = rows(table, version="journal", title="Frying, esp", metric="event")
    assert (row["verdict"], row["reading"]) == ("not run", "no such class in this dataset")
    assert rows(table, version="journal", title="Overall, esp", metric="event")[0]["ours"]
    assert "Alarm_bell" not in table.markdown()


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
    ("system", "metric", "text"),
    [
        (
            "pts_tfd_afl_esp",
            "tags",
            "TFD hint; AFL 1 - p^γ, γ 2, τ 15; ESP windows; AT after filters",
        ),
        ("pts_tfd_afl_standard", "event", "TFD hint; AFL (1 - p)^γ, γ 2, τ 15; average windows"),
        ("pts_tfd_literal", "event", "TFD literal; average windows"),
        (
            "pts_tfd_dfd_d_wu",
            "event",
            "TFD hint; DFD distance on weak + unlabeled; average windows",
        ),
        ("mean_teacher", "tags", "MT as in its code; one window; AT by clip posterior"),
        (
            "mean_teacher_lost_head",
            "tags",
            "MT as in its code; one window; AT by clip posterior; attention head lost",
        ),
        ("guided_learning", "segment", "GL as in its code; average windows"),
    ],
)
def test_readings(system, metric, text):
    config = load_config({"dataset": "demo", "systems": ["pts"]}, REPOSITORY)
    assert reading_of(config.system(system), metric) == text
    assert "normalised" in reading_of(
        base(objective={"distillation": {"tfd": True, "distance": "rows_normalised"}}),
        "event",
    )


def test_the_same_results_give_the_same_bytes(results, table):
    again = scorecard(Results.of(results.config, results.folder))
    assert again.csv() == table.csv() and again.markdown() == table.markdown()
