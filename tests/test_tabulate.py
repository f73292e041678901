"""Tables: the right values beside the paper's, and only from scores of the same clips."""

import json

import pandas as pd
import pytest
from made_page import store
from made_results import (
    CLASSES,
    MANIFEST,
    be_the_papers_data,
    decision,
    make_results,
    make_root,
)
from typer.testing import CliRunner

from resed.cli import app
from resed.config.rows import BASELINES, Row
from resed.errors import ConfigError, MissingFileError, ResultsError
from resed.formats.counts import Counts, write_counts
from resed.formats.tables import Column, Table, View, tidy
from resed.results.folder import Results
from resed.tabulate import make_table, table_names
from resed.tabulate.layout import NONE, NOT_RUN, Cell, lines, number
from resed.tabulate.markdown import escaped, markdown
from resed.tabulate.score_reader import ScoreReader

FREE = ("psds1", "psds1_ungated", "psds2", "psds2_ungated", "tags_map")  # shown, in this order
REAL = [
    *("Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog"),
    *("Electric_shaver_toothbrush", "Frying", "Running_water", "Speech", "Vacuum_cleaner"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    config = make_root(root)
    be_the_papers_data(root)
    return Results.of(config, make_results(config))


@pytest.fixture(scope="module")
def main(results):
    return make_table("table1", results)


def made(tmp_path, **options):
    """Results on the paper's data, so that its numbers stand beside them."""
    config = make_root(tmp_path, **options)
    be_the_papers_data(tmp_path)
    return Results.of(config, make_results(config, clips=8))


def change(results, split, system, **values):
    path = results.folder / "score" / split / system / "seed0" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return path


def values(table, **wanted):
    """Rows of the frame with these values."""
    frame = table.frame
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    return frame


def value(table, **wanted):
    """The only row of the frame with these values."""
    found = values(table, **wanted)
    assert len(found) == 1, found
    return found.iloc[0]


def texts(table, *first):
    """Cells, as text, of the lines that begin with these."""
    cells = [[str(cell) for cell in line.cells] for line in lines(table) if line.cells]
    return [line for line in cells if tuple(line[: len(first)]) == first]


def headings(table):
    return [line.heading for line in lines(table) if line.heading]


def shown(results, split, system, metric, label=None):
    found = results.interval(split, Row(system), metric, label)
    return f"{found.mean:.1f} [{found.low:.1f}, {found.high:.1f}]"


def test_a_table_of_systems_has_one_row_per_value(results, main):
    row = value(main, system="pts_tfd", threshold="configured", metric="tags", split="evaluation")
    expected = 100 * results.metrics("evaluation", "pts_tfd")["tags"]["macro_f1"]
    assert row["value"] == pytest.approx(expected, rel=1e-12)
    interval = results.interval("evaluation", Row("pts_tfd"), "tags")
    assert (row["low"], row["high"]) == (interval.low, interval.high)
    assert (row["seeds"], row["clips"], row["covers"]) == (1, 40, "clips")
    assert (row["published"], row["group"], row["row"]) == (77.1, "paper", "6")
    keys = ["group", "row", "system", "threshold", "split", "metric"]
    assert not main.frame.duplicated(keys).any()


def test_its_lines_put_ours_beside_the_papers(results, main):
    printed = (("43.1", "69.0", "75.0"), ("40.9", "68.1", "73.4"))
    splits = ("development", "evaluation")
    for line, split, paper in zip(texts(main, "3", "PTS"), splits, printed, strict=True):
        assert line[2] == split
        ours = [shown(results, split, "pts", metric) for metric in ("event", "segment", "tags")]
        assert line[3:9:2] == ours
        assert line[4:10:2] == list(paper)
        free = results.metrics(split, "pts")["threshold_free"]
        mauc = "–"  # made before resed scored it
        assert line[11:] == [*(f"{free[k]:.3f}" for k in FREE), mauc]
        assert f"| 3 | PTS | {split} | {line[3]} |" in markdown(main)


def test_the_main_table_has_five_groups_in_order(results, main):
    config, paper = results.config, results.paper
    printed = [row.system for row in paper.tables["table1"].rows]
    beyond = [name for name in config.systems if name not in paper.systems()]
    assert "mean_teacher_lost_head" in beyond
    only_elsewhere = set(paper.systems()) - set(paper.tables["table1"].systems())
    tuned = [name for name in config.systems if name not in only_elsewhere]
    assert only_elsewhere & set(config.systems), "some systems are in the second table only"
    order = main.frame.drop_duplicates(["group", "system"])
    assert list(order["system"]) == [*printed, *beyond, *tuned, *tuned, *BASELINES]
    assert len(headings(main)) == 5 and headings(main)[0] == "Systems of the paper"
    titles = [line.cells[1].text for line in lines(main) if line.cells]
    assert "PTS, frame threshold 0.1" in titles
    assert "PTS, frame thresholds per class 0.1 to 0.5" in titles
    assert all(text.endswith("; not in the paper") for text in headings(main)[2:4])
    last = config.catalogue[config.systems[-1]].title
    assert f"tags of {last}, over the whole clip" in titles
    assert len(lines(main)) == 5 + 2 * len(order)


@pytest.mark.parametrize(
    ("threshold", "name"),
    [("development", "pts@development_threshold"), ("per_class", "pts@class_thresholds")],
)
def test_thresholds_of_development_have_scores_of_their_own(results, main, threshold, name):
    where = {"system": "pts", "metric": "event", "split": "evaluation"}
    tuned = value(main, threshold=threshold, **where)
    expected = 100 * results.metrics("evaluation", name)["event"]["macro_f1"]
    assert tuned["value"] == pytest.approx(expected)
    assert tuned["value"] != value(main, threshold="configured", **where)["value"]


def test_what_was_not_run_is_marked(tmp_path):
    table = make_table("table1", made(tmp_path, systems=["pts"]))
    for line, paper in zip(texts(table, "9"), ["51.6", "49.8"], strict=True):
        assert line[1] == "PTS+TFD+AFL+ESP" and line[4] == paper
        assert set(line[3:9:2]) == set(line[9:]) == {NOT_RUN}
    row = value(table, row="9", metric="event", split="evaluation")
    assert pd.isna(row["value"]) and pd.isna(row["seeds"])
    assert (row["published"], row["status"], row["system"]) == (49.8, NOT_RUN, "pts_tfd_afl_esp")


def test_scores_that_a_row_cannot_have_are_empty(main):
    row = value(main, system="nothing", metric="tags_teacher", split="evaluation")
    assert pd.isna(row["value"]) and row["status"] == "run"
    (line,) = [line for line in texts(main, NONE, "nothing detected") if line[2] == "evaluation"]
    assert line[10] == NONE, "no teacher"


def test_notes_and_provenance_state_whose_numbers_these_are(main):
    notes = "\n".join(main.notes)
    assert "Not the paper's numbers" not in notes
    assert f"Manifest: {MANIFEST[:12]}" in notes and "1 seed" in notes
    assert "40 development, 40 evaluation (paper: 1077 development, 692 evaluation)" in notes
    assert main.provenance["manifest_sha256"] == MANIFEST
    assert main.provenance["clips"]["weak"] == [40, 50]
    assert main.provenance["dataset"] == "made" and main.provenance["papers_data"]


def test_f6_on_other_data_the_papers_numbers_are_not_beside_ours(tmp_path):
    config = make_root(tmp_path, REAL, systems=["pts", "pts_tfd"])
    results = Results.of(config, make_results(config, clips=8))
    for name in ("table1", "table2", "table3", "comparisons"):
        table = make_table(name, results)
        assert "**Not the paper's numbers**: not the paper's data: Made-up" in table.notes[0]
        assert not table.provenance["papers_data"]
        assert "paper" not in [column.title for column in table.view.columns], name
        assert table.frame["published"].notna().any(), "the CSV has them"


def test_scores_per_class_are_those_of_the_counts(tmp_path):
    results = made(tmp_path, systems=["pts", "pts_tfd"], seeds=2)
    table = make_table("per_class", results)
    assert len(table.frame) == len(CLASSES) * 2 * 2 * 3
    for block in ("event", "segment", "tags"):
        row = value(table, label="Dog", system="pts_tfd", split="development", metric=block)
        scores = []
        for seed in (0, 1):
            metrics = results.metrics("development", "pts_tfd", seed)
            scores.append(100 * metrics[block]["classes"]["Dog"]["f1"])
        assert row["value"] == pytest.approx(sum(scores) / 2)
        assert row["low"] <= row["value"] <= row["high"] and row["seeds"] == 2


def test_several_seeds_give_mean_and_interval(tmp_path):
    results = made(tmp_path, seeds=2, systems=["pts"])
    table = make_table("table1", results)
    first, second = (
        100 * results.metrics("evaluation", "pts", seed)["event"]["macro_f1"] for seed in (0, 1)
    )
    where = {"metric": "event", "split": "evaluation"}
    row = value(table, system="pts", threshold="configured", **where)
    assert row["value"] == pytest.approx((first + second) / 2)
    assert row["deviation"] == pytest.approx(abs(first - second) / 2**0.5)  # n - 1 below
    assert (row["covers"], row["seeds"]) == ("clips and seeds", 2)
    assert value(table, system="prior", **where)["covers"] == "clips"
    assert (
        "means over 2 seeds; brackets contain the 95 % interval over clips and seeds"
        in markdown(table)
    )


def test_one_seed_states_what_its_interval_leaves_out(main):
    assert "1 seed. Brackets contain the 95 % interval over clips only" in markdown(main)


def test_scores_without_threshold_may_be_missing(tmp_path):
    results = made(tmp_path, systems=["pts"], seeds=2)
    scores = dict.fromkeys((*FREE, "tags_map_teacher"))
    change(results, "evaluation", "pts", threshold_free=scores | {"psds2": 0.25})
    path = results.folder / "score" / "development" / "pts" / "seed0" / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["threshold_free"]
    path.write_text(json.dumps(metrics))
    table = make_table("table1", results)
    where = {"system": "pts", "threshold": "configured"}
    for metric, split in (("psds1", "evaluation"), ("psds2", "development")):
        assert pd.isna(value(table, metric=metric, split=split, **where)["value"])
    other = results.metrics("evaluation", "pts", 1)["threshold_free"]["psds2"]
    row = value(table, metric="psds2", split="evaluation", **where)
    assert row["value"] == pytest.approx((0.25 + other) / 2)
    development, evaluation = texts(table, "3", "PTS")
    assert development[11:] == [NONE] * (len(FREE) + 1) and evaluation[11] == NONE


def test_scores_of_other_audits_or_clips_are_refused(tmp_path):
    results = made(tmp_path, systems=["pts"])
    path = change(results, "evaluation", "sanity_prior", manifest_sha256="f" * 64)
    with pytest.raises(
        ResultsError, match=f"{path}: manifest hash ffffffffffff differs from 01234"
    ):
        make_table("table1", results)
    path = change(results, "evaluation", "sanity_prior", manifest_sha256=MANIFEST, clips=7)
    with pytest.raises(
        ResultsError, match=f"{path}: number of clips on evaluation 7 differs from 8 in"
    ):
        make_table("table1", results)


def test_one_split_may_have_other_clips_than_the_other(tmp_path):
    results = made(tmp_path, systems=["pts"])
    change(results, "evaluation", "pts", clips=5)
    reader = ScoreReader(results)
    for split in ("development", "evaluation"):
        reader.read(Row("pts"), split)
    assert reader.clips == {"development": 8, "evaluation": 5}


def test_missing_scores_are_named(tmp_path):
    results = made(tmp_path, systems=["pts"])
    path = results.folder / "score" / "evaluation" / "pts" / "seed0" / "metrics.json"
    path.unlink()
    with pytest.raises(MissingFileError, match="run resed score for pts on evaluation"):
        make_table("table1", results)
    path.write_text("{}")
    with pytest.raises(ResultsError, match="clips is missing; run resed score"):
        make_table("table1", results)


def test_variants_share_the_printed_numbers(results):
    table = make_table("table2", results)
    order = table.frame.drop_duplicates(["row", "system"])
    assert list(order["system"]) == [
        *("pts_tfd", "pts_tfd_afl_tau10", "pts_tfd_afl", "pts_tfd_afl_standard"),
        *("pts_tfd_afl_tau30", "pts_tfd_afl_gamma1"),
        *("pts_tfd_afl_gamma3", "pts_tfd_afl_gamma3_standard"),
        "pts_tfd_afl_tau0",  # not in the paper's table: no published number
    ]
    tau0 = table.frame[table.frame["system"] == "pts_tfd_afl_tau0"]
    assert tau0["value"].notna().all() and tau0["published"].isna().all()
    weights = [line.cells[2].text for line in lines(table)[::2]]
    assert weights[:4] == ["–", "1 - p^γ", "1 - p^γ", "(1 - p)^γ"] and weights[5] == "1 - p (both)"
    _, evaluation = texts(table, "15", "2", "(1 - p)^γ")
    assert evaluation[7] == shown(results, "evaluation", "pts_tfd_afl_standard", "event")
    standard = {"system": "pts_tfd_afl_gamma3_standard", "metric": "tags"}
    assert value(table, split="evaluation", **standard)["published"] == 75.2


def test_settings_are_those_of_this_config(tmp_path):
    schedule = {"schedule": {"epochs": 20, "stage_one": 2}}
    systems = ["pts_tfd_afl", "pts_tfd"]
    table = make_table("table2", made(tmp_path, systems=systems, override=schedule))
    assert texts(table, "15", "2", "1 - p^γ")[0][4:6] == ["2", "20"]
    assert texts(table, "200")[1][3:6] == ["PTS+TFD", "all epochs", "20"]
    for line in (*texts(table, "10", "2"), *texts(table, "15", "2", "(1 - p)^γ")):
        assert line[4] == NONE and line[7] == NOT_RUN
        assert line[8] in ("49.1", "47.0", "48.9", "47.1")


def test_a_table_of_classes(results):
    table = make_table("table3", results)
    names = ["Alarm bell ringing", "Blender", "Cat", "Dishes", "Dog", "Overall"]
    assert [line.cells[0].text for line in lines(table)] == names
    average, esp = "pts_tfd_afl", "pts_tfd_afl_esp"
    dog = texts(table, "Dog")[0]
    for first, metric in ((1, "event"), (7, "tags")):
        own = results.metrics("evaluation", esp)[metric]["classes"]["Dog"]
        assert dog[first] == str(own["tp"] + own["fn"])
        assert dog[first + 1] == shown(results, "evaluation", average, metric, "Dog")
        assert dog[first + 3] == shown(results, "evaluation", esp, metric, "Dog")
        found = results.difference("evaluation", Row(esp), Row(average), metric, "Dog")
        assert dog[first + 5] == f"{found.mean:+z.1f} [{found.low:+z.1f}, {found.high:+z.1f}]"
        assert dog[first + 2] == dog[first + 4] == NONE  # five classes are not the paper's ten
    assert "its numbers are not shown" in markdown(table)
    assert "both decode the same checkpoint" in markdown(table)
    development = value(table, label="Dog", metric="event", column="esp", split="development")
    assert development["value"] == results.interval("development", Row(esp), "event", "Dog").mean


@pytest.mark.parametrize("name", ["table3", "letter_table2"])
def test_it_has_the_papers_numbers_for_its_classes(tmp_path, name):
    config = make_root(tmp_path, REAL)
    be_the_papers_data(tmp_path)
    table = make_table(name, Results.of(config, make_results(config, clips=8)))
    (cat,) = texts(table, "Cat")
    assert (cat[3], cat[5], cat[9], cat[11]) == ("57.1", "66.2", "86.1", "89.6")
    (overall,) = texts(table, "Overall")
    assert (overall[3], overall[9]) == ("47.1", "78.0")
    row = value(table, label="Cat", metric="tags", column="esp", split="evaluation")
    assert (row["published"], row["edition"]) == (
        *(89.6, "letter" if name == "letter_table2" else "journal"),
    )


def test_a_table_of_classes_without_its_systems(tmp_path):
    table = make_table("table3", made(tmp_path, systems=["pts_tfd_afl"]))
    (overall,) = texts(table, "Overall")
    assert overall[4] == overall[6] == NOT_RUN and "[" in overall[2]
    assert "ESP windows: not run" in markdown(table)
    nothing = make_table("table3", made(tmp_path / "b", systems=["pts"]))
    assert set(texts(nothing, "Overall")[0][1:]) == {NOT_RUN, NONE}
    assert "clips scored: none" in markdown(nothing)


def test_a_class_that_was_never_seen_has_no_value(tmp_path):
    results = made(tmp_path)
    for system in ("pts_tfd_afl", "pts_tfd_afl_esp"):
        kept = {}
        for block in ("event", "segment", "tags", "tags_raw", "tags_teacher"):
            kept[block] = without(results, system, block, "Dog")
        folder = results.folder / "score" / "evaluation" / system / "seed0"
        write_counts(folder / "counts.tsv", kept)
        summaries = {block: counts.summary() for block, counts in kept.items()}
        change(results, "evaluation", system, **summaries)
    table = make_table("table3", Results.of(results.config, results.folder))
    (dog,) = texts(table, "Dog")
    assert dog[1] == dog[7] == "0" and {*dog[2:7], *dog[8:]} == {NONE}
    assert CLASSES.index("Dog") == 4


def without(results, system, block, label):
    """Counts of a system without one class."""
    table = results.counts("evaluation", system, 0, block)
    kept = [i for i, name in enumerate(table.classes) if name != label]
    names = tuple(table.classes[i] for i in kept)
    return Counts.of(table.names, names, table.values[:, kept])


def test_another_edition_has_its_own_ids_and_splits(results):
    table = make_table("letter_table1", results)
    assert [line.cells[0].text for line in lines(table)] == list("012345678")
    (tfd,) = texts(table, "5")
    assert tfd[1] == "PTS+TFD" and tfd[3] == "45.4"
    assert tfd[2] == shown(results, "evaluation", "pts_tfd", "event")
    assert set(table.frame["split"]) == {"evaluation"}
    assert "40 evaluation (paper: 692 evaluation)" in markdown(table)


def test_comparisons_are_those_of_the_paper(tmp_path):
    results = made(tmp_path, seeds=2)
    table = make_table("comparisons", results)
    pairs = [tuple(name.split(" vs ")) for name in table.frame["row"].drop_duplicates()]
    assert pairs == [
        *(("2", "1"), ("3", "2"), ("3", "1"), ("4", "3"), ("5", "3"), ("6", "3"), ("5", "4")),
        *(("7", "6"), ("8", "6"), ("9", "8"), ("9", "1")),
    ]
    first, second = texts(table, "9 vs 8")
    rows = Row("pts_tfd_afl_esp"), Row("pts_tfd_afl")
    found = results.difference("evaluation", *rows, "event")
    assert second[4] == f"{found.mean:+z.1f} [{found.low:+z.1f}, {found.high:+z.1f}]"
    decided = decision(results, "evaluation", *rows, "event")
    why = " (interval contains 0)" if decided == "undecided" else ""
    assert second[5] == decided + why
    assert (first[6], second[6], second[12]) == ("+2.7", "+2.7", "+3.1")
    shared = table.frame[table.frame["same_checkpoint"] == "yes"]
    assert set(zip(shared["system"], shared["against"], strict=True)) == {
        ("pts_tfd_afl_esp", "pts_tfd_afl")
    }


def test_comparisons_with_one_seed_are_undecided(results):
    table = make_table("comparisons", results)
    assert set(values(table, same_checkpoint="no")["decision"]) == {"undecided"}
    assert set(values(table, same_checkpoint="no")["reason"]) == {"1 seed"}
    assert "two trainings of the same system may differ by more" in markdown(table)


def test_comparisons_without_a_side_were_not_run(tmp_path):
    table = make_table("comparisons", made(tmp_path, systems=["pts", "pts_tfd"]))
    assert "[" in texts(table, "6 vs 3")[1][4]
    (_, line) = texts(table, "2 vs 1")
    assert line[1:4] == ["PTS (w/o BGRUs)", "GL (Top-1)", "evaluation"]
    assert line[4:7] == [NOT_RUN, NONE, "-1.1"]


@pytest.mark.parametrize("systems", [["pts"], ["pts_tfd_afl", "pts_tfd_afl_standard"]])
def test_every_table_can_be_made_and_stored(tmp_path, systems):
    results = made(tmp_path, systems=systems)
    for name in table_names(results):
        table = make_table(name, results)
        assert table.name == name and table.title
        store(table, tmp_path / "t", name)
        again = Table.load(tmp_path / "t", name)
        assert (again.csv(), again.json()) == (table.csv(), table.json()), name
        assert markdown(again) == markdown(table) and markdown(table).startswith("# "), name
        assert {len(line.cells) for line in lines(table)} <= {0, len(table.view.columns)}, name


def small(**options):
    """A table of two values."""
    frame = tidy(
        [
            {"row": "a", "metric": "f", "value": 43.14, "low": 40.96, "high": 45.3, "seeds": 2},
            {"row": "b", "metric": "f", "value": -0.04, "low": None, "high": None, "seeds": None},
        ]
    )
    columns = (Column(title="Row", field="row"), Column(title="F", kind="estimate", **options))
    view = View(keys=("row",), anchor=("row",), columns=columns)
    return Table("small", "Small", ("**A** note.",), frame, view, {"x": [1]}, {"dataset": "d"})


def test_cells_for_people():
    first, second = (line.cells[1] for line in lines(small()))
    assert first == Cell("43.1", "[41.0, 45.3]") and str(first) == "43.1 [41.0, 45.3]"
    assert second == Cell("-0.0")
    assert str(lines(small(signed=True))[1].cells[1]) == "+0.0"
    assert str(lines(small(digits=3))[0].cells[1]) == "43.140 [40.960, 45.300]"
    assert number(1.25, 2, signed=True) == "+1.25"
    assert [line.anchor for line in lines(small())] == ["small-a", "small-b"]


def test_a_table_without_rows_has_a_header(tmp_path):
    view = View(keys=("row",), columns=(Column(title="Row", field="row"),))
    table = Table("none", "None", (), tidy([], ("row", "value")), view, {}, {})
    assert table.csv() == "row,value\n" and lines(table) == []
    store(table, tmp_path, "none")
    assert Table.load(tmp_path, "none").csv() == table.csv()


def test_text_from_outside_cannot_leave_its_cell():
    assert escaped("a|b <script> & [x](http://y)\n\x1b[31m") == (
        "a&#124;b &lt;script&gt; &amp; [x]&#40;http://y) &#92;x1b[31m"
    )


def damaged(tmp_path, suffix, change):
    table = small()
    store(table, tmp_path, "small")
    path = tmp_path / f"small.{suffix}"
    path.write_text(change(path.read_text()))
    with pytest.raises(
        ResultsError, match=r"small\.(csv|json)( line \d+)?: .*; run resed tabulate"
    ) as caught:
        Table.load(tmp_path, "small")
    return caught.value.problem


def test_a_damaged_table_is_refused(tmp_path):
    assert "version" in damaged(
        tmp_path, "json", lambda t: t.replace('"version": 1', '"version": 2')
    )
    assert "title" in damaged(
        tmp_path, "json", lambda t: t.replace('"title": "Small"', '"titel": 1')
    )
    assert "which is not a column" in damaged(
        tmp_path, "json", lambda t: t.replace('"field": "row"', '"field": "rov"')
    )
    assert "its columns differ" in damaged(tmp_path, "csv", lambda t: t.replace("metric", "metrik"))
    assert "not a finite number" in damaged(tmp_path, "csv", lambda t: t.replace("43.14", "inf"))
    assert damaged(tmp_path, "csv", lambda t: t.replace("43.14", "many"))


def test_a_missing_table_names_the_command(tmp_path):
    with pytest.raises(MissingFileError, match="run resed tabulate --table small"):
        Table.load(tmp_path, "small")


def test_an_unknown_table_is_refused(results):
    with pytest.raises(ConfigError, match="unknown table table9; use one of table1, table2"):
        make_table("table9", results)


def arguments(results, *tables):
    found = ["tabulate", "--results", str(results.folder)]
    found += ["--config-json", results.config.model_dump_json()]
    return [*found, *(word for name in tables for word in ("--table", name))]


def test_command_writes_three_files(results, tmp_path):
    out = {suffix: tmp_path / f"t.{suffix}" for suffix in ("csv", "json", "md")}
    options = [word for suffix, path in out.items() for word in (f"--out-{suffix}", str(path))]
    run = CliRunner().invoke(app, [*arguments(results, "table3"), *options])
    assert run.exit_code == 0, run.output
    table = make_table("table3", results)
    assert out["csv"].read_text() == table.csv() and out["json"].read_text() == table.json()
    assert out["md"].read_text() == markdown(table)


def test_command_makes_several_tables_in_one_folder(results, tmp_path):
    run = CliRunner().invoke(
        app, [*arguments(results, "table2", "table3"), "--out-folder", str(tmp_path)]
    )
    assert run.exit_code == 0, run.output
    names = {
        f"{table}.{suffix}" for table in ("table2", "table3") for suffix in ("csv", "json", "md")
    }
    assert {path.name for path in tmp_path.iterdir()} == names


def test_command_refuses_several_tables_without_a_folder(results, tmp_path):
    options = ["--out-csv", str(tmp_path / "t.csv"), "--out-md", str(tmp_path / "t.md")]
    run = CliRunner().invoke(app, [*arguments(results, "table2", "table3"), *options])
    assert run.exit_code == 2
