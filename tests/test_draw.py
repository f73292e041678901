"""Figures: the values of each, equal bytes, no overlapping text."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from made_results import CLASSES, lose_a_clip, make_results, make_root
from typer.testing import CliRunner

from resed.cli import app
from resed.draw import class_weights, confusion, durations, training_curves
from resed.draw.inputs import FigureInputs, figure_names, inputs
from resed.draw.registry import figure_of, heading
from resed.draw.style import look, save
from resed.errors import ConfigError, MissingFileError, ResultsError
from resed.formats.annotations import read_events, tags_of
from resed.formats.figure_description import read_figure_description
from resed.paper.figure_entries import FigureEntry
from resed.paper.numbers import Paper
from resed.results.folder import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    config = make_root(tmp_path_factory.mktemp("made"))
    return Results.of(config, make_results(config))


def other(results, **changes):
    return Results.of(results.config.model_copy(update=changes), results.folder, results.data)


def test_shares_are_percent_of_the_reference_tags(results):
    reference = tags_of(read_events(results.annotations("evaluation")))
    held = [sum(label in tags for tags in reference.values()) for label in CLASSES]
    found = confusion.shares(results, "pts")
    np.testing.assert_allclose(found.sum(axis=1), 100)
    assert [row.rpartition(" ")[2] for row in found.index] == [f"({count})" for count in held]
    assert list(found.columns) == ["Alarm bell ringing", "Blender", "Cat", "Dishes", "Dog", "None"]
    single_tags = confusion.shares(other(results, confusion="single"), "pts_tfd_afl_esp")
    ones = [sum(tags == (label,) for tags in reference.values()) for label in CLASSES]
    assert [row.rpartition(" ")[2] for row in single_tags.index] == [f"({n})" for n in ones]


def test_heat_map_shows_every_share_from_a_half_percent(results):
    with look():
        axes = figure_of("figure6", results).draw().axes[0]
    found = confusion.shares(results, "pts_tfd_afl_esp")
    written = np.array([text.get_text() for text in axes.texts]).reshape(found.shape)
    expected = [[f"{v:.0f}" if v >= 0.5 else "" for v in row] for row in found.to_numpy()]
    np.testing.assert_array_equal(written, expected)
    np.testing.assert_allclose(axes.collections[0].get_array().reshape(found.shape), found)
    assert [label.get_text() for label in axes.get_xticklabels()] == list(found.columns)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(found.index)


@pytest.mark.parametrize("way", ["spread", "single"])
def test_a_perfect_tagger_is_perfect_though_a_clip_is_missing(tmp_path, way):
    config = make_root(tmp_path, confusion=way)
    missing = Results.of(config, make_results(config))
    lose_a_clip(missing, "pts", CLASSES)
    np.testing.assert_array_equal(np.diag(confusion.shares(missing, "pts")), 100)


def test_every_figure_draws_and_has_a_caption(results):
    with look():
        for name in figure_names(results.config, results.paper):
            drawing = figure_of(name, results)
            assert drawing.draw().axes, name
            assert len(drawing.caption()) > 50


@pytest.mark.parametrize("name", ["figure6", "figure7"])
def test_the_same_results_give_the_same_bytes(results, tmp_path, name):
    made = []
    for folder in (tmp_path / "1", tmp_path / "2"):
        with look():
            save(figure_of(name, results).draw(), folder / "f.png", folder / "f.svg")
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
    [
        "figure3",
        "figure6",
        "figure7",
        "figure7_all",
        "training_curves",
        "training_curves_table2",
        "dag",
    ],
)
def test_no_text_lies_over_another(results, name):
    with look():
        figure = figure_of(name, results).draw()
        figure.draw_without_rendering()
        boxes = written(figure)
        for i, (first, box) in enumerate(boxes):
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1, f"{first} leaves the figure"
            for second, beside in boxes[:i]:
                assert not box.overlaps(beside), f"{first!r} and {second!r}"


def test_class_weights_are_the_last_epoch_sorted(results):
    with look():
        left, right = figure_of("figure3", results).draw().axes
    heights = [bar.get_height() for bar in left.patches]
    history = pd.DataFrame(results.history("pts_tfd_afl"))
    last = history[[f"posterior.{label}" for label in CLASSES]].iloc[-1]
    np.testing.assert_allclose(heights, sorted(last, reverse=True))
    np.testing.assert_allclose(right.lines[0].get_ydata(), 1 - np.square(heights), atol=1e-9)
    assert "epoch 12" in figure_of("figure3", results).caption()


def test_class_weights_skip_an_epoch_without_weights(results, tmp_path):
    moved = Results.of(results.config, tmp_path, results.data)
    path = tmp_path / "train" / "pts_tfd_afl" / "seed0" / "history.csv"
    path.parent.mkdir(parents=True)
    history = pd.DataFrame(results.history("pts_tfd_afl"))
    history.loc[11, "weight.Dog"] = np.nan
    history.to_csv(path, index=False)
    epoch, values = class_weights.last_epoch(moved, "pts_tfd_afl")
    assert epoch == 11
    assert values.loc["Dog", "posterior"] == history["posterior.Dog"][10]


def test_durations_mark_average_esp_and_knee(results):
    with look():
        panel = figure_of("figure7", results).draw().axes[0]
    assert panel.get_title(loc="left") == "Blender"
    lines = {line.get_label(): line for line in panel.lines}
    window = results.windows("esp")["Blender"]
    eta = results.config.calibrate.eta
    assert lines["average duration"].get_xdata()[0] == window.mean_s
    assert lines["ESP duration"].get_xdata()[0] == pytest.approx(window.window_s / eta)
    assert lines["average duration"].get_color() == "#009E73"
    assert lines["ESP duration"].get_color() == "black"
    assert window.knee_index, "this class must have a knee"
    assert lines["knee"].get_color() == "#CC0000"
    assert lines["knee"].get_xdata() == [window.knee_s]
    assert lines["knee"].get_ydata() == [window.knee_index / window.events]


def test_durations_are_an_empirical_distribution(results):
    with look():
        panel = figure_of("figure7", results).draw().axes[3]
    strong = read_events(results.annotations("strong")).values()
    seconds = sorted(e.offset - e.onset for clip in strong for e in clip if e.event_label == "Dog")
    (line,) = (one for one in panel.lines if one.get_label().startswith("cumulative"))
    drawn = dict(zip(line.get_xdata()[1:], line.get_ydata()[1:], strict=True))  # of ties the last
    assert list(drawn) == sorted(set(seconds)) and len(drawn) > 5
    for second, share in drawn.items():
        assert share == pytest.approx(np.mean([one <= second for one in seconds]))


def test_durations_take_the_papers_classes_or_those_that_follow_them(results):
    four = results.paper.figures["figure7"]
    assert durations.chosen(results, four) == ["Blender", "Cat", "Dishes", "Dog"]
    assert durations.chosen(results, results.paper.figures["figure7_all"]) == CLASSES
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
    assert durations.chosen(moved, four) == ["mix", "mew", "cup", "zap"]
    config.__dict__["dataset_file"] = dataset.model_copy(update={"soundscapes": {}})
    assert durations.chosen(moved, four) == list(follows)[:4]


def test_curves_leave_out_what_does_not_apply(results):
    with look():
        panels = figure_of("training_curves", results).draw().axes
        others = figure_of("training_curves_table2", results).draw().axes
    assert len(panels[0].lines) == 9  # one per system with a checkpoint of its own
    assert len(panels[5].lines) == 2 * 5  # two projections of each of the five that distil
    assert len(others[0].lines) == 9  # the eight of the table, and its last line: no stage one


def test_curves_are_the_history_epoch_by_epoch(tmp_path):
    config = make_root(tmp_path, systems=["pts_tfd"])
    results = Results.of(config, make_results(config, clips=3))
    history = pd.DataFrame(results.history("pts_tfd"))
    history.loc[2, "loss.tfd"] = 0  # a logarithmic axis has no place for it
    history.to_csv(results.folder / "train" / "pts_tfd" / "seed0" / "history.csv", index=False)
    with look():
        panels = figure_of("training_curves", results).draw().axes
    tags, teacher = next(one for one in panels if one.get_title("left") == "Development: AT").lines
    np.testing.assert_array_equal(tags.get_xdata(), range(1, 13))
    np.testing.assert_allclose(tags.get_ydata(), 100 * history["development.tags_f1"])
    np.testing.assert_allclose(teacher.get_ydata(), 100 * history["development.teacher_tags_f1"])
    assert (tags.get_linestyle(), teacher.get_linestyle()) == ("-", "--")
    tfd = next(one for one in panels if one.get_title("left").startswith("TFD"))
    assert tfd.get_yscale() == "log"
    (line,) = tfd.lines
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, *range(4, 13)])
    np.testing.assert_allclose(line.get_ydata(), history["loss.tfd"].drop(2))


@pytest.mark.parametrize(
    ("system", "change"),
    [("pts_tfd_afl", "after epoch 15; their weak"), ("pts_tfd", "TFD as printed"), ("pts", "")],
)
def test_captions_of_curves_name_what_the_systems_use(tmp_path, system, change):
    config = make_root(tmp_path, systems=[system])
    caption = figure_of("training_curves", Results.of(config, tmp_path)).caption()
    assert change in caption
    assert ("focal loss" in caption) == (system == "pts_tfd_afl")
    assert ("TFD as printed" in caption) == (system != "pts")


def test_curves_of_many_systems_are_told_apart(results):
    looks = list(training_curves._looks())
    assert len(looks) == len(set(looks)) >= 24


def test_curves_of_seeds_are_their_mean_and_thin_lines(tmp_path):
    config = make_root(tmp_path, systems=["pts"], seeds=3)
    results = Results.of(config, make_results(config, clips=3))
    with look():
        panels = figure_of("training_curves", results).draw().axes
    *seeds, mean = panels[0].lines
    assert len(seeds) == 3 and mean.get_linewidth() > seeds[0].get_linewidth()
    np.testing.assert_allclose(mean.get_ydata(), np.mean([s.get_ydata() for s in seeds], axis=0))
    assert "training_curves_table2" not in figure_names(results.config, results.paper)


def test_curves_of_mean_teacher_leave_panels_empty(tmp_path):
    """Its history has a ramp `consistency` and neither alpha nor beta."""
    config = make_root(tmp_path, systems=["mean_teacher"])
    results = Results.of(config, make_results(config, clips=3))
    path = results.folder / "train" / "mean_teacher" / "seed0" / "history.csv"
    path.write_text("epoch,loss,consistency,beta\n0,1.5,0.1,\n1,1.2,0.4,\n2,1.1,0.9,\n")
    with look():
        figure = figure_of("training_curves", results).draw()
        save(figure, tmp_path / "f.png", tmp_path / "f.svg")
    weight = next(axes for axes in figure.axes if axes.get_ylabel() == "weight")
    assert [line.get_linestyle() for line in weight.lines] == [":"]
    assert figure.axes[1].texts[0].get_text() == "does not apply"


def test_a_missing_history_is_named(results, tmp_path):
    drawing = figure_of("figure3", Results.of(results.config, tmp_path, results.data))
    with pytest.raises(MissingFileError, match=r"history\.csv: no such file; run resed train"):
        drawing.draw()
    path = tmp_path / "train" / "pts_tfd_afl" / "seed0" / "history.csv"
    path.parent.mkdir(parents=True)
    path.write_text("epoch,step\n0,20\n")
    message = r"no columns posterior\.Alarm_bell_ringing and weight\.Alarm_bell_ringing"
    with pytest.raises(ResultsError, match=message):
        drawing.draw()


PAPER = {
    "name": "Doe and Roe",
    "title": "Two systems",
    "authors": "A. Doe, B. Roe",
    "published": "nowhere",
    "dataset": "made",
    "metrics": {"map": {"title": "mAP", "short": "mAP", "score": "tags_map"}},
    "editions": {
        key: {"name": key, "title": key, "authors": "A. Doe", "published": key}
        for key in ("preprint", "book")
    },
    "tables": {
        name: {
            "layout": "systems",
            "edition": "preprint",
            "title": name,
            "place": name,
            "main": name == "all_systems",
            "splits": ["evaluation"],
            "metrics": ["map"],
            "rows": [
                {"id": str(i), "title": system, "system": system, "values": {"map": [30.0 + i]}}
                for i, system in enumerate(systems)
            ],
        }
        for name, systems in (("all_systems", ["pts"]), ("stages", ["pts", "pts_tfd_afl"]))
    },
    "figures": {
        "losses": {"kind": "training_curves", "table": "all_systems", "title": "Losses"},
        "losses_stages": {"kind": "training_curves", "table": "stages", "title": "Stages"},
        "errors": {
            "kind": "confusion",
            "system": "pts",
            "title": "Errors",
            "note": "As in the book.",
            "editions": {"book": "Plate 7"},
        },
        "weights": {"kind": "class_weights", "system": "pts_tfd_afl", "title": "Weights"},
        "lengths": {"kind": "durations", "title": "Lengths", "classes": ["Dog"]},
    },
}


def test_figures_come_from_the_paper_and_the_configured_systems(results):
    paper = Paper.model_validate(PAPER)
    common = ["dag", "sensitivity", "architecture"]
    everything = ["losses", "losses_stages", "errors", "weights", "lengths", *common]
    config = results.config.model_copy(
        update={"systems": ["mean_teacher", "pts", "pts_tfd_afl", "pts_tfd_afl_esp"]}
    )
    assert figure_names(config, paper) == everything
    # mean_teacher is in no table, so it is shown with those of the main table.
    assert inputs("losses", config, paper) == FigureInputs(histories=("mean_teacher", "pts"))
    assert inputs("losses_stages", config, paper).histories == ("pts", "pts_tfd_afl")
    assert inputs("weights", config, paper) == FigureInputs(histories=("pts_tfd_afl",))
    assert inputs("lengths", config, paper) == FigureInputs(
        windows=("esp",), annotations=("strong",)
    )
    assert inputs("errors", config, paper) == FigureInputs(
        tags=("pts",), annotations=("evaluation",)
    )
    single = config.model_copy(update={"confusion": "single"})
    expected = FigureInputs(posteriors=("pts",), annotations=("evaluation",))
    assert inputs("errors", single, paper) == expected
    assert inputs("dag", config, paper) == FigureInputs()
    assert inputs("sensitivity", config, paper) == FigureInputs(study=True)
    few = config.model_copy(update={"systems": ["pts"]})
    assert figure_names(few, paper) == ["losses", "errors", "lengths", *common]
    with pytest.raises(ConfigError, match=r"config\.systems: weights requires pts_tfd_afl; add"):
        inputs("weights", few, paper)


def test_inputs_do_not_import_matplotlib():
    code = "import sys, resed.draw.inputs; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["figure3", "figure6", "figure7", "training_curves_table2"])
def test_figures_need_no_file_but_their_inputs(results, tmp_path, name):
    needed = inputs(name, results.config, results.paper)
    copy = Results.of(results.config, tmp_path / "results", tmp_path / "data")
    kept = [results.folder / "train" / system for system in needed.histories]
    kept += [results.folder / "decode" / "evaluation" / system for system in needed.tags]
    kept += [results.folder / "calibrate" / f"windows_{m}.tsv" for m in needed.windows]
    for path in kept:
        target = copy.folder / path.relative_to(results.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
    for role in needed.annotations:
        copy.annotations(role).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(results.annotations(role), copy.annotations(role))
    with look():
        drawing = figure_of(name, copy)
        assert drawing.draw().axes and drawing.caption()
    for path in [*copy.folder.rglob("*.*"), *copy.data.rglob("*.*")]:
        if path.is_file():
            content = path.read_bytes()
            path.unlink()
            with pytest.raises(MissingFileError):
                figure_of(name, copy).draw()
            path.write_bytes(content)


def test_command(results, tmp_path):
    out = [tmp_path / f"f.{kind}" for kind in ("png", "svg", "json")]
    arguments = ["draw", "--figure", "figure6", "--results", str(results.folder)]
    arguments += ["--config-json", results.config.model_dump_json()]
    for path in out:
        arguments += [f"--out-{path.suffix[1:]}", str(path)]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert out[0].read_bytes().startswith(b"\x89PNG") and b"<svg" in out[1].read_bytes()
    found = read_figure_description(out[2])
    assert (found.name, found.kind) == ("figure6", "confusion")
    drawing = figure_of("figure6", results)
    assert (found.title, found.caption) == (drawing.title, drawing.caption())
    assert found.provenance.endswith("clips, manifest 0123456789ab")
    pixels = [int.from_bytes(out[0].read_bytes()[at : at + 4], "big") for at in (16, 20)]
    assert pixels == [round(180 * size) for size in (found.width_inches, found.height_inches)]
    arguments[2] = "figure8"
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 2 and "one of figure3" in run.output


def test_the_heading_names_other_editions(results):
    made = FigureEntry.model_validate(PAPER["figures"]["errors"])
    assert heading(made) == "Errors (Plate 7 of the book)"
    assert confusion.caption(results, made).endswith(" As in the book.")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 2}, "version"),
        ({"caption": ""}, "caption"),
        ({"width_inches": -1}, "width_inches"),
        ({"width_inches": "7"}, "width_inches"),
        ({"height_inches": None}, "height_inches"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_description_is_refused(results, tmp_path, change, problem):
    with look():
        drawing = figure_of("dag", results)
        described = drawing.describe(drawing.draw())
    path = tmp_path / "dag.json"
    path.write_text(json.dumps(described.model_dump() | change))
    with pytest.raises(ResultsError, match=rf"dag\.json: {problem}: .*run resed draw --figure dag"):
        read_figure_description(path)
