"""The style of all figures. Drawing the same figure twice gives the same bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from resed.results.clips import in_short
from resed.results.folder import Results, departures, short_hash
from resed.runtime.files import atomic_path

# Okabe & Ito (2008): eight colours that remain distinct with any colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, "#999999")
GREY, RED = "#595959", "#CC0000"
HEAT = "cividis"
DOTS_PER_INCH = 180

_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # a class may contain dollar signs
    "svg.hashsalt": "resed",  # otherwise the ids in the SVG are random
    "svg.fonttype": "path",  # independent of the fonts of the viewer
}


@contextmanager
def look() -> Iterator[None]:
    """Apply the settings of all figures, independent of the user's matplotlibrc."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new(width: float, height: float) -> Figure:
    """An empty figure of this size in inches.

    It has no canvas, because seaborn draws a figure that has one. If a heat map is drawn before its
    labels are set, matplotlib's layout misplaces them.
    """
    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH)


def footnote(figure: Figure, results: Results, *facts: str) -> None:
    """Write dataset, clips and manifest below the figure, and whether it is comparable."""
    basis = [in_short(results), f"manifest {short_hash(results.manifest)}"]
    if departures(results):
        basis.append("not comparable with the paper")
    parts = [results.dataset, *facts, *basis]
    note = figure.supxlabel(" · ".join(parts), x=0.01, ha="left", fontsize=6.5, color=GREY)
    if note.get_window_extent().x1 > figure.bbox.x1:  # too long for one line
        note.set_text(" · ".join(parts[: -len(basis)]) + "\n" + " · ".join(basis))


def save(figure: Figure, png: Path, svg: Path) -> None:
    """Write PNG and SVG atomically, with the same layout and without dates."""
    with atomic_path(png) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    figure.set_layout_engine("none")
    with atomic_path(svg) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": "resed"})
