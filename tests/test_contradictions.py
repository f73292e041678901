"""The paper against itself: figures computed from what they name, and nothing unlisted."""

import shutil

import pytest
from made_results import REPOSITORY, make_results, make_root

from resed.config.run import load_config
from resed.errors import ConfigError
from resed.judge.figures import Figures
from resed.paper.contradictions import load_contradictions
from resed.results.folder import Results
from resed.tabulate.contradictions import contradictions
from resed.tabulate.layout import lines
from resed.tabulate.markdown import markdown

# The items of the list of inconsistencies (spec, D.1) and the entries that hold them.
ITEMS = {
    1: "tfd_gain",
    2: "table3_end",
    3: "two_stage_segment",
    4: "all_but_running_water",
    5: "blender_short",
    6: "running_water_fewest",
    7: "half_misclassified",
    8: "mt_row",
    9: "gl_single",
    10: "tau_and_s",
    11: "dfd_segment",
    12: "tags_moved",
    13: "swapped_abstract",
    14: "smaller_student",
    15: "alpha",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    config = make_root(tmp_path_factory.mktemp("made"), systems=["pts"])
    return Results.of(config, make_results(config, 4))


def figures_of(table):
    """Figures of each contradiction, in one line."""
    return dict(zip(table.frame["row"], table.frame["figures"], strict=True))


@pytest.fixture(scope="module")
def figures(results):
    return figures_of(contradictions(results))


def test_all_known_inconsistencies_are_there():
    entries = {entry.id: entry for entry in load_contradictions("liang", REPOSITORY)}
    assert set(ITEMS.values()) <= set(entries) and len(entries) >= 20
    assert all(entries[name].figures for name in ITEMS.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tfd_gain", "text 41.3; PTS 40.9; PTS+DFD-MSE 41.3"),
        ("table3_end", "AED 47.04; average, AT 78.05; ESP, AED 49.73; ESP, AT 81.15"),
        (
            "two_stage_segment",
            "development 70.8; evaluation 70.1; first row, development 71.7",
        ),
        ("half_misclassified", "at a recall of 50 % 66.7; lowest recall at an F1 of 80.2 % 66.9"),
        ("mt_row", "event-F1 25.8; segment-F1 53.7; event-F1 29 (README"),
        ("tau_and_s", "AT, letter 78.1; AT, journal, τ 15 78.1; AT, journal, τ 30 76.4"),
        ("dfd_segment", "DFD-D 73.2; TFD 71.7; on evaluation, DFD-D 71.1; TFD 70.2"),
        ("swapped_abstract", "AT, abstract 49.8; Table I 81.2; AED, abstract 81.2; Table I 49.8"),
        # 1 - 0.996^-30 and 1 - 0.996^170
        ("alpha", "0: -0.128, 15: -0.062, 30: 0, 100: 0.245, 200: 0.494"),
        ("beta", "0: 0.00674, 0.1: 0.0174, 0.25: 0.0601, 0.5: 0.287, 1: 1"),
        ("focal_weight", "1 - p^γ at p 0.1: 0.99, 0.3: 0.91, 0.5: 0.75, 0.7: 0.51, 0.9: 0.19"),
        ("focal_weight", "(1 - p)^γ at p 0.1: 0.81, 0.3: 0.49, 0.5: 0.25, 0.7: 0.09, 0.9: 0.01"),
        ("running_water_fewest", "frying (requires the paper's annotations)"),
        ("clips", "weak 1473; official (requires the paper's annotations)"),
    ],
)
def test_figures_are_computed(figures, name, text):
    assert text in figures[name], figures[name]


def test_on_the_real_annotations_events_are_counted(shared, tmp_path):
    config = load_config({"dataset": "dcase2019", "systems": ["pts"]}, REPOSITORY)
    results = Results.of(config, tmp_path, shared / "data" / "dcase2019")
    table = contradictions(results)
    found = figures_of(table)
    assert found["blender_short"].startswith("blender, training 2.58 s; evaluation 5.57 s; cat")
    assert found["running_water_fewest"] == (
        "running water 157 events; frying 137 events; vacuum cleaner 204 events; "
        "electric shaver 230 events"
    )
    assert found["clips"] == (
        "weak 1473; official 1578; unlabeled 13390; official 14412; development 1077; official 1168"
    )
    assert "needs the paper" not in markdown(table)


