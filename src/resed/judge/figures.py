"""Values that show a contradiction, computed from tables, formulas, networks and annotations."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from resed.calibrate.windows import class_window, knee
from resed.errors import ConfigError
from resed.formats.annotations import read_clips
from resed.judge.networks import printed_weight, standard_weight
from resed.judge.sizes import network_parameters
from resed.judge.training_events import durations
from resed.paper.contradictions import AnnotationFigure, ClassMeanFigure, Figure, FormulaFigure
from resed.paper.discrepancies import class_mean
from resed.paper.numbers import Paper
from resed.results.folder import Results

OF_ANNOTATIONS: dict[str, Callable[[np.ndarray, float], float]] = {
    "mean_seconds": lambda seconds, _: float(seconds.mean()),
    "knee_height": lambda seconds, _: knee(seconds).height,
    "average_window": lambda seconds, eta: class_window("", seconds, "average", eta=eta).window_s,
    "esp_window": lambda seconds, eta: class_window("", seconds, "esp", eta=eta).window_s,
}
Lack = Literal["", "annotations", "events"]


@dataclass(frozen=True)
class FigureValue:
    """A figure (a value, not a picture) that shows a contradiction.

    Attributes:
        label: its name in the paper's YAML.
        kind: the kind of figure (`resed.paper.contradictions`); it determines the unit.
        values: one number, or one per argument of a formula; empty if not available.
        at: the arguments of a formula.
        source: the publication that a cited number comes from.
        lacking: why there is no number: "annotations" if the run has other annotations than the
            paper, "events" if the class has no events in them.
    """

    label: str
    kind: str
    values: tuple[float, ...] = ()
    at: tuple[float, ...] = ()
    source: str = ""
    lacking: Lack = ""

    @property
    def available(self) -> bool:
        """Whether it could be computed."""
        return bool(self.values)


@dataclass
class Figures:
    """Compute the figures of the paper on one dataset. Each source is read once."""

    results: Results
    _parameters: dict[str, dict[str, float]] = field(default_factory=dict)
    _durations: dict[str, dict[str, np.ndarray] | None] = field(default_factory=dict)

    @property
    def paper(self) -> Paper:
        """The paper."""
        return self.results.paper

    def value(self, figure: Figure) -> FigureValue:
        """Compute one figure. Raises ConfigError if the paper has no number at its place."""
        match figure.kind:
            case "printed":
                value: float = self.paper.cell(figure.place)
            case "relative":
                value = 100 * (self.paper.cell(figure.first) / self.paper.cell(figure.second) - 1)
            case "class_mean":
                value = self._class_mean(figure)
            case "highest_f1":
                value = 200 * figure.percent / (100 + figure.percent)
            case "lowest_recall":
                value = 100 * figure.percent / (200 - figure.percent)
            case "cited":
                return FigureValue(figure.label, figure.kind, (figure.value,), source=figure.source)
            case "parameters":
                value = self._network(figure.system)[figure.network]
            case "alpha" | "beta" | "printed_weight" | "standard_weight":
                return self._formula(figure)
            case _:
                return self._annotated(figure)
        return FigureValue(figure.label, figure.kind, (value,))

    def _class_mean(self, figure: ClassMeanFigure) -> float:
        table = self.paper.tables.get(figure.table)
        known = table is not None and table.layout == "classes"
        known = known and figure.metric in table.metrics and figure.column in table.columns
        mean = class_mean(table, figure.column, figure.metric) if known else None
        if mean is None:
            place = f"{self.paper.name}: {figure.table}.{figure.column}.{figure.metric}"
            raise ConfigError("no numbers of classes at this place", place=place)
        return mean

    def _network(self, system: str) -> dict[str, float]:
        if system not in self._parameters:
            self._parameters[system] = network_parameters(self.results.config, system)
        return self._parameters[system]

    def _annotated(self, figure: AnnotationFigure) -> FigureValue:
        dataset = self.results.config.dataset_file
        here = dataset.name == self.paper.dataset and figure.split in dataset.splits
        path = self.results.annotations(figure.split) if here else None
        if path is None or not path.is_file():
            return FigureValue(figure.label, figure.kind, lacking="annotations")
        if figure.kind == "clips":
            return FigureValue(figure.label, figure.kind, (len(read_clips(path)),))
        if figure.split not in self._durations:
            self._durations[figure.split] = durations(self.results, figure.split)
        seconds = (self._durations[figure.split] or {}).get(figure.event_label, np.zeros(0))
        if figure.kind == "events":
            return FigureValue(figure.label, figure.kind, (len(seconds),))
        if not len(seconds):
            return FigureValue(figure.label, figure.kind, lacking="events")
        value = OF_ANNOTATIONS[figure.kind](seconds, self.results.config.calibrate.eta)
        return FigureValue(figure.label, figure.kind, (value,))

    def _formula(self, figure: FormulaFigure) -> FigureValue:
        def constant(key: str) -> float:
            return self.paper.cell(f"settings.{key}")

        functions: dict[str, Callable[[float], float]] = {
            "alpha": lambda epoch: 1 - constant("lambda") ** (epoch - constant("s")),
            "beta": lambda x: math.exp(-5 * (1 - x) ** 2),
            "printed_weight": lambda p: printed_weight(p, constant("gamma")),
            "standard_weight": lambda p: standard_weight(p, constant("gamma")),
        }
        values = tuple(map(functions[figure.kind], figure.at))
        return FigureValue(figure.label, figure.kind, values, tuple(figure.at))
