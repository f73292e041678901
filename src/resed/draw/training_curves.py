"""Training curves of the systems of one table: losses, schedule, distillation, development."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from resed.draw import style
from resed.draw.inputs import systems_of
from resed.paper.figure_entries import FigureEntry
from resed.results.folder import Results

STYLES = ("-", "--", ":")  # student or first, teacher or second, third
MARKERS = ("", "o", "s", "^", "D")  # colours repeat after eight systems, with another marker
WIDTH = 11.0  # inches
COLUMNS = 4


@dataclass(frozen=True)
class Panel:
    """One quantity: label, scale, and its columns of the history in the order of STYLES."""

    title: str
    columns: tuple[str, ...]
    label: str
    log: bool = False
    factor: float = 1.0  # 100 for a panel in percent


@dataclass(frozen=True)
class Look:
    """Colour and marker of one system."""

    colour: str
    marker: str


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
    Panel("β (dashed: α, dotted: MT)", ("beta", "alpha", "consistency"), "weight"),
    Panel("Learning rate", ("learning_rate",), "learning rate"),
    Panel(
        "Development: AT",
        ("development.tags_f1", "development.teacher_tags_f1"),
        "macro F1, %",
        factor=100.0,
    ),
    Panel("Development: frames", ("development.frame_f1",), "macro F1, %", factor=100.0),
)
OF_SINGLE = (Panel("Development: mAP", ("development.tags_map",), "mAP"),)  # of a network alone


def draw(results: Results, entry: FigureEntry) -> Figure:
    """Draw one panel per quantity, one colour per system; thick the mean, thin each seed."""
    systems = systems_of(entry, results.config, results.paper)
    histories = {
        name: [pd.DataFrame(results.history(name, k)) for k in results.config.seed_list(name)]
        for name in systems
    }
    panels = PANELS
    if all(results.config.system(name).model.framework == "single" for name in systems):
        panels = [panel for panel in (*PANELS, *OF_SINGLE) if _has_values(panel, histories)]
    rows = max(1, -(-len(panels) // COLUMNS))
    figure = style.new(WIDTH, 7.6 * rows / 3)
    grid = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        for (_, seeds), look in zip(histories.items(), _looks(), strict=False):
            _lines(axes, panel, seeds, look)
        _dress(axes, panel)
        if len(panels) % COLUMNS:
            axes.tick_params(labelbottom=True)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("Epoch")
    _legend(figure, results, systems)
    words = results.config.seeds_in_words
    several = f"{words}: mean, and the student of each seed"
    style.footnote(figure, results, several if _several_seeds(results) else "seed 0")
    return figure


def _has_values(panel: Panel, histories: Mapping[str, Sequence[pd.DataFrame]]) -> bool:
    """Whether a system has a value in the panel; a network alone has no consistency."""
    return any(
        column in history and history[column].notna().any()
        for seeds in histories.values()
        for history in seeds
        for column in panel.columns
    )


def caption(results: Results, entry: FigureEntry) -> str:
    """Description of the panels."""
    text = f"{entry.note} " * bool(entry.note)
    text += (
        "One value per epoch. Solid: student; dashed: teacher. Consistency: solid is teacher to "
        "student, dashed is student to teacher."
    )
    if _several_seeds(results):
        text += " Thick: mean over the seeds; thin: student of each seed."
    text += (
        " Development scores are computed before any filter, at threshold 0.5, with frames gated "
        "by the tags of the clip."
    )
    systems = systems_of(entry, results.config, results.paper)
    every = [results.config.system(name) for name in systems]
    if any(one.objective.distillation.tfd for one in every):
        text += (
            " TFD as printed has a trivial minimum: the norm of the projections approaches "
            "zero or their rank falls to one."
        )
    stages = sorted({one.schedule.stage_one for one in every if one.objective.focal.enabled})
    if stages:
        text += (
            f" Systems with AFL change to the focal loss after epoch {_join(stages)}; their weak "
            "and strong losses before and after that epoch are not comparable."
        )
    return text


def _several_seeds(results: Results) -> bool:
    return any(len(results.config.seed_list(name)) > 1 for name in results.config.systems)


def _lines(axes: Axes, panel: Panel, seeds: Sequence[pd.DataFrame], look: Look) -> None:
    for column, line in zip(panel.columns, STYLES, strict=False):
        if not all(column in history for history in seeds):
            continue
        values = pd.concat([history[column] for history in seeds], axis=1)
        values = values.where(values > 0) if panel.log else values * panel.factor
        values.index += 1  # epochs are counted from 1
        if line == "-" and len(seeds) > 1:
            for _, seed in values.items():
                _plot(axes, seed, color=look.colour, linewidth=0.5, alpha=0.45)
        mean = values.mean(axis=1, skipna=False)
        short = mean.count() < 3 and not look.marker  # a line of one point is invisible
        marks = {"marker": "o" if short else look.marker, "markersize": 3}
        marks |= {"markevery": max(1, len(values) // 5), "markerfacecolor": "white"}
        _plot(axes, mean, color=look.colour, linestyle=line, linewidth=1.3, **marks)


def _plot(axes: Axes, values: pd.Series, **look: object) -> None:
    """Plot the values that are not NaN; no line if there are none."""
    points = values.dropna()
    if len(points):
        axes.plot(points, **look)


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
        axes.set_ylim(min(low, high / 4), high)  # a narrower range has no tick
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)


def _legend(figure: Figure, results: Results, systems: Sequence[str]) -> None:
    titles = [results.config.catalogue[name].title for name in systems]
    handles = [
        Line2D([], [], color=look.colour, lw=2, marker=look.marker, markerfacecolor="white")
        for _, look in zip(systems, _looks(), strict=False)
    ]
    handles += [Line2D([], [], color=style.GREY, linestyle=line) for line in STYLES[:2]]
    labels = [*titles, "student", "teacher"]
    inches = 0.7 + 0.075 * max(map(len, labels))  # per entry, with its handle
    columns = min(len(labels), max(1, int(WIDTH / inches)))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def _looks() -> Iterator[Look]:
    for marker in MARKERS:
        yield from (Look(colour, marker) for colour in style.SERIES)


def _join(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} or {last}" if first else last
