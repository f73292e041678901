"""Download files over HTTP, with retries, resumption and verification.

A server may close or stall connections, send wrong lengths or another range than requested, or
change the file between two requests. A file is kept only if its length and checksum are correct.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

import requests
import urllib3

from resed import __version__
from resed.acquire.recordings.fetch.deadlines import SOCKET, Cutoff, bounded_session
from resed.acquire.recordings.fetch.errors import (
    CorruptError,
    GoneError,
)
from resed.acquire.recordings.fetch.partial_download import (
    PartialDownload,
    Remote,
    free_bytes,
    is_whole,
    mismatch,
    open_partial_download,
)
from resed.acquire.recordings.fetch.response_checks import (
    SlowError,
    TransientError,
    accepted,
    check_redirect,
    describe,
    promised_length,
    transient,
)
from resed.runtime.json_text import parse_json

Value = TypeVar("Value")
PIECE = 1 << 16  # bytes read at a time
LONGEST_LISTING = 64 << 20  # bytes
MOST_SLOW = 3  # attempts that ended because they were too slow
MOST_WRONG = 3  # complete but wrong files in a row before the file counts as corrupt


@dataclass(frozen=True)
class Limits:
    """Limits of a transfer; times in seconds.

    Attributes:
        attempts: failed attempts in a row without progress.
        connect_s: timeout of a connection.
        read_s: timeout between two pieces of data.
        backoff_s: wait after the first failure; it doubles with each further one.
        longest_backoff_s: longest wait, also for a Retry-After header.
        redirects: redirects of one request.
        answer_s: deadline for connecting, and for the header of a response.
        slowest: bytes per second that a body must have in each `window_s`.
        listing_s: deadline for the body of a listing.
    """

    attempts: int = 6
    connect_s: float = 10.0
    read_s: float = 30.0
    backoff_s: float = 1.0
    longest_backoff_s: float = 60.0
    redirects: int = 5
    answer_s: float = 60.0
    slowest: float = 1000.0
    window_s: float = 60.0
    listing_s: float = 600.0


class Transfer:
    """Downloads files and listings; can be used by several threads.

    `agent` is the User-Agent header. Tests replace `sleep`, `chance` (jitter of the waits) and
    `free` (free bytes of a folder).
    """

    def __init__(
        self,
        limits: Limits = Limits(),
        *,
        agent: str = f"resed/{__version__}",
        sleep: Callable[[float], object] = time.sleep,
        chance: random.Random | None = None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self.limits, self.agent = limits, agent
        self._sleep, self._chance, self._free = sleep, chance or random.Random(), free
        self._own = threading.local()

    def download(
        self, remote: Remote, target: Path, advance: Callable[[int], None] = lambda count: None
    ) -> None:
        """Download `remote` to `target`, unless it exists with the right length and checksum.

        A partial download of an earlier run is resumed. `advance` is called with the number of
        bytes received or found, and with a negative number if bytes are discarded. A `target` with
        another length or checksum is replaced.

        Raises GoneError, BlockedError, CorruptError, UnreachableError or FullDiskError; `target` is
        then unchanged.
        """
        target = Path(target)
        if _found(target, remote, advance):
            return
        with open_partial_download(target, remote, advance, self._free) as part:
            if not part.have and _found(target, remote, advance):
                return  # downloaded by the previous holder
            try:
                self._retry(remote.url, lambda: self._continue(part), part)
            except GoneError:
                part.discard()
                raise
            part.place(target)

    def json(self, url: str) -> tuple[Any, Mapping[str, str]]:
        """Download a JSON document; return it with the headers of the response.

        Raises GoneError, BlockedError, CorruptError (not JSON) or UnreachableError.
        """

        def once() -> tuple[Any, Mapping[str, str]]:
            with closing(self._ask(url, {"Accept": "application/json"})) as answer:
                body, began = bytearray(), time.monotonic()
                for piece in self._pieces(answer, decode=True):
                    body += piece
                    if time.monotonic() - began > self.limits.listing_s:
                        raise SlowError(f"the listing takes more than {self.limits.listing_s:g} s")
                    if len(body) > LONGEST_LISTING:
                        raise TransientError("the listing is too long", CorruptError, "too long")
            try:
                return parse_json(bytes(body), LONGEST_LISTING), answer.headers
            except ValueError as error:
                problem = f"not JSON ({error})"
                raise TransientError(problem, CorruptError, problem) from None

        return self._retry(url, once)

    def head(self, url: str) -> Mapping[str, str]:
        """The headers of a HEAD request. Raises the errors of `json`."""

        def once() -> Mapping[str, str]:
            with closing(self._ask(url, {}, "HEAD")) as answer:
                return answer.headers

        return self._retry(url, once)

    def _retry(
        self, url: str, once: Callable[[], Value], part: PartialDownload | None = None
    ) -> Value:
        """Call `once` until it succeeds, or until several attempts in a row made no progress."""
        failures = wrong = slow = furthest = 0
        while True:
            try:
                return once()
            except TransientError as error:
                if part and part.have > furthest + (part.total or 100 << 20) // 100:
                    furthest, failures, wrong = part.have, 0, 0
                failures += 1
                wrong += error.final is CorruptError
                slow += isinstance(error, SlowError)
                often = wrong >= MOST_WRONG or slow >= MOST_SLOW
                if failures >= self.limits.attempts or often:
                    problem = f"{error} (attempt {failures}, the last)"
                    raise error.final(problem, place=url, detail=error.detail) from None
                self._sleep(self._wait(failures, error.wait))

    def _wait(self, failures: int, asked: float | None) -> float:
        longest = self.limits.longest_backoff_s
        if asked is not None:
            return min(max(asked, 0.0), longest)
        wait = min(self.limits.backoff_s * 2 ** (failures - 1), longest)
        return wait * self._chance.uniform(0.5, 1.0)  # clients must not retry simultaneously

    def _continue(self, part: PartialDownload) -> None:
        """One attempt to complete a partial download; raises unless it is complete and correct."""
        remote = part.remote
        if part.total is None or part.have < part.total:
            headers = {}
            if part.have and part.resumable:
                headers["Range"] = f"bytes={part.have}-"
                if part.validator:
                    headers["If-Range"] = part.validator
            with closing(self._ask(remote.url, headers)) as answer:
                self._receive(answer, part)
        if part.total is not None and part.have < part.total:
            raise TransientError(f"connection lost after {part.have} of {part.total} bytes")
        too_long = part.total is not None and part.have > part.total
        if wrong := "wrong length" if too_long else mismatch(part.path, remote):
            part.discard()
            raise TransientError(wrong, CorruptError, "wrong length or checksum")

    def _receive(self, answer: requests.Response, part: PartialDownload) -> None:
        if answer.status_code == 206 and part.continued_by(answer.headers):
            pass
        elif answer.status_code == 200:
            promised = promised_length(answer)
            if promised is not None and part.remote.bytes not in (None, promised):
                why = f"wrong length: {promised} instead of {part.remote.bytes} bytes"
                raise TransientError(why, CorruptError, "wrong length or checksum")
            part.begin(answer.headers, promised)
        else:
            part.discard()
            raise TransientError("the server sent another range than requested")
        part.check_space()
        for piece in self._pieces(answer):
            part.write(piece)
            if part.total is not None and part.have > part.total:
                break

    def _ask(self, url: str, headers: Mapping[str, str], method: str = "GET") -> requests.Response:
        """One request with redirects; the body of the response is not read yet."""
        headers = {"User-Agent": self.agent, "Accept-Encoding": "identity", **headers}
        timeout = (self.limits.connect_s, self.limits.read_s)
        here = url
        for _ in range(self.limits.redirects + 1):
            try:
                answer = self._session().request(
                    method, here, headers=headers, stream=True, allow_redirects=False,
                    timeout=timeout,
                )  # fmt: skip
            except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
                raise transient(url, error) from None
            if not answer.is_redirect:
                return accepted(url, answer)
            answer.close()
            there = urljoin(here, self._session().get_redirect_target(answer))
            check_redirect(url, here, there)
            here = there
        raise TransientError(f"more than {self.limits.redirects} redirects")

    def _pieces(self, answer: requests.Response, decode: bool = False) -> Iterator[bytes]:
        """The pieces of the body as they arrive, so that a lost connection keeps them.

        Raises SlowError if fewer than `slowest` bytes per second arrive in a window.
        """
        window, began, received = self.limits.window_s, time.monotonic(), 0
        slow = f"fewer than {self.limits.slowest:g} bytes per second for {window:g} s"
        with Cutoff(getattr(answer.raw, SOCKET, None), 1.5 * window) as cutoff:
            try:
                while piece := answer.raw.read1(PIECE, decode_content=decode):
                    yield piece
                    received += len(piece)
                    if (elapsed := time.monotonic() - began) >= window:
                        if received < self.limits.slowest * elapsed:
                            raise SlowError(slow)
                        began, received = time.monotonic(), 0
                        cutoff.restart()
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise SlowError(slow) if cutoff.fired else TransientError(describe(error)) from None
            if cutoff.fired:
                raise SlowError(slow)

    def _session(self) -> requests.Session:
        """One session per thread, because sessions of requests are not thread-safe."""
        if not hasattr(self._own, "session"):
            self._own.session = bounded_session(self.limits.answer_s)
        return self._own.session


def _found(target: Path, remote: Remote, advance: Callable[[int], None]) -> bool:
    if not is_whole(target, remote):
        return False
    # A process that is killed between renaming and deleting the note leaves the note.
    target.with_name(f".{target.name}.part.json").unlink(missing_ok=True)
    advance(target.stat().st_size)
    return True
