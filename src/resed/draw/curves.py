"""Training curves of all trained systems: losses, schedule, distillation, development scores."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from resed.draw import style
from resed.draw.drawing import Drawing
from resed.results import Results

STYLES = ("-", "--")  # student or first, teacher or second


@dataclass(frozen=True)
class Panel:
    """One quantity: its columns in the history (solid, dashed), label of the axis and scale."""

    title: str
    columns: tuple[str, ...]
    label: str
    log: bool = False
    percent: bool = False


PANELS = (
    Panel("Total loss", ("loss",), "loss"),
    Panel("Weak", ("loss.weak.student", "loss.weak.teacher"), "loss"),
    Panel("Strong", ("loss.strong.student", "loss.strong.teacher"), "loss"),
    Panel(
        "Consistency",
        ("loss.consistency.teacher_to_student", "loss.consistency.student_to_teacher"),
        "loss",
    ),
    Panel("TFD (dashed: DFD)", ("loss.tfd", "loss.dfd"), "loss", log=True),
    Panel("Projection norm", ("norm.student", "norm.teacher"), "mean row norm"),
    Panel("Projection rank", ("rank.student", "rank.teacher"), "effective rank"),
    Panel("CNN feature rank", ("feature_rank.student", "feature_rank.teacher"), "effective rank"),
    Panel("β (dashed: α)", ("beta", "alpha"), "weight"),
    Panel("Learning rate", ("learning_rate",), "learning rate"),
    Panel(
        "Development: AT",
        ("development.tags_f1", "development.teacher_tags_f1"),
        "macro F1, %",
        percent=True,
    ),
    Panel("Development: frames", ("development.frame_f1",), "macro F1, %", percent=True),
)


def training_curves(results: Results) -> Figure:
    """Small multiples: a panel a quantity, a colour a system, all seeds."""
    systems = trained(results)
    figure = style.new(11.0, 7.6)
    grid = figure.subplots(3, 4, sharex=True)
    for name, colour in zip(systems, _colours(), strict=False):
        for seed in results.config.seed_list(name):
            history = results.history(name, seed)
            for axes, panel in zip(grid.flat, PANELS, strict=True):
                _lines(axes, panel, history, colour)
    for axes, panel in zip(grid.flat, PANELS, strict=True):
        _dress(axes, panel)
    for axes in grid[-1]:
        axes.set_xlabel("Epoch")
    _legend(figure, results, systems)
    words = results.config.seeds_in_words
    seeds = "seed 0" if words == "1 seed" else f"{words}, a line each"
    style.footnote(figure, results, seeds)
    return figure


def caption(results: Results) -> str:
    """How to read the panels."""
    stages = sorted(
        {
            results.config.system(name).schedule.stage_one
            for name in trained(results)
            if results.config.system(name).objective.focal.enabled
        }
    )
    focal = (
        f" Systems with AFL change to the focal loss after epoch {_join(stages)}, so their weak "
        "and strong losses are other quantities from there on."
        if stages
        else ""
    )
    return (
        "Training, epoch by epoch. Solid: student; dashed: teacher; for consistency solid is "
        "teacher to student, dashed student to teacher. TFD as printed has a trivial minimum: a "
        "projection norm that goes to zero, or a rank that falls to one, shows it. Development "
        "scores are before any filter, at threshold 0.5, frames gated by the clip's tags." + focal
    )


def trained(results: Results) -> list[str]:
    """Configured systems with a checkpoint of their own, in the order of the config."""
    config = results.config
    return [name for name in config.systems if config.trained_as(name) == name]


def _lines(axes: Axes, panel: Panel, history: dict[str, list[float]], colour: str) -> None:
    factor = 100 if panel.percent else 1
    for column, line in zip(panel.columns, STYLES, strict=False):
        points = [
            (epoch, factor * value)
            for epoch, value in enumerate(history.get(column, ()), start=1)
            if not math.isnan(value) and not (panel.log and value <= 0)
        ]
        if points:
            x, y = zip(*points, strict=True)
            marker = "o" if len(points) < 3 else ""
            axes.plot(
                x, y, color=colour, linestyle=line, linewidth=1.2, marker=marker, markersize=3
            )


def _dress(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, fontsize=9)
    axes.set_ylabel(panel.label)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if not axes.lines:
        axes.text(
            0.5, 0.5, "does not apply", transform=axes.transAxes, ha="center", color=style.GREY
        )
        axes.set_yticks([])
    elif panel.log:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, high / 4), high)  # a narrow range would show no tick
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)


def _legend(figure: Figure, results: Results, systems: list[str]) -> None:
    titles = [results.config.catalogue[name].title for name in systems]
    handles = [Line2D([], [], color=c, lw=2) for _, c in zip(systems, _colours(), strict=False)]
    handles += [Line2D([], [], color=style.GREY, linestyle=line) for line in STYLES]
    labels = [*titles, "student", "teacher"]
    figure.legend(handles, labels, loc="outside upper center", ncols=min(5, len(labels)))


def _colours() -> Iterator[str]:
    while True:
        yield from style.SERIES


def _join(numbers: list[int]) -> str:
    return " or ".join(map(str, numbers))


TRAINING_CURVES = Drawing("Training curves", training_curves, caption)
