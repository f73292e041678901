"""Tables: the right cells beside the paper's, and only from scores of the same clips."""

import csv
import io
import json

import pytest
from made_results import CLASSES, MANIFEST, make_results, make_root
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import MissingFileError, ResultsError
from resed.results import Results
from resed.tabulate.book import ScoreBook
from resed.tabulate.table1 import SANITY, table1
from resed.tabulate.table3 import table3

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


def test_table1_puts_ours_beside_the_papers(results):
    table = table1(results)
    (line,) = (line for line in table.lines if line.cells[1:2] == ("PTS",))
    metrics = {s: results.metrics(s, "pts") for s in ("development", "evaluation")}
    ours = " / ".join(f"{100 * m['event']['macro_f1']:.1f}" for m in metrics.values())
    assert line.cells[:4] == ("3", "PTS", ours, "43.1 / 40.9")
    assert line.cells[5] == "69.0 / 68.1" and line.cells[7] == "75.0 / 73.4"
    assert "| 3 | PTS | " + ours in table.markdown()


def test_table1_has_the_rows_in_order(results):
    table = table1(results)
    names = [record["system"] for record in table.records]
    systems = results.config.systems
    tuned = [f"{name}@development_threshold" for name in systems]
    assert names == [*systems, *tuned, *SANITY]
    headings = [line.heading for line in table.lines if line.heading]
    assert headings[1] == "Frame threshold chosen on development; beyond the paper"
    titles = [line.cells[1] for line in table.lines if line.cells]
    assert "PTS, frame threshold 0.1" in titles
    assert "own tags over the whole clip (PTS+TFD+AFL+ESP)" in titles


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


def test_several_seeds_give_mean_and_deviation(tmp_path):
    results = made(tmp_path, seeds=2, systems=["pts"])
    table = table1(results)
    first, second = (
        100 * results.metrics("evaluation", "pts", seed)["event"]["macro_f1"] for seed in (0, 1)
    )
    row = records(table)["pts"]
    assert float(row["event_evaluation"]) == pytest.approx((first + second) / 2)
    deviation = abs(first - second) / 2**0.5  # of two values, n - 1 below
    assert float(row["event_evaluation_deviation"]) == pytest.approx(deviation)
    assert f"± {deviation:.1f}" in table.markdown()


def test_the_letter_has_its_own_ids(tmp_path):
    systems = ["pts_without_bgru", "pts"]
    table = table1(made(tmp_path, paper="liang_letter", systems=systems))
    row = records(table)["pts"]
    assert (row["id"], row["event_development_paper"], row["event_evaluation_paper"]) == (
        *("2", "", "40.9"),
    )
    assert records(table)["pts_without_bgru"]["group"] == "own"  # the letter has no such row
    assert "| 2 | PTS |" in table.markdown() and "– / 40.9" in table.markdown()


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


def test_table3_is_class_by_class(results):
    table = table3(results)
    assert [line.cells[0] for line in table.lines] == [
        *("Alarm bell ringing", "Blender", "Cat", "Dishes", "Dog", "Overall"),
    ]
    average, esp = (results.metrics("evaluation", results.system_of_row(row)) for row in (8, 9))
    dog = table.lines[4].cells
    assert dog[1] == "20 / 20"  # reference events / clips: true positives and misses
    for cell, metrics in ((dog[2], average), (dog[4], esp)):
        f1 = [100 * metrics[block]["classes"]["Dog"]["f1"] for block in ("event", "tags")]
        assert cell == f"{f1[0]:.1f} / {f1[1]:.1f}"
    assert dog[3] == dog[5] == "–"  # five classes are not the paper's ten
    assert "none of its numbers stand beside ours" in table.markdown()


def test_table3_has_the_papers_numbers_for_its_classes(tmp_path):
    config = make_root(tmp_path, REAL)
    table = table3(Results.of(config, make_results(config, clips=8)))
    cat = next(line.cells for line in table.lines if line.cells[0] == "Cat")
    assert (cat[3], cat[5]) == ("57.1 / 86.1", "66.2 / 89.6")
    assert table.lines[-1].cells[3] == "47.1 / 78.0"
    record = table.records[2]
    assert (record["event_label"], record["esp_tags_evaluation_paper"]) == ("Cat", 89.6)
    assert record["average_event_development"] is not None


def test_table3_needs_both_systems(tmp_path):
    results = made(tmp_path, systems=["pts"])
    with pytest.raises(ResultsError, match="no system of row 8 of Table 1; add pts_tfd_afl"):
        table3(results)


def test_a_class_that_was_never_seen_has_no_number(tmp_path):
    results = made(tmp_path)
    for system in ("pts_tfd_afl", "pts_tfd_afl_esp"):
        metrics = results.metrics("evaluation", system)
        for block in ("event", "tags"):
            del metrics[block]["classes"]["Dog"]
        change(results, "evaluation", system, event=metrics["event"], tags=metrics["tags"])
    dog = table3(results).lines[CLASSES.index("Dog")].cells
    assert dog[1:] == ("0 / 0", "–", "–", "–", "–")


def test_command_writes_both_forms(results, tmp_path):
    out = [tmp_path / "t.csv", tmp_path / "t.md"]
    arguments = ["tabulate", "--table", "table3", "--results", str(results.folder)]
    arguments += ["--config-json", results.config.model_dump_json()]
    arguments += ["--out-csv", str(out[0]), "--out-md", str(out[1])]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert out[0].read_text() == table3(results).csv()
    assert out[1].read_text() == table3(results).markdown()
    arguments[2] = "table4"
    assert CliRunner().invoke(app, arguments).exit_code == 2
