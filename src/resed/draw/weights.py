"""Figure 3: posteriors and adaptive weights a class in the focal loss, at one epoch."""

import math

from matplotlib.figure import Figure

from resed.draw import style
from resed.draw.drawing import Drawing
from resed.errors import ResultsError
from resed.results.folder import Results, readable

ROW = 8  # the first system with the focal loss


def figure3(results: Results) -> Figure:
    """Bars: mean p_t a class (left axis); line: its mean weight 1 - p_t^gamma (right axis)."""
    epoch, values = _last(results)
    labels = sorted(values, key=lambda label: -values[label][0])
    places = range(len(labels))
    figure = style.new(7.2 + 0.25 * max(0, len(labels) - 12), 4.2)
    left = figure.subplots()
    bars = left.bar(places, [values[label][0] for label in labels], color=style.SKY, width=0.65)
    left.set(ylim=(0, 1), ylabel="Mean posterior of the truth, p")
    left.set_xticks(places, [readable(label) for label in labels], rotation=35, ha="right")
    left.grid(axis="x", visible=False)
    right = left.twinx()
    right.spines["right"].set_visible(True)
    right.grid(False)
    weights = [values[label][1] for label in labels]
    (line,) = right.plot(places, weights, color=style.VERMILION, marker="o", markersize=5)
    top = max(weights) * 1.25 or 1.0
    right.set(ylim=(0, min(1.0, top)), ylabel=f"Mean adaptive weight, {_formula(results)}")
    left.legend(
        [bars, line],
        ["posterior (left axis)", "adaptive weight (right axis)"],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
    )
    style.footnote(figure, results, f"{_title(results)}, seed 0, epoch {epoch}")
    return figure


def caption(results: Results) -> str:
    """What Figure 3 shows here, and how it differs from the paper's."""
    epoch, _ = _last(results)
    focal = results.config.system(_system(results)).objective.focal
    weight = "1 − p^γ" if focal.form == "printed" else "(1 − p)^γ"
    return (
        f"The focal loss of {_title(results)} at epoch {epoch}, the last; the paper shows one "
        "epoch and does not say which. Left axis: the student's clip posterior of what is true (p "
        "where the class is present, 1 − p where it is not), averaged over the labelled clips of "
        f"that epoch; right axis: the weight {weight} with γ = {focal.gamma:g}. The paper "
        "prints sums over clips; means are drawn here, so that the axes have a scale. Hard classes "
        "get the higher weight. Classes are sorted by posterior."
    )


def _system(results: Results) -> str:
    return results.system_of_row(ROW)


def _title(results: Results) -> str:
    return results.config.catalogue[_system(results)].title


def _formula(results: Results) -> str:
    form = results.config.system(_system(results)).objective.focal.form
    return r"$1 - p^\gamma$" if form == "printed" else r"$(1 - p)^\gamma$"


def _last(results: Results) -> tuple[int, dict[str, tuple[float, float]]]:
    """The last epoch with weights, counted from 1, and (posterior, weight) a class there."""
    history = results.history(_system(results))
    classes = results.config.dataset_file.classes
    lacking = [
        c for c in classes if f"weight.{c}" not in history or f"posterior.{c}" not in history
    ]
    if lacking:
        raise ResultsError(
            f"history of {_system(results)}: no columns posterior. and weight. for {lacking[0]}; "
            "train it again"
        )
    for index in reversed(range(len(history["epoch"]))):
        values = {
            c: (history[f"posterior.{c}"][index], history[f"weight.{c}"][index]) for c in classes
        }
        if not any(math.isnan(value) for pair in values.values() for value in pair):
            return index + 1, values
    raise ResultsError(f"history of {_system(results)}: no epoch with weights; train it again")


FIGURE3 = Drawing(
    "Figure 3. Adaptive weights a class", figure3, caption, (ROW,), letter="Figure 1 (f)"
)
