"""Figures 5 and 6: confusion matrices of audio tagging on evaluation."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resed.draw import style
from resed.draw.drawing import Drawing
from resed.judge.confusions import SPLIT, confusions
from resed.results.folder import Results, readable
from resed.score.confusion import normalise_rows

METHODS = {
    "spread": "Correct tags stand on the diagonal; a missed tag is spread over the clip's false "
    "tags, or stands under none where the clip has no false tag.",
    "cooccurrence": "A true tag counts for every tag found in the same clip, so that even a "
    "perfect tagger is off the diagonal.",
    "single": "Only clips with one tag, against the class of the highest clip posterior (before "
    "any filter).",
}
COUNTED = {"spread": "clips with it", "cooccurrence": "pairs", "single": "clips with it alone"}
NUMBERING = {
    2: "The paper calls this system 2 (the baseline). In the journal's Table 1 that is PTS without "
    "BGRUs; the caption may carry the letter's numbering, where 2 is PTS (row 3 here), so both are "
    "drawn.",
    3: "PTS, row 3 of the journal's Table 1: system 2 in the letter's numbering, which the paper's "
    'Figure 5 ("system 2 (the baseline)") may mean.',
    9: "System 9 (the best) of the paper.",
}


def matrix(results: Results, row: int) -> np.ndarray:
    """Counts [classes, classes + 1] of the system in row `row`, as a claim on them is judged."""
    return confusions(results, results.system_of_row(row)).counts


def figure(results: Results, row: int) -> Figure:
    """A heat map: rows true classes, columns found classes, shares of a row in percent."""
    counts = matrix(results, row)
    shares = 100 * normalise_rows(counts)
    names = [readable(label) for label in results.config.dataset_file.classes]
    made = style.new(*_size(len(names)))
    axes = made.subplots()
    image = axes.pcolormesh(shares, cmap=style.HEAT, vmin=0, vmax=100, edgecolors="white", lw=0.6)
    axes.axvline(len(names), color="white", linewidth=4)
    _write(axes, shares)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.grid(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_facecolor("#dddddd")  # a row without clips
    ticks = np.arange(len(names)) + 0.5
    axes.set_xticks([*ticks, len(names) + 0.5], [*names, "None"], rotation=45, ha="right")
    axes.set_yticks(ticks, [f"{n} ({_count(c)})" for n, c in zip(names, counts, strict=True)])
    axes.tick_params(length=0)
    axes.set(xlabel="Tagged as", ylabel=f"True class ({COUNTED[results.config.confusion]})")
    bar = made.colorbar(image, ax=axes, shrink=0.8, label="Share of the true class, %")
    bar.outline.set_visible(False)
    system = results.config.catalogue[results.system_of_row(row)].title
    axes.set_title(f"{system}: audio tagging on {SPLIT}")
    style.footnote(made, results, "seed 0", f"counted as {results.config.confusion}")
    return made


def caption(results: Results, row: int) -> str:
    """What the matrix shows and which system it is."""
    title = results.config.catalogue[results.system_of_row(row)].title
    return (
        f"{title}, audio tagging on evaluation; a row adds up to 100 % of the true class. "
        f"{METHODS[results.config.confusion]} Grey: no such clip. The paper does not "
        f"say how it counts clips with several tags. {NUMBERING[row]}"
    )


def _size(classes: int) -> tuple[float, float]:
    """Inches: room for a number of three digits in each cell, and none wasted on few classes."""
    more = 0.42 * max(0, classes - 10)
    return 7.4 + more, (6.0 if classes > 3 else 3.4) + more


def _write(axes: Axes, shares: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(shares):
        if np.isnan(value) or value < 0.5:
            continue
        colour = "black" if value > 55 else "white"
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{value:.0f}",
            ha="center",
            va="center",
            color=colour,
            fontsize=8,
        )


def _count(row: np.ndarray) -> str:
    return f"{row.sum():.0f}"


def _drawing(title: str, row: int) -> Drawing:
    return Drawing(title, partial(figure, row=row), partial(caption, row=row), (row,))


FIGURE5 = _drawing("Figure 5. Confusion of system 2", 2)
FIGURE5_SYSTEM3 = _drawing("Figure 5, other numbering. Confusion of system 3", 3)
FIGURE6 = _drawing("Figure 6. Confusion of system 9", 9)
