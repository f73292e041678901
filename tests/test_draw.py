"""Figures: the same bytes twice, nothing drawn over anything else."""

import numpy as np
import pytest
from made_results import CLASSES, lose_a_clip, make_results, make_root
from typer.testing import CliRunner

from resed.cli import app
from resed.draw import FIGURES, confusion, curves, durations, weights
from resed.draw.style import look, save
from resed.errors import MissingFileError, ResultsError
from resed.formats.annotations import read_events, tags_of
from resed.results.folder import Results
from resed.score.confusion import normalise_rows


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    config = make_root(tmp_path_factory.mktemp("made"))
    return Results.of(config, make_results(config))


def other(results, **changes):
    return Results.of(results.config.model_copy(update=changes), results.folder, results.data)


def test_matrix_reads_tags_and_reference(results):
    counts = confusion.matrix(results, 3)
    reference = tags_of(read_events(results.annotations("evaluation")))
    held = [sum(label in tags for tags in reference.values()) for label in CLASSES]
    np.testing.assert_allclose(counts.sum(axis=1), held)
    alone = confusion.matrix(other(results, confusion="single"), 9)
    ones = [sum(tags == (label,) for tags in reference.values()) for label in CLASSES]
    np.testing.assert_allclose(alone.sum(axis=1), ones)


@pytest.mark.parametrize("way", ["spread", "single"])
def test_a_perfect_tagger_is_perfect_though_a_clip_is_missing(tmp_path, way):
    config = make_root(tmp_path, confusion=way)
    missing = Results.of(config, make_results(config))
    lose_a_clip(missing, "pts", CLASSES)
    np.testing.assert_array_equal(np.diag(normalise_rows(confusion.matrix(missing, 3))), 1)


def test_every_figure_draws_and_says_what_it_shows(results):
    with look():
        for name, drawing in FIGURES.items():
            figure = drawing.draw(results)
            assert figure.axes, name
            assert len(drawing.caption(results)) > 50


@pytest.mark.parametrize("name", ["figure6", "figure7"])
def test_the_same_results_give_the_same_bytes(results, tmp_path, name):
    made = []
    for folder in (tmp_path / "1", tmp_path / "2"):
        with look():
            save(FIGURES[name].draw(results), folder / "f.png", folder / "f.svg")
        made.append([(folder / f"f.{kind}").read_bytes() for kind in ("png", "svg")])
    assert made[0] == made[1]
    assert b"dc:date" not in made[0][1]


def written(figure):
    """All upright text that a figure shows, with its box in pixels."""
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    texts.append(figure._supxlabel)
    for axes in figure.axes:
        texts += [*axes.texts, axes.title, axes._left_title]
        for index, axis in enumerate((axes.xaxis, axes.yaxis)):
            low, high = sorted(axis.get_view_interval())
            shown = axes.axison and axes.get_visible()
            labels = [t for t in axis.get_ticklabels() if low <= t.get_position()[index] <= high]
            texts += [axis.label, *labels] * shown
    found = {id(t): t for t in texts if t and t.get_text() and t.get_rotation() == 0}
    return [(text.get_text(), text.get_window_extent().padded(-1)) for text in found.values()]


@pytest.mark.parametrize(
    "name",
    ["figure3", "figure6", "figure7_all", "training_curves", "training_curves_table2", "dag"],
)
def test_no_text_lies_over_another(results, name):
    with look():
        figure = FIGURES[name].draw(results)
        figure.canvas.draw()
        boxes = written(figure)
        for i, (first, box) in enumerate(boxes):
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1, f"{first} leaves the figure"
            for second, beside in boxes[:i]:
                assert not box.overlaps(beside), f"{first!r} and {second!r}"


def test_figure3_is_the_last_epoch_sorted(results):
    with look():
        left, right = weights.figure3(results).axes
    heights = [bar.get_height() for bar in left.patches]
    assert heights == sorted(heights, reverse=True)
    np.testing.assert_allclose(right.lines[0].get_ydata(), 1 - np.square(heights), atol=1e-9)
    assert "epoch 12" in weights.caption(results)


def test_figure7_marks_average_esp_and_knee(results):
    with look():
        panel = durations.figure7(results).axes[0]  # Blender
    lines = {line.get_label(): line for line in panel.lines}
    window = results.windows("esp")["Blender"]
    assert lines["average duration"].get_xdata()[0] == window.mean_s
    eta = results.config.calibrate.eta
    assert lines["ESP duration"].get_xdata()[0] == pytest.approx(window.window_s / eta)
    assert lines["average duration"].get_color() == "#009E73"
    assert lines["ESP duration"].get_color() == "black"
    if window.knee_index:
        knee = lines["knee"]
        assert knee.get_color() == "#CC0000"
        assert knee.get_ydata() == [window.knee_index / window.events]


