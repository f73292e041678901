"""Ambiguities of a paper as data: config/papers/{paper}/readings.yaml, closed and typed.

A *reading* is one option of one question, named `{question}.{option}` (`tfd.literal`).
`resed.config.study_rows` and `resed.results.readings_study` implement the study of readings.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from resed.config.loading import check, check_overlay, nearest, read_yaml
from resed.config.systems import NAME
from resed.errors import ConfigError
from resed.runtime.files import existing
from resed.settings import CalibrateSettings, Strict, SystemSettings

OFF = "off"  # an option of this name removes a part of the method
Name = Annotated[str, Field(pattern=NAME)]
Cost = Literal["train", "decode", "none"]


class Option(Strict):
    """One answer to a question; at most one of the three overlays is set."""

    title: Annotated[str, Field(min_length=1, max_length=40)]  # label of its row in the figure
    reason: Annotated[str, Field(min_length=1)]
    settings: dict[str, Any] = {}  # laid over a system
    calibrate: dict[str, Any] = {}  # laid over the key calibrate of the config
    config: dict[str, Any] = {}  # laid over the config; not part of the study

    @model_validator(mode="after")
    def _one_overlay(self) -> "Option":
        if sum(map(bool, (self.settings, self.calibrate, self.config))) > 1:
            raise ValueError("settings, calibrate and config exclude each other; keep one")
        return self

    @property
    def cost(self) -> Cost:
        """What the study must run for it: training, decoding, or none if it cannot run it."""
        if set(self.settings) - {"decode"}:
            return "train"
        return "decode" if self.settings or self.calibrate else "none"


class Question(Strict):
    """A question about something that the paper does not state, contradicts or misprints."""

    title: Annotated[str, Field(min_length=1, max_length=40)]  # heading of its rows in the figure
    question: str
    rows: Annotated[list[int], Field(min_length=1)]  # rows of docs/readings.md; 0: without a number
    place: str
    default: Name
    options: Annotated[dict[Name, Option], Field(min_length=1)]

    @model_validator(mode="after")
    def _default_exists(self) -> "Question":
        if self.default not in self.options:
            raise ValueError(f"default {self.default} is not an option; use one of options")
        return self


class Readings(Strict):
    """All questions in the order of the file, and the settings that are not readings."""

    questions: dict[Name, Question]
    left_out: dict[str, str] = {}  # path of a setting -> the reason

    # type: ignore, because pydantic's own __iter__ yields fields, and this one yields readings.
    def __iter__(self) -> Iterator[tuple[str, Question, Option]]:  # type: ignore[override]
        """Yield (name, question, option) of every reading, including defaults."""
        for name, question in self.questions.items():
            for key, option in question.options.items():
                yield f"{name}.{key}", question, option

    def names(self) -> list[str]:
        """Names of the readings that the study can run: those that change a system, no defaults."""
        return [
            name
            for name, question, option in self
            if option.cost != "none" and name.partition(".")[2] != question.default
        ]

    def option(self, name: str) -> Option:
        """The option of a reading or a default. Raises ConfigError for an unknown name."""
        question, _, key = name.partition(".")
        if question not in self.questions:
            raise ConfigError(
                f"unknown question {question}",
                place=f"reading {name}",
                cure=nearest(question, self.questions),
            )
        options = self.questions[question].options
        if key not in options:
            raise ConfigError("unknown option", place=f"reading {name}", cure=nearest(key, options))
        return options[key]


def readings_file(root: Path | str, paper: str) -> Path:
    """config/papers/{paper}/readings.yaml; it need not exist."""
    return Path(root) / "config" / "papers" / paper / "readings.yaml"


def load_readings(root: Path | str, paper: str) -> Readings:
    """Read a paper's readings.yaml and check every overlay against the settings that it changes.

    Raises ConfigError or MissingFileError.
    """
    path = existing(readings_file(root, paper), "copy it from the repository")
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(path: Path, changed: int) -> Readings:
    """Read each version of the file once, because a plan needs the readings hundreds of times."""
    del changed
    readings = check(Readings, read_yaml(path), str(path))
    for name, _, option in readings:
        question, _, key = name.partition(".")
        place = f"{path}: questions.{question}.options.{key}"
        check_overlay(SystemSettings, option.settings, f"{place}.settings")
        check(CalibrateSettings, option.calibrate, f"{place}.calibrate")
    return readings


def reading_settings(readings: Readings, name: str) -> dict[str, dict[str, Any]]:
    """The overlays of a reading: `settings` over a system, `calibrate` over config.calibrate.

    Raises ConfigError if the name is unknown, or if the reading does not change a system.
    """
    option = readings.option(name)
    if option.cost == "none":
        raise ConfigError(
            f"reading {name} is not a setting of a system",
            cure=f"remove it ({option.reason})",
        )
    return {"settings": option.settings, "calibrate": option.calibrate}
