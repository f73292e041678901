"""The error of `make release`."""

from resed.errors import ResedError


class ReleaseError(ResedError):
    """The archive cannot be made."""
