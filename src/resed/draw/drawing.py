"""What a figure is: a title, a way to draw it and a caption for the report."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from resed.results import Results


@dataclass(frozen=True)
class Drawing:
    """A figure of the registry.

    `draw` and `caption` read the results alone; `rows` are the rows of Table 1 that they need.
    """

    title: str
    draw: Callable[[Results], Figure]
    caption: Callable[[Results], str]
    rows: tuple[int, ...] = ()
