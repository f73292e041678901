"""Confusion matrix of audio tagging of one system on the evaluation split."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from resed.draw import style
from resed.judge.confusions import SPLIT, confusions
from resed.paper.figure_entries import FigureEntry
from resed.results.folder import Results, readable

NONE = "None"
DARK = 55  # percent; up to this share, white text has the higher contrast with the cell
METHODS = {
    "spread": "A correct tag counts on the diagonal. A missed tag is distributed in equal shares "
    "over the false tags of the clip, or counts as None if the clip has no false tag.",
    "cooccurrence": "Each true tag counts once for every tag that was found in the same clip, so "
    "even a perfect tagger has counts off the diagonal.",
    "single": "Only clips with one tag count, under the class with the highest clip posterior "
    "(before any filter).",
}
UNITS = {"spread": "clips with it", "cooccurrence": "pairs of tags", "single": "clips with it only"}


def shares(results: Results, system: str) -> pd.DataFrame:
    """Percent of each true class (rows) by predicted class (columns; the last one is None).

    The counts are the same as for claims about confusions. A row without clips is NaN. Row labels
    contain the number of clips or pairs.
    """
    found = confusions(results, system)
    names = [readable(label) for label in results.config.dataset_file.classes]
    rows = [f"{name} ({row.sum():.0f})" for name, row in zip(names, found.counts, strict=True)]
    return pd.DataFrame(100 * found.shares, rows, [*names, NONE])


def draw(results: Results, entry: FigureEntry) -> Figure:
    """Draw a heat map of the shares in percent of each row, without numbers below 0.5 %."""
    found = shares(results, entry.system)
    numbers = found.map(lambda share: f"{share:.0f}" if share >= 0.5 else "")
    figure = style.new(*_size(len(found)))
    axes = figure.subplots()
    axes.set_facecolor("#dddddd")  # a row without clips
    sns.heatmap(
        found,
        ax=axes,
        vmin=0,
        vmax=100,
        cmap=style.HEAT,
        annot=numbers,
        fmt="",
        annot_kws={"fontsize": 8},
        linewidths=0.6,
        cbar_kws={"shrink": 0.8, "label": "Share of the true class, %"},
        xticklabels=True,
        yticklabels=True,
    )
    for text, share in zip(axes.texts, found.stack(), strict=True):  # NaN has no text
        text.set_color("black" if share > DARK else "white")
    axes.set_aspect("equal")
    axes.axvline(len(found), color="white", linewidth=4)  # sets the column None apart
    axes.grid(False)
    axes.tick_params(length=0)
    axes.set_xticks(axes.get_xticks(), found.columns, rotation=45, ha="right")
    axes.tick_params(axis="y", labelrotation=0)
    axes.set(xlabel="Tagged as", ylabel=f"True class ({UNITS[results.config.confusion]})")
    axes.set_title(f"{results.config.catalogue[entry.system].title}: audio tagging on {SPLIT}")
    style.footnote(figure, results, "seed 0", f"counted as {results.config.confusion}")
    return figure


def caption(results: Results, entry: FigureEntry) -> str:
    """Description of the matrix and of its system."""
    text = (
        f"{results.config.catalogue[entry.system].title}, audio tagging on {SPLIT}, seed 0. Each "
        f"row sums to 100 % of the true class. {METHODS[results.config.confusion]} Grey: no clip "
        "has this class."
    )
    return f"{text} {entry.note}".rstrip()


def _size(classes: int) -> tuple[float, float]:
    """Width and height in inches, with room for three digits per cell."""
    more = 0.42 * max(0, classes - 10)
    return 7.4 + more, (6.0 if classes > 3 else 3.4) + more
