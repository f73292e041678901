"""Figure 7: distributions of event durations, and what average and ESP windows make of them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from resed.calibrate.windows import duration_cdf
from resed.draw import style
from resed.draw.drawing import Drawing
from resed.errors import ResultsError
from resed.formats.annotations import read_events
from resed.formats.windows import Window
from resed.results.folder import Results, readable

PAPER_CLASSES = ("Blender", "Cat", "Dishes", "Dog")
NARROWEST = 4.4  # inches: below, the legend has no room
ONE_LINE = 5.5  # from here on it stands in one line


def durations(results: Results) -> dict[str, list[float]]:
    """Class -> seconds of its events in the strong training clips."""
    classes = results.config.dataset_file.classes
    found: dict[str, list[float]] = {label: [] for label in classes}
    for events in read_events(results.annotations("strong"), classes).values():
        for event in events:
            found[event.event_label].append(event.offset - event.onset)
    return found


def chosen(results: Results) -> list[str]:
    """The paper's four classes, or those that follow them here; else the first four."""
    dataset = results.config.dataset_file
    follows = _mapping(dataset.soundscapes)
    found = [
        next((c for c in dataset.classes if wanted in (c, follows.get(c))), None)
        for wanted in PAPER_CLASSES
    ]
    return [c for c in found if c] if all(found) else dataset.classes[:4]


def figure7(results: Results) -> Figure:
    """Four classes."""
    return _panels(results, chosen(results), columns=2, size=(3.5, 2.5))


def figure7_all(results: Results) -> Figure:
    """All classes."""
    return _panels(results, results.config.dataset_file.classes, columns=5, size=(2.1, 2.1))


def caption7(results: Results) -> str:
    """What Figure 7 shows and why these classes."""
    classes = chosen(results)
    names = ", ".join(readable(label) for label in classes)
    follows = _mapping(results.config.dataset_file.soundscapes)
    if classes == list(PAPER_CLASSES):
        why = "the paper's four classes"
    elif [follows.get(label) for label in classes] == list(PAPER_CLASSES):
        why = "which follow the statistics of the paper's Blender, Cat, Dishes and Dog"
    else:
        why = "the first classes of this dataset, which has not the paper's four"
    return f"Cumulative distributions of event durations: {names} ({why}). {_explain(results)}"


def caption7_all(results: Results) -> str:
    """What the small multiples show."""
    return f"The same for all classes. {_explain(results)}"


def _explain(results: Results) -> str:
    esp = results.windows("esp")
    fallen = [readable(label) for label, row in esp.items() if row.fallback and row.events]
    empty = [readable(label) for label, row in esp.items() if not row.events]
    told = "" if fallen else " Every class with events has a knee."
    if fallen:
        told = f" No knee was found for {', '.join(fallen)}: the average is taken there."
    if empty:
        told += f" No event at all: {', '.join(empty)}."
    return (
        "From the strong training clips alone. Green: the average duration; black: the ESP "
        "duration, the mean of the events up to the knee (red), which stands for the paper's "
        f"inflection point. The median window is {results.config.calibrate.eta:.3g} of either."
        + told
    )


def _panels(
    results: Results, classes: Sequence[str], columns: int, size: tuple[float, float]
) -> Figure:
    seconds, esp = durations(results), results.windows("esp")
    lacking = [label for label in classes if label not in esp]
    if lacking:
        raise ResultsError(f"windows_esp.tsv lacks {lacking[0]}; run resed calibrate again")
    rows = math.ceil(len(classes) / columns)
    columns = math.ceil(len(classes) / rows)  # as full as the rows can be
    width = max(NARROWEST, columns * size[0])
    figure = style.new(width, rows * size[1] + 0.6)
    grid = figure.subplots(rows, columns, squeeze=False)
    handles: dict[str, object] = {}
    for axes, label in zip(grid.flat, classes, strict=False):
        _panel(axes, label, seconds[label], esp[label], results.config.calibrate.eta)
        for line in axes.lines:
            handles.setdefault(line.get_label(), line)
    for axes in grid.flat[len(classes) :]:
        axes.set_visible(False)
    for index, axes in enumerate(grid.flat[: len(classes)]):
        if index + columns >= len(classes):
            axes.set_xlabel("Duration, s")
    for axes in grid[:, 0]:
        axes.set_ylabel("Share of events")
    many = 4 if width >= ONE_LINE else 2
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=many)
    style.footnote(figure, results, f"{sum(map(len, seconds.values()))} strong training events")
    return figure


def _panel(axes: Axes, label: str, seconds: list[float], window: Window, eta: float) -> None:
    x, y = duration_cdf(seconds)
    axes.set_title(readable(label), fontsize=9)
    axes.set(ylim=(0, 1.02), xlim=(0, max(1.0, 1.03 * float(x.max(initial=0.0)))))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_ticks([0, 0.5, 1])
    note = f"{len(x)} event{'s' * (len(x) != 1)}" + ("" if window.knee_index else "\nno knee")
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    corner = {"ha": "right", "va": "bottom", "fontsize": 7.5, "bbox": box, "zorder": 6}
    axes.text(0.98, 0.03, note, transform=axes.transAxes, color=style.GREY, **corner)
    if not len(x):
        return
    axes.step(
        np.r_[0, x], np.r_[0, y], where="post", color=style.BLUE, label="share of events up to it"
    )
    if window.mean_s is not None:
        axes.axvline(window.mean_s, color=style.GREEN, label="average duration")
    axes.axvline(window.window_s / eta, color="black", linestyle="--", label="ESP duration")
    if window.knee_s is not None and window.knee_index:
        axes.plot(
            window.knee_s,
            window.knee_index / len(x),
            marker="o",
            color="#CC0000",
            linestyle="none",
            zorder=5,
            label="knee",
        )


def _mapping(soundscapes: dict[str, Any]) -> dict[str, str]:
    """Class -> class of the real task whose statistics it follows, where the dataset says so."""
    classes = soundscapes.get("classes")
    if not isinstance(classes, dict):
        return {}
    return {label: entry["follows"] for label, entry in classes.items() if "follows" in entry}


FIGURE7 = Drawing("Figure 7. Durations of four classes", figure7, caption7, letter="Figure 2")
FIGURE7_ALL = Drawing("Figure 7, all classes", figure7_all, caption7_all)
