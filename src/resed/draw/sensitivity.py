"""The study of readings: the effect of each reading on each metric.

seaborn's estimators compute intervals from samples. The intervals of this figure are computed from
counts per clip and seed (`resed.stats.intervals`), so `seaborn.objects.Range` draws them.
"""

from collections.abc import Sequence

import pandas as pd
import seaborn.objects as so
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from resed.config.dataset import EVALUATION
from resed.draw import style
from resed.results.folder import Results
from resed.results.readings_study import (
    QuestionEffects,
    ReadingEffect,
    ReadingsStudy,
    compare_readings,
    on_evaluation,
)
from resed.results.study_text import headline, sentences

BAND = "#e6e6e6"
ROW = 0.185  # inches
# Colour and shape are redundant, so that the figure is readable without colour.
COLOURS = {"better": style.BLUE, "worse": style.VERMILION, "undecided": style.GREY}
SHAPES = {"better": ">", "worse": "<", "undecided": "o"}
FILLED = {"better": True, "worse": True, "undecided": False}
Line = tuple[str, ReadingEffect | QuestionEffects]  # its label, and a reading or a question


def draw(results: Results) -> Figure:
    """One panel per metric; one line per reading below its question, with its 95 % interval."""
    found = compare_readings(results)
    lines = _lines(found.questions)
    if not lines:
        return _nothing(headline(found, results).replace("`", ""))
    changes = _changes(lines)
    figure = style.new(9.2, 1.75 + ROW * (len(lines) + 1))
    count = len(found.metrics)
    panels = figure.subplots(1, count, sharey=True, sharex=True, squeeze=False)[0]
    for axes, metric in zip(panels, found.metrics, strict=True):
        _background(axes, lines, found.spread.get((metric, EVALUATION)))
        _intervals(axes, changes[changes.metric == metric])
        axes.set(title=results.paper.metrics[metric].title, xlabel="", ylabel="")
        axes.set_ylim(len(lines) - 0.4, -0.6)
    _labels(panels[0], lines)
    panels[0].set_xlim(_limits(changes, found, results))
    middle = panels[count // 2]
    middle.set_xlabel(f"Change on {EVALUATION} against the unchanged system, points")
    _legend(figure, found)
    title = results.config.catalogue[results.config.sensitivity.system].title
    seeds = f"{found.seeds} seed{'s' * (found.seeds != 1)} unchanged"
    style.footnote(figure, results, title, seeds, "bars: 95 % intervals")
    return figure


def caption(results: Results) -> str:
    """Description of the figure, computed from the results."""
    found = compare_readings(results)
    first = headline(found, results).replace("`", "")
    if not found.questions:
        return first
    how = (
        "Each line changes one reading of the unchanged system. Questions are sorted by their "
        "largest decided change, or by their largest change if none is decided. A star marks "
        "readings that use the same networks and are compared seed by seed. Better and worse are "
        "decided by each interval separately, without correction for multiple testing. Intervals "
        "end where F1 reaches 0 or 100; those of undecided changes may extend beyond the axis."
    )
    return " ".join([first, how, *sentences(found, results)])


def _lines(questions: Sequence[QuestionEffects]) -> list[Line]:
    lines: list[Line] = []
    for question in questions:
        lines.append((question.question.title, question))
        lines += [(e.option.title + " *" * e.shared, e) for e in question.effects]
    return lines


def _changes(lines: Sequence[Line]) -> pd.DataFrame:
    """One row per reading and metric: line, metric, change, low, high (points) and decision."""
    rows = [
        (place, metric, change.found.mean, *change.ends, change.decision)
        for place, (_, effect) in enumerate(lines)
        if isinstance(effect, ReadingEffect)
        for metric, change in on_evaluation(effect.changes).items()
    ]
    return pd.DataFrame(rows, columns=["line", "metric", "change", "low", "high", "decision"])


def _background(axes: Axes, lines: Sequence[Line], spread: float | None) -> None:
    """Draw the range of the seeds, the line of no change, and a line above each question."""
    if spread is not None:
        axes.axvspan(-spread, spread, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    for place, (_, line) in enumerate(lines):
        if isinstance(line, QuestionEffects):
            axes.axhline(place - 0.5, color="#c8c8c8", linewidth=0.6, zorder=0.5)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _intervals(axes: Axes, changes: pd.DataFrame) -> None:
    """Draw one interval and one mark per reading with seaborn."""
    above = {"zorder": 3}
    dots = {"x": "change", "marker": "decision", "orient": "y", "legend": False}
    (
        so.Plot(changes, y="line", color="decision")
        .add(so.Range(linewidth=1.3), xmin="low", xmax="high", orient="y", legend=False)
        .add(so.Dot(color="white", pointsize=5, artist_kws=above), **dots)
        .add(so.Dot(pointsize=5, artist_kws=above), fill="decision", **dots)
        .scale(color=COLOURS, marker=SHAPES, fill=FILLED)
        .theme(rcParams)
        .on(axes)
        .plot()
    )
    axes.label_outer()


def _limits(changes: pd.DataFrame, found: ReadingsStudy, results: Results) -> tuple[float, float]:
    """Limits of the axis, which include the range, all means and all decided intervals."""
    decided = changes[changes.decision != "undecided"]
    spread = [found.spread.get((metric, EVALUATION), 0.0) for metric in found.metrics]
    inside = pd.concat([changes.change, decided.low, decided.high])
    least = max(metric.full_scale for metric in results.paper.metrics.values()) / 100
    low, high = min(-least, -max(spread), inside.min()), max(least, *spread, inside.max())
    margin = 0.1 * (high - low)
    return low - margin, high + margin


def _labels(axes: Axes, lines: Sequence[Line]) -> None:
    """Labels of readings and, in bold, of questions; the unchanged reading inside the panel."""
    axes.set_yticks(range(len(lines)), [label for label, _ in lines])
    look = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 6.5}
    look |= {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5}, "color": style.GREY}
    for place, (label, (_, line)) in enumerate(zip(axes.get_yticklabels(), lines, strict=True)):
        if isinstance(line, QuestionEffects):
            label.set_fontweight("bold")
            axes.text(0.01, place, f"unchanged: {line.unchanged}", **look)


def _legend(figure: Figure, found: ReadingsStudy) -> None:
    words = {word: f"{word} by its interval" for word in ("better", "worse")}
    words["undecided"] = "undecided"
    handles: list[Line2D | Patch] = [
        Line2D(
            [],
            [],
            color=colour,
            marker=SHAPES[decision],
            markerfacecolor=colour if FILLED[decision] else "white",
            markersize=5,
            label=words[decision],
        )
        for decision, colour in COLOURS.items()
    ]
    if found.spread:
        text = f"range of the {found.seeds} seeds of the unchanged system"
        handles.append(Patch(color=BAND, label=text))
    if any(effect.shared for effect in found.effects):
        handles.append(Line2D([], [], linestyle="none", label="* same networks"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def _nothing(text: str) -> Figure:
    """A figure with the text that the study was not run."""
    figure = style.new(7.0, 1.2)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=style.GREY, wrap=True)
    return figure
