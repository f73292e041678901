"""A web server on the loopback address with faults that are drawn from a seed.

    with UnreliableServer({"a/b.wav": body}, seed=1, rate=0.5) as server:
        fetch(server.url("a/b.wav"))
    server.faults  # Counter of the faults that occurred, by kind
    server.log     # one Request per answer: method, path, range, status, bytes sent, fault

The server supports Range, If-Range, ETag, HEAD and keep-alive. `rate` is the share of requests with
a fault drawn from `kinds`. The draw depends on the seed, the path and the number of its earlier
requests, not on the order of threads. A path has at most `in_a_row` faults in succession, so that
retries succeed. `plan` sets faults for the next requests of a path, `always` for all requests.
"""

import email.utils
import hashlib
import json
import random
import socket
import struct
import sys
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

TRANSIENT = (  # a client that tries again gets over them
    "drop",  # the connection is closed after some bytes of the body
    "reset",  # the same without good order: bytes under way may be lost
    "stall",  # no byte more after some bytes of the body, the connection stays open
    "wrong_length",  # Content-Length promises more than comes
    "truncated",  # body and Content-Length agree, but both are too short
    "wrong_bytes",  # as long as it should be, one byte flipped
    "ignores_range",  # 200 and the whole body where a range was asked for
    "wrong_range",  # 206 with another range than was asked for
    "changed_etag",  # the file gets another ETag from now on
    "too_many",  # 429
    "error",  # 500
    "unavailable",  # 503 with Retry-After
    "redirect_loop",
)
FINAL = ("missing", "removed", "forbidden")  # 404, 410, 403
STATUS = {
    "missing": 404,
    "removed": 410,
    "forbidden": 403,
    "too_many": 429,
    "error": 500,
    "unavailable": 503,
}
ON_RANGES = ("ignores_range", "wrong_range")  # can only be committed where a range is asked for
LOOP = "/_loop/"
PIECE = 1 << 16  # bytes sent at a time


@dataclass(frozen=True)
class Fault:
    """One misbehaviour; `after` is the byte of the body it strikes at, drawn where None."""

    kind: str
    after: int | None = None
    retry_after: str | None = None  # of too_many and unavailable: seconds or a date


