"""What an answer, or its absence, means: taken, tried again, or given up for good."""

import email.utils
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import urllib3

from resed.acquire.recordings.fetch.failures import (
    BlockedError,
    FetchError,
    GoneError,
    UnreachableError,
)

GONE, BLOCKED, PASSING = (404, 410), (401, 403, 451), (408, 425, 500, 502, 503, 504)
CURE = "try again later, or take another source"


class PassingError(Exception):
    """An attempt that failed in a way that another may not."""

    def __init__(self, why: str, final: type[FetchError] = UnreachableError, detail: str = ""):
        super().__init__(why)
        self.final, self.detail = final, detail or "no whole answer"
        self.wait: float | None = None  # seconds that the server asks for


def accepted(url: str, answer: requests.Response) -> requests.Response:
    """The answer, where its status is 200, 206 or 416; else what its status means is raised."""
    status = answer.status_code
    if status in (200, 206, 416):
        return answer
    answer.close()
    said = f"{status} {answer.reason or ''}".strip()
    if status in GONE:
        raise GoneError(f"{url}: gone ({said}); take another source", str(status))
    if status in BLOCKED:
        raise BlockedError(f"{url}: blocked ({said}); take another source", str(status))
    if status not in (*PASSING, 429):
        raise UnreachableError(f"{url}: the server answers {said}; {CURE}", str(status))
    final = BlockedError if status == 429 else UnreachableError
    error = PassingError(f"the server answers {said}", final, "429" if status == 429 else "")
    error.wait = _retry_after(answer.headers.get("Retry-After", ""))
    raise error


def check_redirect(url: str, here: str, there: str) -> None:
    """UnreachableError where a redirect leads from https to http, or to no web address at all."""
    old, new = urlsplit(here).scheme, urlsplit(there).scheme
    if new not in ("http", "https") or (old == "https" and new == "http"):
        raise UnreachableError(
            f"{url}: redirects from {old} to {new}, which is not followed; take another source",
            "unsafe redirect",
        )


def _retry_after(text: str) -> float | None:
    """Seconds to wait by a Retry-After header: a number or a date; None where it is neither."""
    if text.strip().isdecimal():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()


def promised_length(answer: requests.Response) -> int | None:
    """Bytes of body that an answer says it has; None where it does not say."""
    text = answer.headers.get("Content-Length", "").strip()
    return int(text) if text.isdecimal() else None


def as_passing(url: str, error: Exception) -> PassingError:
    """A mistake in the address is raised at once: no other attempt would cure it."""
    if isinstance(error, ValueError) and not isinstance(error, requests.ConnectionError):
        raise UnreachableError(f"{url}: not an address that can be asked; mend it", "bad address")
    return PassingError(why_of(error))


def why_of(error: Exception) -> str:
    """An exception in a few words, without addresses of objects in memory."""
    text = str(error)
    if isinstance(error, requests.ConnectTimeout) or "ConnectTimeout" in text:
        return "no connection in time"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError) or "timed out" in text:
        return "stalled: no byte in time"
    if "NameResolution" in text or "resolve" in text:
        return "the server's name is not known"
    if "SSL" in text or "certificate" in text:
        return "no safe connection (TLS)"
    if "refused" in text:
        return "connection refused"
    return "the connection broke"
