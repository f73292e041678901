"""Errors of downloads; each class defines the state of a clip that cannot be downloaded."""

from resed.errors import ResedError

RETRY = "try again later, or use another source"


class FetchError(ResedError):
    """A file cannot be downloaded.

    `state` is the state of the clip. `detail` is the reason in the same words in each run, whereas
    the message may contain counts.
    """

    state = "failed"

    def __init__(
        self, problem: object, *, place: object = "", cure: str = RETRY, detail: str = ""
    ) -> None:
        super().__init__(problem, place=place, cure=cure)
        self.detail = detail or self.state


class GoneError(FetchError):
    """The server does not have the file (404, 410)."""

    state = "gone"


class BlockedError(FetchError):
    """The server refuses access (401, 403, 451, or 429 after the last attempt)."""

    state = "blocked"


class CorruptError(FetchError):
    """The server sent a wrong file several times."""

    state = "corrupt"


class UnreachableError(FetchError):
    """No network, server errors, stalled connections or a redirect loop, after the last attempt."""


class FullDiskError(ResedError):
    """The file does not fit on the disk, so the run ends."""
