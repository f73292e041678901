"""Posteriors and adaptive weights per class in the focal loss, at the last epoch."""

import pandas as pd
from matplotlib.figure import Figure

from resed.draw import style
from resed.errors import ResultsError
from resed.paper.figure_entries import FigureEntry
from resed.results.folder import Results, readable

CURE = "train it again"


def draw(results: Results, entry: FigureEntry) -> Figure:
    """Bars: mean p_t per class (left axis). Line: mean weight 1 - p_t^gamma (right axis)."""
    epoch, values = last_epoch(results, entry.system)
    places = range(len(values))
    figure = style.new(7.2 + 0.25 * max(0, len(values) - 12), 4.2)
    left = figure.subplots()
    bars = left.bar(places, values["posterior"], color=style.SKY, width=0.65)
    left.set(ylim=(0, 1), ylabel="Mean posterior of the reference label, p")
    left.set_xticks(places, [readable(label) for label in values.index], rotation=35, ha="right")
    left.grid(axis="x", visible=False)
    right = left.twinx()
    right.spines["right"].set_visible(True)
    right.grid(False)
    (line,) = right.plot(places, values["weight"], color=style.VERMILION, marker="o", markersize=5)
    top = values["weight"].max() * 1.25 or 1.0
    formula = r"$1 - p^\gamma$" if _as_printed(results, entry) else r"$(1 - p)^\gamma$"
    right.set(ylim=(0, min(1.0, top)))
    right.set_ylabel(f"Mean adaptive weight, {formula}", parse_math=True)
    left.legend(
        [bars, line],
        ["posterior (left axis)", "adaptive weight (right axis)"],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
    )
    title = results.config.catalogue[entry.system].title
    style.footnote(figure, results, f"{title}, seed 0, epoch {epoch}")
    return figure


def caption(results: Results, entry: FigureEntry) -> str:
    """Description of the figure."""
    epoch, _ = last_epoch(results, entry.system)
    title = results.config.catalogue[entry.system].title
    weight = "1 − p^γ" if _as_printed(results, entry) else "(1 − p)^γ"
    gamma = results.config.system(entry.system).objective.focal.gamma
    text = (
        f"Focal loss of {title} at epoch {epoch}, the last one. Left axis: clip posterior p of the "
        "reference label, computed by the student (the posterior if the class is present, 1 minus "
        "the posterior if it is absent), averaged over the labelled clips of that epoch. "
        f"Right axis: the weight {weight} with γ = {gamma:g}, averaged over the same clips. "
        "Classes with a low posterior get a high weight. Classes are sorted by posterior."
    )
    return f"{text} {entry.note}".rstrip()


def last_epoch(results: Results, system: str) -> tuple[int, pd.DataFrame]:
    """The number of the last epoch with weights, counted from 1, and its values.

    The values are one row per class with the columns posterior and weight, in order of decreasing
    posterior. Raises MissingFileError, or ResultsError if the history has no weights.
    """
    history = pd.DataFrame(results.history(system))
    classes = results.config.dataset_file.classes
    posteriors, weights = ([f"{n}.{label}" for label in classes] for n in ("posterior", "weight"))
    place = f"history of {system}"
    for pair in zip(posteriors, weights, strict=True):
        if not set(pair) <= set(history):
            raise ResultsError(f"no columns {' and '.join(pair)}", place=place, cure=CURE)
    complete = history[[*posteriors, *weights]].dropna()
    if complete.empty:
        raise ResultsError("no epoch has adaptive weights", place=place, cure=CURE)
    last = complete.iloc[-1]
    values = {"posterior": last[posteriors].to_numpy(), "weight": last[weights].to_numpy()}
    found = pd.DataFrame(values, classes).sort_values("posterior", ascending=False, kind="stable")
    return history.index.get_loc(last.name) + 1, found


def _as_printed(results: Results, entry: FigureEntry) -> bool:
    return results.config.system(entry.system).objective.focal.form == "printed"
