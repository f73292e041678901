"""Relative gain of a system over its base by the scores of the base, beside that of a control."""

import itertools

from matplotlib.figure import Figure

from resed.config.dataset import EVALUATION
from resed.config.rows import Row
from resed.draw import style
from resed.paper.figure_entries import FigureEntry
from resed.results.combination import Term, relative
from resed.results.folder import Results

WIDTH = 6.5  # inches


def draw(results: Results, entry: FigureEntry) -> Figure:
    """Draw one group of bars per range of scores, with 95 % intervals."""
    groups = _groups(results, entry)
    figure = style.new(WIDTH, 3.6)
    axes = figure.subplots()
    shown = [entry.system or "", *[entry.control] * (entry.control in results.config.systems)]
    for index, (system, colour) in enumerate(zip(shown, (style.BLUE, style.GREY), strict=False)):
        found = [_relative(results, entry, system, labels) for _, labels in groups]
        for place, one in enumerate(found):
            if one is None:
                continue
            ends = ([one.mean - one.low], [one.high - one.mean]) if one.known else None
            at = place + 0.36 * (index - (len(shown) - 1) / 2)
            label = results.paper.label(system) if not place else ""
            axes.bar(at, one.mean, 0.34, yerr=ends, color=colour, capsize=3, label=label)
    ticks = [f"{name}\n{len(labels)} classes" for name, labels in groups]
    axes.set_xticks(range(len(groups)), ticks)
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    axes.set_xlabel(f"{results.paper.metrics[entry.metric].title} of a class with the base")
    axes.set_ylabel("relative gain, %")
    figure.legend(loc="outside upper right", ncols=2)
    style.footnote(figure, results, EVALUATION, results.config.seeds_in_words)
    return figure


def _groups(results: Results, entry: FigureEntry) -> list[tuple[str, tuple[str, ...]]]:
    """Range of scores as text, and the classes in it; ranges without a class are left out."""
    metric = results.paper.metrics[entry.metric]
    scores = {
        label: found.mean / metric.full_scale
        for label in results.config.dataset_file.classes
        if (found := results.interval(EVALUATION, Row(entry.second), metric, label))
    }
    edges = (0.0, *entry.edges, 1.0)
    groups = []
    for low, high in itertools.pairwise(edges):
        inside = [n for n, s in scores.items() if low <= s < high or (high == 1.0 and s >= 1.0)]
        groups.append((f"{low:g} to {high:g}", tuple(inside)))
    return [group for group in groups if group[1]]


def _relative(results: Results, entry: FigureEntry, system: str, labels: tuple[str, ...]):
    sides = Term(system, labels=labels), Term(entry.second, labels=labels)
    return relative(results, EVALUATION, *sides, results.paper.metrics[entry.metric])


def caption(results: Results, entry: FigureEntry) -> str:
    """Description of the bars, and what the control shows."""
    label = results.paper.label
    text = (
        f"Gain of {label(entry.system or '')} over {label(entry.second)} in percent of the mean "
        "score of the classes of each range, with 95 % intervals. Classes with a low score gain in "
        "any further training, by regression to the mean"
    )
    if entry.control in results.config.systems:
        text += f": {label(entry.control)} shows by how much."
    else:
        text += f"; the control, {label(entry.control)}, was not run."
    return f"{text} {entry.note}".strip()
