"""The figure of the networks: its numbers are those of the networks that a config builds."""

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch
from PIL import Image
from runs import REPOSITORY, copy_workflow, planned, verbs
from torch import nn
from typer.testing import CliRunner

from resed.cli import app
from resed.config.run import load_config
from resed.draw import architecture
from resed.draw.architecture_text import describe
from resed.draw.style import look, save
from resed.errors import ConfigError
from resed.settings import FeatureSettings
from resed.train.framework import build_networks

SYSTEMS = ("pts_without_bgru", "pts_tfd_afl_esp", "pts_tfd_dfd_d_wu", "guided_learning")
SYSTEMS += ("mean_teacher", "everyday")
DEMO = {
    "features": {"hop": 1470, "frames": 300},
    "feature_overrides": {"mean_teacher": {"hop": 2044, "frames": 216}},
    "override": {"model": {"width": 0.05, "recurrent": {"average_frames": 10}}},
}


def configured(systems=("pts", "pts_tfd_afl", "pts_tfd_afl_esp"), **values):
    given = {"dataset": "demo", "systems": list(systems), **values}
    return load_config(given, REPOSITORY)


def sides(config, system):
    shown = architecture.text_of(config, system)
    return {"teacher": shown.teacher, "student": shown.student}


@pytest.mark.parametrize("values", [{}, DEMO], ids=["full", "demo"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_sizes_are_those_of_the_networks(system, values):
    config = configured(**values)
    features, settings = config.feature_sets[config.features_of(system)], config.system(system)
    classes = len(config.dataset_file.classes)
    networks = build_networks(settings.model, features, classes, [1.0] * classes)
    for name, side in sides(config, system).items():
        network = getattr(networks, name)
        of = f"F_{name[0]}: {network.cells} cells × {network.dimension}"
        assert side.features == (of,)
        written = [line for line in side.cnn if "conv" in line]
        found = [module for module in network.cnn.modules() if isinstance(module, nn.Conv2d)]
        twice = [line for line in written for _ in range(1 + line.startswith("2 × "))]
        assert len(found) == len(twice)
        for layer, line in zip(found, twice, strict=True):
            kernel = "×".join(map(str, layer.kernel_size))
            assert f"conv {kernel}, {layer.out_channels}" in line
        branches = " ".join((*side.tag_branch, *side.frame_branch))
        grus = [module for module in network.modules() if isinstance(module, nn.GRU)]
        assert branches.count("BGRU") == len(grus)
        for gru in grus:
            assert f"{gru.num_layers} × BGRU, 2 × {gru.hidden_size}" in branches
        for head in (getattr(network, "tag_head", None), getattr(network, "frame_head", None)):
            if hasattr(head, "hidden"):
                assert f"linear {head.hidden.out_features}" in branches
        assert side.frames[1] == f"{network.cells} cells × {classes} classes"


CHANGES = {
    "frames": ({"features": {"hop": 1470, "frames": 300}}, "log-mels: 300 frames × 64 mel bands"),
    "mels": ({"features": {"n_mels": 128}}, "log-mels: 600 frames × 128 mel bands"),
    "pool": (
        {"override": {"model": {"student": {"pool_mels": 2}}}},
        "conv 5×5, 160; max-pool 1×2 → 600×32",
    ),
    "channels": (
        {"override": {"model": {"student": {"channels": [8, 16], "kernels": [7, 1]}}}},
        "conv 7×7, 8; max-pool 1×4 → 600×16",
    ),
    "hidden": ({"override": {"model": {"recurrent": {"hidden": 40}}}}, "2 × BGRU, 2 × 40"),
    "pooling": (
        {"override": {"model": {"tag_head": {"pooling": "mean"}}}},
        "mean over time",
    ),
    "dimension": (
        {"override": {"objective": {"distillation": {"dimension": 24}}}},
        "W_t, W_s: to 24",
    ),
    "reading": (
        {"override": {"objective": {"distillation": {"reading": "literal"}}}},
        "W_t and W_s trained,",
    ),
    "focal": ({"override": {"schedule": {"stage_one": 7}}}, "cross-entropy; after 7"),
    "strong": ({"override": {"objective": {"strong": {"weight": 0.5}}}}, "0.5 × L_strong"),
    "alpha": (
        {"override": {"objective": {"consistency": {"alpha_start": 4}}}},
        "from epoch 6 on",
    ),
    "soft": (
        {"override": {"objective": {"consistency": {"targets": "soft", "clips": "unlabeled"}}}},
        "soft targets, unlabeled clips",
    ),
    "noise": ({"override": {"schedule": {"teacher_noise": 0.3}}}, "noise, deviation 0.3"),
    "gate": (
        {"override": {"decode": {"gate": "none", "frame_threshold": 0.3}}},
        "no gate, frame threshold 0.3",
    ),
    "filter": ({"override": {"decode": {"filter": "none"}}}, "no filter"),
}


def lines_of(figure):
    return {line for text in figure.axes[0].texts for line in text.get_text().splitlines()}


@pytest.mark.parametrize("change", CHANGES)
def test_another_config_is_another_figure(change):
    values, line = CHANGES[change]
    with look():
        before = lines_of(architecture.draw(configured(), "pts_tfd_afl_esp"))
        after = lines_of(architecture.draw(configured(**values), "pts_tfd_afl_esp"))
    assert line in after - before


def test_parts_that_a_system_lacks_are_not_drawn():
    config = configured()
    assert architecture.text_of(config, "pts").distillation == ()
    assert not any(
        "BGRU" in line for line in sides(config, "pts_without_bgru")["student"].tag_branch
    )
    lone = configured(override={"objective": {"consistency": {"weight": 0}}})
    assert architecture.text_of(lone, "pts").consistency == ()
    short = configured(override={"schedule": {"epochs": 20}})
    assert architecture.text_of(short, "pts").guides == (True, False), "alpha remains 0"
    unlabelled = configured(override={"objective": {"strong": {"teacher": "none"}}})
    assert sides(unlabelled, "pts")["teacher"].frame_loss == ()
    assert sides(unlabelled, "pts")["student"].frame_loss
    assert sides(config, "mean_teacher")["teacher"].tag_loss == ()


def test_pools_larger_than_the_input_are_one_line():
    small = configured(features={"frames": 20})
    with pytest.raises(ConfigError, match="pooling by 5×2 leaves nothing of 4×16"):
        architecture.text_of(small, "pts")


DEEP = {
    "model": {
        "width": 4.0,
        "teacher": {"channels": [1024] * 8, "pools": [[2, 1]] * 8},
        "student": {"channels": [1024] * 12, "kernels": [3] * 12, "pool_mels": 1, "dropout": 0.25},
        "recurrent": {"hidden": 4096, "projection": 4096},
        "frame_head": {"hidden": 4096, "class_hidden": 4096},
        "disentangled": {"enabled": True},
    },
    "objective": {
        "weak": {"weight": 0.125},
        "strong": {"weight": 0.125, "teacher": "repeat"},
        "consistency": {"weight": 0.125, "clips": "unlabeled"},
        "distillation": {"tfd_weight": 0.125, "dfd": "distance", "distance": "mse_batch_norm"},
    },
}


@pytest.mark.parametrize("values", [{}, {"override": DEEP}], ids=["as configured", "deep"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_text_stays_in_its_box_and_over_no_other(system, values):
    with look():
        figure = architecture.draw(configured(**values), system)
        figure.draw_without_rendering()
    (axes,) = figure.axes
    texts = [(t.get_text(), t.get_window_extent()) for t in axes.texts]
    boxes = [p.get_window_extent() for p in axes.patches if isinstance(p, FancyBboxPatch)]
    for i, (text, extent) in enumerate(texts):
        assert figure.bbox.x0 <= extent.x0 and extent.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= extent.y0 and extent.y1 <= figure.bbox.y1, text
        for box in boxes:
            apart = not box.overlaps(extent)
            inside = box.x0 <= extent.x0 and extent.x1 <= box.x1
            assert apart or (inside and box.y0 <= extent.y0 and extent.y1 <= box.y1), text
        for other, beside in texts[:i]:
            assert not beside.overlaps(extent), (text, other)
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_the_figure_of_the_docs_is_that_of_the_default_config(tmp_path):
    """Pixels, with room for another compression and rounding of edges."""
    with look():
        figure = architecture.draw(load_config(root=REPOSITORY), "pts_tfd_afl_esp")
        save(figure, tmp_path / "a.png", tmp_path / "a.svg")
    pictures = [tmp_path / "a.png", REPOSITORY / "docs" / "images" / "architecture.png"]
    here, stored = (np.asarray(Image.open(p).convert("L"), float) for p in pictures)
    assert here.shape == stored.shape
    assert np.abs(here - stored).mean() < 0.5, "draw docs/images/architecture.png again"


def test_command_draws_a_named_system(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    out = ["--out-png", tmp_path / "a.png", "--out-svg", tmp_path / "a.svg"]
    out += ["--out-json", tmp_path / "a.json"]
    line = ["draw", "--config-json", "config/demo.yaml", "--results", tmp_path]
    line += ["--figure", "architecture", *out]
    result = CliRunner().invoke(app, [str(w) for w in [*line, "--system", "mean_teacher"]])
    assert result.exit_code == 0, result.output
    assert "MT (official baseline)" in (tmp_path / "a.json").read_text()
    assert "moving average" in (tmp_path / "a.json").read_text()
    wrong = CliRunner().invoke(app, [str(w) for w in [*line, "--system", "everyday_"]])
    assert str(wrong.exception) == "--system: unknown system everyday_; did you mean everyday?"
    line[line.index("architecture")] = "dag"
    assert CliRunner().invoke(app, [str(w) for w in [*line, "--system", "pts"]]).exit_code == 2


def test_a_run_makes_it_only_when_it_is_named(tmp_path):
    folder = copy_workflow(tmp_path)
    assert "draw architecture" not in planned(folder, "figures")
    jobs = verbs(planned(folder, "architecture"))
    assert jobs["draw"] == 1 and "train" not in jobs


def test_linear_features_are_not_called_logarithms():
    settings = configured().system("mean_teacher")
    shown = describe(settings, FeatureSettings(scale="linear", frames=864), 10)
    assert shown.input[0] == "mel magnitudes: 864 frames × 64 mel bands"
