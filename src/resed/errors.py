"""Errors that a user can fix: one class per kind of error, one line per message.

The command line prints a `ResedError` as `resed: <message>` and exits with code 1. Any other
exception that escapes is a bug.
"""

import functools


class ResedError(Exception):
    """An error that the user can fix, in one line: "PLACE: PROBLEM; CURE".

    Attributes:
        place: the file, line, config key or option that is wrong; may be empty.
        problem: what is wrong.
        cure: what the user should do; may be empty.
    """

    def __init__(self, problem: object, *, place: object = "", cure: str = ""):
        self.place, self.problem, self.cure = str(place), str(problem), cure
        line = f"{self.place}: {self.problem}" if self.place else self.problem
        super().__init__(f"{line}; {cure}" if cure else line)

    def __reduce__(self):
        """Errors travel between processes with all their fields."""
        return _rebuilt, (type(self), self.problem, self.place, self.cure)


def _rebuilt(kind: type["ResedError"], problem: str, place: str, cure: str) -> "ResedError":
    return kind(problem, place=place, cure=cure)


class MissingFileError(ResedError):
    """A file that was asked for is not there."""


class AlteredError(ResedError):
    """A result is not the file that was made."""


class ShareError(ResedError):
    """Results cannot be shared or restored as they are."""


class ConfigError(ResedError):
    """A setting is unknown, of the wrong type or out of range."""


class DatasetError(ResedError):
    """A dataset file, a soundbank or a dataset folder is not as it must be."""


class AnnotationError(ResedError):
    """A TSV of events or tags is malformed; `line` is the malformed line, None for the file."""

    def __init__(
        self, problem: object, *, place: object = "", cure: str = "", line: int | None = None
    ):
        super().__init__(
            problem, place=place if line is None else f"{place} line {line}", cure=cure
        )
        self.file, self.line = str(place), line

    def __reduce__(self):
        arguments = {"place": self.file, "cure": self.cure, "line": self.line}
        return functools.partial(type(self), self.problem, **arguments), ()


class AudioError(ResedError):
    """A sound file cannot be used."""


class StoreError(ResedError):
    """A feature store or a posterior file is damaged, foreign or of another version."""


class CheckpointError(ResedError):
    """A checkpoint is damaged, foreign or made with other settings."""


class DeviceError(ResedError):
    """A GPU or its memory is not to be had."""


class DivergedError(ResedError):
    """The training loss is no longer finite."""


class ScoreError(ResedError):
    """What is to be scored does not fit its reference."""


class ResultsError(ResedError):
    """A result that a table, a figure or the report needs is missing or does not fit the others."""
