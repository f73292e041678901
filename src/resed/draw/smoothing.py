"""Frame posteriors of one clip before and after the filters of the next targets."""

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter1d, median_filter

from resed.config.dataset import EVALUATION
from resed.draw import style
from resed.formats.posteriors import Posteriors
from resed.paper.figure_entries import FigureEntry
from resed.results.folder import Results, readable

WIDTH, MEDIAN, SIGMA = 8.0, 9, 2.0  # inches; frames
MOST_CLASSES = 3
ACTIVE = 0.5


def draw(results: Results, entry: FigureEntry) -> Figure:
    """Draw the classes with the most changes across the threshold, raw above and filtered below."""
    found = Posteriors.load(results.posteriors(EVALUATION, entry.system or "", 0))
    clip = _noisiest(found)
    frames = np.asarray(found.frames[clip])
    smooth = gaussian_filter1d(median_filter(frames, (MEDIAN, 1), mode="nearest"), SIGMA, axis=0)
    order = np.argsort(-_changes(frames[None])[0], kind="stable")
    order = sorted(order[:MOST_CLASSES], key=lambda column: -frames[:, column].max())
    seconds = np.arange(len(frames)) * found.seconds_per_frame
    figure = style.new(WIDTH, 4.2)
    grid = figure.subplots(2, 1, sharex=True, sharey=True)
    for axes, values, title in zip(grid, (frames, smooth), ("Before", "After"), strict=True):
        for column, colour in zip(order, style.SERIES, strict=False):
            label = readable(found.classes[column]) if title == "Before" else ""
            axes.step(seconds, values[:, column], where="post", color=colour, label=label)
        axes.set_title(title)
        axes.set_ylabel("posterior")
        axes.set_ylim(0, 1.02)
    grid[-1].set_xlabel("seconds")
    figure.legend(loc="outside upper right", ncols=MOST_CLASSES)
    style.footnote(figure, results, EVALUATION, "seed 0")
    return figure


def _changes(frames: np.ndarray) -> np.ndarray:
    """Crossings of the threshold per clip and class."""
    active = frames >= ACTIVE
    return (active[:, 1:] != active[:, :-1]).sum(axis=1)


def _noisiest(found: Posteriors) -> int:
    """The clip with the most crossings; the first one of several."""
    most = [
        int(_changes(np.asarray(found.frames[i : i + 1])).sum()) for i in range(len(found.clips))
    ]
    return int(np.argmax(most))


def caption(results: Results, entry: FigureEntry) -> str:
    """Description of both panels."""
    title = results.config.catalogue[entry.system or ""].title
    return (
        f"Frame posteriors of {title} for the clip of {EVALUATION} in which they cross {ACTIVE:g} "
        f"most often, before and after a median over {MEDIAN} frames and a Gaussian (standard "
        f"deviation {SIGMA:g} frames). {entry.note}"
    ).strip()
