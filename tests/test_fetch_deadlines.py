"""Servers that send a byte at a time, headers without end, or absurd lengths, hold nobody."""

import contextlib
import socket
import threading
import time

import pytest

from resed.acquire.recordings.fetch.errors import FetchError
from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.fetch.transfer import Limits, Transfer

BOUNDS = Limits(
    attempts=3, connect_s=2, read_s=2, backoff_s=0.01, answer_s=0.4, window_s=0.3, listing_s=1.0
)
PAUSE_S = 0.02
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"Content-Length: 1000\r\nContent-Type: application/json\r\n\r\n"
BEHAVIOURS = {  # what is sent at once, and what is then sent again and again, with a pause
    "a byte at a time": (LENGTH, b"x"),
    "a body of chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a chunk header without end": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "a body without length": (OK + b"\r\n", b"x"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue at full speed": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "102 Processing": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "a status line without end": (b"", b"H"),
    "a header line without end": (OK + b"X: ", b"x"),
    "nothing": (b"", b""),
}


@pytest.fixture
def serve():
    """Start a server that sends to each client what it is given; returns its address."""
    stop, listeners = threading.Event(), []

    def answer(client: socket.socket, first: bytes, again: bytes) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            client.sendall(first)
            while not stop.wait(PAUSE_S) and again:
                client.sendall(again)
            stop.wait(30)

    def accept(listener: socket.socket, first: bytes, again: bytes) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                arguments = (client, first, again)
                threading.Thread(target=answer, args=arguments, daemon=True).start()

    def start(first: bytes, again: bytes = b"") -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=accept, args=(listener, first, again), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/a.bin"

    yield start
    stop.set()
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("what", BEHAVIOURS)
def test_c5_a_slow_server_is_given_up_in_one_line(serve, tmp_path, what):
    url, began = serve(*BEHAVIOURS[what]), time.monotonic()
    with pytest.raises(FetchError) as refused:
        Transfer(BOUNDS).download(Remote(url, 1000), tmp_path / "a")
    assert time.monotonic() - began < 10
    line = str(refused.value)
    assert line.startswith(f"{url}: ") and "\n" not in line
    assert "(attempt 3, the last)" in line or "answers 102 Processing" in line
    assert refused.value.state == "failed"
    if "body" in what or "byte" in what:
        assert "fewer than 1000 bytes per second for 0.3 s" in line
    else:
        assert any(words in line for words in ("stalled", "bytes per second", "lost", "102"))


@pytest.mark.parametrize("what", ["a byte at a time", "100 Continue", "a header line without end"])
def test_c5_a_slow_listing_is_given_up(serve, what):
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"attempt 3, the last"):
        Transfer(BOUNDS).json(serve(*BEHAVIOURS[what]))
    assert time.monotonic() - began < 10


def test_c5_a_listing_has_a_deadline(serve):
    """Fast enough in each window, and never complete."""
    limits = Limits(attempts=3, backoff_s=0.01, window_s=0.3, listing_s=0.5)
    url = serve(OK + b"Content-Length: 60000000\r\n\r\n", b"x" * 5000)
    with pytest.raises(FetchError, match=r"the listing takes more than 0.5 s"):
        Transfer(limits).json(url)


@pytest.mark.parametrize("digits", [16, 4300, 5000])
@pytest.mark.parametrize("known", [1000, None])
def test_c5_a_length_of_many_digits_is_refused(serve, tmp_path, digits, known):
    url = serve(OK + b"Content-Length: " + b"9" * digits + b"\r\n\r\n", b"x")
    with pytest.raises(FetchError) as refused:
        Transfer(BOUNDS).download(Remote(url, known), tmp_path / "a")
    line = str(refused.value)
    assert f"the server states a length of {digits} digits" in line and len(line) < 200


def test_c5_other_numbers_of_a_server_may_have_any_length(serve, tmp_path):
    many = b"9" * 5000
    for header in (b"Content-Range: bytes 0-" + many + b"/" + many, b"Retry-After: " + many):
        status = b"206 Partial" if b"Range" in header else b"503 Busy"
        url = serve(b"HTTP/1.1 " + status + b"\r\n" + header + b"\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(FetchError):
            Transfer(BOUNDS, sleep=lambda _: None).download(Remote(url, 1000), tmp_path / "a")


def test_c5_a_steady_connection_is_kept(serve, tmp_path):
    """Slower than the disk, faster than the limit: complete after several windows."""
    url = serve(OK + b"Content-Length: 60000\r\n\r\n", b"x" * 1500)
    Transfer(BOUNDS).download(Remote(url, 60000), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"x" * 60000