def test_d1_the_conflict_of_the_guard_is_named(shared, tmp_path):
    """Both windows and the heights of the knees, next to the scores that differ."""
    config = load_config({"dataset": "dcase2019", "systems": ["pts"]}, REPOSITORY)
    results = Results.of(config, tmp_path, shared / "data" / "dcase2019")
    assert figures_of(contradictions(results))["knee_guard"] == (
        "frying, event-F1, average windows 51.5; ESP 54.5; vacuum cleaner, average windows 54.7; "
        "ESP 55.2; knee above the diagonal, frying 0.057; vacuum cleaner 0.029; cat 0.681; "
        "average window, frying 1.724 s; event-specific 1.151 s; "
        "average window, vacuum cleaner 1.763 s; event-specific 0.293 s"
    )


def test_the_student_is_counted_not_typed(figures):
    student, teacher = (
        int("".join(filter(str.isdigit, part))) for part in figures["smaller_student"].split(";")
    )
    assert student > teacher


def test_places_stand_for_both_versions(results):
    table = contradictions(results)
    cells = [line.cells[1].text for line in lines(table)]
    places = dict(zip(table.frame["row"], cells, strict=True))
    assert places["table3_end"] == "journal Tables 1 and 3; letter Tables I and II"
    assert places["swapped_abstract"] == "letter abstract, Table I"
    assert any("other data" in note for note in table.notes)


def test_a_number_copied_wrongly_stands_out(tmp_path):
    config = make_root(tmp_path, systems=["pts"])
    path = tmp_path / "config" / "papers" / "liang" / "numbers.yaml"
    text = path.read_text()
    before, letter, after = text.partition("  letter_table1:")
    assert "tags: [78.1]" in after
    path.write_text(before + letter + after.replace("tags: [78.1]", "tags: [78.4]", 1))
    table = contradictions(Results.of(config, make_results(config, 4)))
    last = table.frame.iloc[-1]
    assert (
        last["row"].startswith("unlisted") and last["found_by"] == "letter_table1.7.tags.evaluation"
    )
    assert "78.4" in last["text"] and "78.1" in last["text"]
    assert table.notes[0].startswith("**1 printed numbers disagree")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: alpha", "kind: alfa", "figures.0"),
        (
            'label: "frying", split: strong, event_label: Frying',
            'label: "frying", split: strong',
            "event_label",
        ),
        ("id: beta", "id: alpha", "an id is used twice"),
        ("    places:\n      letter: abstract, Table I\n    figures", "    figures", "places"),
    ],
)
def test_a_mistake_is_named(tmp_path, old, new, message):
    shutil.copytree(REPOSITORY / "config/papers/liang", tmp_path / "config/papers/liang")
    path = tmp_path / "config" / "papers" / "liang" / "contradictions.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        load_contradictions("liang", tmp_path)


def changed(tmp_path, old, new):
    """Results whose paper lists other contradictions."""
    config = make_root(tmp_path, systems=["pts"])
    path = tmp_path / "config" / "papers" / "liang" / "contradictions.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return Results.of(config, make_results(config, 4))


@pytest.mark.parametrize(
    "place", ["table1.3.event.test", "stated.journal.abstract.table1.0.event.evaluation"]
)
def test_a_figure_of_no_place_is_refused(tmp_path, place):
    results = changed(tmp_path, "place: table1.3.event.evaluation}", f"place: {place}}}")
    with pytest.raises(ConfigError, match=f"{place}: no number at this place"):
        contradictions(results)


@pytest.mark.parametrize("column", ["table9, column: esp", "table3, column: esq"])
def test_a_mean_over_no_classes_is_refused(tmp_path, column):
    results = changed(tmp_path, "table: table3, column: esp", f"table: {column}")
    with pytest.raises(ConfigError, match="no numbers of classes at this place"):
        contradictions(results)


def test_figures_are_data(results):
    """1 - 0.996^-30 and 1 - 0.996^170; the mean of Table 3; and what the annotations would give."""
    figures = Figures(results)
    entries = {entry.id: entry for entry in load_contradictions("liang", REPOSITORY)}
    (alpha,) = [f for f in entries["alpha"].figures if f.kind == "alpha"]
    found = figures.value(alpha)
    assert (found.at[0], found.at[-1], found.available) == (0, 200, True)
    assert found.values[0] == pytest.approx(-0.1278, abs=1e-4)
    assert found.values[-1] == pytest.approx(0.4940, abs=1e-4)
    mean = figures.value(next(f for f in entries["table3_end"].figures if f.kind == "class_mean"))
    assert mean.values == pytest.approx((47.04,)) and mean.at == () and mean.lacking == ""
    events = figures.value(entries["running_water_fewest"].figures[0])
    assert (events.available, events.lacking, events.values) == (False, "annotations", ())
