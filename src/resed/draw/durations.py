"""Distributions of event durations, with the average and the ESP window of each class."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from resed.draw import style
from resed.errors import ResultsError
from resed.formats.annotations import read_events
from resed.formats.windows import Window
from resed.paper.figure_entries import FigureEntry
from resed.results.folder import Results, readable

FEW = 4  # classes that get large panels
NARROWEST = 4.4  # inches; the legend does not fit a narrower figure
ONE_LINE = 5.5  # inches from which the legend fits in one line


def durations(results: Results) -> pd.DataFrame:
    """The strong training events: one row per event, columns event_label and seconds."""
    labels = results.config.dataset_file.classes
    clips = read_events(results.annotations("strong"), labels).values()
    rows = [(event.event_label, event.offset - event.onset) for clip in clips for event in clip]
    return pd.DataFrame(rows, columns=["event_label", "seconds"])


def chosen(results: Results, entry: FigureEntry) -> list[str]:
    """The classes to show: those of the paper's figure, or all classes if it names none.

    A class of another dataset replaces the class of the paper whose statistics it follows. If one
    class of the paper has no replacement, the first classes of the dataset are shown instead.
    """
    labels = results.config.dataset_file.classes
    if not entry.classes:
        return labels
    follows = _followed(results)
    found = [
        next((label for label in labels if wanted in (label, follows.get(label))), None)
        for wanted in entry.classes
    ]
    return [label for label in found if label] if all(found) else labels[: len(entry.classes)]


def draw(results: Results, entry: FigureEntry) -> Figure:
    """One panel per class."""
    labels, events, windows = chosen(results, entry), durations(results), results.windows("esp")
    lacking = [label for label in labels if label not in windows]
    if lacking:
        cure = "run resed calibrate again"
        raise ResultsError(f"lacks {lacking[0]}", place="windows_esp.tsv", cure=cure)
    figure, grid = _grid(len(labels))
    for axes, label in zip(grid.flat, labels, strict=False):
        seconds = events.seconds[events.event_label == label]
        eta = results.config.calibrate.eta
        _panel(axes, label, seconds, window=windows[label], eta=eta)
    for axes in grid.flat[len(labels) :]:
        axes.set_visible(False)
    for axes in grid.flat[max(0, len(labels) - grid.shape[1]) : len(labels)]:
        axes.set_xlabel("Duration, s")
    for axes in grid[:, 0]:
        axes.set_ylabel("Share of events")
    lines = {line.get_label(): line for axes in grid.flat for line in axes.lines}
    columns = 4 if figure.get_figwidth() >= ONE_LINE else 2
    figure.legend(lines.values(), lines.keys(), loc="outside upper center", ncols=columns)
    style.footnote(figure, results, f"{len(events)} strong training events")
    return figure


def caption(results: Results, entry: FigureEntry) -> str:
    """The classes that are shown, the meaning of the lines, and the classes without a knee."""
    labels, windows = chosen(results, entry), results.windows("esp")
    text = f"{_which(results, entry, labels)} in the strong training clips. "
    text += "Green: average duration. Black, dashed: ESP duration, the mean of the events up to "
    eta = f"{results.config.calibrate.eta:.3g}"
    text += f"the knee (red). The median filter's window is {eta} times one of the two durations."
    fallback = [readable(n) for n in labels if windows[n].fallback and windows[n].events]
    empty = [readable(n) for n in labels if not windows[n].events]
    if fallback:
        text += f" Classes without a knee, which use the average: {', '.join(fallback)}."
    else:
        text += " All of these classes that have events have a knee."
    if empty:
        text += f" No events: {', '.join(empty)}."
    return f"{text} {entry.note}".rstrip()


def _which(results: Results, entry: FigureEntry, labels: Sequence[str]) -> str:
    title = "Cumulative distributions of event durations"
    if not entry.classes:
        return f"{title} of all classes"
    names = ", ".join(map(readable, labels))
    wanted = ", ".join(map(readable, entry.classes))
    follows = _followed(results)
    if list(labels) == entry.classes:
        why = "the classes of the paper's figure"
    elif [follows.get(label, label) for label in labels] == entry.classes:
        why = f"which follow the statistics of {wanted}, the classes of the paper's figure"
    else:
        why = f"the first classes of this dataset; not all of {wanted}, as in the paper, are in it"
    return f"{title} of {names} ({why})"


def _grid(panels: int) -> tuple[Figure, np.ndarray]:
    """A figure with at least `count` panels, and its axes [rows, columns]."""
    columns, width, height = (2, 3.5, 2.5) if panels <= FEW else (5, 2.1, 2.1)
    rows = math.ceil(panels / columns)
    columns = math.ceil(panels / rows)  # as few empty places as possible
    figure = style.new(max(NARROWEST, columns * width), rows * height + 0.6)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _panel(axes: Axes, label: str, seconds: pd.Series, *, window: Window, eta: float) -> None:
    count = len(seconds)
    axes.set_title(readable(label), fontsize=9)
    if count:
        sns.ecdfplot(x=seconds, ax=axes, color=style.BLUE, label="cumulative share of events")
        if window.mean_s is not None:
            axes.axvline(window.mean_s, color=style.GREEN, label="average duration")
        esp = window.window_s / eta
        axes.axvline(esp, color="black", linestyle="--", label="ESP duration")
        if window.knee_s is not None and window.knee_index:
            marker = {"marker": "o", "color": style.RED, "linestyle": "none", "zorder": 5}
            axes.plot(window.knee_s, window.knee_index / count, label="knee", **marker)
    longest = seconds.max() if count else 0.0
    axes.set(xlabel="", ylabel="", ylim=(0, 1.02), xlim=(0, max(1.0, 1.03 * longest)))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_ticks([0, 0.5, 1])
    note = f"{count} event{'s' * (count != 1)}" + ("" if window.knee_index else "\nno knee")
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    corner = {"ha": "right", "va": "bottom", "fontsize": 7.5, "bbox": box, "zorder": 6}
    axes.text(0.98, 0.03, note, transform=axes.transAxes, color=style.GREY, **corner)


def _followed(results: Results) -> dict[str, str]:
    """Class -> class of the original task whose statistics it follows, from the dataset file."""
    labels = results.config.dataset_file.soundscapes.get("classes")
    if not isinstance(labels, dict):
        return {}
    return {label: entry["follows"] for label, entry in labels.items() if "follows" in entry}
