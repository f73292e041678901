"""Errors that a user can fix: one class per kind of error, one line per message.

The command line prints a `ResedError` as `resed: <message>` and exits with code 1. Any other
exception that escapes is a bug.
"""

import errno
from collections.abc import Sequence

from resed.escaping import one_line

LONGEST = 1500  # characters of each part of a message
EXAMPLES = 3  # names that a message lists
MOST_CLASSES = 5  # classes that a message lists
OTHER_CURE = "check this file and its disk"
_CURES = {  # of errors of the operating system
    "check the path": (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP),
    "rename it": (errno.ENAMETOOLONG,),
    "free disk space": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    "change the permissions": (errno.EACCES, errno.EPERM, errno.EROFS),
}


def cure_of(error: OSError) -> str:
    """The cure of an error of the operating system, by its number."""
    return next((cure for cure, numbers in _CURES.items() if error.errno in numbers), OTHER_CURE)


def some(names: Sequence[str], most: int = EXAMPLES) -> str:
    """The first `most` names of a list, and the number of the others.

    Examples:
        >>> some(["a", "b", "c", "d"]), some(["a", "b"])
        ('a, b, c and 1 more', 'a, b')
    """
    shown = ", ".join(names[:most])
    more = len(names) - most
    return f"{shown} and {more} more" if more > 0 else shown


def counted(number: int, word: str) -> str:
    """A number with its noun: 1 clip, 2 clips, 2 classes."""
    if number == 1:
        return f"1 {word}"
    return f"{number} {word}{'es' if word.endswith('s') else 's'}"


class ResedError(Exception):
    """An error that the user can fix, in one line: "PLACE line LINE: PROBLEM; CURE".

    The line is bounded in length and has no control characters; the attributes are as given.

    Attributes:
        place: the file, config key or option that is wrong; may be empty.
        line: the line of the file, None where the problem is not in a single line.
        problem: what is wrong.
        cure: what the user should do; may be empty.
    """

    def __init__(
        self, problem: object, *, place: object = "", line: int | None = None, cure: str = ""
    ) -> None:
        self.place, self.line, self.problem, self.cure = str(place), line, str(problem), cure
        place, problem, cure = (
            one_line(part, LONGEST) for part in (self.place, self.problem, self.cure)
        )
        where = place if line is None else f"{place} line {line}"
        text = f"{where}: {problem}" if where else problem
        super().__init__(f"{text}; {cure}" if cure else text)

    def __reduce__(self):
        """Keep all fields of an error that is sent to another process."""
        return _rebuilt, (type(self), self.problem, self.place, self.line, self.cure)


def _rebuilt(
    kind: type["ResedError"], problem: str, place: str, line: int | None, cure: str
) -> "ResedError":
    return kind(problem, place=place, line=line, cure=cure)


class MissingFileError(ResedError):
    """A file that is required does not exist."""


class MissingPackageError(ResedError):
    """A package of an extra, such as resed[plot], is not installed."""


class OverwriteError(ResedError):
    """A command would replace a file that it reads, or a device."""


class AlteredError(ResedError):
    """A result differs from the file that was made."""


class ShareError(ResedError):
    """Results cannot be shared or restored."""


class ConfigError(ResedError):
    """A setting is unknown, of the wrong type or out of range."""


class DatasetError(ResedError):
    """A dataset file, a soundbank or a dataset folder is invalid."""


class AnnotationError(ResedError):
    """A TSV of events or tags is malformed."""


class AudioError(ResedError):
    """A sound file cannot be used; resed.formats.audio_errors has one subclass per kind.

    `status` is the kind, for programs: the audit writes it into the manifest.
    """

    status = "undecodable"


class StoreError(ResedError):
    """A feature store or a posterior file is damaged, foreign or of another version."""


class CheckpointError(ResedError):
    """A checkpoint is damaged, foreign or made with other settings."""


class ModelFileError(ResedError):
    """A model file is damaged, foreign or of another version, or cannot be written."""


class NetworkFileError(ResedError):
    """A file with a network of the user is missing, or its code fails."""


class DeviceError(ResedError):
    """A GPU, or memory on it, is not available."""


class ProcessError(ResedError):
    """A worker process was killed."""


class DivergedError(ResedError):
    """The training loss is no longer finite."""


class ScoreError(ResedError):
    """The estimated events or tags do not fit their reference."""


class ResultsError(ResedError):
    """A result that a table, a figure or the report needs is missing or does not fit the others."""
