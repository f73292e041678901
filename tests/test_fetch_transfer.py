"""Downloads over an unreliable network: bit-exact files, or an error with the reason."""

import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from unreliable_server import TRANSIENT, Fault, Page, UnreliableServer

from resed.acquire.recordings.fetch.errors import (
    BlockedError,
    CorruptError,
    FullDiskError,
    GoneError,
    UnreachableError,
)
from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.fetch.response_checks import check_redirect
from resed.acquire.recordings.fetch.transfer import Limits, Transfer
from resed.errors import ResedError

BODY = random.Random(1).randbytes(200_000)
MD5 = f"md5:{hashlib.md5(BODY).hexdigest()}"
SHA = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


@pytest.fixture
def server():
    with UnreliableServer({"a.bin": BODY}, stall_s=20.0) as server:
        yield server


class Waits(list):
    """A sleep that does not sleep but remembers."""

    __call__ = list.append


def transfer(waits=None, attempts=6, **how):
    limits = Limits(attempts=attempts, read_s=0.5)
    return Transfer(limits, sleep=Waits() if waits is None else waits, **how)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_there_costs_no_request(server, tmp_path):
    remote, told = Remote(server.url("a.bin"), len(BODY), MD5.upper().replace("MD5", "md5")), []
    transfer().download(remote, tmp_path / "new" / "a", told.append)
    assert (tmp_path / "new" / "a").read_bytes() == BODY
    assert (sum(told), len(server.log), names(tmp_path / "new")) == (len(BODY), 1, ["a"])
    transfer().download(remote, tmp_path / "new" / "a", told.append)
    assert (sum(told), len(server.log)) == (2 * len(BODY), 1)
    (tmp_path / "new" / "a").write_bytes(b"other")
    transfer().download(remote, tmp_path / "new" / "a")
    assert (tmp_path / "new" / "a").read_bytes() == BODY


@pytest.mark.parametrize("known", ["all", "length", "sha256", "nothing"])
@pytest.mark.parametrize("kind", TRANSIENT)
def test_every_passing_fault_is_got_over(server, tmp_path, kind, known):
    if known == "nothing" and kind in ("truncated", "wrong_bytes"):
        pytest.skip("nobody can know")
    if known == "length" and kind == "wrong_bytes":
        pytest.skip("nobody can know")
    length = len(BODY) if known in ("all", "length") else None
    remote = Remote(server.url("a.bin"), length, SHA if known in ("all", "sha256") else None)
    server.plan("a.bin", Fault("drop", 70_000), kind)
    told = []
    transfer().download(remote, tmp_path / "a", told.append)
    assert (tmp_path / "a").read_bytes() == BODY
    assert (sum(told), names(tmp_path)) == (len(BODY), ["a"])
    assert server.faults == {"drop": 1, kind: 1} if kind != "drop" else {"drop": 2}


def test_a_later_run_fetches_only_the_rest(server, tmp_path):
    remote = Remote(server.url("a.bin"), len(BODY), MD5)
    server.plan("a.bin", Fault("drop", 120_000))
    with pytest.raises(UnreachableError, match=r"a\.bin: connection lost \(attempt 1"):
        transfer(attempts=1).download(remote, tmp_path / "a")
    assert names(tmp_path) == [".a.part", ".a.part.json"]
    server.forget()
    told = []
    transfer().download(remote, tmp_path / "a", told.append)
    assert (tmp_path / "a").read_bytes() == BODY
    assert [(one.range, one.sent) for one in server.log] == [("bytes=120000-", 80_000)]
    assert (told[0], sum(told)) == (120_000, len(BODY))


