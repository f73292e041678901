"""The kinds of figures."""

from functools import partial

from resed.draw import class_weights, confusion, dag, durations, sensitivity, training_curves
from resed.draw.drawing import Drawing
from resed.draw.inputs import BUILT_IN, figure_entry
from resed.paper.numbers import FigureEntry
from resed.results.clips import in_short
from resed.results.folder import Results, short_hash

# Kind of a figure of a paper -> module with `draw(results, entry)` and `caption(results, entry)`.
KINDS = {
    "class_weights": class_weights,
    "confusion": confusion,
    "durations": durations,
    "training_curves": training_curves,
}


def figure_of(name: str, results: Results) -> Drawing:
    """One figure. Raises ConfigError if a system that it needs is not configured."""
    entry = figure_entry(name, results.config, results.paper)
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
