"""Parallel downloads with an answer for each wanted file."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.recordings.fetch.errors import FetchError
from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.sources.adapter import (
    AcquireContext,
    Delivery,
    WantedFile,
    incoming_path,
    problem_of,
)
from resed.acquire.recordings.sources.convert import before_conversion, convert_and_delete
from resed.errors import AudioError

QUEUED = 4  # downloads per thread that are running or waiting
RETRIED = ("failed", "blocked")  # states that count towards a source's patience


class StoppedError(Exception):
    """The run ends, so the download is stopped."""


@dataclass
class FailureCounter:
    """Counts failed or blocked clips in a row, up to the limit at which a source is skipped."""

    limit: int
    failures: int = 0
    last: str = "failed"

    def count(self, state: str) -> None:
        """Add the answer for one clip."""
        if state in RETRIED:
            self.failures, self.last = self.failures + 1, state
        else:
            self.failures = 0

    @property
    def exceeded(self) -> bool:
        """Whether the source is skipped from now on."""
        return self.failures >= self.limit

    def skipped(self, wanted: WantedFile) -> Delivery:
        """The answer for a clip that is not requested."""
        return Delivery(wanted, self.last, "not requested: too many failures in a row")


def download(
    context: AcquireContext,
    remote: Remote,
    target: Path,
    abandoned: threading.Event | None = None,
) -> None:
    """Download a file. Raises FetchError, or StoppedError once `abandoned` is set."""

    def advance(count: int) -> None:
        if context.stopping.is_set() or (abandoned is not None and abandoned.is_set()):
            raise StoppedError
        context.progress.received(count)

    context.transfer.download(remote, target, advance)


def deliver_downloads(
    context: AcquireContext,
    source: str,
    patience: int,
    items: Iterable[tuple[WantedFile, Remote, str]],
) -> Iterator[Delivery]:
    """Download several files at a time.

    `items` holds the wanted file, the remote file, and its name at the source. A file whose suffix
    differs from that of the wanted one is converted.
    """
    items = list(items)
    total = sum(remote.bytes or 0 for _, remote, _ in items)
    context.check_space(total)
    context.progress.expect(total)
    failures, abandoned = FailureCounter(patience), threading.Event()
    pool = ThreadPoolExecutor(context.downloads)
    waiting: set[Future[Delivery]] = set()
    try:
        for item in items:
            if failures.exceeded:
                yield failures.skipped(item[0])
                continue
            path = incoming_path(context, source, item[0])
            waiting.add(pool.submit(_fetch, context, item, path, abandoned))
            while len(waiting) >= context.downloads * QUEUED and not failures.exceeded:
                for delivery in _completed(waiting):
                    failures.count(delivery.state)
                    yield delivery
        while waiting:
            yield from _completed(waiting)
    except GeneratorExit:  # the caller needs no more files
        raise
    except BaseException:  # Ctrl-C: threads that wait for a server end as well
        context.stopping.set()
        raise
    finally:
        abandoned.set()
        pool.shutdown(cancel_futures=True)


def _completed(waiting: set[Future[Delivery]]) -> Iterator[Delivery]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        waiting.discard(future)
        yield future.result()


def _fetch(
    context: AcquireContext,
    item: tuple[WantedFile, Remote, str],
    path: Path,
    abandoned: threading.Event,
) -> Delivery:
    wanted, remote, name = item
    fetched = before_conversion(path, name)
    try:
        download(context, remote, fetched, abandoned)
        convert_and_delete(fetched, path)
    except FetchError as error:
        return Delivery(wanted, error.state, error.detail, final=error.state == "gone")
    except AudioError as error:
        detail = problem_of(error, fetched.name)
        return Delivery(wanted, "corrupt", detail, final=bool(remote.checksum))
    return Delivery(wanted, "present", path=path, final=bool(remote.checksum))
