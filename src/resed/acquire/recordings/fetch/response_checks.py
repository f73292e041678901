"""Classify HTTP responses and connection errors: accepted, retried, or final."""

import email.utils
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import urllib3

from resed.acquire.recordings.fetch.errors import (
    BlockedError,
    FetchError,
    GoneError,
    UnreachableError,
)

GONE, BLOCKED, TRANSIENT = (404, 410), (401, 403, 451), (408, 425, 429, 500, 502, 503, 504)
ACCEPTED = (200, 206, 416)  # 416: the requested range does not exist; see Transfer
OTHER = "use another source"
MOST_DIGITS = 15  # of a length in bytes; 15 digits are a petabyte


class TransientError(Exception):
    """A failed attempt that is worth repeating.

    `final` is the class of the error after the last attempt, `detail` its detail, and `wait` the
    time in seconds that the server requests.
    """

    def __init__(self, why: str, final: type[FetchError] = UnreachableError, detail: str = ""):
        super().__init__(why)
        self.final, self.detail = final, detail or "no complete answer"
        self.wait: float | None = None


class SlowError(TransientError):
    """An attempt that was ended because the server sends too slowly."""


def accepted(url: str, answer: requests.Response) -> requests.Response:
    """Return a response with an accepted status; close it and raise for any other status."""
    status = answer.status_code
    if status in ACCEPTED:
        return answer
    answer.close()
    text = f"{status} {answer.reason or ''}".strip()
    if status in GONE:
        raise GoneError(f"gone ({text})", place=url, cure=OTHER, detail=str(status))
    if status in BLOCKED:
        raise BlockedError(f"access refused ({text})", place=url, cure=OTHER, detail=str(status))
    if status not in TRANSIENT:
        raise UnreachableError(f"the server answers {text}", place=url, detail=str(status))
    error = TransientError(f"the server answers {text}")
    if status == 429:
        error.final, error.detail = BlockedError, "429"
    error.wait = _retry_after(answer.headers.get("Retry-After", ""))
    raise error


def check_redirect(url: str, here: str, there: str) -> None:
    """Raise UnreachableError for a redirect from https to http, or to another protocol."""
    old, new = urlsplit(here).scheme, urlsplit(there).scheme
    if new not in ("http", "https") or (old == "https" and new == "http"):
        problem = f"redirects from {old} to {new} are not followed"
        raise UnreachableError(problem, place=url, cure=OTHER, detail="unsafe redirect")


def _retry_after(text: str) -> float | None:
    """Seconds to wait according to a Retry-After header (a number or a date), or None."""
    if text.strip().isdecimal():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()


def promised_length(answer: requests.Response) -> int | None:
    """Length of the body according to the headers, or None."""
    text = answer.headers.get("Content-Length", "").strip()
    if not text.isdecimal():
        return None
    if len(text) > MOST_DIGITS:
        raise TransientError(f"the server states a length of {len(text)} digits")
    return int(text)


def transient(url: str, error: Exception) -> TransientError:
    """The error for a failed request; raises UnreachableError at once for an invalid address."""
    if isinstance(error, ValueError) and not isinstance(error, requests.ConnectionError):
        cure = "correct it in the dataset file"
        raise UnreachableError("invalid address", place=url, cure=cure, detail="invalid address")
    return TransientError(describe(error))


def describe(error: Exception) -> str:
    """A connection error in a few words (its text contains memory addresses)."""
    text = str(error)
    if isinstance(error, requests.ConnectTimeout) or "ConnectTimeout" in text:
        return "connection timed out"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError) or "timed out" in text:
        return "stalled: no data received in time"
    if "NameResolution" in text or "resolve" in text:
        return "unknown host name"
    if "SSL" in text or "certificate" in text:
        return "TLS connection failed"
    if "refused" in text:
        return "connection refused"
    return "connection lost"
