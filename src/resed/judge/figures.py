"""Figures that show a contradiction, computed from tables, formulas, networks and annotations."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from resed.errors import ConfigError
from resed.formats.annotations import read_clips
from resed.judge.networks import network_parameters, printed_weight, standard_weight, thousands
from resed.judge.training_events import durations
from resed.paper.legacy_consistency import class_mean
from resed.paper.legacy_contradictions import AnnotationFigure, Figure, FormulaFigure
from resed.paper.legacy_numbers import Paper
from resed.results.folder import Results

NOT_HERE = "needs the DCASE 2019 annotations"
OF_ANNOTATIONS = ("events", "mean_seconds", "clips")


@dataclass
class Figures:
    """Answers figures for one dataset and both versions of the paper; reads each source once."""

    results: Results
    papers: Mapping[str, Paper]
    _parameters: dict[int, dict[str, int]] = field(default_factory=dict)
    _durations: dict[str, dict[str, np.ndarray] | None] = field(default_factory=dict)

    def text(self, figure: Figure) -> str:
        """`label value`, or `label (needs the DCASE 2019 annotations)`.

        Raises ConfigError for a place that the paper does not have.
        """
        return f"{figure.label} {self._value(figure)}"

    def _value(self, figure: Figure) -> str:
        journal = self.papers["journal"]
        match figure.kind:
            case "printed":
                return f"{_printed(self.papers[figure.version], figure.place):g}"
            case "class_mean":
                return f"{class_mean(journal, figure.windows, figure.metric):.2f}"
            case "highest_f1":
                return f"{200 * figure.percent / (100 + figure.percent):.1f}"
            case "lowest_recall":
                return f"{100 * figure.percent / (200 - figure.percent):.1f}"
            case "cited":
                return f"{figure.value:g} ({figure.source})"
            case "parameters":
                if figure.row not in self._parameters:
                    found = network_parameters(self.results.config, figure.row)
                    self._parameters[figure.row] = found
                count = self._parameters[figure.row][figure.network]
                return f"{thousands(count)} parameters"
            case "events" | "mean_seconds" | "clips":
                return self._annotated(figure)
        return _formula(figure, journal)

    def _annotated(self, figure: AnnotationFigure) -> str:
        path = self.results.annotations(figure.split)
        of_paper = self.results.config.dataset_file.name == self.papers["journal"].dataset
        if not (of_paper and path.is_file()):
            return f"({NOT_HERE})"
        if figure.kind == "clips":
            return str(len(read_clips(path)))
        if figure.split not in self._durations:
            self._durations[figure.split] = durations(self.results, figure.split)
        values = (self._durations[figure.split] or {}).get(figure.event_label, np.zeros(0))
        if figure.kind == "events":
            return f"{len(values)} events"
        return f"{values.mean():.2f} s" if len(values) else "no event"


def _printed(paper: Paper, place: str) -> float:
    """A number of a table, or of the text by `stated.ID.PLACE`."""
    if not place.startswith("stated."):
        return paper.cell(place)
    name, _, inside = place.removeprefix("stated.").partition(".")
    for stated in paper.stated:
        if stated.id == name and inside in stated.values:
            return stated.values[inside]
    raise ConfigError(f"{paper.name}: no number at {place}; correct the place")


def _formula(figure: FormulaFigure, paper: Paper) -> str:
    constant = {key: paper.cell(f"settings.{key}") for key in ("lambda", "s", "gamma")}
    functions = {
        "alpha": lambda epoch: 1 - constant["lambda"] ** (epoch - constant["s"]),
        "beta": lambda x: math.exp(-5 * (1 - x) ** 2),
        "printed_weight": lambda p: printed_weight(p, constant["gamma"]),
        "standard_weight": lambda p: standard_weight(p, constant["gamma"]),
    }
    values = [functions[figure.kind](argument) for argument in figure.at]
    pairs = zip(figure.at, values, strict=True)
    return ", ".join(f"{argument:g}: {value:.3g}" for argument, value in pairs)
