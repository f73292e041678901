"""How far each reading of what the paper leaves open moves the three metrics."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from resed.draw import style
from resed.draw.drawing import Drawing
from resed.results.folder import Results
from resed.results.readings_study import (
    METRICS,
    SCORED,
    Effect,
    Group,
    Study,
    compare_readings,
    headline,
    sentences,
)

TITLES = {"event": "Event-F1", "segment": "Segment-F1", "tags": "AT-F1"}
BAND = "#e6e6e6"
ROW = 0.185  # inches
# Colour and shape say the same, so that neither is needed alone.
MARKS = {
    "better": (style.BLUE, ">", style.BLUE),
    "worse": (style.VERMILION, "<", style.VERMILION),
    "undecided": (style.GREY, "o", "white"),
}
Rows = Sequence[tuple[str, Effect | Group]]  # a row each: its label, and its reading or heading


def figure(results: Results) -> Figure:
    """A panel a metric; a row a reading under its question, with its 95 % interval."""
    found = compare_readings(results)
    rows = _rows(found.groups)
    if not rows:
        return _nothing(headline(found, results).replace("`", ""))
    made = style.new(9.2, 1.75 + ROW * (len(rows) + 1))
    panels = made.subplots(1, len(METRICS), sharey=True, sharex=True)
    for axes, metric in zip(panels, METRICS, strict=True):
        _panel(axes, metric, rows, found)
    _labels(panels[0], rows)
    panels[0].set_xlim(_reach(found))
    panels[1].set_xlabel(f"Change of F1 on {SCORED} against the unchanged system, points")
    _legend(made, found)
    title = results.config.catalogue[results.config.sensitivity.system].title
    count = f"{found.seeds} seed{'s' * (found.seeds != 1)} unchanged"
    style.footnote(made, results, title, count, "bars: 95 % intervals")
    return made


def caption(results: Results) -> str:
    """What the picture shows, computed from the results."""
    found = compare_readings(results)
    first = headline(found, results).replace("`", "")
    if not found.groups:
        return first
    how = (
        "Each row changes one reading of the unchanged system; questions stand in the order of "
        "their largest decided change, else of their largest. A star marks readings that rest on "
        "the same networks and are compared seed by seed. Better and worse go by each interval "
        "alone, not corrected for being many. Intervals are cut where F1 would leave 0 to 100; "
        "those of what is undecided may end outside."
    )
    return " ".join([first, how, *sentences(found, results)])


def _rows(groups: Sequence[Group]) -> Rows:
    rows: list[tuple[str, Effect | Group]] = []
    for group in groups:
        rows.append((group.question.title, group))
        rows += [(e.option.title + " *" * e.shared, e) for e in group.effects]
    return rows


def _panel(axes: Axes, metric: str, rows: Rows, found: Study) -> None:
    axes.set_title(TITLES[metric])
    apart = found.apart.get((metric, SCORED))
    if apart is not None:
        axes.axvspan(-apart, apart, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    for place, (_, effect) in enumerate(rows):
        if isinstance(effect, Group):
            axes.axhline(place - 0.5, color="#c8c8c8", linewidth=0.6, zorder=0.5)
            continue
        change = effect.changes[metric, SCORED]
        colour, marker, face = MARKS[change.decision]
        axes.plot(change.ends, (place, place), color=colour, linewidth=1.3, solid_capstyle="butt")
        look = {"color": colour, "marker": marker, "markerfacecolor": face, "markersize": 5}
        axes.plot(change.found.mean, place, zorder=3, **look)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _reach(found: Study) -> tuple[float, float]:
    """Ends of the axis in points: the band, all means and all decided intervals lie inside."""
    ends = [-1.0, 1.0]
    for metric in METRICS:
        apart = found.apart.get((metric, SCORED), 0.0)
        ends += [-apart, apart]
        for change in (effect.changes[metric, SCORED] for effect in found.effects):
            ends.append(change.found.mean)
            if change.decision != "undecided":
                ends += change.ends
    margin = 0.1 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin


def _labels(axes: Axes, rows: Rows) -> None:
    """Readings and bold questions beside the first panel; what is unchanged stands in it."""
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for place, (label, (_, row)) in enumerate(zip(axes.get_yticklabels(), rows, strict=True)):
        if isinstance(row, Group):
            label.set_fontweight("bold")
            axes.text(
                0.01,
                place,
                f"unchanged: {row.unchanged}",
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=6.5,
                color=style.GREY,
                bbox=box,
            )


def _legend(made: Figure, found: Study) -> None:
    # Decided one by one; what stands among all the headline says.
    words = {word: f"{word} by its interval" for word in ("better", "worse")}
    words["undecided"] = "undecided"
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=c, marker=m, markerfacecolor=f, markersize=5, label=words[decision])
        for decision, (c, m, f) in MARKS.items()
    ]
    if found.apart:
        text = f"as far apart as {found.seeds} seeds of the unchanged system"
        handles.append(Patch(color=BAND, label=text))
    if any(effect.shared for effect in found.effects):
        handles.append(Line2D([], [], linestyle="none", label="* same networks"))
    made.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def _nothing(text: str) -> Figure:
    """A picture that says that there is none."""
    made = style.new(7.0, 1.2)
    axes = made.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=style.GREY, wrap=True)
    return made


SENSITIVITY = Drawing("What the missing details are worth", figure, caption)
