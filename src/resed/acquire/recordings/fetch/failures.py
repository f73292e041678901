"""Why a file cannot be had, one class a reason; each knows the state that it leaves a clip in."""

from resed.errors import ResedError


class FetchError(ResedError):
    """A file cannot be had. The message is for the reader and may name counts.

    `state` is the clip's state; `detail` says why in words that are the same in every run, however
    often it was tried.
    """

    state = "failed"

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class GoneError(FetchError):
    """The server says that there is no such file (404, 410)."""

    state = "gone"


class BlockedError(FetchError):
    """The server will not give it to us (401, 403, 451, or 429 to the last attempt)."""

    state = "blocked"


class CorruptError(FetchError):
    """What arrives is whole but not what it must be, again and again."""

    state = "corrupt"


class UnreachableError(FetchError):
    """Network, server error, stall or redirect loop, to the last attempt."""


class FullDiskError(FetchError):
    """There is no room for the file: no other source would help, the run should stop."""
