"""Tables: the right cells beside the paper's, and only from scores of the same clips."""

import csv
import io
import json

import pytest
from made_results import CLASSES, MANIFEST, make_results, make_root
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import MissingFileError, ResultsError
from resed.formats.counts import Counts, write_counts
from resed.results.folder import Results
from resed.stats.intervals import Interval
from resed.tabulate import TABLES
from resed.tabulate.score_reader import ScoreBook
from resed.tabulate.table import Table, gain, ours
from resed.tabulate.table1 import SANITY

table1, table2, table3 = (TABLES[name] for name in ("table1", "table2", "table3"))
REAL = [
    *("Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog"),
    *("Electric_shaver_toothbrush", "Frying", "Running_water", "Speech", "Vacuum_cleaner"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    config = make_root(tmp_path_factory.mktemp("made"))
    return Results.of(config, make_results(config))


def made(tmp_path, **options):
    config = make_root(tmp_path, **options)
    return Results.of(config, make_results(config, clips=8))


def records(table):
    return {row["system"]: row for row in csv.DictReader(io.StringIO(table.csv()))}


def change(results, split, system, **values):
    path = results.folder / "score" / split / system / "seed0" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return path


def lines(table, *words):
    """The cells of the lines that begin with these words."""
    return [line.cells for line in table.lines if line.cells[: len(words)] == words]


def shown(results, split, system, block, label=None):
    found = results.interval(split, system, block, label)
    return f"{found.mean:.1f} [{found.low:.1f}, {found.high:.1f}]"


def test_table1_puts_ours_beside_the_papers(results):
    table = table1(results)
    for line, split, paper in zip(
        lines(table, "3", "PTS"),
        ("development", "evaluation"),
        (("43.1", "69.0", "75.0"), ("40.9", "68.1", "73.4")),
        strict=True,
    ):
        assert line[2] == split
        blocks = ("event", "segment", "tags")
        assert line[3:9:2] == tuple(shown(results, split, "pts", block) for block in blocks)
        assert line[4:10:2] == paper
        assert line[9] == shown(results, split, "pts", "tags_raw")
        free = results.metrics(split, "pts")["threshold_free"]
        assert line[11:] == tuple(f"{free[k]:.3f}" for k in ("psds1", "psds2", "tags_map"))
        assert "| 3 | PTS | " + split + " | " + line[3] in table.markdown()


def test_table1_has_the_rows_in_order(results):
    table = table1(results)
    names = [record["system"] for record in table.records]
    entries = results.config.catalogue
    systems = [n for n in results.config.systems if entries[n].row is not None]
    beyond = [n for n in results.config.systems if entries[n].row is None and not entries[n].stage]
    assert beyond and len(systems) + len(beyond) < len(results.config.systems)
    in_table = [name for name in results.config.systems if name in (*systems, *beyond)]
    tuned = [f"{name}@development_threshold" for name in in_table]
    assert names == [*systems, *beyond, *tuned, *SANITY]
    headings = [line.heading for line in table.lines if line.heading]
    assert headings[2] == "Frame threshold chosen on development; beyond the paper"
    titles = [line.cells[1] for line in table.lines if line.cells]
    assert "PTS, frame threshold 0.1" in titles
    last = entries[results.config.systems[-1]].title
    assert f"own tags over the whole clip ({last})" in titles
    assert len(table.lines) == len(headings) + 2 * len(names)


def test_table1_says_what_was_not_run(tmp_path):
    table = table1(made(tmp_path, systems=["pts"]))
    for line, paper in zip(lines(table, "9"), (["51.6"], ["49.8"]), strict=True):
        assert line[1] == "PTS+TFD+AFL+ESP" and line[4] == paper[0]
        assert set(line[3:9:2]) == set(line[9:]) == {"not run"}
    row = next(record for record in table.records if record["id"] == 9)
    assert (row["system"], row["event_evaluation"], row["seeds"]) == (None, None, 0)
    assert (row["event_evaluation_paper"], row["clips_evaluation"]) == (49.8, 8)


def test_table1_csv_has_full_precision_and_its_ground(results):
    row = records(table1(results))["pts_tfd"]
    value = 100 * results.metrics("evaluation", "pts_tfd")["tags_raw"]["macro_f1"]
    assert float(row["tags_raw_evaluation"]) == pytest.approx(value, rel=1e-11)
    assert (row["event_evaluation_paper"], row["tags_development_paper"]) == ("45.4", "78.6")
    assert (row["manifest_sha256"], row["clips_evaluation"]) == (MANIFEST, "40")
    assert records(table1(results))["sanity_nothing"]["tags_teacher_evaluation"] == ""


def test_captions_say_whose_numbers_these_are(results):
    caption = "\n".join(table1(results).caption)
    assert "**Not the paper's numbers**: not the paper's data: Made-up results" in caption
    assert f"Manifest: {MANIFEST[:12]}" in caption and "1 seed" in caption
    assert "40 development, 40 evaluation (paper: 1077 development, 692 evaluation)" in caption


def test_several_seeds_give_mean_and_interval(tmp_path):
    results = made(tmp_path, seeds=2, systems=["pts"])
    table = table1(results)
    first, second = (
        100 * results.metrics("evaluation", "pts", seed)["event"]["macro_f1"] for seed in (0, 1)
    )
    row = records(table)["pts"]
    assert float(row["event_evaluation"]) == pytest.approx((first + second) / 2)
    deviation = abs(first - second) / 2**0.5  # of two values, n - 1 below
    assert float(row["event_evaluation_deviation"]) == pytest.approx(deviation)
    found = results.interval("evaluation", "pts", "event")
    assert float(row["event_evaluation_low"]) == pytest.approx(found.low)
    assert float(row["event_evaluation_high"]) == pytest.approx(found.high)
    assert row["interval_covers"] == "clips and seeds" and row["seeds"] == "2"
    assert records(table)["sanity_prior"]["interval_covers"] == "clips"
    assert (
        "means of 2 seeds, in brackets the 95 % interval over clips and seeds" in table.markdown()
    )


def test_one_seed_says_what_its_interval_leaves_out(results):
    table = table1(results)
    assert "1 seed. In brackets the 95 % interval over clips only" in table.markdown()
    assert records(table)["pts"]["interval_covers"] == "clips"


def test_the_letter_has_its_own_ids(tmp_path):
    systems = ["pts_without_bgru", "pts"]
    table = table1(made(tmp_path, paper="liang_letter", systems=systems))
    row = records(table)["pts"]
    assert (row["id"], row["event_development_paper"], row["event_evaluation_paper"]) == (
        *("2", "", "40.9"),
    )
    assert records(table)["pts_without_bgru"]["group"] == "own"  # the letter has no such row
    development, evaluation = lines(table, "2", "PTS")
    assert (development[4], evaluation[4]) == ("–", "40.9")


def test_scores_that_need_no_threshold_may_lack(tmp_path):
    results = made(tmp_path, systems=["pts"], seeds=2)
    change(results, "evaluation", "pts", threshold_free={"psds1": None, "psds2": 0.25})
    change(results, "development", "pts", threshold_free=None)
    row = records(table1(results))["pts"]
    assert row["psds1_evaluation"] == row["tags_map_evaluation"] == row["psds2_development"] == ""
    other = results.metrics("evaluation", "pts", 1)["threshold_free"]["psds2"]
    assert float(row["psds2_evaluation"]) == pytest.approx((0.25 + other) / 2)
    development, evaluation = lines(table1(results), "3", "PTS")
    assert development[11:] == ("–", "–", "–") and evaluation[11] == "–"


def test_two_tags_of_one_checkpoint_stand_in_two_rows(results):
    rows = records(table1(results))
    assert rows["mean_teacher_lost_head"]["group"] == "own"
    assert rows["mean_teacher_lost_head"]["title"] == "MT, attention head lost"


def test_a_system_beyond_the_papers_table_stands_apart(tmp_path):
    table = table1(made(tmp_path, systems=["pts", "pts_tfd_literal"]))
    assert records(table)["pts_tfd_literal"]["group"] == "own"
    assert "Systems that the paper's table does not have" in table.markdown()


def test_scores_of_other_audits_or_clips_are_refused(tmp_path):
    results = made(tmp_path, systems=["pts"])
    path = change(results, "evaluation", "sanity_prior", manifest_sha256="f" * 64)
    with pytest.raises(ResultsError, match=f"{path}: manifest hash ffffffffffff, but 0123456789ab"):
        table1(results)
    path = change(results, "evaluation", "sanity_prior", manifest_sha256=MANIFEST, clips=7)
    with pytest.raises(ResultsError, match=f"{path}: clips on evaluation 7, but 8 in"):
        table1(results)


def test_one_split_may_have_other_clips_than_the_other(tmp_path):
    results = made(tmp_path, systems=["pts"])
    change(results, "evaluation", "pts", clips=5)
    book = ScoreBook(results)
    for split in ("development", "evaluation"):
        book.read(split, "pts", [0])
    assert book.clips == {"development": 8, "evaluation": 5}


def test_missing_scores_are_named(tmp_path):
    results = made(tmp_path, systems=["pts"])
    path = results.folder / "score" / "evaluation" / "pts" / "seed0" / "metrics.json"
    path.unlink()
    with pytest.raises(MissingFileError, match="run resed score for pts on evaluation"):
        table1(results)
    path.write_text("{}")
    with pytest.raises(ResultsError, match="lacks clips; run resed score again"):
        table1(results)


def test_table2_finds_its_systems_by_stage(results):
    table = table2(results)
    systems = [record["system"] for record in table.records]
    assert systems == [
        "pts_tfd",
        "pts_tfd_afl_tau10",
        *("pts_tfd_afl", "pts_tfd_afl_standard"),
        "pts_tfd_afl_tau30",
        "pts_tfd_afl_gamma1",
        *("pts_tfd_afl_gamma3", "pts_tfd_afl_gamma3_standard"),
    ]
    weights = [line.cells[2] for line in table.lines[::2]]
    assert weights[:4] == ["–", "1 - p^γ", "1 - p^γ", "(1 - p)^γ"] and weights[5] == "1 - p (both)"
    development, evaluation = lines(table, "15", "2", "(1 - p)^γ")
    assert evaluation[6] == shown(results, "evaluation", "pts_tfd_afl_standard", "event")
    assert (development[7], evaluation[7]) == ("48.9", "47.1")
    assert lines(table, "200")[0][4] == "200 of 200 epochs"
    record = records(table)["pts_tfd_afl_gamma3_standard"]
    assert (record["tau"], record["gamma"], record["form"]) == ("15", "3", "standard")
    assert (record["tags_evaluation_paper"], record["seeds"]) == ("75.2", "1")


def test_table2_says_how_long_stage_one_is_here(tmp_path):
    schedule = {"schedule": {"epochs": 20, "stage_one": 2}}
    systems = ["pts_tfd_afl", "pts_tfd"]
    table = table2(made(tmp_path, systems=systems, paper="liang_letter", override=schedule))
    assert "journal version, Table 2" in table.markdown(), "the letter has no such study"
    assert lines(table, "15", "2", "1 - p^γ")[0][4] == "2 of 20 epochs"
    assert lines(table, "200")[1][3:5] == ("PTS+TFD", "20 of 20 epochs")
    for line in (*lines(table, "10", "2"), *lines(table, "15", "2", "(1 - p)^γ")):
        assert line[3] == line[6] == "not run" and line[7] in ("49.1", "47.0", "48.9", "47.1")


def test_table3_is_class_by_class(results):
    table = table3(results)
    assert [line.cells[0] for line in table.lines] == [
        *("Alarm bell ringing", "Blender", "Cat", "Dishes", "Dog", "Overall"),
    ]
    average, esp = (results.system_of_row(row) for row in (8, 9))
    metrics = results.metrics("evaluation", esp)
    support = [
        metrics[block]["classes"]["Dog"]["tp"] + metrics[block]["classes"]["Dog"]["fn"]
        for block in ("event", "tags")
    ]
    dog = table.lines[4].cells
    assert dog[1] == " / ".join(map(str, support))
    for first, block in ((2, "event"), (7, "tags")):
        assert dog[first] == shown(results, "evaluation", average, block, "Dog")
        assert dog[first + 2] == shown(results, "evaluation", esp, block, "Dog")
        found = results.difference("evaluation", esp, average, block, "Dog")
        assert dog[first + 4] == gain(found)
        assert dog[first + 1] == dog[first + 3] == "–"  # five classes are not the paper's ten
    assert "none of its numbers stand beside ours" in table.markdown()
    assert "the same checkpoint" in table.markdown()


@pytest.mark.parametrize("name", ["table3", "letter_table2"])
def test_table3_has_the_papers_numbers_for_its_classes(tmp_path, name):
    config = make_root(tmp_path, REAL)
    table = TABLES[name](Results.of(config, make_results(config, clips=8)))
    (cat,) = lines(table, "Cat")
    assert (cat[3], cat[5], cat[8], cat[10]) == ("57.1", "66.2", "86.1", "89.6")
    assert (table.lines[-1].cells[3], table.lines[-1].cells[8]) == ("47.1", "78.0")
    record = table.records[2]
    assert (record["event_label"], record["esp_tags_evaluation_paper"]) == ("Cat", 89.6)
    assert ("average_event_development" in record) == (name == "table3")
    assert ("Letter, Table II." in table.title) == (name == "letter_table2")


def test_table3_without_its_systems_was_not_run(tmp_path):
    table = table3(made(tmp_path, systems=["pts_tfd_afl"]))
    overall = table.lines[-1].cells
    assert overall[4] == overall[6] == "not run" and "[" in overall[2]
    assert "ESP windows: not run" in table.markdown()
    nothing = table3(made(tmp_path / "b", systems=["pts"]))
    assert set(nothing.lines[-1].cells[2:]) == {"not run", "–"}
    assert "nothing was scored" in nothing.markdown()


def test_a_class_that_was_never_seen_has_no_number(tmp_path):
    results = made(tmp_path)
    for system in ("pts_tfd_afl", "pts_tfd_afl_esp"):
        kept = {}
        for block in ("event", "segment", "tags", "tags_raw", "tags_teacher"):
            kept[block] = without(results, system, block, "Dog")
        folder = results.folder / "score" / "evaluation" / system / "seed0"
        write_counts(folder / "counts.tsv", kept)
        summaries = {block: counts.summary() for block, counts in kept.items()}
        change(results, "evaluation", system, **summaries)
    fresh = Results.of(results.config, results.folder)
    dog = table3(fresh).lines[CLASSES.index("Dog")].cells
    assert dog[1:] == ("0 / 0", *("–",) * 10)


def without(results, system, block, label):
    """Counts of a system without one class."""
    table = results.counts("evaluation", system, 0, block)
    kept = [i for i, name in enumerate(table.classes) if name != label]
    names = tuple(table.classes[i] for i in kept)
    return Counts.of(table.names, names, table.values[:, kept])


def test_the_letters_table1_is_evaluation_with_its_ids(results):
    table = TABLES["letter_table1"](results)
    assert [line.cells[0] for line in table.lines] == list("012345678")
    (tfd,) = lines(table, "5")
    assert tfd[1] == "PTS+TFD" and tfd[3] == "45.4"
    assert tfd[2] == shown(results, "evaluation", "pts_tfd", "event")
    assert "event_development" not in table.records[0]
    assert "40 evaluation (paper: 692 evaluation)" in table.markdown()


def test_comparisons_are_those_of_the_paper(tmp_path):
    results = made(tmp_path, seeds=2)
    table = TABLES["comparisons"](results)
    pairs = [(record["row"], record["against_row"]) for record in table.records[::2]]
    assert pairs == [
        *((2, 1), (3, 2), (3, 1), (4, 3), (5, 3), (6, 3), (5, 4), (7, 6), (8, 6), (9, 8), (9, 1)),
    ]
    first, second = lines(table, "9 vs 8")
    systems = ("pts_tfd_afl_esp", "pts_tfd_afl")
    assert second[4] == gain(results.difference("evaluation", *systems, "event"))
    assert second[5] == results.decision("evaluation", *systems, "event")
    assert (first[6], second[6], second[12]) == ("+2.7", "+2.7", "+3.1")
    shared = {r["row"]: r["same_checkpoint"] for r in table.records if r["against_row"] == 8}
    assert shared == {9: "yes"}
    assert {r["same_checkpoint"] for r in table.records if r["against_row"] != 8} == {"no"}


def test_comparisons_with_one_seed_are_undecided(results):
    table = TABLES["comparisons"](results)
    apart = [record for record in table.records if record["same_checkpoint"] == "no"]
    metrics = ("event", "segment", "tags")
    assert {r[f"{m}_decided"] for r in apart for m in metrics} == {"undecided"}
    assert "only systems that share a checkpoint can be told apart" in table.markdown()


def test_comparisons_without_a_side_were_not_run(tmp_path):
    table = TABLES["comparisons"](made(tmp_path, systems=["pts", "pts_tfd"], paper="liang_letter"))
    assert "[" in lines(table, "5 vs 2")[1][4]
    (_, line) = lines(table, "– vs 1")  # the letter has no row without BGRUs
    assert line[1:4] == ("PTS (w/o BGRUs)", "GL", "evaluation")
    assert line[4:7] == ("not run", "not run", "–")
    assert lines(table, "8 vs 7")[1][4:7] == ("not run", "not run", "+2.7")


@pytest.mark.parametrize("systems", [["pts"], ["pts_tfd_afl", "pts_tfd_afl_standard"]])
def test_every_table_works_with_whichever_systems_there_are(tmp_path, systems):
    results = made(tmp_path, systems=systems)
    for name, make in TABLES.items():
        table = make(results)
        assert isinstance(table, Table) and table.title, name
        widths = {len(line.cells) for line in table.lines if line.cells}
        assert widths <= {len(table.columns)}, name
        assert table.csv() and table.markdown().startswith("# "), name
        assert len({tuple(record) for record in table.records}) <= 1, name


def test_cells_for_people():
    found = Interval(43.14, 40.96, 45.3, 3, 40, "clips and seeds")
    assert ours(found) == "43.1 [41.0, 45.3]"
    assert gain(Interval(-0.04, -1.26, 1.2, 3, 40, "clips")) == "+0.0 [-1.3, +1.2]"
    assert ours(None) == gain(None) == "–" and gain(None, "not run") == "not run"


def test_a_table_without_rows_has_a_header():
    table = Table("Nothing", (), ("a", "b"), (), ())
    assert table.csv() == "a,b\n" and "| a | b |" in table.markdown()


def test_the_help_names_every_table():
    text = CliRunner().invoke(app, ["tabulate", "--help"], env={"COLUMNS": "200"}).output
    assert all(name in text for name in TABLES)


def test_command_writes_both_forms(results, tmp_path):
    out = [tmp_path / "t.csv", tmp_path / "t.md"]
    arguments = ["tabulate", "--table", "table3", "--results", str(results.folder)]
    arguments += ["--config-json", results.config.model_dump_json()]
    arguments += ["--out-csv", str(out[0]), "--out-md", str(out[1])]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert out[0].read_text() == table3(results).csv()
    assert out[1].read_text() == table3(results).markdown()
    arguments[2] = "table9"
    assert CliRunner().invoke(app, arguments).exit_code == 2
