"""What a figure is: a title, a way to draw it and a caption for the report."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from resed.paper.legacy_numbers import VERSIONS
from resed.results.folder import Results


def _always(results: Results) -> bool:
    del results
    return True


@dataclass(frozen=True)
class Drawing:
    """A figure of the registry.

    `draw` and `caption` read the results alone; `rows` are the rows of Table 1 that they need, and
    `when` says what else must be so. `title` has the journal's number; `letter` names the figure of
    the letter that shows the same.
    """

    title: str
    draw: Callable[[Results], Figure]
    caption: Callable[[Results], str]
    rows: tuple[int, ...] = ()
    when: Callable[[Results], bool] = _always
    letter: str = ""

    def possible(self, results: Results) -> bool:
        """Whether the configured systems allow it."""
        return results.has_rows(self.rows) and self.when(results)

    def heading(self, results: Results) -> str:
        """The title, with the number that the configured version of the paper gives it."""
        if not self.letter:
            return self.title
        if results.config.paper == VERSIONS["letter"]:
            return f"{self.letter} of the letter; in the journal {self.title}"
        return f"{self.title} ({self.letter} of the letter)"
