"""Graph of the stages, their outputs and the data flow between them."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from resed.draw import style

Point = tuple[float, float]
WIDTH, HEIGHT = 2.3, 1.15  # of a box, in data units


@dataclass(frozen=True)
class Stage:
    """A box: its centre, what the stage makes, and the colour of its group."""

    x: float
    y: float
    makes: str
    colour: str


DATA, MODEL, EVENTS, PAGES = "#DCEBF7", "#FBE3CF", "#D6F0E5", "#F4DFEB"
LINE = "#404040"
STAGES = {
    "acquire": Stage(0, 4, "audio and\nannotations", DATA),
    "audit": Stage(3, 4, "manifest: one\nrow per clip", DATA),
    "extract": Stage(6, 4, "log-mels: one\nstore per split", DATA),
    "train": Stage(9, 4, "checkpoint,\nhistory", MODEL),
    "predict": Stage(12, 4, "posteriors per\nframe and clip", MODEL),
    "calibrate": Stage(6, 2, "median windows,\nthreshold", EVENTS),
    "decode": Stage(12, 2, "events\nand tags", EVENTS),
    "score": Stage(12, -0.2, "metrics, counts\nper clip", EVENTS),
    "tabulate": Stage(8.9, -0.2, "tables, verdicts:\nCSV, Markdown", PAGES),
    "draw": Stage(6.1, -0.2, "figures, curves:\nPNG, SVG", PAGES),
    "report": Stage(2.4, -0.2, "one page\nto open", PAGES),
}
TOGETHER = (4.7, -1.02, 5.6, 1.64)  # tabulate and draw have the same inputs


@dataclass(frozen=True)
class Flow:
    """An arrow through corner points, with its label and the position of the label."""

    points: tuple[Point, ...]
    label: str = ""
    place: Point = (0.0, 0.0)


def draw() -> Figure:
    """Draw the graph. It does not depend on any result."""
    figure = style.new(10.5, 4.6)
    axes = figure.subplots()
    axes.set(xlim=(-1.3, 13.3), ylim=(-1.75, 4.7))
    axes.set_axis_off()
    axes.set_aspect("equal")
    x, y, width, height = TOGETHER
    _rounded(axes, (x, y), (width, height), colour="#FBF4F8", line="--")
    for flow in _flows():
        _arrow(axes, flow)
    for name, stage in STAGES.items():
        _box(axes, name, stage)
    return figure


def caption() -> str:
    """Description of the graph."""
    return (
        "Data flow between the stages. Each stage is a rule, a command `resed STAGE` and a folder "
        "of results. Blue: data; orange: networks; green: from posteriors to scores; pink: "
        "tables, figures and report."
    )


def _box(axes: Axes, name: str, stage: Stage) -> None:
    corner = (stage.x - WIDTH / 2, stage.y - HEIGHT / 2)
    _rounded(axes, corner, (WIDTH, HEIGHT), colour=stage.colour, line="-")
    axes.text(stage.x, stage.y + 0.31, name, ha="center", va="center", fontsize=11, weight="bold")
    axes.text(stage.x, stage.y - 0.2, stage.makes, ha="center", va="center", fontsize=8.5)


def _rounded(axes: Axes, corner: Point, size: Point, *, colour: str, line: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            corner,
            *size,
            boxstyle="round,pad=0,rounding_size=0.16",
            facecolor=colour,
            edgecolor=LINE,
            linewidth=0.9,
            linestyle=line,
        )
    )


def _flows() -> list[Flow]:
    w, h = WIDTH / 2, HEIGHT / 2
    x, y, width, height = TOGETHER
    low = STAGES["score"].y
    return [
        *(Flow(((start + w, 4), (start + 3 - w, 4))) for start in (0, 3, 6, 9)),
        Flow(((0, 2), (6 - w, 2)), "strong training events", (2.6, 2.08)),
        Flow(((6 + w, 2), (12 - w, 2)), "windows per class", (8.1, 2.08)),
        Flow(((12, 4 - h), (12, 2 + h))),
        Flow(((12, 2 - h), (12, low + h))),
        Flow(((9.4, 4 - h), (9.4, y + height)), "history", (9.78, 2.8)),
        Flow(((6, 2 - h), (6, y + height))),
        Flow(((12 - w, low), (x + width, low))),
        Flow(((x, low), (STAGES["report"].x + w, low))),
        Flow(((0, 4 - h), (0, -1.45), (12, -1.45), (12, low - h)), "reference", (2.4, -1.4)),
    ]


def _arrow(axes: Axes, flow: Flow) -> None:
    *before, last = flow.points
    if len(before) > 1:
        xs, ys = zip(*before, strict=True)
        axes.plot(xs, ys, color=LINE, linewidth=1.1, solid_joinstyle="round")
    axes.add_patch(
        FancyArrowPatch(
            before[-1],
            last,
            arrowstyle="-|>",
            mutation_scale=11,
            color=LINE,
            linewidth=1.1,
            shrinkA=0,
            shrinkB=0,
        )
    )
    if flow.label:
        axes.text(*flow.place, flow.label, ha="center", va="bottom", fontsize=8, color=style.GREY)
