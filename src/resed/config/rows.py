"""A row of the tables as a type, with conversion to its folder name below results/ and back.

The module is part of config/ and not of results/, because `Config.system` has rows as arguments and
imports point from results/ to config/.
"""

from dataclasses import dataclass, replace
from typing import Literal

Threshold = Literal["configured", "development"]

UNCHANGED = "default"  # the reading that changes nothing: the reference of the study of readings
# Detections without a trained detector, as a reference for the scores of systems.
BASELINES = ("nothing", "everything", "prior", "own_tags", "loudness", "reference")
_READING = "@"
_DEVELOPMENT = "@development_threshold"
_BASELINE = "sanity_"


@dataclass(frozen=True, order=True)
class Row:
    """One row of the tables: one system, decoded in one way.

    Attributes:
        system: name in config/systems/*.yaml, or the name of a baseline (`BASELINES`).
        reading: `question.option` of the paper's readings.yaml that is laid over the system,
            `UNCHANGED` for the reference of the study of readings, "" outside of it.
        threshold: frame threshold as configured, or as chosen on development.
        baseline: whether it is a baseline instead of a system.

    Examples:
        >>> Row("pts_tfd", reading="gate.none").folder
        'pts_tfd@gate.none'
        >>> Row.of("pts@development_threshold")
        Row(system='pts', reading='', threshold='development', baseline=False)
        >>> Row.of("sanity_prior").baseline
        True
    """

    system: str
    reading: str = ""
    threshold: Threshold = "configured"
    baseline: bool = False

    @classmethod
    def of(cls, name: "Row | str") -> "Row":
        """The row of a folder name; a row is returned unchanged."""
        if isinstance(name, Row):
            return name
        kind = name.removeprefix(_BASELINE)
        if kind != name and kind in BASELINES:
            return cls(kind, baseline=True)
        rest = name.removesuffix(_DEVELOPMENT)
        system, _, reading = rest.partition(_READING)
        return cls(system, reading, "configured" if rest == name else "development")

    @property
    def folder(self) -> str:
        """Name of its folder below results/{dataset}/score/{split}."""
        if self.baseline:
            return _BASELINE + self.system
        reading = _READING + self.reading if self.reading else ""
        return self.system + reading + _DEVELOPMENT * (self.threshold == "development")

    @property
    def configured(self) -> "Row":
        """The same system and reading at the configured threshold."""
        return replace(self, threshold="configured")

    @property
    def tuned(self) -> "Row":
        """The same system and reading at the threshold chosen on development."""
        return replace(self, threshold="development")

    @property
    def unchanged(self) -> "Row":
        """The row that the study of readings compares this one with."""
        return Row(self.system, UNCHANGED)

    @property
    def changed_by(self) -> str:
        """The reading, or "" if no reading changes the system."""
        return "" if self.reading == UNCHANGED else self.reading


def windows_of_reading(method: str, row: Row) -> str:
    """Name of the windows of a reading: `esp@knee.quantile`."""
    return f"{method}{_READING}{row.reading}"
