"""One exception class a mistake; each message is one line that names the place and the cure.

The command line turns every `ResedError` into `resed: <message>` and exit code 1. Anything else
that escapes is a bug.
"""


class ResedError(Exception):
    """A mistake that the user can mend. The message names file, line or key, and how to mend it."""


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
    """A TSV of events or tags is malformed."""


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
