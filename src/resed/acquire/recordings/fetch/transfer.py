"""Files over HTTP, patiently: resumed at the byte, checked before they get their name.

A server may drop, stall, lie about lengths, answer another range than asked for, or change the file
in between: whatever arrives is kept only where length and checksum are as they must be.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

import requests
import urllib3

from resed import __version__
from resed.acquire.recordings.fetch.answers import (
    CURE,
    PassingError,
    accepted,
    as_passing,
    check_redirect,
    promised_length,
    why_of,
)
from resed.acquire.recordings.fetch.failures import (
    BlockedError,
    CorruptError,
    FetchError,
    FullDiskError,
    GoneError,
    UnreachableError,
)
from resed.acquire.recordings.fetch.part import (
    Part,
    Remote,
    free_bytes,
    is_whole,
    mistake,
    open_part,
)

__all__ = [
    "BlockedError",
    "CorruptError",
    "FetchError",
    "FullDiskError",
    "GoneError",
    "Limits",
    "Remote",
    "Transfer",
    "UnreachableError",
    "is_whole",
]

Value = TypeVar("Value")
PIECE = 1 << 16  # bytes read at a time
LISTING = 64 << 20  # bytes: no listing is longer
WRONG = 3  # whole but wrong answers in a row until the file counts as corrupt


@dataclass(frozen=True)
class Limits:
    """How patient a transfer is; times in seconds.

    `attempts` is how many in a row may bring nothing new; `read_s` is how long no byte may come;
    waits between attempts double from `backoff_s` to `longest_backoff_s`, which also bounds what a
    server may ask for by Retry-After.
    """

    attempts: int = 6
    connect_s: float = 10.0
    read_s: float = 30.0
    backoff_s: float = 1.0
    longest_backoff_s: float = 60.0
    redirects: int = 5


class Transfer:
    """Fetches files and listings; may be used by several threads at once.

    `agent` is the User-Agent sent. `sleep`, `chance` (jitter of the waits) and `free` (bytes free
    in a folder) are there to be replaced in tests.
    """

    def __init__(
        self,
        limits: Limits = Limits(),
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
        """Bring `remote` to `target`; no request where it is there with right length and checksum.

        What an earlier run left is continued. `advance` is told the bytes gained, those found from
        before too, and a negative count where they have to be given up: the sum is what is there.
        A `target` of other length or checksum is replaced.

        Raises GoneError, BlockedError, CorruptError, UnreachableError or FullDiskError; `target` is
        then as it was.
        """
        target = Path(target)
        if _found(target, remote, advance):
            return
        with open_part(target, remote, advance, self._free) as part:
            if not part.have and _found(target, remote, advance):
                return  # brought by the process that held the part
            try:
                self._patiently(remote.url, lambda: self._continue(part), part)
            except GoneError:
                part.drop()
                raise
            part.place(target)

    def json(self, url: str) -> tuple[Any, Mapping[str, str]]:
        """A JSON document and the headers of its answer (names in any case).

        Raises GoneError, BlockedError, CorruptError (no JSON, again and again) or UnreachableError.
        """

        def once() -> tuple[Any, Mapping[str, str]]:
            with closing(self._ask(url, {"Accept": "application/json"})) as answer:
                body = bytearray()
                for piece in _pieces(answer, decode=True):
                    body += piece
                    if len(body) > LISTING:
                        raise PassingError("longer than any listing", CorruptError, "no listing")
            try:
                return json.loads(body), answer.headers
            except ValueError:
                raise PassingError("not JSON", CorruptError, "not JSON") from None

        return self._patiently(url, once)

    def head(self, url: str) -> Mapping[str, str]:
        """The headers of an answer (names in any case), without its body; raises as `json`."""

        def once() -> Mapping[str, str]:
            with closing(self._ask(url, {}, "HEAD")) as answer:
                return answer.headers

        return self._patiently(url, once)

    def _patiently(self, url: str, once: Callable[[], Value], part: Part | None = None) -> Value:
        """Call `once` until it succeeds, or until attempts in a row brought nothing new."""
        failures = wrong = furthest = 0
        while True:
            try:
                return once()
            except PassingError as error:
                if part and part.have > furthest + (part.total or 100 << 20) // 100:
                    furthest, failures, wrong = part.have, 0, 0
                failures += 1
                wrong += error.final is CorruptError
                if failures >= self.limits.attempts or wrong >= WRONG:
                    raise error.final(
                        f"{url}: {error} (attempt {failures}, the last); {CURE}", error.detail
                    ) from None
                self._sleep(self._wait(failures, error.wait))

    def _wait(self, failures: int, asked: float | None) -> float:
        longest = self.limits.longest_backoff_s
        if asked is not None:
            return min(max(asked, 0.0), longest)
        wait = min(self.limits.backoff_s * 2 ** (failures - 1), longest)
        return wait * self._chance.uniform(0.5, 1.0)  # many clients must not come back together

    def _continue(self, part: Part) -> None:
        """One attempt at the rest of a part; when it returns, the part is whole and right."""
        remote = part.remote
        if part.total is None or part.have < part.total:
            headers = {}
            if part.have and part.resumable:
                headers["Range"] = f"bytes={part.have}-"
                if part.validator:
                    headers["If-Range"] = part.validator
            with closing(self._ask(remote.url, headers)) as answer:
                self._pour(answer, part)
        if part.total is not None and part.have < part.total:
            raise PassingError(f"broke off after {part.have} of {part.total} bytes")
        too_long = part.total is not None and part.have > part.total
        if wrong := "wrong length" if too_long else mistake(part.path, remote):
            part.drop()
            raise PassingError(wrong, CorruptError, "wrong length or checksum")

    def _pour(self, answer: requests.Response, part: Part) -> None:
        if answer.status_code == 206 and part.continued_by(answer.headers):
            pass
        elif answer.status_code == 200:
            promised = promised_length(answer)
            if promised is not None and part.remote.bytes not in (None, promised):
                why = f"wrong length: {promised} instead of {part.remote.bytes} bytes"
                raise PassingError(why, CorruptError, "wrong length or checksum")
            part.begin(answer.headers, promised)
        else:
            part.drop()
            raise PassingError("answers another range than was asked for")
        part.make_room()
        for piece in _pieces(answer):
            part.write(piece)
            if part.total is not None and part.have > part.total:
                break  # more than promised: no need to see how much

    def _ask(self, url: str, headers: Mapping[str, str], method: str = "GET") -> requests.Response:
        """One request, redirects followed; an answer of 200, 206 or 416, its body still to come."""
        headers = {"User-Agent": self.agent, "Accept-Encoding": "identity", **headers}
        patience = (self.limits.connect_s, self.limits.read_s)
        here = url
        for _ in range(self.limits.redirects + 1):
            try:
                answer = self._session().request(
                    method, here, headers=headers, stream=True, allow_redirects=False,
                    timeout=patience,
                )  # fmt: skip
            except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
                raise as_passing(url, error) from None
            if not answer.is_redirect:
                return accepted(url, answer)
            answer.close()
            there = urljoin(here, self._session().get_redirect_target(answer))
            check_redirect(url, here, there)
            here = there
        raise PassingError(f"more than {self.limits.redirects} redirects")

    def _session(self) -> requests.Session:
        """A session a thread: requests does not promise that one may be shared."""
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        return self._own.session


def _found(target: Path, remote: Remote, advance: Callable[[int], None]) -> bool:
    if not is_whole(target, remote):
        return False
    # A process killed between giving the name and removing the note left the note.
    target.with_name(f".{target.name}.part.json").unlink(missing_ok=True)
    advance(target.stat().st_size)
    return True


def _pieces(answer: requests.Response, decode: bool = False):
    """The body as it arrives: what came before a connection broke is not lost."""
    try:
        while piece := answer.raw.read1(PIECE, decode_content=decode):
            yield piece
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise PassingError(why_of(error)) from None
