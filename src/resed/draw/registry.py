"""The figures of a run: titles, and functions that draw and describe them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from resed.draw import (
    architecture,
    class_weights,
    confusion,
    dag,
    durations,
    gain_by_base,
    sensitivity,
    smoothing,
    stages,
    training_curves,
)
from resed.draw.inputs import BUILT_IN, figure_entry
from resed.formats.figure_description import FigureDescription
from resed.paper.figure_entries import FigureEntry
from resed.results.clips import in_short
from resed.results.folder import Results, short_hash

# Kind of a figure of a paper -> module with `draw(results, entry)` and `caption(results, entry)`.
KINDS = {
    "class_weights": class_weights,
    "confusion": confusion,
    "durations": durations,
    "training_curves": training_curves,
    "stages": stages,
    "gain_by_base": gain_by_base,
    "smoothing": smoothing,
}


@dataclass(frozen=True)
class Drawing:
    """A figure of the registry, bound to the results that it shows.

    Attributes:
        name: name of its files and of the target of the workflow.
        kind: the module that draws it.
        title: heading, with the number of the figure in other editions of the paper.
        provenance: number of clips and hash of the manifest; "" if it shows no results.
        draw: makes the matplotlib figure.
        caption: makes the caption from the results.
    """

    name: str
    kind: str
    title: str
    provenance: str
    draw: Callable[[], Figure]
    caption: Callable[[], str]

    def describe(self, figure: Figure) -> FigureDescription:
        """The description that is stored with the picture for the report."""
        width, height = map(float, figure.get_size_inches())
        return FigureDescription(
            name=self.name,
            kind=self.kind,
            title=self.title,
            caption=self.caption(),
            provenance=self.provenance,
            width_inches=width,
            height_inches=height,
        )


def figure_of(name: str, results: Results, system: str = "") -> Drawing:
    """One figure. Raises ConfigError if a system that it shows is not configured.

    `system` is that of the figure of networks; "" for that of the study of readings.
    """
    entry = figure_entry(name, results.config, results.paper)
    if name == "architecture":
        of = results.config, system or results.config.sensitivity.system
        title = f"{BUILT_IN[name]} of {results.config.catalogue[of[1]].title}"
        functions = (
            partial(function, *of) for function in (architecture.draw, architecture.caption)
        )
        return Drawing(name, name, title, "", *functions)
    if name == "dag":
        return Drawing(name, name, BUILT_IN[name], "", dag.draw, dag.caption)
    provenance = f"{in_short(results)}, manifest {short_hash(results.manifest)}"
    if entry is None:
        module, arguments, kind, title = sensitivity, (results,), name, BUILT_IN[name]
    else:
        module, arguments = KINDS[entry.kind], (results, entry)
        kind, title = entry.kind, heading(entry)
    functions = (partial(function, *arguments) for function in (module.draw, module.caption))
    return Drawing(name, kind, title, provenance, *functions)


def heading(entry: FigureEntry) -> str:
    """The title, with the number of the figure in other editions of the paper."""
    others = ", ".join(f"{number} of the {edition}" for edition, number in entry.editions.items())
    return f"{entry.title} ({others})" if others else entry.title
