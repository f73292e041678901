"""Several downloads at a time, each wanted file with its outcome."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from resed.acquire.recordings.fetch.transfer import FetchError, FullDiskError, Remote
from resed.acquire.recordings.sources.convert import rewrite
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted, incoming_path
from resed.errors import AudioError

AHEAD = 4  # downloads that wait, a thread


class StoppedError(Exception):
    """The run ends; a download must not outlast it."""


@dataclass
class Patience:
    """Counts clips in a row that failed or were blocked; a source that gives nothing is left."""

    limit: int
    row: int = 0
    last: str = "failed"

    def told(self, state: str) -> None:
        """Take in the state of one clip."""
        if state in ("failed", "blocked"):
            self.row, self.last = self.row + 1, state
        else:
            self.row = 0

    @property
    def over(self) -> bool:
        """Whether the source is to be left alone."""
        return self.row >= self.limit

    def skipped(self, wanted: Wanted) -> Outcome:
        """What is said of a clip that was not asked for any more."""
        return Outcome(wanted, self.last, "not asked: the source failed too often in a row")


def download(
    context: Context, remote: Remote, target: Path, left: threading.Event | None = None
) -> None:
    """Bring one remote file to `target`; raises FetchError, or StoppedError once `left` is set."""

    def advance(count: int) -> None:
        if context.stopping.is_set() or (left is not None and left.is_set()):
            raise StoppedError
        context.meter.received(count)

    context.transfer.download(remote, target, advance)


def cause(error: FetchError) -> str:
    """A fetch error as the detail of a state: one line, the same for the same cause."""
    return error.detail or {"gone": "not there", "blocked": "refused"}.get(error.state, error.state)


def fetch_each(
    context: Context, source: str, patience: int, items: Iterable[tuple[Wanted, Remote, str]]
) -> Iterator[Outcome]:
    """Download (wanted file, remote file, its name there), several at a time.

    A sound whose name there has another suffix than the wanted one is written anew in its format.
    """
    items = list(items)
    total = sum(remote.bytes or 0 for _, remote, _ in items)
    context.check_room(total)
    context.meter.expect(total)
    patient, left = Patience(patience), threading.Event()

    def fetch(item: tuple[Wanted, Remote, str]) -> Outcome:
        return _fetch(context, source, left, *item)

    pool = ThreadPoolExecutor(context.downloads)
    waiting: set[Future[Outcome]] = set()
    try:
        for item in items:
            if patient.over:
                yield patient.skipped(item[0])
                continue
            waiting.add(pool.submit(fetch, item))
            while len(waiting) >= context.downloads * AHEAD and not patient.over:
                for outcome in _completed(waiting):
                    patient.told(outcome.state)
                    yield outcome
        while waiting:
            for outcome in _completed(waiting):
                yield outcome
    except GeneratorExit:  # nobody wants the rest
        raise
    except BaseException:  # Ctrl-C: threads that wait for a server end at once
        context.stopping.set()
        raise
    finally:  # what is on its way must not go on
        left.set()
        pool.shutdown(cancel_futures=True)


def _completed(waiting: set[Future[Outcome]]) -> Iterator[Outcome]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        waiting.discard(future)
        yield future.result()


def _fetch(
    context: Context, source: str, left: threading.Event, wanted: Wanted, remote: Remote, name: str
) -> Outcome:
    path = incoming_path(context, source, wanted)
    same = Path(name).suffix.lower() == path.suffix.lower()
    brought = path if same else path.with_name(f"{path.stem}.fetched{Path(name).suffix}")
    try:
        download(context, remote, brought, left)
        if not same:
            rewrite(brought, path)
            brought.unlink()
    except FullDiskError:
        raise
    except FetchError as error:
        return Outcome(wanted, error.state, cause(error), final=error.state == "gone")
    except AudioError as error:
        brought.unlink(missing_ok=True)
        return Outcome(wanted, "corrupt", reason(error, brought), final=bool(remote.checksum))
    return Outcome(wanted, "present", path=path, final=bool(remote.checksum))


def reason(error: Exception, path: Path, shown: str | None = None) -> str:
    """What is wrong with a file, without the path of this machine and without the cure."""
    text = str(error).replace(str(path), shown or path.name)
    return " ".join(text.partition(";")[0].split())