def test_figure7_takes_the_papers_classes_or_those_that_follow_them(results):
    assert durations.chosen(results) == ["Blender", "Cat", "Dishes", "Dog"]
    follows = {
        "Vac": "Vacuum_cleaner",
        "zap": "Dog",
        "mew": "Cat",
        "mix": "Blender",
        "cup": "Dishes",
    }
    dataset = results.config.dataset_file.model_copy(
        update={
            "classes": list(follows),
            "soundscapes": {"classes": {k: {"follows": v} for k, v in follows.items()}},
        }
    )
    config = results.config.model_copy()
    config.__dict__["dataset_file"] = dataset
    moved = Results.of(config, results.folder, results.data)
    assert durations.chosen(moved) == ["mix", "mew", "cup", "zap"]
    config.__dict__["dataset_file"] = dataset.model_copy(update={"soundscapes": {}})
    assert durations.chosen(moved) == list(follows)[:4]


def test_curves_leave_out_what_does_not_apply(results):
    assert "pts_tfd_afl_esp" not in curves.trained(results)
    assert "pts_tfd_afl_tau10" not in curves.of_table1(results)
    with look():
        panels = FIGURES["training_curves"].draw(results).axes
        others = FIGURES["training_curves_table2"].draw(results).axes
    assert len(panels[0].lines) == 9  # rows 0 to 8: those with a checkpoint of their own
    assert len(panels[5].lines) == 2 * 5  # two projections of the five that distil
    assert len(others[0].lines) == 8  # the six of Table 2, and the two rows that it repeats


def test_curves_of_many_systems_are_told_apart(results):
    looks = list(curves._looks())
    assert len(looks) == len(set(looks)) >= 24


def test_curves_of_seeds_are_their_mean_and_thin_lines(tmp_path):
    config = make_root(tmp_path, systems=["pts"], seeds=3)
    results = Results.of(config, make_results(config, clips=3))
    with look():
        panels = FIGURES["training_curves"].draw(results).axes
    *seeds, mean = panels[0].lines
    assert len(seeds) == 3 and mean.get_linewidth() > seeds[0].get_linewidth()
    np.testing.assert_allclose(mean.get_ydata(), np.mean([s.get_ydata() for s in seeds], axis=0))
    assert not FIGURES["training_curves_table2"].possible(results)


def test_curves_of_mean_teacher_leave_panels_empty(tmp_path):
    """Its history has a ramp `consistency` and neither alpha nor beta."""
    config = make_root(tmp_path, systems=["mean_teacher"])
    results = Results.of(config, make_results(config, clips=3))
    path = results.folder / "train" / "mean_teacher" / "seed0" / "history.csv"
    path.write_text("epoch,loss,consistency,beta\n0,1.5,0.1,\n1,1.2,0.4,\n2,1.1,0.9,\n")
    with look():
        figure = FIGURES["training_curves"].draw(results)
        save(figure, tmp_path / "f.png", tmp_path / "f.svg")
    weight = next(axes for axes in figure.axes if axes.get_ylabel() == "weight")
    assert [line.get_linestyle() for line in weight.lines] == [":"]
    assert figure.axes[1].texts[0].get_text() == "does not apply"


def test_a_missing_history_is_named(results, tmp_path):
    empty = Results.of(results.config, tmp_path, results.data)
    with pytest.raises(MissingFileError, match=r"history\.csv: no such file; run resed train"):
        weights.figure3(empty)
    path = tmp_path / "train" / "pts_tfd_afl" / "seed0" / "history.csv"
    path.parent.mkdir(parents=True)
    path.write_text("epoch,step\n1,20\n")
    with pytest.raises(ResultsError, match=r"no columns posterior\. and weight\. for Alarm"):
        weights.figure3(empty)


def test_command(results, tmp_path):
    out = [tmp_path / "f.png", tmp_path / "f.svg"]
    arguments = ["draw", "--figure", "dag", "--results", str(results.folder)]
    arguments += ["--config-json", results.config.model_dump_json()]
    arguments += ["--out-png", str(out[0]), "--out-svg", str(out[1])]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert out[0].read_bytes().startswith(b"\x89PNG") and b"<svg" in out[1].read_bytes()
    arguments[2] = "figure8"
    assert CliRunner().invoke(app, arguments).exit_code == 2
