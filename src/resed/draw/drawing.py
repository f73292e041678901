"""One figure of a run: its title, and functions that draw and describe it."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from resed.formats.figure_description import FigureDescription


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