def test_a_part_that_is_whole_costs_no_request(server, tmp_path):
    remote = Remote(server.url("a.bin"), len(BODY), MD5)
    server.plan("a.bin", Fault("drop", 120_000))
    with pytest.raises(UnreachableError):
        transfer(attempts=1).download(remote, tmp_path / "a")
    (tmp_path / ".a.part").write_bytes(BODY)
    transfer().download(remote, tmp_path / "a")
    assert (len(server.log), names(tmp_path)) == (1, ["a"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.unlink(),
        lambda note: note.write_text(note.read_text()[:-9]),
        lambda note: note.write_text("[]"),
        lambda note: note.write_text("[" * 100_000),
        lambda note: change(note, url="http://127.0.0.1/other"),
        lambda note: change(note, bytes=5),
        lambda note: change(note, checksum=SHA),
        lambda note: change(note, etag='"other"'),
    ],
)
def test_a_part_of_something_else_is_dropped(server, tmp_path, spoil):
    remote = Remote(server.url("a.bin"), len(BODY), MD5)
    server.plan("a.bin", Fault("drop", 120_000))
    with pytest.raises(UnreachableError):
        transfer(attempts=1).download(remote, tmp_path / "a")
    spoil(tmp_path / ".a.part.json")
    server.forget()
    transfer().download(remote, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert server.sent == len(BODY), "from the start, once"


def change(note, **values):
    note.write_text(json.dumps(json.loads(note.read_text()) | values))


def test_a_damaged_part_is_found_by_the_checksum_and_fetched_again(server, tmp_path):
    remote = Remote(server.url("a.bin"), len(BODY), MD5)
    server.plan("a.bin", Fault("drop", 120_000))
    with pytest.raises(UnreachableError):
        transfer(attempts=1).download(remote, tmp_path / "a")
    part = bytearray((tmp_path / ".a.part").read_bytes())
    part[5] ^= 1
    (tmp_path / ".a.part").write_bytes(part)
    transfer().download(remote, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert [one.range for one in server.log[1:]] == ["bytes=120000-", None]


@pytest.mark.parametrize("length", [len(BODY), None])
def test_a_file_that_changed_in_between_is_not_mixed(server, tmp_path, length):
    server.plan("a.bin", Fault("drop", 120_000))
    remote = Remote(server.url("a.bin"), length)
    with pytest.raises(UnreachableError):
        transfer(attempts=1).download(remote, tmp_path / "a")
    server.put("a.bin", BODY[::-1])
    transfer().download(remote, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY[::-1]


@pytest.mark.parametrize(
    ("kind", "length", "checksum", "text"),
    [
        ("wrong_bytes", len(BODY), MD5, "wrong checksum"),
        ("wrong_bytes", None, SHA, "wrong checksum"),
        ("truncated", len(BODY), None, "wrong length"),
        ("truncated", None, SHA, "wrong checksum"),
        ("wrong_length", len(BODY), None, "wrong length"),
    ],
)
def test_what_stays_wrong_is_corrupt_and_not_kept(server, tmp_path, kind, length, checksum, text):
    server.always("a.bin", kind)
    with pytest.raises(CorruptError, match=f"a.bin: {text}.* the last") as caught:
        transfer().download(Remote(server.url("a.bin"), length, checksum), tmp_path / "a")
    assert (caught.value.state, caught.value.detail) == ("corrupt", "wrong length or checksum")
    assert (len(server.log), names(tmp_path)) == (3, [])


@pytest.mark.parametrize(
    ("status", "error", "state"),
    [
        (404, GoneError, "gone"),
        (410, GoneError, "gone"),
        (401, BlockedError, "blocked"),
        (403, BlockedError, "blocked"),
        (451, BlockedError, "blocked"),
        (400, UnreachableError, "failed"),
    ],
)
def test_what_is_final_is_asked_once(server, tmp_path, status, error, state):
    server.put("b", Page(b"", status=status))
    with pytest.raises(error, match=rf"/b: .*{status}.*another source") as caught:
        transfer().download(Remote(server.url("b")), tmp_path / "b")
    assert (caught.value.state, caught.value.detail) == (state, str(status))
    assert (len(server.log), names(tmp_path)) == (1, [])


def test_a_part_of_what_is_gone_is_removed(server, tmp_path):
    server.plan("a.bin", "drop", "missing")
    with pytest.raises(GoneError):
        transfer().download(Remote(server.url("a.bin"), len(BODY)), tmp_path / "a")
    assert names(tmp_path) == []


def test_the_server_says_how_long_to_wait(server, tmp_path):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    asked = ["7", "3600", date, "Thu, 01 Jan 1970 00:00:00 GMT"]
    server.plan("a.bin", *(Fault("too_many", retry_after=text) for text in asked))
    waits = Waits()
    transfer(waits).download(Remote(server.url("a.bin")), tmp_path / "a")
    assert waits == [7, 60, pytest.approx(20, abs=2), 0]


def test_waits_double_with_jitter_and_end(server, tmp_path):
    server.always("a.bin", Fault("error"))
    waits = Waits()
    limits = Limits(attempts=9)
    patient = Transfer(limits, sleep=waits, chance=random.Random(3))
    with pytest.raises(UnreachableError, match=r"answers 500 .* \(attempt 9, the last\)") as caught:
        patient.download(Remote(server.url("a.bin")), tmp_path / "a")
    assert (caught.value.state, caught.value.detail) == ("failed", "no complete answer")
    longest = [1, 2, 4, 8, 16, 32, 60, 60]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len(server.log) == 9


def test_a_server_that_stays_busy_is_blocked(server, tmp_path):
    server.always("a.bin", "too_many")
    with pytest.raises(BlockedError, match="429") as caught:
        transfer().download(Remote(server.url("a.bin")), tmp_path / "a")
    assert (caught.value.state, caught.value.detail, len(server.log)) == ("blocked", "429", 6)


def test_a_stall_ends_an_attempt_and_keeps_what_came(server, tmp_path):
    server.plan("a.bin", Fault("stall", 50_000))
    begin = time.monotonic()
    transfer().download(Remote(server.url("a.bin"), len(BODY), MD5), tmp_path / "a")
    assert time.monotonic() - begin < 10
    assert server.log[1].range == "bytes=50000-"


def test_attempts_that_bring_something_new_are_not_counted(server, tmp_path):
    server.plan("a.bin", *(Fault("drop", 10_000) for _ in range(15)))
    transfer(attempts=2).download(Remote(server.url("a.bin"), len(BODY), MD5), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert server.sent == len(BODY), "no byte twice"
    server.always("a.bin", Fault("drop", 1))
    with pytest.raises(UnreachableError):
        transfer(attempts=2).download(Remote(server.url("a.bin"), len(BODY)), tmp_path / "b")


def test_redirects_are_followed_but_not_for_ever_nor_anywhere(server, tmp_path):
    for number in range(7):
        server.put(f"to/{number}", Page(b"", {"Location": f"{number + 1}"}, 302))
    server.put("to/7", BODY)
    transfer().download(Remote(server.url("to/2"), len(BODY), MD5), tmp_path / "a")
    with pytest.raises(UnreachableError, match="more than 5 redirects"):
        transfer().download(Remote(server.url("to/0"), len(BODY), MD5), tmp_path / "b")
    server.put("local", Page(b"", {"Location": "file:///etc/passwd"}, 302))
    with pytest.raises(UnreachableError, match=r"local: redirects from http to file are not foll"):
        transfer().download(Remote(server.url("local")), tmp_path / "c")
    with pytest.raises(UnreachableError, match="redirects from https to http"):
        check_redirect("https://a/", "https://a/", "http://a/")
    check_redirect("http://a/", "http://a/", "https://a/")
    assert names(tmp_path) == ["a"]


def test_a_full_disk_is_seen_before_the_first_byte(server, tmp_path):
    full = transfer(free=lambda folder: 60_000_000)
    with pytest.raises(FullDiskError, match=r"margin of 67 MB are required, 60 MB are free; free"):
        full.download(Remote(server.url("a.bin"), len(BODY), MD5), tmp_path / "a")
    assert names(tmp_path) == []


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("last", [1, 2, 3])
def test_who_stops_in_the_middle_leaves_a_part_and_no_lock(server, tmp_path, last, foreign):
    """`advance` may raise at any call, by which a run stops its downloads."""
    remote, told = Remote(server.url("a.bin"), len(BODY), MD5), []
    server.plan("a.bin", Fault("drop", 120_000))
    with pytest.raises(UnreachableError):
        transfer(attempts=1).download(remote, tmp_path / "a")
    if foreign:
        change(tmp_path / ".a.part.json", url="http://127.0.0.1/other")

    def advance(count):
        told.append(count)
        if len(told) == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer().download(remote, tmp_path / "a", advance)
    assert sum(told) == sum(p.stat().st_size for p in tmp_path.glob(".a.part"))
    transfer().download(remote, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert names(tmp_path) == ["a"]


FETCH = """
import sys
from pathlib import Path
from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.fetch.transfer import Transfer
Transfer().download(Remote(sys.argv[1], int(sys.argv[2]), sys.argv[3]), Path(sys.argv[4]))
"""
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    {fetch}
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_fills_up_is_told_and_what_came_is_kept(server, tmp_path):
    remote = Remote(server.url("a.bin"), len(BODY), MD5)
    code = FULL.format(fetch=FETCH.strip().replace("\n", "\n    "))
    arguments = [remote.url, str(remote.bytes), MD5, str(tmp_path / "a")]
    said = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("FullDiskError")
    assert said.endswith("free disk space and run the command again\n")
    server.forget()
    transfer().download(remote, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert server.sent == len(BODY) - 50_000


def test_several_at_once_fetch_it_once(server, tmp_path):
    server.plan("a.bin", Fault("stall", 1000))
    remote = Remote(server.url("a.bin"), len(BODY), MD5)
    shared, told = transfer(), Counter()
    with ThreadPoolExecutor(8) as pool:
        for number in range(8):

            def advance(count, number=number):
                told[number] += count

            pool.submit(shared.download, remote, tmp_path / "a", advance)
    assert (tmp_path / "a").read_bytes() == BODY
    assert server.sent == len(BODY)
    assert set(told.values()) == {len(BODY)}
    assert names(tmp_path) == ["a"]


def test_a_killed_process_leaves_a_part_that_the_next_continues(tmp_path):
    with UnreliableServer({"a.bin": BODY}) as server:
        server.plan("a.bin", Fault("stall", 90_000))
        arguments = [server.url("a.bin"), str(len(BODY)), MD5, str(tmp_path / "a")]
        process = subprocess.Popen([sys.executable, "-c", FETCH, *arguments])
        part = tmp_path / ".a.part"
        while not part.exists() or part.stat().st_size < 90_000:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        transfer().download(Remote(server.url("a.bin"), len(BODY), MD5), tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == BODY
        assert server.log[-1].sent == len(BODY) - 90_000
        assert names(tmp_path) == ["a"]


def test_a_kill_between_name_and_note_leaves_nothing_for_good(server, tmp_path):
    (tmp_path / "a").write_bytes(BODY)
    (tmp_path / ".a.part.json").write_text("{}")
    transfer().download(Remote(server.url("a.bin"), len(BODY), MD5), tmp_path / "a")
    assert (len(server.log), names(tmp_path)) == (0, ["a"])


@pytest.fixture
def raw():
    """A server that sends given bytes, one answer a connection."""
    answers = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answers.pop(0) if len(answers) > 1 else answers[0])

    threading.Thread(target=serve, daemon=True).start()
    yield answers, f"http://127.0.0.1:{listener.getsockname()[1]}/a"
    listener.close()


def test_answers_without_a_length(raw, tmp_path):
    answers, url = raw
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers += [head + b"5\r\nhello\r\n9\r\n wo", head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"]
    transfer().download(Remote(url), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"hello world"
    answers[:] = [b"HTTP/1.0 200 OK\r\n\r\nhello", b"HTTP/1.0 200 OK\r\n\r\nhello world"]
    transfer().download(Remote(url, 11), tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"hello world"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 \r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 \r\nRetry-After: " + b"9" * 999 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"9\r\nmuch more\r\n" * 99,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 999 \xff\xfe\r\n\r\n",
    ],
)
def test_nonsense_is_an_error_in_one_line(raw, tmp_path, answer):
    answers, url = raw
    answers.append(answer)
    with pytest.raises(ResedError) as caught:
        transfer().download(Remote(url, 11), tmp_path / "a")
    assert "\n" not in str(caught.value)
    assert caught.value.state in ("failed", "corrupt")


def test_bytes_are_kept_as_they_are_stored(raw, tmp_path):
    """A .gz that is sent with Content-Encoding is still the file that the checksum is of."""
    answers, url = raw
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
    answers.append(head + b"\x1f\x8bxyz")
    transfer().download(Remote(url, 5), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"\x1f\x8bxyz"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:9/a", "connection refused"),
        ("http://", "invalid address"),
        ("ftp://127.0.0.1/a", "invalid address"),
        ("a.wav", "invalid address"),
        ("http://[::1/a", "invalid address"),
    ],
)
def test_where_nobody_answers(tmp_path, url, text):
    with pytest.raises(UnreachableError, match=text):
        transfer().download(Remote(url), tmp_path / "a")
    assert names(tmp_path) == []


@pytest.mark.parametrize("checksum", ["abc", "md5:abc", "sha1:" + "a" * 40, "md5:" + "g" * 32])
def test_checksums_that_cannot_be_used_are_refused(checksum):
    with pytest.raises(ResedError, match=r"invalid checksum .*; use md5:HEX or sha256:HEX"):
        Remote("http://127.0.0.1/a", 1, checksum)


def test_listings(server):
    server.put("list", {"files": ["ü"]})
    server.put("page", Page(b"[1]", {"Link": '<x>; rel="next"'}))
    server.put("none", b"<html>")
    server.plan("list", "error", Fault("drop", 3), Fault("truncated", 5), "stall", "redirect_loop")
    value, headers = transfer().json(server.url("list"))
    assert (value, headers["content-type"]) == ({"files": ["ü"]}, "application/json")
    assert transfer().json(server.url("page"))[1]["link"] == '<x>; rel="next"'
    with pytest.raises(CorruptError, match="none: not JSON"):
        transfer().json(server.url("none"))
    with pytest.raises(GoneError):
        transfer().json(server.url("absent"))
    assert transfer().head(server.url("a.bin"))["Content-Length"] == str(len(BODY))
    assert server.log[-1].sent == 0


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "more than 50 levels"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "more than 50 levels"),
        (b'{"a": 1, "a": 2}', "occurs twice"),
        (b"[NaN]", "not a finite number"),
        (b"[1e999]", "not a finite number"),
        (b"[" + b"9" * 5000 + b"]", "more than 64 bits"),
    ],
)
def test_c4_hostile_json_of_a_server_is_refused_in_one_line(server, body, told):
    server.put("list", body)
    with pytest.raises(CorruptError) as caught:
        transfer().json(server.url("list"))
    text = str(caught.value)
    assert "list: not JSON (" in text and told in text
    assert "\n" not in text and len(text) < 400


def test_300_faults_in_one_seeded_run_and_every_file_is_bit_exact(tmp_path):
    chance = random.Random(11)
    files = {f"{i}.wav": chance.randbytes(chance.randrange(1, 40_000)) for i in range(260)}
    with UnreliableServer(files, seed=5, rate=0.75, in_a_row=2, stall_s=1.0) as server:
        limits = Limits(read_s=0.15)
        shared = Transfer(limits, sleep=Waits())

        def fetch(name):
            digest = f"md5:{hashlib.md5(files[name]).hexdigest()}"
            remote = Remote(server.url(name), len(files[name]), digest)
            shared.download(remote, tmp_path / name)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fetch, files))
        assert {name: (tmp_path / name).read_bytes() for name in files} == files
        assert names(tmp_path) == sorted(files)
        assert sum(server.faults.values()) >= 300, server.faults
        assert set(server.faults) == set(TRANSIENT)
        server.forget()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fetch, files))
        assert not server.log, "what is there costs no request"
