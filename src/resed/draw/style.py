"""One look for all figures, and bytes that do not change from one drawing to the next."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from resed.results.clips import in_short
from resed.results.folder import Results, departures, short_hash
from resed.runtime.files import atomic_path

# Okabe & Ito (2008): eight colours that people with any colour vision tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, "#999999")
GREY = "#595959"
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
    "svg.hashsalt": "resed",  # ids in the SVG are random otherwise
    "svg.fonttype": "path",  # looks the same where the font is missing
}


@contextmanager
def look() -> Iterator[None]:
    """Settings of all figures, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new(width: float, height: float) -> Figure:
    """An empty figure of so many inches, bound to no window."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    return figure


def footnote(figure: Figure, results: Results, *facts: str) -> None:
    """Say below the figure what it rests on, and whether the paper's numbers compare."""
    ground = [in_short(results), f"manifest {short_hash(results.manifest)}"]
    if departures(results):
        ground.append("not the paper's numbers")
    parts = [results.dataset, *facts, *ground]
    note = figure.supxlabel(" · ".join(parts), x=0.01, ha="left", fontsize=6.5, color=GREY)
    if note.get_window_extent().x1 > figure.bbox.x1:  # long titles: what it rests on goes below
        note.set_text(" · ".join(parts[: -len(ground)]) + "\n" + " · ".join(ground))


def save(figure: Figure, png: Path, svg: Path) -> None:
    """Write PNG and SVG atomically, without dates."""
    with atomic_path(png) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    with atomic_path(svg) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": "resed"})
