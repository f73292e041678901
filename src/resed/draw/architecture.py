"""The networks of a system and their losses, drawn from its settings."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from resed.config.run import Config
from resed.draw import style
from resed.draw.architecture_text import Architecture, Lines, NetworkText, describe
from resed.errors import ConfigError

# In inches, which are the units of the axes.
SIDE, BRANCH, CENTRE = 4.0, 1.93, 2.1  # widths of a network, of its branches, of what connects both
BETWEEN, EDGE = 0.35, 0.2
WIDE = 2 * (SIDE + BETWEEN + EDGE) + CENTRE
FREE = 0.2  # beside the loss of the frames, for the arrow to the decoding
LINE_HEIGHT, PAD, GAP = 0.165, 0.16, 0.3
TEXT_SIZE = 8.0
Point = tuple[float, float]
DATA, MODEL, POSTERIORS, LOSSES = "#DCEBF7", "#FBE3CF", "#D6F0E5", "#F4DFEB"
LINE = "#404040"


@dataclass(frozen=True)
class Box:
    """A box with lines of text; its position is that of its centre."""

    x: float
    y: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """Its upper edge."""
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y - self.height / 2

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width / 2


def draw(config: Config, system: str) -> Figure:
    """Draw the networks of a system. It depends on the config and on no result."""
    shown = text_of(config, system)
    rows = _rows(shown)
    high = sum(rows) + GAP * (len(rows) - 1) + 2 * EDGE
    figure = style.new(WIDE, high)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDE), ylim=(0, high))
    axes.set_axis_off()
    _Picture(axes, shown, rows, high).draw()
    return figure


def caption(config: Config, system: str) -> str:
    """What the figure shows, and what its abbreviations mean."""
    shown = text_of(config, system)
    text = (
        f"Networks and losses of {config.catalogue[system].title} in training, with the sizes of "
        "this config (frames × mel bands after each block). Blue: data; orange: layers; green: "
        "posteriors; pink: losses. "
    )
    if config.system(system).model.framework == "mean_teacher":
        return f"{text}The teacher is the moving average of the student and is not trained itself."
    if shown.distillation:
        text += "F: output of a CNN; TFD, DFD: distillation of F; "
    return f"{text}L_con: each network learns from the clip posteriors of the other."


def text_of(config: Config, system: str) -> Architecture:
    """The text of the figure, from the settings of a system and of its features."""
    features = config.feature_sets[config.features_of(system)]
    if config.system(system).model.framework == "single":
        raise ConfigError(
            f"the figure shows a teacher and a student, but {system} has one network",
            place="--system",
            cure="name another system",
        )
    return describe(config.system(system), features, len(config.dataset_file.classes))


def _high(*texts: Lines) -> float:
    lines = max(map(len, texts))
    return LINE_HEIGHT * lines + PAD if lines else 0.0


def _rows(shown: Architecture) -> list[float]:
    """Heights of the rows, from the input to the decoding."""
    sides = (shown.teacher, shown.student)
    centre = _high(shown.distillation)
    features = max(_high(*(side.features for side in sides)), centre)
    return [
        _high(shown.input),
        _high(*(side.source for side in sides)) + 0.2,
        _high(*(side.cnn for side in sides)),
        features,
        _high(*(lines for s in sides for lines in (s.tag_branch, s.frame_branch))),
        max(_high(*(side.tags for side in sides)), _high(shown.consistency)),
        _high(*(lines for s in sides for lines in (s.tag_loss, s.frame_loss))),
        _high(shown.decoding),
    ]


class _Picture:
    """The boxes and arrows of one figure."""

    def __init__(self, axes: Axes, shown: Architecture, rows: Sequence[float], high: float):
        self.axes, self.shown, self.rows = axes, shown, rows
        tops = [high - EDGE]
        for row in rows:
            tops.append(tops[-1] - row - GAP)
        self.middles = [top - row / 2 for top, row in zip(tops, rows, strict=False)]

    def draw(self) -> None:
        """Draw both networks, then what connects them."""
        shown = self.shown
        source = self._box(WIDE / 2, 0, CENTRE * 1.8, shown.input, DATA)
        teacher = self._side(shown.teacher, source, outer=-1)
        student = self._side(shown.student, source, outer=1)
        if shown.distillation:
            box = self._box(WIDE / 2, 3, CENTRE, shown.distillation, LOSSES)
            self._arrow((teacher.features.right, box.y), (box.left, box.y))
            self._arrow((student.features.left, box.y), (box.right, box.y))
        if shown.consistency:
            box = self._box(WIDE / 2, 5, CENTRE, shown.consistency, LOSSES)
            self._arrow((teacher.tags.right, box.y), (box.left, box.y), both=shown.guides[1])
            self._arrow((box.right, box.y), (student.tags.left, box.y), both=shown.guides[1])
        decoded = self._box(WIDE / 2, 7, CENTRE * 2.6, shown.decoding, POSTERIORS)
        x = student.frames.right - FREE / 2
        corner = (x, decoded.y)
        self._arrow((x, student.frames.bottom), corner, (decoded.right, decoded.y))

    def _side(self, side: NetworkText, source: Box, outer: int) -> "_Drawn":
        """One network; `outer` is -1 on the left and 1 on the right."""
        x = WIDE / 2 + outer * (CENTRE / 2 + BETWEEN + SIDE / 2)
        inner_x, outer_x = x - outer * (SIDE - BRANCH) / 2, x + outer * (SIDE - BRANCH) / 2
        self.axes.text(
            x, self.middles[0], side.title, ha="center", va="center", weight="bold", fontsize=9
        )
        cnn = self._box(x, 2, SIDE, side.cnn, MODEL)
        corner = (x, source.bottom - GAP / 2)
        edge = source.x + outer * source.width / 4
        self._arrow((edge, source.bottom), (edge, corner[1]), corner, (x, cnn.top))
        self._label(x, 1, side.source)
        features = self._box(x, 3, SIDE, side.features, DATA)
        self._down(cnn, features, x)
        branches = []
        for at, branch, out, loss in (
            (inner_x, side.tag_branch, side.tags, side.tag_loss),
            (outer_x, side.frame_branch, side.frames, side.frame_loss),
        ):
            layers = self._box(at, 4, BRANCH, branch, MODEL)
            posteriors = self._box(at, 5, BRANCH, out, POSTERIORS)
            self._down(features, layers, at)
            self._down(layers, posteriors, at)
            if loss:
                shift = FREE / 2 if at == outer_x else 0.0
                beside = self._box(at - outer * shift, 6, BRANCH - 2 * shift, loss, LOSSES)
                self._down(posteriors, beside, beside.x)
            branches.append(posteriors)
        return _Drawn(features, *branches)

    def _box(self, x: float, row: int, width: float, lines: Lines, colour: str) -> Box:
        """A box in the middle of its row, as high as its text requires."""
        box = Box(x, self.middles[row], width, _high(lines))
        corner, size = (box.left, box.bottom), (box.width, box.height)
        shape = "round,pad=0,rounding_size=0.07"
        patch = FancyBboxPatch(corner, *size, boxstyle=shape, fc=colour, ec=LINE, linewidth=0.9)
        self.axes.add_patch(patch)
        self._text(box.x, box.y, lines)
        return box

    def _label(self, x: float, row: int, lines: Lines) -> None:
        """Text over an arrow, on the colour of the figure."""
        if lines:
            self._text(x, self.middles[row], lines, bbox={"fc": "white", "ec": "none", "pad": 1.5})

    def _text(self, x: float, y: float, lines: Lines, **options: object) -> None:
        place = {"ha": "center", "va": "center", "fontsize": TEXT_SIZE, "linespacing": 1.25}
        self.axes.text(x, y, "\n".join(lines), **place, **options)

    def _down(self, above: Box, below: Box, x: float) -> None:
        self._arrow((x, above.bottom), (x, below.top))

    def _arrow(self, *points: Point, both: bool = False) -> None:
        """An arrow through corner points; with `both`, it has two heads."""
        *before, last = points
        if len(before) > 1:
            self.axes.plot(*zip(*before, strict=True), color=LINE, linewidth=1.0)
        head = {"arrowstyle": "<|-|>" if both else "-|>", "mutation_scale": 10}
        look = {"color": LINE, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0}
        self.axes.add_patch(FancyArrowPatch(before[-1], last, **head, **look))


@dataclass(frozen=True)
class _Drawn:
    """The boxes of a network that others connect to."""

    features: Box
    tags: Box
    frames: Box