@dataclass(frozen=True)
class Page:
    """What a path answers: a body, and headers of its own (Link, Location, ...)."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Request:
    """One answered request; `path` as asked for, with its query, without the leading slash."""

    method: str
    path: str
    range: str | None
    status: int
    sent: int  # bytes of body
    fault: str | None


class UnreliableServer:
    """Serves `files` (path -> bytes, or a folder); see the module's text."""

    def __init__(
        self,
        files: Mapping[str, bytes | Page] | Path | None = None,
        seed: int = 0,
        rate: float = 0.0,
        kinds: Sequence[str] = TRANSIENT,
        in_a_row: int = 2,
        stall_s: float = 30.0,
    ) -> None:
        self.seed, self.rate, self.kinds = seed, rate, tuple(kinds)
        self.in_a_row, self.stall_s = in_a_row, stall_s
        self.faults: Counter[str] = Counter()
        self.log: list[Request] = []
        self._pages: dict[str, Page] = {}
        self._plans: dict[str, deque[Fault | None]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._asked: Counter[str] = Counter()
        self._running: Counter[str] = Counter()  # faults in a row, a path
        self._versions: Counter[str] = Counter()  # how often a path's ETag was changed
        self._lock = threading.Lock()
        self._stop = threading.Event()
        if isinstance(files, Path):
            inside = (path for path in files.rglob("*") if path.is_file())
            files = {path.relative_to(files).as_posix(): path.read_bytes() for path in inside}
        for path, body in (files or {}).items():
            self.put(path, body)

    def __enter__(self) -> "UnreliableServer":
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def base(self) -> str:
        """http://127.0.0.1:PORT, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        """The address of `path` (which may hold a query)."""
        return f"{self.base}/{quote(path, safe='/?=&%')}"

    def put(self, path: str, body: bytes | Page | Any) -> None:
        """Serve `body` at `path`: bytes, a Page, or any other value as JSON."""
        if not isinstance(body, bytes | Page):
            body = Page(json.dumps(body).encode(), {"Content-Type": "application/json"})
        self._pages[path] = body if isinstance(body, Page) else Page(body)

    def plan(self, path: str, *faults: Fault | str | None) -> None:
        """What the next requests for `path` meet, one each; None is a good answer."""
        self._plans[path].extend(_fault(fault) for fault in faults)

    def always(self, path: str, fault: Fault | str | None) -> None:
        """Every request for `path` meets `fault`, until this is called with None."""
        if fault is None:
            self._always.pop(path, None)
        else:
            self._always[path] = _fault(fault)

    def behave(self) -> None:
        """No drawn faults from now on (those that were planned stay)."""
        self.rate = 0.0

    @property
    def sent(self) -> int:
        """Bytes of body sent so far."""
        with self._lock:
            return sum(request.sent for request in self.log)

    def asked(self) -> Counter[str]:
        """How often each path was asked for (redirects to nowhere left out)."""
        with self._lock:
            return Counter(r.path for r in self.log if not r.path.startswith(LOOP[1:]))

    def forget(self) -> None:
        """Empty the log and the counts."""
        with self._lock:
            self.log.clear()
            self.faults.clear()

    def _find(self, path: str) -> Page | None:
        return self._pages.get(path) or self._pages.get(path.partition("?")[0])

    def _etag(self, path: str, page: Page) -> str:
        salt = f"{self._versions[path]} ".encode()
        return f'"{hashlib.sha256(salt + page.body).hexdigest()[:16]}"'

    def _draw(self, path: str, ranged: bool) -> tuple[Fault | None, random.Random]:
        with self._lock:
            count = self._asked[path]
            self._asked[path] += 1
            chance = random.Random(f"{self.seed} {path} {count}")
            if path in self._always:
                return self._always[path], chance
            if self._plans[path]:
                return self._plans[path].popleft(), chance
            kinds = [kind for kind in self.kinds if ranged or kind not in ON_RANGES]
            fault = None
            if chance.random() < self.rate and self._running[path] < self.in_a_row and kinds:
                fault = Fault(chance.choice(kinds))
            self._running[path] = self._running[path] + 1 if fault else 0
            return fault, chance

    def _record(self, request: Request) -> int:
        with self._lock:
            self.log.append(request)
            if request.fault:
                self.faults[request.fault] += 1
            return len(self.log) - 1

    def _correct(self, place: int, request: Request) -> None:
        with self._lock:
            if place < len(self.log):  # else the log was emptied in between
                self.log[place] = request


def _fault(fault: Fault | str | None) -> Fault | None:
    return Fault(fault) if isinstance(fault, str) else fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that leaves is no mistake here; any other is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*_)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        """Nothing on stderr: the owner keeps the log."""

    def _answer(self, body: bool) -> None:
        owner: UnreliableServer = self.server.owner
        split = urlsplit(self.path)
        path = unquote(split.path).lstrip("/") + (f"?{split.query}" if split.query else "")
        asked = self.headers.get("Range")
        if split.path.startswith(LOOP):
            deeper = f"{LOOP}{int(split.path.removeprefix(LOOP)) + 1}"
            fault, reply = None, _Reply(302, {"Location": deeper})
        else:
            fault, chance = owner._draw(path, asked is not None)
            reply = self._reply(path, fault, chance)
        if not body:
            reply.body = b""
        kind = fault.kind if fault else None
        request = Request(self.command, path, asked, reply.status, len(reply.body), kind)
        place = owner._record(request)  # before the client can have the answer: no test has to wait
        self.sent = 0
        try:
            self._send(reply)
        except OSError:  # the client has left
            owner._correct(place, replace(request, sent=self.sent))
            self.close_connection = True

    def _reply(self, path: str, fault: Fault | None, chance: random.Random) -> "_Reply":
        owner: UnreliableServer = self.server.owner
        page = owner._find(path)
        if fault and fault.kind == "redirect_loop":
            return _Reply(302, {"Location": f"{LOOP}0"})
        if fault and fault.kind in STATUS:
            wait = "0" if fault.kind == "unavailable" else None
            wait = wait if fault.retry_after is None else fault.retry_after
            return _Reply(STATUS[fault.kind], {} if wait is None else {"Retry-After": wait})
        if page is None:
            return _Reply(404, {})
        if page.status != 200:
            return _Reply(page.status, dict(page.headers), page.body)
        return _file_reply(owner, path, page, self.headers, fault, chance)

    def _send(self, reply: "_Reply") -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(reply.body), PIECE):
            self.wfile.write(reply.body[start : start + PIECE])
            self.sent = min(start + PIECE, len(reply.body))
        if reply.then:
            self.close_connection = True
        if reply.then == "reset":  # linger 0: the connection is reset, not closed in good order
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
        elif reply.then == "stall":
            self.server.owner._stop.wait(self.server.owner.stall_s)


class _Reply:
    """Status, headers and body of an answer; `then` is what comes after the body's last byte."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.status, self.headers, self.body, self.then = status, headers, body, ""
        self.headers.setdefault("Content-Length", str(len(body)))


def _file_reply(
    owner: UnreliableServer,
    path: str,
    page: Page,
    asked: Mapping[str, str],
    fault: Fault | None,
    chance: random.Random,
) -> _Reply:
    """The answer to a request for a file, the fault worked in."""
    kind = fault.kind if fault else None
    if kind == "changed_etag":
        owner._versions[path] += 1
    etag = owner._etag(path, page)
    headers = {
        "ETag": etag,
        "Last-Modified": email.utils.formatdate(0, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        **page.headers,
    }
    reply = _Reply(200, headers, page.body)
    if "Range" in asked and kind != "ignores_range" and asked.get("If-Range", etag) == etag:
        _take_range(reply, asked["Range"], kind)
    after = fault.after if fault else 0
    if after is None:
        after = chance.randrange(max(len(reply.body), 1))
    if kind in ("drop", "reset", "stall"):
        reply.body, reply.then = reply.body[:after], kind
    elif kind == "truncated":
        reply.body = reply.body[:after]
        headers["Content-Length"] = str(len(reply.body))
    elif kind == "wrong_length":
        headers["Content-Length"], reply.then = str(len(reply.body) + 1 + after), "close"
    elif kind == "wrong_bytes" and reply.body:
        after = min(after, len(reply.body) - 1)
        flipped = bytes([reply.body[after] ^ 0x40])
        reply.body = reply.body[:after] + flipped + reply.body[after + 1 :]
    return reply


def _take_range(reply: _Reply, text: str, kind: str | None) -> None:
    length = len(reply.body)
    first, _, last = text.removeprefix("bytes=").partition("-")
    start, stop = int(first), min(int(last) + 1, length) if last else length
    if start >= length:
        reply.status, reply.body = 416, b""
        reply.headers["Content-Range"] = f"bytes */{length}"
    else:
        if kind == "wrong_range":
            start = start // 2
        reply.status, reply.body = 206, reply.body[start:stop]
        reply.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{length}"
    reply.headers["Content-Length"] = str(len(reply.body))
