"""A row of the tables as a type, with conversion to its folder name below results/ and back.

The module is part of config/ and not of results/, because `Config.system` has rows as arguments and
imports point from results/ to config/.
"""

from dataclasses import dataclass, replace
from typing import Literal

# Frame threshold as configured; one chosen on development; or one per class chosen there.
Threshold = Literal["configured", "development", "per_class"]

UNCHANGED = "default"  # the reading that changes nothing: the reference of the study of readings
# Detections without a trained detector, as a reference for the scores of systems.
BASELINES = ("nothing", "everything", "prior", "own_tags", "loudness", "reference")
_READING = "@"
_SUFFIXES: dict[Threshold, str] = {
    "configured": "",
    "development": "@development_threshold",
    "per_class": "@class_thresholds",
}
_BASELINE = "sanity_"
_EXTERNAL = "external+"  # no name of a system contains a plus sign


@dataclass(frozen=True, order=True)
class Row:
    """One row of the tables: one system, decoded in one way.

    Attributes:
        system: name in config/systems/*.yaml, of a baseline (`BASELINES`), or of a detector of
            `config.external`.
        reading: `question.option` of the paper's readings.yaml that is laid over the system,
            `UNCHANGED` for the reference of the study of readings, "" outside of it.
        threshold: frame threshold as configured, one chosen on development, or one per class chosen
            on development.
        baseline: whether it is a baseline instead of a system.
        external: whether it is a detector that this run did not make.

    Examples:
        >>> Row("pts_tfd", reading="gate.none").folder
        'pts_tfd@gate.none'
        >>> Row.of("pts@development_threshold")
        Row(system='pts', reading='', threshold='development', baseline=False, external=False)
        >>> Row("pts").tuned_per_class.folder
        'pts@class_thresholds'
        >>> Row.of("sanity_prior").baseline
        True
    """

    system: str
    reading: str = ""
    threshold: Threshold = "configured"
    baseline: bool = False
    external: bool = False

    @classmethod
    def of(cls, name: "Row | str") -> "Row":
        """The row of a folder name; a row is returned unchanged."""
        if isinstance(name, Row):
            return name
        if name.startswith(_EXTERNAL):
            return cls(name.removeprefix(_EXTERNAL), external=True)
        kind = name.removeprefix(_BASELINE)
        if kind != name and kind in BASELINES:
            return cls(kind, baseline=True)
        found: Threshold = "configured"
        for threshold, suffix in _SUFFIXES.items():
            if suffix and name.endswith(suffix):
                name, found = name.removesuffix(suffix), threshold
                break
        system, _, reading = name.partition(_READING)
        return cls(system, reading, found)

    @property
    def folder(self) -> str:
        """Name of its folder below results/{dataset}/score/{split}."""
        if self.baseline or self.external:
            return (_BASELINE if self.baseline else _EXTERNAL) + self.system
        reading = _READING + self.reading if self.reading else ""
        return self.system + reading + _SUFFIXES[self.threshold]

    @property
    def configured(self) -> "Row":
        """The same system and reading at the configured threshold."""
        return replace(self, threshold="configured")

    @property
    def tuned(self) -> "Row":
        """The same system and reading at the threshold chosen on development."""
        return replace(self, threshold="development")

    @property
    def tuned_per_class(self) -> "Row":
        """The same system and reading at the thresholds per class chosen on development."""
        return replace(self, threshold="per_class")

    @property
    def decodings(self) -> "tuple[Row, Row, Row]":
        """The same system and reading as configured, and in both ways chosen on development."""
        return self.configured, self.tuned, self.tuned_per_class

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
