"""A score over the generations of a system: one panel per table of systems of the paper."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resed.config.dataset import EVALUATION
from resed.config.rows import Row
from resed.draw import style
from resed.paper.figure_entries import FigureEntry
from resed.paper.tables import SystemTable
from resed.results.folder import Results

WIDTH = 11.0  # inches


def draw(results: Results, entry: FigureEntry) -> Figure:
    """Draw our means with 95 % intervals at the first cell of each row, and printed numbers."""
    metric = results.paper.metrics[entry.metric]
    figure = style.new(WIDTH, 3.2 * ((len(entry.tables) + 1) // 2))
    grid = figure.subplots((len(entry.tables) + 1) // 2, 2, squeeze=False, sharey=True)
    for axes, name in zip(grid.flat, entry.tables, strict=False):
        shape = results.paper.tables[name]
        assert isinstance(shape, SystemTable)
        _panel(axes, shape, results, entry.metric)
        axes.set_title(shape.title)
    for axes in list(grid.flat)[len(entry.tables) :]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel(metric.title)
    handles, words = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower right", ncols=2)
    style.footnote(figure, results, EVALUATION, results.config.seeds_in_words)
    return figure


def _panel(axes: Axes, shape: SystemTable, results: Results, key: str) -> None:
    metric = results.paper.metrics[key]
    labels, printed = [], []
    split = EVALUATION if EVALUATION in shape.splits else shape.splits[-1]
    for row in shape.rows:
        for system, cells in [(row.system, {}), *((v.system, v.cells) for v in row.variants)]:
            place = len(labels)
            cells = row.cells | cells
            labels.append("\n".join([cells.get(name, "") for name in shape.cells] or [row.title]))
            values = row.values.get(key)
            value = values[shape.splits.index(split)] if values else None
            if value is not None and system == row.system:
                printed.append((place, value))
            if system not in results.config.systems:
                continue
            found = results.interval(split, Row(system), key)
            if found is None:
                continue
            ends = ([found.mean - found.low], [found.high - found.mean]) if found.known else None
            axes.errorbar(
                [place],
                [found.mean],
                yerr=ends,
                fmt="o",
                color=style.BLUE,
                capsize=3,
                label="mean with 95 % interval" if not axes.get_lines() else "",
            )
    if results.config.dataset_file.name == results.paper.dataset and printed:
        places, values = zip(*printed, strict=True)
        axes.plot(places, values, "D", mfc="none", color=style.VERMILION, label="paper")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_xlabel(", ".join(shape.cells))
    axes.margins(y=0.1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.{min(3, metric.decimals)}f}")


def caption(results: Results, entry: FigureEntry) -> str:
    """Description of the panels."""
    text = f"{results.paper.metrics[entry.metric].title} on {EVALUATION} with 95 % intervals; "
    text += "systems that were not run have no point."
    if results.config.dataset_file.name != results.paper.dataset:
        text += " The paper's numbers are on other data and are not drawn."
    return f"{text} {entry.note}".strip()
